"""The options by which commands choose logs, and the checks of what is given for them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from andon.app.cli.output import parse_time
from andon.core.models import ID_MAX, SEVERITY_RANK, LogQuery, Severity

#: Longest text searched for, in characters: no more of it would be looked at.
_TEXT_MAX = 1_000

Since = Annotated[str | None, typer.Option(help="From this time on: 2025-01-15T02:00, or an age like 8h.")]
Until = Annotated[str | None, typer.Option(help="Before this time.")]
UntilNow = Annotated[str | None, typer.Option(help="Before this time; the present unless given.")]
LeastSeverity = Annotated[str | None, typer.Option(help="This severity and worse, such as WARNING.")]
Service = Annotated[str | None, typer.Option(help="This service; * and ? stand for anything.")]
Host = Annotated[str | None, typer.Option(help="This host; * and ? stand for anything.")]
Words = Annotated[
    str | None, typer.Option(help="Words that must occur, or their beginnings; phrases in double quotes.")
]
OfProblem = Annotated[int | None, typer.Option(min=1, max=ID_MAX, help="Logs of this problem.")]
Site = Annotated[str | None, typer.Option(help="This site; * and ? stand for anything.")]
Area = Annotated[str | None, typer.Option(help="This area.")]
Line = Annotated[str | None, typer.Option(help="This line.")]
Machine = Annotated[str | None, typer.Option(help="This machine.")]
Fields = Annotated[
    list[str] | None, typer.Option(help="A context field with its value, such as firmware=2.1.4; may be repeated.")
]


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
