"""The report of a shift in a message: the same figures and problems as on its screen, and not more than one reads."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from andon.core.models.actions import Body, Section
from andon.core.models.history import ShiftWindow
from andon.core.text import times as times_of
from andon.insight.report.sections import figure, minutes, of_part, opening, times, told, where
from andon.insight.report.shift_problems import ShiftProblem
from andon.insight.report.shift_report import ShiftReport, report_of
from andon.insight.shifts.calendar import Shift
from andon.store import Connection

#: Problems and notes that are listed.
OPEN, OTHERS, NOTES = 10, 6, 5


def shift_body(
    connection: Connection, window: ShiftWindow, shifts: Sequence[Shift], zone: ZoneInfo, now: float
) -> Body | None:
    """The report of a working; None where nothing is stored of that time."""
    report = report_of(connection, window, shifts, zone, now)
    return None if isinstance(report, str) else body_of(report)


def body_of(report: ShiftReport) -> Body:
    """What stands in the message."""
    figures = [
        f"{one.name}: {figure(one.value, one.unit)} (before: {figure(one.before, one.unit)})"
        for one in report.figures
        if one.value is not None
    ]
    opened, others = of_part(report, "open"), of_part(report, "problems")
    made = [
        Section("Open and not acknowledged", _lines(opened, OPEN) or ("Nothing.",), bool(opened)),
        Section("Figures", tuple(figures), True),
    ]
    if others:
        made.append(Section("Other problems of this shift", _lines(others, OTHERS), True))
    if report.notes:
        notes = [f"{one.author or 'unknown'}: {one.text}" for one in report.notes[-NOTES:]]
        made.append(Section("Notes", tuple(notes), True))
    return (*made, Section("", tuple(opening(report))))


def _lines(problems: Sequence[ShiftProblem], most: int) -> tuple[str, ...]:
    lines = []
    for one in problems[:most]:
        at = f", {there}" if (there := where(one)) else ""
        lasted = f", {minutes(one)} min" if minutes(one) != "–" else ""
        often = times_of(one.count) if one.unit == "alarms" else times(one)
        count = f" ({often}{lasted})" if one.count else ""
        lines.append(f"{one.severity}{at}: {told(one)}{count}")
    if (more := len(problems) - most) > 0:
        lines.append(f"and {more:,} more")
    return tuple(lines)
