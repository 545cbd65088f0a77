"""``andon demo``: an invented plant whose bad night happens now, through the real broker, on the page."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import sys
import time
import webbrowser
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from andon.app import web
from andon.app.background.tasks import ended, first_error
from andon.app.cli.demo_night import DemoError, Night, go_on
from andon.app.cli.output import Cell, console, print_listing, severity_text
from andon.app.demo.happenings import NIGHT
from andon.app.demo.plant import load
from andon.app.service import Service
from andon.app.wiring import public
from andon.core.errors import InUseError, ModelError
from andon.core.models import LogQuery
from andon.core.own_log import configure_logging
from andon.core.private_files import private_umask
from andon.core.settings.connectors import ConnectorSettings
from andon.core.settings.settings import load_settings
from andon.core.settings.sources import SourceSettings
from andon.core.text import counted
from andon.insight.titles import checks_of
from andon.store import Visitor, counts, lock_database, problems, queue, search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from andon.app.demo.plant import Plant
    from andon.core.models import PatternSummary
    from andon.core.private_files import FileAccess
    from andon.core.settings.settings import Settings

#: Written into the demo's directory, so that nothing else is ever deleted.
MARK = ".andon-demo"
#: Problems are waited for until they are explained, in seconds; not for long where a model explains.
EXPLAIN_SECONDS, EXPLAIN_FIRST = 120.0, 10.0
START_SECONDS = 30.0
#: How long an orderly stop may take before the process ends anyway, in seconds.
STOP_WITHIN = 9.0
#: What explains problems, as the summary says it.
EXPLAINED_BY = {
    "playbook": "the playbook",
    "model": "the model",
    "resolution": "a confirmed fix",
    "runbook": "a runbook",
    "reused": "an earlier explanation",
}


def demo(
    data_dir: Annotated[
        Path, typer.Option(metavar="DIR", help="Directory of the demo's own data; emptied first.")
    ] = Path("data/demo"),
    once: Annotated[
        bool, typer.Option("--once", help="End after the summary, as without a terminal; for tests and CI.")
    ] = False,
    stay: Annotated[bool, typer.Option("--stay", help="Keep running until Ctrl-C, as on a terminal.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    rows: Annotated[
        int, typer.Option("--limit", "-n", "--rows", min=1, help="List at most N problems at the end.")
    ] = 12,
) -> None:
    """Show a demo plant and its bad night on the page, with data of its own.

    The demo starts its own service, sends the logs of the night through the broker, and sends no ticket or message to
    your connected systems.

    Example: andon demo
    """
    if once and stay:
        raise typer.BadParameter("choose one of --once and --stay")
    base = demo_settings()
    try:
        prepare_directory(data_dir, base.file_access)
    except OSError as error:
        raise DemoError(
            f"{error.filename or data_dir} cannot be used for the demo's data ({error.strerror}); "
            "choose another --data-dir"
        ) from None
    plant = load()
    settings = demo_settings(
        data_dir=data_dir,
        db_path="",
        nats_url="",
        nats_port=free_port_near(base.nats_host, base.nats_port),
        http_port=free_port_near(base.http_host, base.http_port),
        site_name=base.site_name or plant.site,
    )
    staying = stay or (not once and sys.stdout.isatty())
    try:
        with private_umask():
            asyncio.run(_Demo(settings, plant, rows, staying=staying, opening=open_page).run())
    except BaseExceptionGroup as group:
        raise first_error(group) from None


def demo_settings(**overrides: Any) -> Settings:
    """The settings of this directory, without its sources and connected systems. Raises ConfigError.

    An invented plant opens no ticket and wakes nobody, and takes no real source's place. So no other service that
    this machine has is asked either, as it is for commands that look into one.
    """
    configure_logging("error", "text")
    fields = SourceSettings.model_fields | ConnectorSettings.model_fields
    given = load_settings().model_fields_set & fields.keys()
    left_out = {name: fields[name].get_default(call_default_factory=True) for name in given}
    return load_settings(**left_out, **overrides)


def prepare_directory(path: Path, access: FileAccess) -> None:
    """An empty directory with our mark. Raises DemoError where something else lives there, or a demo still runs."""
    if path.exists():
        if not path.is_dir():
            raise DemoError(f"{path} is a file; choose a directory with --data-dir")
        if any(path.iterdir()) and not (path / MARK).is_file():
            raise DemoError(f"{path} holds something else than an earlier demo; choose another --data-dir")
        try:
            lock_database(path / "agent.db").close()
        except InUseError:
            raise DemoError(f"a demo is still running in {path}; stop it first") from None
        shutil.rmtree(path)
    access.make_directory(path)
    access.make_file(path / MARK)
    (path / MARK).write_text("The demo deletes this directory when it starts again.\n", encoding="utf-8")


def free_port_near(host: str, port: int) -> int:
    """``port`` where it is free, else another: the demo must start beside a running service. Raises DemoError."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for wanted in (max(port, 0), 0):
            try:
                probe.bind((host, wanted))
            except OSError as error:
                problem = error.strerror or str(error)
            else:
                return int(probe.getsockname()[1])
    raise DemoError(
        f"{host} is not an address of this machine ({problem}): correct ANDON_NATS_HOST and ANDON_HTTP_HOST"
    )


class _Demo:
    """One run of the demo: start, tell the night, sum up, and go on where it is to stay."""

    def __init__(self, settings: Settings, plant: Plant, rows: int, *, staying: bool, opening: bool) -> None:
        self._settings = settings
        self._plant = plant
        self._rows = rows
        self._staying = staying
        self._opening = opening

    async def run(self) -> None:
        """All of it, in order. Raises AndonError with one sentence."""
        settings = self._settings
        service = Service(settings, web.listen)
        stop, ready = asyncio.Event(), asyncio.Event()
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(service.run(stop, ready.set))
            try:
                await started_up(ready, running)
                console.print(
                    f"Andon is up after {time.monotonic() - started:.1f} s: broker {public(settings)}, "
                    f"database {settings.database}"
                )
                console.print(await model_line(service, settings))
                night = Night(settings, service, self._plant, time.time())
                service.started = night.end - NIGHT  # it was there all night: what fell silent was heard before
                await night.tell(EXPLAIN_FIRST if self._staying and service.analyst else EXPLAIN_SECONDS)
                await asyncio.to_thread(print_summary, settings, self._rows)
                if self._staying:
                    going = group.create_task(go_on(settings, self._plant, night.end))
                    _heed_signals(stop, running)
                    self._invite()
                    await stop.wait()
                    await ended(going)
            finally:
                stop.set()

    def _invite(self) -> None:
        """Say where the page is, in the last line."""
        settings = self._settings
        host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
        address = f"http://{host}:{settings.http_port}"
        if self._opening:
            webbrowser.open(address)
        console.print(f"\n[bold]Open {address}[/]  (Ctrl-C ends it; the plant goes on until then)")


def _heed_signals(stop: asyncio.Event, running: asyncio.Task[None]) -> None:
    """Ctrl-C and SIGTERM set ``stop``; again, or after :data:`STOP_WITHIN` seconds, ``running`` is cancelled."""
    loop = asyncio.get_running_loop()

    def told() -> None:
        if stop.is_set():
            running.cancel()
        else:
            loop.call_later(STOP_WITHIN, running.cancel)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)


async def started_up(ready: asyncio.Event, running: asyncio.Task[None]) -> None:
    """Wait until the service is ready. Raises what ended it, or DemoError where it takes too long."""
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait({waiting, running}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if running.done():
        await running
    if not ready.is_set():
        raise DemoError(f"the service did not start within {START_SECONDS:g} s; `andon doctor` says more")


async def model_line(service: Service, settings: Settings) -> str:
    """Who will explain, in one line."""
    if service.analyst is None:
        return "The playbook (built-in rules) explains; no model is configured."
    try:
        await service.analyst.check()
    except ModelError:
        return f"No {settings.provider} model answers, so the playbook explains (`andon doctor` says more)."
    return f"{settings.provider} with {settings.model_name} explains new problems."


def print_summary(settings: Settings, rows: int) -> None:
    """What was stored, by problem, the worst first, and how it goes on from here."""
    with Visitor(settings.database) as visitor:
        sizes = visitor.read(counts.sizes)
        ranked = visitor.read(problems.listing, rows, "severity")
        shown = visitor.read(queue.shown_for, [one.id for one in ranked])
        newest = {one.id: visitor.read(search.find, LogQuery(pattern_id=one.id, limit=1)) for one in ranked}
        by_rung = Counter(one.rung for one in visitor.read(problems.listing, max(1, sizes.patterns), "severity"))
    console.print("\n[bold]What happens in this plant tonight, the worst problems first[/]")

    def row(one: PatternSummary) -> tuple[Cell, ...]:
        answer = shown.get(one.id)
        check = next(iter(checks_of(answer.finding)), answer.text) if answer else ""
        return f"{one.count:,}", severity_text(one.worst_severity), newest[one.id][0].message, check.split("\n")[0]

    print_listing(("logs>", "severity", "problem~", "check first~"), map(row, ranked))
    if sizes.patterns > len(ranked):
        console.print(f"… and {sizes.patterns - len(ranked)} more: `andon problems` lists them all.")
    console.print(
        f"{counted(sizes.logs, 'log')} stored, {counted(sizes.patterns, 'problem')} found: {explained(by_rung)}. "
        f"{counted(sizes.rejects, 'message')} could not be understood."
    )
    console.print(f"\nLook further:  export ANDON_DATA_DIR={settings.data_dir}", soft_wrap=True)
    console.print("               .venv/bin/andon alarms active; .venv/bin/andon report --shift")
    console.print('               .venv/bin/andon ask "why did line 3 stop?"')


def explained(by_rung: Mapping[str | None, int]) -> str:
    """By what the problems are explained that the page shows, each counted once.

    >>> explained({"playbook": 45, "resolution": 3, None: 1})
    '45 explained by the playbook, 3 by a confirmed fix, 1 not explained yet'
    """
    by = [(f"by {words}", by_rung.get(rung, 0)) for rung, words in EXPLAINED_BY.items()]
    told = [f"{number:,} {words}" for words, number in sorted(by, key=lambda one: -one[1]) if number]
    told[:1] = [one.replace(" by", " explained by", 1) for one in told[:1]]
    waiting = by_rung.get(None, 0)
    return ", ".join(told + ([f"{waiting:,} not explained yet"] if waiting else []))
