"""``andon logs`` and ``andon show``: what is stored."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.panel import Panel

from andon import store
from andon.app.cli import pictures
from andon.app.cli.filters import LISTED, Json, JsonArray, LogFilters, Redact, Rows, id_argument, spread
from andon.app.cli.named import read_names, tell
from andon.app.cli.output import (
    WIDE,
    Cell,
    command_settings,
    console,
    cut,
    explained_by,
    message_of,
    plain,
    print_facts,
    print_json,
    print_listing,
    severity_text,
    short_time,
    shown_time,
)
from andon.app.cli.problem import print_second_opinion
from andon.core.errors import NotFound
from andon.core.models import StoredLog

if TYPE_CHECKING:
    from rich.text import Text

    from andon.core.settings.settings import Settings

#: More pictures than any log has.
_PICTURES_MAX = 1_000


@spread
def logs(
    which: LogFilters,
    oldest: Annotated[bool, typer.Option("--oldest", help="List the oldest first.")] = False,
    limit: Rows = LISTED,
    as_json: JsonArray = False,
    redact: Redact = False,
) -> None:
    """List stored logs, newest first.

    Example: andon logs --since 8h --severity ERROR --host 'press-*' --text '"axis 3" overcurrent'
    """
    settings = command_settings()
    query = which.query(settings.time_zone, limit=limit, oldest_first=oldest)
    with store.Visitor(settings.database) as visitor:
        read = read_names(visitor, query)
        rows = visitor.read(store.search.find, read.query)
        timed = not rows and (query.since is not None or query.until is not None)
        span = visitor.read(store.agent_history.span) if timed else None
    if not rows and as_json:
        tell(read.empty)
    if redact:
        from andon.core.redact import Redactor  # compiles what other listings do not need
        from andon.insight.export import redacted

        redactor = Redactor()
        rows = [redacted(row, redactor) for row in rows]
    if as_json:
        print_json([as_object(row) for row in rows])
        return
    none = "No logs match."
    if span is not None:
        none = f"{none} The newest log of all is from {shown_time(span[1], settings.time_zone)}."
    print_table(rows, settings, read.none(none))


def show(
    log_id: Annotated[int, id_argument("ID", "Id of the log, as `andon logs` lists it.")],
    as_json: Json = False,
    save_pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the pictures of the log to files in this directory.")
    ] = None,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", help="Write its original bytes to standard output; Andon keeps them if they are not UTF-8."
        ),
    ] = False,
) -> None:
    """Show one log with its context, its explanation and its pictures.

    Example: andon show 42 --save-pictures pictures
    """
    settings = command_settings()
    with store.Visitor(settings.database) as visitor:
        row = visitor.read(store.search.log, log_id)
        if raw:
            write_raw(row)
            return
        data = save_pictures is not None or (not as_json and pictures.draws())
        shown = visitor.read(store.pictures.of_logs, [log_id], _PICTURES_MAX, data=data)
        awaited = visitor.read(store.pictures.awaited_of, log_id)
        below = visitor.read(store.problems.shown_below, [row.analysis_id or 0]).get(row.analysis_id or 0)
    written = [] if save_pictures is None else pictures.save(log_id, shown, save_pictures)
    if as_json:
        drawn = [pictures.as_object(one) for one in shown]
        print_json({**as_object(row), "second_opinion": below, "pictures": drawn})
        return
    print_log(row, settings)
    print_second_opinion(below)
    pictures.print_pictures(shown, awaited)
    if save_pictures is not None:
        console.print(f"{len(written)} of {len(shown)} pictures written:" if shown else "This log has no pictures.")
        for path in written:
            console.print(str(path), markup=False, soft_wrap=True)


def write_raw(row: StoredLog) -> None:
    """The log's bytes on standard output. Raises NotFound where none are kept."""
    if row.raw is None:
        raise NotFound(
            f"no raw bytes of log {row.id} are kept: they were UTF-8, and `andon show {row.id}` shows all of them"
        )
    sys.stdout.buffer.write(row.raw)


def as_object(row: StoredLog) -> dict[str, Any]:
    """A stored log for ``--json``: its context as JSON values rather than text."""
    value: dict[str, Any] = msgspec.to_builtins(row)
    try:
        value["context"] = msgspec.json.decode(row.context) if row.context else None
    except msgspec.DecodeError:  # lone surrogates, or taken over as it was: the text says what it says
        value["context"] = row.context
    return value


def rung_label(row: StoredLog) -> str:
    """How the shown explanation came about, in a word or two."""
    return explained_by(row.rung, row.provisional, row.analysis_status)


def print_table(rows: list[StoredLog], settings: Settings, none: str = "No logs match.") -> None:
    """The listing for people, or that there is ``none``."""
    if not rows:
        console.print(plain(none))
        return
    wide = console.width >= WIDE
    time = shown_time if wide else short_time

    def cells(row: StoredLog) -> tuple[Cell, ...]:
        severity, when = cut(severity_text(row.severity), 10), time(row.timestamp, settings.time_zone)
        host, service = cut(row.hostname, 22 if wide else 14), cut(row.service, 16)
        return row.id, when, severity, host, service, row.message, rung_label(row)

    print_listing(("id>", "time", "severity", "host", "service?", "message~", "explained by?"), map(cells, rows))


def print_log(row: StoredLog, settings: Settings) -> None:
    """One log for people."""
    place = " / ".join(part for part in (row.site, row.area, row.line, row.machine) if part)
    native = f" (sent as {row.severity_native})" if row.severity_native else ""
    facts: dict[str, str | Text | None] = {
        "time": shown_time(row.timestamp, settings.time_zone),
        "severity": severity_text(row.severity).append(native, style="default"),
        "host": row.hostname,
        "service": row.service,
        "place": place,
        "problem": str(row.pattern_id or ""),
        "message": row.message,
        "context": row.context,
        "notes": row.notes,
        "raw bytes": f"{len(row.raw):,}, not UTF-8: `andon show {row.id} --raw` writes them" if row.raw else None,
        "stored": f"{shown_time(row.created_at, settings.time_zone)}, {message_of(row)}",
    }
    print_facts(facts)
    title = f"explanation: {rung_label(row)}"
    console.print(Panel(plain(row.analysis or "Not explained yet."), title=title, title_align="left"))
