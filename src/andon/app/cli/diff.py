"""``andon diff``: what is different about a problem, or about a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from andon.app.cli.filters import Since, UntilNow
from andon.app.cli.output import command_settings, console, parse_time, plain, print_json
from andon.core.models import ID_MAX
from andon.core.text import counted
from andon.core.times import seconds_or
from andon.insight.differences import differences
from andon.insight.differences.differences import sentence
from andon.insight.shifts.current import site_shifts
from andon.store import Visitor

if TYPE_CHECKING:
    from andon.insight.differences.differences import DiffResult

_DAY = 86_400.0


def diff(
    pattern: Annotated[
        int | None,
        typer.Argument(metavar="[PATTERN]", min=1, max=ID_MAX, help="Id of a problem, as `andon patterns` shows it."),
    ] = None,
    since: Since = None,
    until: UntilNow = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Compare with the time from here to --since, instead of with other problems."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Most differences listed.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is different about a problem's logs, or about those of a time: firmware, line, shift, lot, any field.

    With PATTERN its logs are held against all others of the same time (the last 30 days unless told otherwise).
    Without, or with --baseline, the logs since --since (the last 8 hours) are held against those before.

    Example: andon diff 12 --since 7d
    """
    settings = command_settings()
    zone, site = settings.time_zone, ZoneInfo(settings.time_zone)
    end = seconds_or(parse_time(until, zone, "--until"), time.time())
    by_time = pattern is None or baseline is not None
    start = seconds_or(parse_time(since, zone, "--since"), end - (_DAY / 3 if by_time else 30 * _DAY))
    if start >= end:
        raise typer.BadParameter("the time must begin before it ends", param_hint="--since")
    with Visitor(settings.database) as visitor:
        if by_time:
            before = seconds_or(parse_time(baseline, zone, "--baseline"), start - max(7 * _DAY, end - start))
            if before >= start:
                raise typer.BadParameter("must be before --since", param_hint="--baseline")
            times = (start, end), (before, start)
            found = visitor.read(differences.of_windows, *times, pattern, site, limit=limit)
        else:
            assert pattern is not None  # noqa: S101 - by_time is true otherwise
            shifts = site_shifts(settings)
            found = visitor.read(differences.of_pattern, pattern, start, end, shifts, site, limit=limit)
    if as_json:
        print_json(found)
        return
    print_result(found)


def print_result(found: DiffResult) -> None:
    """What stands out, a line each."""
    console.print(f"{counted(found.inside, 'log')} in question, {counted(found.outside, 'other')}.")
    for one in found.differences:
        console.print(plain(f"  {sentence(one)}"), soft_wrap=True)
    if found.note:
        console.print(found.note[0].upper() + found.note[1:] + ".")
    if not found.exact:
        console.print("Counted by whole hours, because there are many logs or some were deleted.", style="dim")
