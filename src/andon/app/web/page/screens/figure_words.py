"""The sentences of the screen Figures: which time, which floods, what the picture shows, and its table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from andon.core.times import clock
from andon.insight.alarms.alarm_overview import Overview
from andon.insight.alarms.metrics import FULL_DAYS, TEN_MINUTES
from andon.insight.alarms.rhythm import DAY

#: So many floods are named by their times.
_FLOODS_NAMED = 3


def span_words(found: Overview, shift: str | None, area: str | None, zone: ZoneInfo) -> str:
    """``23 to 29 Nov 2026, all areas. Provisional: 7 of 30 days.``"""
    start, end = clock(found.since, zone), clock(found.until, zone)
    if shift is not None:
        span = f"{shift[:1].upper()}{shift[1:]} shift since {start:%H:%M}"
    elif found.days <= 2:
        span = f"{start.day} {start:%b, %H:%M} to {end.day} {end:%b %Y, %H:%M}"
    else:
        first = f"{start.day}" if (start.year, start.month) == (end.year, end.month) else f"{start.day} {start:%b}"
        span = f"{first} to {end.day} {end:%b %Y}"
    many = found.days >= 1
    known = f"{min(found.days, FULL_DAYS - 1) if found.provisional else FULL_DAYS:.0f}"
    known = known if many else f"{max(1.0, found.days * 24):.0f} h"
    return f"{span}, {area or 'all areas'}." + (f" Provisional: {known} of 30 days." if found.provisional else "")


def flood_words(found: Overview, zone: ZoneInfo) -> str:
    """What the head of the picture says: what one bar is, and when floods were."""
    floods = found.report.figures.floods
    fine = found.course.step == TEN_MINUTES
    named = [
        _when(flood.start, zone, clock_only=found.days <= 1, day="%a" if found.days <= 7 else "")
        for flood in floods[-_FLOODS_NAMED:]
    ]
    if not floods:
        told = "No flood"
    elif len(floods) <= _FLOODS_NAMED:
        told = f"{len(floods)} flood{'s' * (len(floods) > 1)}: {', '.join(named)}"
    else:
        told = f"{len(floods)} floods, the latest {named[-1]}"
    return told if fine else f"Each bar: the worst 10 minutes of half an hour. {told}"


def label(found: Overview, zone: ZoneInfo) -> str:
    """The picture in a sentence, for those who do not see it."""
    rates, floods = found.report.figures.rates, len(found.report.figures.floods)
    start, end = (_when(at, zone) for at in (found.since, found.until))
    if rates.peak is None or rates.peak_start is None:
        return f"Alarms per 10 minutes, {start} to {end}: none"
    peak = f"at most {rates.peak:,}, on {_when(rates.peak_start, zone)}"
    return f"Alarms per 10 minutes, {start} to {end}: {peak}; {floods or 'no'} flood{'s' * (floods != 1)}"


def course_rows(found: Overview, zone: ZoneInfo) -> tuple[Sequence[str], list[Sequence[object]]]:
    """The picture as a table: the ten minutes with an alarm, or the days of a long time."""
    course = found.course
    if course.step != TEN_MINUTES:
        rows: list[Sequence[object]] = [
            (
                _when(day.start, zone, day_only=True),
                f"{day.alarms:,}",
                f"{day.worst:,}",
                "–" if day.worst_start is None else f"{clock(day.worst_start, zone):%H:%M}",
            )
            for day in found.by_day
        ]
        return ("Day", "Alarms", "Worst 10 minutes", "When"), rows
    times = [(course.since + at * course.step, count) for at, count in enumerate(course.values) if count]
    return ("From", "Alarms in 10 minutes"), [
        (_when(at, zone, clock_only=found.until - found.since <= DAY), f"{count:,}") for at, count in times
    ]


def _when(at: float, zone: ZoneInfo, *, clock_only: bool = False, day_only: bool = False, day: str = "") -> str:
    moment = clock(at, zone)
    if day and not clock_only:
        return f"{moment:{day} %H:%M}"
    if day_only:
        return f"{moment:%a} {moment.day} {moment:%b}"
    return f"{moment:%H:%M}" if clock_only else f"{moment:%a} {moment.day} {moment:%b} {moment:%H:%M}"
