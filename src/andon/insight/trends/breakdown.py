"""One problem by machine, line, host and shift, how long from one occurrence to the next, and counts over time."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from andon.core.times import stored
from andon.insight.shifts.calendar import Shift, moment
from andon.insight.trends.rates import between, occurrences
from andon.store import Connection, counts

Step = Literal["minute", "hour", "day"]
_FIELDS = ("machine", "line", "hostname")
_STEP_SECONDS: dict[Step, int] = {"minute": 60, "hour": 3600, "day": 86_400}
#: Most points of a timeline.
POINTS_MAX = 2_000
#: Longest time a problem is broken down over, in seconds.
SPAN_MAX = 400 * 86_400
_VALUES_MAX = 50
#: The time that belongs to no shift.
NO_SHIFT = "(none)"


class Share(msgspec.Struct, frozen=True):
    """How many logs have a value; the value null stands for those that are not told apart."""

    value: str | None
    count: int
    share: float


class ShiftShare(msgspec.Struct, frozen=True):
    """How many logs fell into a shift, and how many an hour while it worked."""

    name: str
    count: int
    per_hour: float


class Breakdown(msgspec.Struct, frozen=True):
    """Where and when a problem occurs. Values of fields are counted by whole days (UTC) that the time touches.

    An occurrence is a minute with a log after ten minutes without any; ``minutes_between`` is the mean from the start
    of one to that of the next, null where there were fewer than two. The shift ``(none)`` is the time between shifts.
    """

    pattern_id: int
    since: str
    until: str
    logs: int
    occurrences: int
    minutes_between: float | None
    machine: list[Share]
    line: list[Share]
    hostname: list[Share]
    shifts: list[ShiftShare]


class Point(msgspec.Struct, frozen=True):
    """Logs from ``start`` on, for one step."""

    start: str
    count: int


class Timeline(msgspec.Struct, frozen=True):
    """Logs over time, one point for each step, those without any included; days are those of ``zone``."""

    step: Step
    zone: str
    total: int
    points: list[Point]


def breakdown(
    connection: Connection, pattern_id: int, since: float, until: float, shifts: Sequence[Shift], zone: ZoneInfo
) -> Breakdown:
    """A problem by place and shift. Raises NotFound, and ValueError for more than :data:`SPAN_MAX`."""
    if until - since > SPAN_MAX:
        raise ValueError(f"the time is longer than {SPAN_MAX // 86_400} days: ask about a shorter one")
    minutes = counts.minutes_of(connection, pattern_id, since, until)
    starts = occurrences(sorted(minutes))
    values = counts.by_value(connection, pattern_id, _FIELDS, since, until)
    machine, line, host = (_shares(values.get(name, [])) for name in _FIELDS)
    worked = by_shift(minutes, since, until, shifts, zone)
    logs, span = sum(minutes.values()), (stored(since), stored(until))
    return Breakdown(pattern_id, *span, logs, len(starts), between(starts), machine, line, host, worked)


def _shares(values: list[tuple[str | None, int]]) -> list[Share]:
    total = sum(count for _, count in values)
    return [Share(value, count, count / total) for value, count in values[:_VALUES_MAX]]


def by_shift(
    minutes: Mapping[int, int], since: float, until: float, shifts: Sequence[Shift], zone: ZoneInfo
) -> list[ShiftShare]:
    """Logs by the shift that worked, in the order of ``shifts``; of overlapping ones the first counts."""
    edges, names = _course(shifts, since, until, zone)
    hours: Counter[str] = Counter()
    for begin, end, name in zip(edges, edges[1:], names, strict=False):
        hours[name] += max(0.0, min(end, until) - max(begin, since)) / 3600  # type: ignore[assignment]  # hours are no whole numbers
    found: Counter[str] = Counter()
    for minute, count in minutes.items():
        found[names[bisect_right(edges, minute * 60.0) - 1]] += count
    order = [*dict.fromkeys(shift.name for shift in shifts), NO_SHIFT]
    return [
        ShiftShare(name, found[name], found[name] / hours[name])
        for name in order
        if hours[name] > 0 and (name != NO_SHIFT or found[name])
    ]


def _course(shifts: Sequence[Shift], since: float, until: float, zone: ZoneInfo) -> tuple[list[float], list[str]]:
    """Moments at which the working shift may change, and who works from each on."""
    workings = [
        window
        for shift in shifts
        for day in _days(since - 2 * 86_400, until, zone)  # what began before may still work
        if (window := shift.on(day, zone)) is not None and window.end > window.start
    ]
    edges = sorted({since - 86_400.0, until + 86_400.0, *(t for one in workings for t in (one.start, one.end))})
    holder = [NO_SHIFT] * len(edges)
    place = {edge: index for index, edge in enumerate(edges)}
    for one in reversed(workings):  # the first of ``shifts`` has the last word
        first, last = place[one.start], place[one.end]
        holder[first:last] = [one.name] * (last - first)
    return edges, holder


def _days(since: float, until: float, zone: ZoneInfo) -> list[date]:
    """The site's days from that of ``since`` to that of ``until``."""
    first, last = (datetime.fromtimestamp(moment, zone).date() for moment in (since, until))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def timeline(
    connection: Connection, step: Step, since: float, until: float, zone: ZoneInfo, pattern_id: int | None = None
) -> Timeline:
    """Logs over time, of one problem or of all.

    An hour that straddles the site's midnight belongs to the day it begins in. Raises NotFound, and ValueError for more
    than :data:`POINTS_MAX` points.
    """
    check_points(step, since, until)
    if step == "minute" and pattern_id is None:
        found = counts.minutely(connection, since, until)
    elif step == "minute" and pattern_id is not None:
        found = counts.minutes_of(connection, pattern_id, since, until)
    else:
        found = counts.hourly(connection, since, until, pattern_id)
    if step == "day":
        rows = _daily(found, since, until, zone)
    else:
        seconds = _STEP_SECONDS[step]
        steps = range(int(since // seconds), int(-(-until // seconds)))
        rows = [Point(stored(n * seconds), found.get(n, 0)) for n in steps]
    return Timeline(step, zone.key, sum(row.count for row in rows), rows)


def check_points(step: Step, since: float, until: float) -> None:
    """Raises ValueError with a sentence where a timeline would have too many points."""
    points = (until - since) / _STEP_SECONDS[step]
    if points > POINTS_MAX:
        raise ValueError(f"{points:,.0f} points are more than {POINTS_MAX:,}: choose a longer step or a shorter time")


def _daily(hours: Mapping[int, int], since: float, until: float, zone: ZoneInfo) -> list[Point]:
    days: Counter[date] = Counter()
    for hour, count in hours.items():
        days[datetime.fromtimestamp(hour * 3600, zone).date()] += count
    return [Point(stored(moment(day, time.min, zone)), days[day]) for day in _days(since, max(since, until - 1), zone)]
