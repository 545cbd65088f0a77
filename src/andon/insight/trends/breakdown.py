"""One problem by machine, line, host and shift, how long from one occurrence to the next, and counts over time."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from andon.core.models.history import ShiftWindow
from andon.core.times import stored
from andon.insight.shifts.calendar import Shift
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


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
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
    """Logs from ``start`` (in the site's zone, with its offset) on, for one step."""

    start: str
    count: int


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Logs over time, one point for each step, those without any included."""

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
    return Breakdown(
        pattern_id=pattern_id,
        since=stored(since),
        until=stored(until),
        logs=sum(minutes.values()),
        occurrences=len(starts),
        minutes_between=between(starts),
        machine=_shares(values.get("machine", [])),
        line=_shares(values.get("line", [])),
        hostname=_shares(values.get("hostname", [])),
        shifts=by_shift(minutes, since, until, shifts, zone),
    )


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


#: The time that belongs to no shift.
NO_SHIFT = "(none)"


def _course(shifts: Sequence[Shift], since: float, until: float, zone: ZoneInfo) -> tuple[list[float], list[str]]:
    """Moments at which the working shift may change, and who works from each on."""
    workings = [(rank, one) for rank, shift in enumerate(shifts) for one in _workings(shift, since, until, zone)]
    marks = {since - 86_400.0, until + 86_400.0, *(t for _, one in workings for t in (one.start, one.end))}
    edges = sorted(marks)
    holder: list[tuple[int, str]] = [(len(shifts), NO_SHIFT)] * len(edges)
    place = {edge: index for index, edge in enumerate(edges)}
    for rank, one in workings:
        for index in range(place[one.start], place[one.end]):
            holder[index] = min(holder[index], (rank, one.name))
    return edges, [name for _, name in holder]


def _workings(shift: Shift, since: float, until: float, zone: ZoneInfo) -> Iterable[ShiftWindow]:
    day = datetime.fromtimestamp(since, zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(until, zone).date()
    while day <= last:
        if (window := shift.on(day, zone)) is not None and window.end > window.start:
            yield window
        day += timedelta(days=1)


def timeline(
    connection: Connection, step: Step, since: float, until: float, zone: ZoneInfo, pattern_id: int | None = None
) -> Timeline:
    """Logs over time, of one problem or of all.

    An hour that straddles the site's midnight belongs to the day it begins in. Raises NotFound, and ValueError for more
    than :data:`POINTS_MAX` points.
    """
    check_points(step, since, until)
    if step == "day":
        return _daily(connection, since, until, zone, pattern_id)
    seconds = _STEP_SECONDS[step]
    if step == "hour":
        found = counts.hourly(connection, since, until, pattern_id)
    elif pattern_id is not None:
        found = counts.minutes_of(connection, pattern_id, since, until)
    else:
        found = counts.minutely(connection, since, until)
    first, last = int(since // seconds), int(-(-until // seconds))
    rows = [Point(_local(n * seconds, zone), found.get(n, 0)) for n in range(first, last)]
    return Timeline(step=step, zone=zone.key, total=sum(row.count for row in rows), points=rows)


def check_points(step: Step, since: float, until: float) -> None:
    """Raises ValueError with a sentence where a timeline would have too many points."""
    points = (until - since) / _STEP_SECONDS[step]
    if points > POINTS_MAX:
        raise ValueError(f"{points:,.0f} points are more than {POINTS_MAX:,}: choose a longer step or a shorter time")


def _daily(connection: Connection, since: float, until: float, zone: ZoneInfo, pattern_id: int | None) -> Timeline:
    days: Counter[date] = Counter()
    for hour, count in counts.hourly(connection, since, until, pattern_id).items():
        days[datetime.fromtimestamp(hour * 3600, zone).date()] += count
    day = datetime.fromtimestamp(since, zone).date()
    last = datetime.fromtimestamp(max(since, until - 1), zone).date()
    rows = []
    while day <= last:
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        rows.append(Point(midnight.astimezone(UTC).astimezone(zone).isoformat(), days[day]))
        day += timedelta(days=1)
    return Timeline(step="day", zone=zone.key, total=sum(row.count for row in rows), points=rows)


def _local(moment: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(moment, zone).isoformat()
