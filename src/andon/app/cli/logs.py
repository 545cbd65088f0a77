"""``andon logs`` and ``andon show``: what is stored."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from andon import store
from andon.app.cli.database import Visitor
from andon.app.cli.filters import LISTED, ROWS_MAX, Json, LogFilters, Redact, Rows, id_argument, spread
from andon.app.cli.listing import Listing
from andon.app.cli.named import read_names, tell
from andon.app.cli.output import (
    Cell,
    When,
    command_settings,
    console,
    cut,
    errors,
    explained_by,
    message_of,
    plain,
    print_box,
    print_facts,
    print_json,
    print_lines,
    print_listing,
    severity_text,
    shown_time,
    write_json,
)
from andon.core.errors import NotFound
from andon.core.models import StoredLog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.text import Text

    from andon.core.models import LogQuery
    from andon.core.settings.settings import Settings

#: More pictures than any log has.
_PICTURES_MAX = 1_000


@spread
def logs(
    which: LogFilters,
    oldest: Annotated[bool, typer.Option("--oldest", help="List the oldest first.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Then print each new log as it is stored, until Ctrl-C.")
    ] = False,
    limit: Rows = LISTED,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one array of objects; with --follow one object a line.")
    ] = False,
    redact: Redact = False,
) -> None:
    """List stored logs, newest first.

    Example: andon logs --since 8h --severity ERROR --host 'press-*' --text '"axis 3" overcurrent'
    """
    if follow and (oldest or which.until is not None):
        raise typer.BadParameter("new logs come last and later: leave --oldest and --until out", param_hint="--follow")
    settings = command_settings()
    query = which.query(settings.time_zone, limit=limit, oldest_first=oldest)
    with Visitor(settings.database) as visitor:
        read = read_names(visitor, query)
        if follow:
            _follow(visitor, read.query, settings, as_json=as_json, hide=_hiding(redact))
            return
        rows = visitor.read(store.search.find, read.query)
        timed = not rows and (query.since is not None or query.until is not None)
        span = visitor.read(store.agent_history.span) if timed else None
        roots = {} if as_json else visitor.read(_problems_of, rows)
        if not rows and as_json:
            tell(read.empty)
        rows = _hiding(redact)(rows)
        if as_json:
            print_json([as_object(row) for row in rows])
            return
        if not rows:
            newest = f" The newest log of all is from {shown_time(span[1], settings.time_zone)}." if span else ""
            console.print(plain(read.none(f"No logs match.{newest}")))
            return
        print_listing(COLUMNS, [cells(row, roots, settings) for row in rows])
        if len(rows) == limit:
            sys.stdout.flush()  # nobody waits for the count before they see the logs
            _tell_of_others(len(rows), visitor.read(store.search.count, read.query), oldest=oldest)


def _hiding(redact: bool) -> Callable[[list[StoredLog]], list[StoredLog]]:
    """What puts marks for the secrets in logs, or leaves them as they are."""
    if not redact:
        return lambda rows: rows
    from andon.core.redact import Redactor  # compiles what other listings do not need
    from andon.insight.export import redacted

    redactor = Redactor()
    return lambda rows: [redacted(row, redactor) for row in rows]


def _problems_of(connection: store.Connection, rows: list[StoredLog]) -> dict[int, int]:
    """The problem of each pattern that these logs have."""
    return store.problems.roots_of(connection, {row.pattern_id for row in rows if row.pattern_id is not None})


def _tell_of_others(shown: int, whole: store.search.Tally, *, oldest: bool) -> None:
    """How many there are besides those that are listed, and how to see them; beside the listing where it is read."""
    if whole.matches <= shown and not whole.more:
        return
    known = whole.told
    all_of_them = f"{known:,}" if not whole.more else f"more than {max(known, shown):,}"
    how = f"--limit {known} lists all" if not whole.more and known <= ROWS_MAX else f"--limit {ROWS_MAX} lists more"
    end = "oldest" if oldest else "newest"
    where = console if console.is_terminal else errors
    where.print(
        f"{shown:,} of {all_of_them} logs, the {end}: {how}; --since, --severity, --host and --text narrow the list.",
        style="dim",
    )


def _follow(
    visitor: store.Visitor,
    query: LogQuery,
    settings: Settings,
    *,
    as_json: bool,
    hide: Callable[[list[StoredLog]], list[StoredLog]],
) -> None:
    """The newest logs in the order of time, then each new one."""
    from andon.app.cli.following import follow  # what other listings do not need

    listing = Listing(COLUMNS, console, time.time(), ages=False)

    def show(rows: list[StoredLog]) -> None:
        rows = hide(rows)
        if as_json:
            for row in rows:
                write_json(msgspec.json.encode(as_object(row)))
            return
        roots = visitor.read(_problems_of, rows)
        print_lines(listing.lines([cells(row, roots, settings) for row in rows]))

    follow(visitor, query, settings, show)


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
    from andon.app.cli import pictures  # with the next one, what a list of logs has no use for
    from andon.app.cli.problem import print_second_opinion

    settings = command_settings()
    with Visitor(settings.database) as visitor:
        row = visitor.read(store.search.log, log_id)
        if raw:
            write_raw(row)
            return
        data = save_pictures is not None or (not as_json and pictures.draws())
        shown = visitor.read(store.pictures.of_logs, [log_id], _PICTURES_MAX, data=data)
        awaited = visitor.read(store.pictures.awaited_of, log_id)
        roots = visitor.read(_problems_of, [row])
        below = visitor.read(store.problems.shown_below, [row.analysis_id or 0]).get(row.analysis_id or 0)
    written = [] if save_pictures is None else pictures.save(log_id, shown, save_pictures)
    if as_json:
        drawn = [pictures.as_object(one) for one in shown]
        print_json({**as_object(row), "second_opinion": below, "pictures": drawn})
        return
    print_log(row, roots.get(row.pattern_id or 0), settings)
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


#: How logs are listed; see :func:`cells`.
COLUMNS = ("id>", "time", "severity", "problem>", "host", "service?", "explained by?", "message~")


def cells(row: StoredLog, roots: Mapping[int, int], settings: Settings) -> tuple[Cell, ...]:
    """A log as a line; ``roots`` names the problem of each pattern."""
    when, severity = When(row.timestamp, settings.time_zone, exact=True), cut(severity_text(row.severity), 10)
    problem = None if row.pattern_id is None else roots.get(row.pattern_id, row.pattern_id)
    return row.id, when, severity, problem, row.hostname, row.service, rung_label(row), row.message


def print_log(row: StoredLog, problem: int | None, settings: Settings) -> None:
    """One log for people."""
    place = " / ".join(part for part in (row.site, row.area, row.line, row.machine) if part)
    native = f" (sent as {row.severity_native})" if row.severity_native else ""
    facts: dict[str, str | Text | None] = {
        "time": shown_time(row.timestamp, settings.time_zone),
        "severity": severity_text(row.severity).append_text(plain(native)),
        "host": row.hostname,
        "service": row.service,
        "place": place,
        "problem": str(problem or ""),
        "message": row.message,
        "context": row.context,
        "notes": row.notes,
        "raw bytes": f"{len(row.raw):,}, not UTF-8: `andon show {row.id} --raw` writes them" if row.raw else None,
        "stored": f"{shown_time(row.created_at, settings.time_zone)}, {message_of(row)}",
    }
    print_facts(facts)
    print_box(f"explanation: {rung_label(row)}", row.analysis or "Not explained yet.")
