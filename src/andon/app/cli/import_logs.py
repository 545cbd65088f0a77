"""``andon import``: logs that lie in files already, read into the stream once."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from andon.app.broker_client import open_feed, watch_broker
from andon.app.cli.filters import Json
from andon.app.cli.import_preview import Preview, foretold
from andon.app.cli.output import command_settings, errors, plain, print_json, print_outcome, warn_of_other_broker
from andon.app.cli.send import line_rules, place_subject
from andon.bus.stored_ids import ids_since, stream_end
from andon.core.errors import AndonError, BrokerError, ConfigError
from andon.core.settings.sources.file_settings import FollowedFiles, LineRules
from andon.core.telemetry import Health, Metrics
from andon.core.text import counted, shown_size
from andon.core.timestamps import TimeReader
from andon.ingest.sources.files import file_positions, import_ledger
from andon.ingest.sources.files.content import paths_of
from andon.ingest.sources.files.file_positions import Position
from andon.ingest.sources.files.import_ledger import Ledger
from andon.ingest.sources.files.importing import Imported, Importer
from andon.ingest.sources.outlet import Outlet

if TYPE_CHECKING:
    from andon.bus.connection import BusConnection
    from andon.bus.feed import Feed
    from andon.core.settings.settings import Settings

#: Where the ledger of a user lies who cannot write the data directory, or has none here.
OWN_LEDGER = Path("andon") / "imports.db"
Positions = dict[tuple[int, int], Position]


class ImportFailed(AndonError):
    """Some files could not be imported: see the reasons, correct them and import those again."""


def import_logs(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Files, directories or globs, compressed or not; - reads standard input."),
    ],
    service: Annotated[
        str, typer.Option(metavar="NAME", help="Service of lines without one (default: the name of the file).")
    ] = "",
    host: Annotated[str, typer.Option(metavar="NAME", help="Host of lines without one.")] = "",
    severity: Annotated[
        str, typer.Option("--severity", "-s", metavar="SEVERITY", help="Severity of lines without one.")
    ] = "",
    place: Annotated[
        str | None,
        typer.Option(metavar="PLACE", help="Where it happened: site.area.line.machine, or the first parts of it."),
    ] = None,
    encoding: Annotated[str, typer.Option(metavar="NAME", help="Encoding of the files, such as cp1252.")] = "auto",
    again: Annotated[bool, typer.Option("--again", help="Import files again that were imported before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be kept, and import nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Import logs from existing files, each file once.

    Content that was imported before is not imported again, even under another file name. Imported logs are stored and
    counted; they are explained after current problems, and nobody is notified of them. Directories are read with all
    their subdirectories; gzip, bzip2, xz and systemd journals are unpacked. A stopped import resumes where it stopped.

    Examples: andon import /var/log/press --place graz.press.l2

    journalctl -o json --since -7d | andon import -
    """
    settings = command_settings()
    place_subject(place)
    rules = line_rules(service, host, severity, place, encoding)
    command = _Command(settings, rules, paths_of(paths), again=again, as_json=as_json)
    try:
        asyncio.run(command.run(dry_run=dry_run))
    except KeyboardInterrupt:
        errors.print("Stopped. Run the same command again to resume.")
        raise typer.Exit(130) from None


class _Command:
    """One call of the command."""

    def __init__(self, settings: Settings, rules: LineRules, paths: list[str], *, again: bool, as_json: bool) -> None:
        self._settings = settings
        self._rules = rules
        self._paths = paths
        self._again = again
        self._as_json = as_json
        self._times = TimeReader(ZoneInfo(settings.time_zone), settings.day_first)
        self._tables = list(_meant(settings.files))

    def rules_of(self, path: str) -> LineRules:
        """How the site reads a file: as a table of ``[[files]]`` says that means it, with what this command says."""
        table = next((table for table, names in self._tables if os.path.abspath(path) in names), None)
        if table is None or path == "-":
            return self._rules
        told = {name: value for name, value in self._rules.model_dump().items() if value not in ("", "auto", True)}
        return table.model_copy(update=told)

    async def run(self, *, dry_run: bool) -> None:
        """Raises BrokerUnavailable, ConfigError, ImportFailed."""
        preview = await asyncio.to_thread(
            foretold, self._settings, self._paths, self.rules_of, self._times, count=dry_run
        )
        if not self._as_json:
            for line in preview.sentences:
                errors.print(plain(line), soft_wrap=True)
        if dry_run:
            self._say_only(preview)
            return
        started = time.monotonic()
        async with open_feed(self._settings, "andon import") as (feed, connection):
            warn_of_other_broker(self._settings)
            with self._open_ledger() as ledger:
                done = await self._import(ledger, feed, connection)
        self._say(done, preview, time.monotonic() - started)
        failed = [one for one in done if one.outcome == "failed"]
        if failed:
            raise ImportFailed(f"{counted(len(failed), 'file')} not imported; the first: {failed[0].reason}")

    async def _import(self, ledger: Ledger, feed: Feed, connection: BusConnection) -> list[Imported]:
        followed, released = await asyncio.to_thread(self._positions)
        importer = Importer(
            ledger,
            Outlet("import", feed, Metrics(), Health()),
            self._rules,
            self._times,
            self._settings.encoding,
            lambda sequence, until, prefix: ids_since(connection, sequence, until, prefix),
            await _end(connection),
            followed=followed,
            released=released,
            again=self._again,
        )
        away = watch_broker(connection, _say_away, lambda: errors.print("The broker is back."))
        with self._progress() as progress, away:
            done = [await self._one(importer, path, progress) for path in self._paths]
        if importer.unsure:
            errors.print(
                "The last second of the stopped import can no longer be looked up: its logs may be stored twice."
            )
        return done

    async def _one(self, importer: Importer, path: str, progress: Progress) -> Imported:
        size = 0 if path == "-" else await asyncio.to_thread(_size, path)
        task = progress.add_task(_short(path), total=size or None, logs="")
        importer.rules = self.rules_of(path)
        started = time.monotonic()

        def tell(read: int, logs: int) -> None:
            rate = logs / max(time.monotonic() - started, 0.001)
            progress.update(task, completed=read, logs=f"{counted(logs, 'log')}, {rate:,.0f}/s")

        importer.progress = tell
        done = await importer.take(path)
        progress.update(task, completed=size, visible=len(self._paths) < 20 or done.outcome == "failed")
        return done

    def _progress(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[logs]}"))
        return Progress(*columns, console=errors, disable=self._as_json or not errors.is_terminal)

    @contextlib.contextmanager
    def _open_ledger(self) -> Iterator[Ledger]:
        """The ledger of the data directory; of the user where that is not here, or closed to them."""
        data = self._settings.data_dir
        if data.is_dir() and os.access(data, os.W_OK):
            with Ledger(data / import_ledger.PLACE, self._settings.file_access) as ledger, _alone(ledger.lock):
                yield ledger
            return
        if self._settings.embedded_broker and data.is_dir():
            raise ConfigError(f"you may not write to {data}: run this as the user that runs Andon, or as root (sudo)")
        state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
        with Ledger(Path(state) / OWN_LEDGER, self._settings.file_access) as ledger, _alone(ledger.lock):
            if not self._as_json:
                errors.print(
                    plain(f"Your imports are recorded in {ledger.path}, which the imports of other users do not see.")
                )
            yield ledger

    def _positions(self) -> tuple[Positions, Positions]:
        """Of files that are followed, and of those that no table means any more."""
        book = file_positions.load(self._settings.data_dir / file_positions.PLACE)
        tables = {file_positions.table_key(table.paths) for table in self._settings.files}
        followed: Positions = {}
        released: Positions = {}
        for one in book.files:
            kept = one.table in tables if one.table else bool(tables)
            (followed if kept else released)[one.identity] = one
        return followed, released

    def _say_only(self, preview: Preview) -> None:
        if self._as_json:
            print_json(preview)
            return
        about = "" if preview.exact else "about "
        what = f"{about}{counted(preview.logs, 'log')} in {counted(len(self._paths), 'file')}"
        kept = "" if preview.sentences else "; no retention rule removes any"
        print_outcome(None, [f"{what}; nothing was imported{kept}"], as_json=False)

    def _say(self, done: list[Imported], preview: Preview, seconds: float) -> None:
        logs, size = sum(one.logs for one in done), sum(one.size for one in done)
        if self._as_json:
            print_json({"logs": logs, "bytes": size, "seconds": round(seconds, 1), "files": done, "preview": preview})
            return
        for one in done:
            if one.outcome == "failed" and len(done) > 1:
                errors.print(plain(f"Not imported: {one.reason}"))
        print_outcome(None, [_sentence(done, logs, size, seconds)], as_json=False)


def _sentence(done: list[Imported], logs: int, size: int, seconds: float) -> str:
    rate = f" ({shown_size(size)}, {logs / max(seconds, 0.001):,.0f} logs/s)" if logs else ""
    said = [f"{counted(logs, 'log')} imported{rate}"]
    if before := sum(one.stored_before for one in done):
        said.append(f"{counted(before, 'log')} of a followed file skipped, stored before (--again imports them)")
    for outcome, text in (
        ("known", "imported before"),
        ("grown", "grown since the last import: the new part was imported"),
        ("resumed", "resumed where an import was stopped"),
        ("followed", "already followed from the start, so skipped"),
    ):
        if count := sum(one.outcome == outcome for one in done):
            said.append(f"{counted(count, 'file')} {text}")
    refused: dict[str, int] = {}
    for one in done:
        for reason, count in one.refused.items():
            refused[reason] = refused.get(reason, 0) + count
    said += [f"{counted(count, 'line')} skipped ({reason})" for reason, count in refused.items()]
    return "; ".join(said)


def _say_away(reason: str) -> None:
    errors.print(plain(f"{reason}; waiting for it"))


async def _end(connection: BusConnection) -> int:
    try:
        return await stream_end(connection)
    except BrokerError:  # of a user who may only publish: a stopped import is then known for two minutes
        return 0


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One import at a time: two of the same content would not know of each other. Raises ConfigError."""
    import fcntl

    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another import is running (it holds {file.name}): wait until it ends, then try again"
            ) from None
        yield


def _meant(tables: list[FollowedFiles]) -> Iterator[tuple[FollowedFiles, set[str]]]:
    for table in tables:
        yield table, {path for one in table.paths for path in glob.iglob(os.path.expanduser(one), recursive=True)}


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _short(path: str) -> str:
    return path if len(path) <= 40 else f"…{path[-39:]}"
