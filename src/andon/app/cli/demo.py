"""``andon demo``: a bad shift of an invented plant, replayed through the real broker."""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from andon.app import demo as bundled
from andon.app import web
from andon.app.background.tasks import first_error
from andon.app.broker_client import open_publisher
from andon.app.cli.logs import rung_label
from andon.app.cli.output import Cell, command_settings, console, cut, errors, print_listing, severity_text
from andon.app.cli.send import publish_with_progress
from andon.app.service import Service
from andon.app.wiring import public
from andon.core.errors import AndonError, InUseError, ModelError
from andon.core.models import SEVERITY_RANK, SUBJECT, LogQuery
from andon.core.private_files import private_umask
from andon.store import Visitor, counts, lock_database, search

if TYPE_CHECKING:
    from andon.core.models import StoredLog
    from andon.core.private_files import FileAccess
    from andon.core.settings.settings import Settings

#: Written into the demo's directory, so that nothing else is ever deleted.
MARK = ".andon-demo"
EXPLAIN_SECONDS = 120.0
START_SECONDS = 30.0


class DemoError(AndonError):
    """The demo could not do its work: see the reason."""


def demo(
    data_dir: Annotated[Path, typer.Option(help="Directory of the demo's own data; emptied first.")] = Path(
        "data/demo"
    ),
    stay: Annotated[bool, typer.Option("--stay", help="Keep the service running afterwards, until Ctrl-C.")] = False,
    rows: Annotated[int, typer.Option(min=1, help="Problems listed at the end.")] = 40,
) -> None:
    """Start everything in a directory of its own, replay a bad night shift, show what was stored and explained.

    Example: andon demo
    """
    base = command_settings()
    try:
        prepare_directory(data_dir, base.file_access)
    except OSError as error:
        raise DemoError(
            f"{error.filename or data_dir} cannot be used for the demo's data ({error.strerror}); "
            "choose another --data-dir"
        ) from None
    nats_port = free_port_near(base.nats_host, base.nats_port)
    http_port = free_port_near(base.http_host, base.http_port)
    settings = command_settings(data_dir=data_dir, db_path="", nats_url="", nats_port=nats_port, http_port=http_port)
    try:
        with private_umask():
            asyncio.run(_demo(settings, stay=stay, rows=rows))
    except BaseExceptionGroup as group:
        raise first_error(group) from None


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
        f"{host} is no address of this machine to listen on ({problem}); correct ANDON_NATS_HOST and ANDON_HTTP_HOST"
    )


async def _demo(settings: Settings, *, stay: bool, rows: int) -> None:
    logs = bundled.load()
    service = Service(settings, web.listen)
    stop, ready = asyncio.Event(), asyncio.Event()
    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(service.run(stop, ready.set))
        try:
            await started_up(ready, running)
            console.print(
                f"Andon is up after {time.monotonic() - started:.1f} s: broker {public(settings)}, "
                f"HTTP http://{settings.http_host}:{settings.http_port}/readyz, database {settings.database}"
            )
            console.print(await model_line(service, settings))
            await replay(settings, logs)
            await explained(service, len(logs))
            print_summary(settings, rows)
            if stay:
                console.print("The service goes on; Ctrl-C ends it.")
                await running
        finally:
            stop.set()
    console.print(f"Look further:  ANDON_DATA_DIR={settings.data_dir} .venv/bin/andon logs --severity ERROR")
    console.print(f"               ANDON_DATA_DIR={settings.data_dir} .venv/bin/andon patterns --sort count")
    console.print(
        f'               ANDON_DATA_DIR={settings.data_dir} .venv/bin/andon ask "why did line 3 stop last night?"'
    )
    console.print("Start the service itself with:  make run")


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


async def replay(settings: Settings, logs: list[bytes]) -> None:
    """Publish the shift as a producer would, over a connection of its own."""
    async with open_publisher(settings, "andon demo") as publisher:
        stored, failures = await publish_with_progress(publisher, SUBJECT, logs, label="replaying the shift")
    if failures:
        raise DemoError(f"{len(failures)} of {len(logs)} logs were not taken: {failures[0]}")
    if stored != len(logs):
        raise DemoError(f"only {stored} of {len(logs)} logs were taken")


async def explained(service: Service, expected: int) -> None:
    """Wait until every log is stored and no problem is without an answer, with progress."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    deadline = time.monotonic() + EXPLAIN_SECONDS
    with Progress(*columns, console=errors) as progress:
        task = progress.add_task("explaining problems", total=None)
        while time.monotonic() < deadline:
            sizes = await service.store.read(counts.sizes)
            answered = sum(sizes.analyses_by_rung.values())
            progress.update(task, total=sizes.patterns, completed=min(answered, sizes.patterns))
            if sizes.logs + sizes.rejects >= expected and answered >= sizes.patterns:
                return
            await asyncio.sleep(0.1)


def print_summary(settings: Settings, rows: int) -> None:
    """What was stored, by problem, the worst and most frequent first."""
    with Visitor(settings.database) as visitor:
        sizes = visitor.read(counts.sizes)
        stored = visitor.read(search.find, LogQuery(limit=10_000))
    problems: dict[Any, list[StoredLog]] = {}
    for log in stored:
        problems.setdefault(log.pattern_id, []).append(log)
    ranked = sorted(
        problems.values(), key=lambda logs: (-max(SEVERITY_RANK[log.severity] for log in logs), -len(logs), logs[0].id)
    )
    console.print("[bold]What happened that night, by problem[/]")

    def row(logs: list[StoredLog]) -> tuple[Cell, ...]:
        worst = severity_text(max((log.severity for log in logs), key=SEVERITY_RANK.__getitem__))
        newest, says = logs[0], (logs[0].analysis or "").split("\n")[0]
        return len(logs), worst, cut(newest.service, 16), newest.message, rung_label(newest), says

    names = ("logs>", "severity", "service?", "problem (newest log)~", "explained by?", "explanation~")
    print_listing(names, map(row, ranked[:rows]))
    if len(ranked) > rows:
        console.print(f"… and {len(ranked) - rows} more problems; see `andon logs`.")
    by_rung = ", ".join(f"{count} by {rung}" for rung, count in sorted(sizes.analyses_by_rung.items()))
    console.print(
        f"{sizes.logs} logs stored, {len(problems)} problems found, explained once each ({by_rung}), "
        f"{sizes.rejects} messages not understood."
    )
