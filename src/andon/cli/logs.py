"""``andon logs`` and ``andon show``: what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from andon.models import SEVERITY_RANK, LogQuery, Severity, StoredLog

if TYPE_CHECKING:
    from andon.config import Settings

LISTED = 50
#: Longest text searched for, in characters: no more of it would be looked at.
_TEXT_MAX = 1_000


def logs(
    since: Annotated[str | None, typer.Option(help="From this time on: 2025-01-15T02:00, or an age like 8h.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    severity: Annotated[str | None, typer.Option(help="This severity and worse, such as WARNING.")] = None,
    service: Annotated[str | None, typer.Option(help="This service; * and ? stand for anything.")] = None,
    host: Annotated[str | None, typer.Option(help="This host; * and ? stand for anything.")] = None,
    text: Annotated[
        str | None, typer.Option(help="Words that must occur, or their beginnings; phrases in double quotes.")
    ] = None,
    pattern: Annotated[int | None, typer.Option(min=1, max=2**63 - 1, help="Logs of this problem.")] = None,
    site: Annotated[str | None, typer.Option(help="This site; * and ? stand for anything.")] = None,
    area: Annotated[str | None, typer.Option(help="This area.")] = None,
    line: Annotated[str | None, typer.Option(help="This line.")] = None,
    machine: Annotated[str | None, typer.Option(help="This machine.")] = None,
    field: Annotated[
        list[str] | None, typer.Option(help="A context field with its value, such as firmware=2.1.4; may be repeated.")
    ] = None,
    oldest: Annotated[bool, typer.Option("--oldest", help="Oldest first.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Most rows listed.")] = LISTED,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one array of objects.")] = False,
) -> None:
    """List stored logs, newest first.

    Example: andon logs --since 8h --severity ERROR --host 'press-*' --text '"axis 3" overcurrent'
    """
    from andon.cli.output import command_settings, print_json
    from andon.store import Reader

    settings = command_settings()
    query = checked_query(
        settings.time_zone,
        since=since,
        until=until,
        severity=severity,
        text=text,
        field=field,
        service=service,
        host=host,
        pattern_id=pattern,
        site=site,
        area=area,
        line=line,
        machine=machine,
        oldest_first=oldest,
        limit=limit,
    )
    with Reader(settings.database) as reader:
        rows = reader.search(query)
    if as_json:
        print_json([as_object(row) for row in rows])
        return
    print_table(rows, settings)


def show(
    log_id: Annotated[
        int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="Id of the log, as `andon logs` shows it.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    save_pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the log's pictures to files in this directory.")
    ] = None,
) -> None:
    """Show one log with its context, its analysis and its pictures.

    Example: andon show 42 --save-pictures pictures
    """
    from andon.cli import pictures
    from andon.cli.output import command_settings, console, print_json
    from andon.store import Reader

    settings = command_settings()
    with Reader(settings.database) as reader:
        row = reader.log(log_id)
        shown = reader.pictures(log_id, data=save_pictures is not None or (not as_json and pictures.draws()))
        awaited = reader.awaited_pictures(log_id)
    written = [] if save_pictures is None else pictures.save(log_id, shown, save_pictures)
    if as_json:
        print_json({**as_object(row), "pictures": [pictures.as_object(one) for one in shown]})
        return
    print_log(row, settings)
    pictures.print_pictures(shown, awaited)
    if save_pictures is not None:
        console.print(f"{len(written)} of {len(shown)} pictures written:" if shown else "This log has no pictures.")
        for path in written:
            console.print(str(path), markup=False, soft_wrap=True)


def checked_query(
    zone: str,
    *,
    since: str | None,
    until: str | None,
    severity: str | None,
    text: str | None,
    field: list[str] | None,
    **plain: Any,
) -> LogQuery:
    """The filters a user gave, checked; ``plain`` are those that need no reading. Raises typer.BadParameter."""
    begin, end = checked_times(since, until, zone)
    return LogQuery(
        since=begin,
        until=end,
        severity=checked_severity(severity),
        text=checked_text(text),
        fields=field_values(field),
        **plain,
    )


def field_values(given: list[str] | None) -> tuple[tuple[str, str], ...]:
    """``name=value`` pairs a user named. Raises typer.BadParameter."""
    pairs = []
    for one in given or ():
        name, equals, value = one.partition("=")
        if not (name.strip() and equals):
            raise typer.BadParameter(f"{one!r} is no field; write name=value", param_hint="--field")
        pairs.append((name.strip(), value.strip()))
    return tuple(pairs)


def checked_times(since: str | None, until: str | None, zone: str) -> tuple[str | None, str | None]:
    """The time a user named, as stored text. Raises typer.BadParameter, also where it ends before it begins."""
    from andon.cli.output import parse_time

    begin, end = parse_time(since, zone, "--since"), parse_time(until, zone, "--until")
    if begin is not None and end is not None and begin >= end:
        raise typer.BadParameter("the time must begin before it ends", param_hint="--since")
    return begin, end


def checked_text(value: str | None) -> str | None:
    """The words a user searches for. Raises typer.BadParameter for more than the search looks at."""
    if value is not None and len(value) > _TEXT_MAX:
        raise typer.BadParameter(f"search for {_TEXT_MAX:,} characters at most", param_hint="--text")
    return value


def checked_severity(value: str | None) -> str | None:
    """The normalised severity a user named. Raises typer.BadParameter."""
    if value is None:
        return None
    if value.upper() not in SEVERITY_RANK:
        raise typer.BadParameter(
            f"{value!r} is no severity; use {', '.join(s.value for s in Severity)}", param_hint="--severity"
        )
    return value.upper()


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
    from andon.cli.output import explained_by

    return explained_by(row.rung, row.provisional, row.analysis_status)


def print_table(rows: list[StoredLog], settings: Settings) -> None:
    """The listing for people."""
    from andon.cli.output import (
        WIDE,
        console,
        cut,
        one_line,
        plain,
        print_listing,
        severity_text,
        short_time,
        shown_time,
    )

    if not rows:
        console.print("No logs match.")
        return
    wide = console.width >= WIDE
    time = shown_time if wide else short_time
    print_listing(
        ("id>", "time", "severity", "host", "service?", "message~", "explained by?"),
        (
            (
                str(row.id),
                time(row.timestamp, settings.time_zone),
                cut(severity_text(row.severity), 10),
                cut(plain(one_line(row.hostname)), 22 if wide else 14),
                cut(plain(one_line(row.service)), 16),
                plain(one_line(row.message)),
                rung_label(row),
            )
            for row in rows
        ),
    )


def print_log(row: StoredLog, settings: Settings) -> None:
    """One log for people."""
    from rich.panel import Panel
    from rich.table import Table

    from andon.cli.output import console, plain, severity_text, shown_time

    facts = Table.grid(padding=(0, 2))
    place = " / ".join(part for part in (row.site, row.area, row.line, row.machine) if part)
    native = f" (sent as {row.severity_native})" if row.severity_native else ""
    for name, value in {
        "time": plain(shown_time(row.timestamp, settings.time_zone)),
        "severity": severity_text(row.severity).append(native, style="default"),
        "host": plain(row.hostname),
        "service": plain(row.service),
        "place": plain(place),
        "pattern": plain(str(row.pattern_id) if row.pattern_id else ""),
        "message": plain(row.message),
        "context": plain(row.context or ""),
        "notes": plain(row.notes or ""),
        "stored": plain(f"{shown_time(row.created_at, settings.time_zone)}, {row.stream} {row.sequence}"),
    }.items():
        if value.plain:
            facts.add_row(f"[bold]{name}[/]", value)
    console.print(facts)
    title = f"analysis: {rung_label(row)}"
    console.print(Panel(plain(row.analysis or "Not explained yet."), title=title, title_align="left"))
