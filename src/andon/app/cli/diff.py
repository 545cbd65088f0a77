"""``andon diff``: what is different about a problem, or about a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from andon.app.cli.database import Visitor
from andon.app.cli.filters import Json, Since, UntilNow, id_argument, named_options
from andon.app.cli.output import command_settings, console, print_json, print_wrapped
from andon.core.text import counted
from andon.insight.differences import differences
from andon.insight.differences.differences import sentence
from andon.insight.filters import compared
from andon.insight.shifts.calendar import site_shifts

if TYPE_CHECKING:
    from andon.insight.differences.differences import DiffResult


def diff(
    pattern: Annotated[int | None, id_argument("[PROBLEM]", "Id of a problem, as `andon problems` shows it.")] = None,
    since: Since = None,
    until: UntilNow = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Compare with the logs from here to --since, not with other problems."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="List at most N differences.")] = 20,
    as_json: Json = False,
) -> None:
    """Show what is different about a problem's logs, or about the logs of a period: firmware, line, shift, lot, any
    field.

    With PROBLEM, its logs are compared with all other logs of the same period (default: the last 30 days). Without
    PROBLEM, or with --baseline, the logs from --since on (default: the last 8 hours) are compared with earlier ones.

    Example: andon diff 12 --since 7d
    """
    settings = command_settings()
    zone, site = settings.time_zone, ZoneInfo(settings.time_zone)
    with named_options():
        asked = compared(pattern, since, until, baseline, zone)
    with Visitor(settings.database) as visitor:
        if pattern is not None and not asked.by_time:
            shifts = site_shifts(settings)
            found = visitor.read(differences.of_pattern, pattern, *asked.inside, shifts, site, limit=limit)
        else:
            found = visitor.read(differences.of_windows, asked.inside, asked.before, pattern, site, limit=limit)
    print_json(found) if as_json else print_result(found)


def print_result(found: DiffResult) -> None:
    """What stands out, a line each."""
    console.print(f"{counted(found.inside, 'log')} compared with {counted(found.outside, 'other log')}.")
    for one in found.differences:
        print_wrapped(f"  {sentence(one)}")
    if found.note:
        console.print(found.note[0].upper() + found.note[1:] + ".")
    if not found.exact:
        console.print("Counted by whole hours, because there are many logs or some were deleted.", style="dim")
