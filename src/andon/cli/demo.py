"""``andon demo``: a bad shift of an invented plant, replayed through the real broker."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from andon.errors import AndonError

if TYPE_CHECKING:
    from andon.config import Settings
    from andon.models import StoredLog
    from andon.service import Service, public

#: Written into the demo's directory, so that nothing else is ever deleted.
MARK = ".andon-demo"
EXPLAIN_SECONDS = 120.0


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
    from andon.cli.output import command_settings

    prepare_directory(data_dir)
    base = command_settings()
    nats_port = free_port_near(base.nats_host, base.nats_port)
    http_port = free_port_near(base.http_host, base.http_port)
    settings = command_settings(data_dir=data_dir, db_path="", nats_url="", nats_port=nats_port, http_port=http_port)
    asyncio.run(_demo(settings, stay=stay, rows=rows))


def prepare_directory(path: Path) -> None:
    """An empty directory with our mark. Raises DemoError where something else lives there."""
    if path.exists():
        if any(path.iterdir()) and not (path / MARK).is_file():
            raise DemoError(f"{path} holds something else than an earlier demo; choose another --data-dir")
        refuse_running(path)
        shutil.rmtree(path)
    path.mkdir(parents=True)
    (path / MARK).write_text("The demo deletes this directory when it starts again.\n", encoding="utf-8")


def refuse_running(path: Path) -> None:
    """Raises DemoError while a demo still runs in ``path``."""
    from andon.errors import InUseError
    from andon.store import lock_database

    try:
        lock_database(path / "agent.db").close()
    except InUseError:
        raise DemoError(f"a demo is still running in {path}; stop it first") from None


def free_port_near(host: str, port: int) -> int:
    """``port`` where it is free, else -1/0 for any: the demo must start beside a running service."""
    import socket

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, max(port, 0)))
        except OSError:
            probe.bind((host, 0))
        return int(probe.getsockname()[1])


async def _demo(settings: Settings, *, stay: bool, rows: int) -> None:
    from andon import demo as bundled
    from andon import web
    from andon.cli.output import console
    from andon.service import Service

    logs = bundled.load()
    service = Service(settings, web.listen)
    stop, ready = asyncio.Event(), asyncio.Event()
    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(service.run(stop, ready.set))
        try:
            async with asyncio.timeout(30):
                await ready.wait()
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
    print_next_steps(settings)


async def model_line(service: Service, settings: Settings) -> str:
    """Who will explain, in one line."""
    from andon.errors import ModelError

    if service.analyst is None:
        return "The playbook (built-in rules) explains; no model is configured."
    try:
        await service.analyst.check()
    except ModelError:
        return f"No {settings.provider} model answers, so the playbook explains (`andon doctor` says more)."
    return f"{settings.provider} with {settings.model_name} explains new problems."


async def replay(settings: Settings, logs: list[bytes]) -> None:
    """Publish the shift as a producer would, over a connection of its own."""
    from andon.cli.send import publish_with_progress
    from andon.models import SUBJECT
    from andon.service import open_publisher

    async with open_publisher(settings, "andon demo") as publisher:
        stored, failures = await publish_with_progress(publisher, SUBJECT, logs, label="replaying the shift")
    if failures:
        raise DemoError(f"{len(failures)} of {len(logs)} logs were not taken: {failures[0]}")
    if stored != len(logs):
        raise DemoError(f"only {stored} of {len(logs)} logs were taken")


async def explained(service: Service, expected: int) -> None:
    """Wait until every log is stored and no problem is without an answer, with progress."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from andon.cli.output import errors

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    deadline = time.monotonic() + EXPLAIN_SECONDS
    with Progress(*columns, console=errors) as progress:
        task = progress.add_task("explaining problems", total=None)
        while time.monotonic() < deadline:
            counts = await service.store.counts()
            answered = sum(counts.analyses_by_rung.values())
            progress.update(task, total=counts.patterns, completed=min(answered, counts.patterns))
            if counts.logs + counts.rejects >= expected and answered >= counts.patterns:
                return
            await asyncio.sleep(0.1)


def print_summary(settings: Settings, rows: int) -> None:
    """What was stored, by problem, the worst and most frequent first."""
    from rich.table import Table

    from andon.cli.logs import rung_label
    from andon.cli.output import console, plain, severity_text
    from andon.models import SEVERITY_RANK, LogQuery
    from andon.store import Reader

    with Reader(settings.database) as reader:
        counts = reader.counts()
        stored = reader.search(LogQuery(limit=10_000))
    problems: dict[Any, list[StoredLog]] = {}
    for row in stored:
        problems.setdefault(row.pattern_id, []).append(row)
    table = Table(title="What happened that night", title_justify="left", header_style="bold", expand=True)
    table.add_column("logs", justify="right", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("service", no_wrap=True, max_width=16)
    table.add_column("problem (newest log)", ratio=3)
    table.add_column("explained by", no_wrap=True)
    table.add_column("explanation", ratio=4)
    ranked = sorted(
        problems.values(), key=lambda logs: (-max(SEVERITY_RANK[row.severity] for row in logs), -len(logs), logs[0].id)
    )
    for logs in ranked[:rows]:
        worst = max(logs, key=lambda row: SEVERITY_RANK[row.severity])
        table.add_row(
            str(len(logs)),
            severity_text(worst.severity),
            plain(logs[0].service),
            plain(logs[0].message),
            rung_label(logs[0]),
            plain((logs[0].analysis or "").split("\n")[0]),
        )
    console.print(table)
    if len(ranked) > rows:
        console.print(f"… and {len(ranked) - rows} more problems; see `andon logs`.")
    by_rung = ", ".join(f"{count} by {rung}" for rung, count in sorted(counts.analyses_by_rung.items()))
    console.print(
        f"{counts.logs} logs stored, {len(problems)} problems found, explained once each ({by_rung}), "
        f"{counts.rejects} messages not understood."
    )


def print_next_steps(settings: Settings) -> None:
    """How to go on looking."""
    from andon.cli.output import console

    console.print(f"Look further:  ANDON_DATA_DIR={settings.data_dir} .venv/bin/andon logs --severity ERROR")
    console.print(f"               ANDON_DATA_DIR={settings.data_dir} .venv/bin/andon patterns --sort count")
    console.print("Start the service itself with:  make run")
