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
from andon.app.cli.output import command_settings, errors, plain, print_json, print_outcome
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


class ImportFailed(AndonError):
    """Some files could not be imported: see the reasons, correct them and import those again."""


def import_logs(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH…", help="Files, directories or globs, packed or not; - reads standard input."),
    ],
    service: Annotated[str, typer.Option(help="Service of lines that name none; else the file's name.")] = "",
    host: Annotated[str, typer.Option(help="Host of lines that name none.")] = "",
    severity: Annotated[str, typer.Option("--severity", "-s", help="Severity of lines that name none.")] = "",
    place: Annotated[
        str | None, typer.Option(help="Where it happened, as site.area.line.machine (fewer parts are fine).")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Encoding of the files, such as cp1252.")] = "auto",
    again: Annotated[bool, typer.Option("--again", help="Import also what was imported before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be kept; import nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Read logs from files that exist already, each once.

    What was imported before is not imported again, whatever the file is called by now. Logs are stored and counted,
    explained after everything that happens now, and announce nothing. Directories are read with all below them; gzip,
    bzip2, xz and journals of systemd are unpacked. An import that was stopped goes on where it was.

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
        errors.print("stopped; the same command goes on where it was")
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
            with self._open_ledger() as ledger:
                done = await self._import(ledger, feed, connection)
        self._say(done, preview, time.monotonic() - started)
        failed = [one for one in done if one.outcome == "failed"]
        if failed:
            raise ImportFailed(f"{counted(len(failed), 'file')} not imported; the first: {failed[0].reason}")

    async def _import(self, ledger: Ledger, feed: Feed, connection: BusConnection) -> list[Imported]:
        importer = Importer(
            ledger,
            Outlet("import", feed, Metrics(), Health()),
            self._rules,
            self._times,
            self._settings.encoding,
            lambda sequence, until, prefix: ids_since(connection, sequence, until, prefix),
            await _end(connection),
            followed=await asyncio.to_thread(self._followed),
            again=self._again,
        )
        away = watch_broker(connection, _say_away, lambda: errors.print("the broker is back"))
        with self._progress() as progress, away:
            done = [await self._one(importer, path, progress) for path in self._paths]
        if importer.unsure:
            errors.print(
                "what a stopped import sent in its last second cannot be looked up any more: it may be stored twice"
            )
        return done

    async def _one(self, importer: Importer, path: str, progress: Progress) -> Imported:
        size = 0 if path == "-" else await asyncio.to_thread(_size, path)
        task = progress.add_task(_short(path), total=size or None, logs="")
        importer.rules = self.rules_of(path)
        started = time.monotonic()

        def tell(read: int, logs: int) -> None:
            rate = logs / max(time.monotonic() - started, 0.001)
            progress.update(task, completed=read, logs=f"{logs:,} logs, {rate:,.0f}/s")

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
            raise ConfigError(f"{data} is closed to you: run this as the user who runs Andon, or as root (sudo)")
        state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
        with Ledger(Path(state) / OWN_LEDGER, self._settings.file_access) as ledger, _alone(ledger.lock):
            if not self._as_json:
                errors.print(
                    plain(f"What you import is noted in {ledger.path}: imports of other users do not know it.")
                )
            yield ledger

    def _followed(self) -> dict[tuple[int, int], Position]:
        if not self._settings.files:
            return {}
        book = file_positions.load(self._settings.data_dir / file_positions.PLACE)
        return {one.identity: one for one in book.files}

    def _say_only(self, preview: Preview) -> None:
        if self._as_json:
            print_json(preview)
            return
        about = "" if preview.exact else "about "
        what = f"{about}{counted(preview.logs, 'log')} in {counted(len(self._paths), 'file')}"
        kept = "" if preview.sentences else "; no rule of retention removes any"
        print_outcome(None, [f"{what}; nothing was imported{kept}"], as_json=False)

    def _say(self, done: list[Imported], preview: Preview, seconds: float) -> None:
        logs, size = sum(one.logs for one in done), sum(one.size for one in done)
        if self._as_json:
            print_json({"logs": logs, "bytes": size, "seconds": round(seconds, 1), "files": done, "preview": preview})
            return
        for one in done:
            if one.outcome == "failed" and len(done) > 1:
                errors.print(plain(f"not imported: {one.reason}"))
        print_outcome(None, [_sentence(done, logs, size, seconds)], as_json=False)


def _sentence(done: list[Imported], logs: int, size: int, seconds: float) -> str:
    rate = f" ({shown_size(size)}, {logs / max(seconds, 0.001):,.0f} logs/s)" if logs else ""
    said = [f"{counted(logs, 'log')} imported{rate}"]
    for outcome, text in (
        ("known", "imported before"),
        ("grown", "grown since the last import: what is new was imported"),
        ("resumed", "gone on with where an import was stopped"),
        ("followed", "followed from the start, so left out"),
    ):
        if count := sum(one.outcome == outcome for one in done):
            said.append(f"{counted(count, 'file')} {text}")
    refused: dict[str, int] = {}
    for one in done:
        for reason, count in one.refused.items():
            refused[reason] = refused.get(reason, 0) + count
    said += [f"{counted(count, 'line')} left out ({reason})" for reason, count in refused.items()]
    return "; ".join(said)


def _say_away(reason: str) -> None:
    errors.print(plain(f"{reason}: waiting for it"))


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
                f"another import is running (it holds {file.name}): wait for it, then try again"
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
