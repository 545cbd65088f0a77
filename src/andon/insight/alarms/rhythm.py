"""When alarms came: bars over time, and by hour of the day and weekday, from counts of ten minutes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec

from andon.core.models import Moment
from andon.core.times import clock
from andon.insight.alarms.metrics import TEN_MINUTES, Flood

HOUR, DAY = 3600.0, 86_400.0
#: Over a longer window than this one bar is the worst ten minutes of half an hour.
FINE_MAX = 3 * DAY
HALF_HOUR = 1800.0
#: Hours that stand together where there is little room.
BLOCK = 4
#: The steps of a picture by hour: up to so many alarms an hour each, the targets among them (6 and 12).
STEPS = (0, 6, 12, 30)


class Course(msgspec.Struct, frozen=True):
    """Alarms in ten minutes over a window: each of ``values`` is the worst ten minutes of ``step`` seconds."""

    since: Moment
    step: float
    values: list[int]


class Hour(msgspec.Struct, frozen=True):
    """An hour of the day on a weekday (0: Monday): alarms an hour, the mean where the window holds several such hours.

    ``alarms`` is None where the window holds none. ``flood`` says that one was under way.
    """

    weekday: int
    hour: int
    alarms: float | None
    flood: bool

    @property
    def step(self) -> int:
        """Which of the steps it is in, 0 to 4; -1 where nothing is known."""
        return -1 if self.alarms is None else sum(round(self.alarms) > most for most in STEPS)


class Day(msgspec.Struct, frozen=True):
    """A day of a window on the site's clock: its alarms, and the most of them in ten minutes, which began then."""

    start: Moment
    alarms: int
    worst: int
    worst_start: Moment | None


def course(counts: Mapping[int, int], since: float, until: float) -> Course:
    """The bars of a window that begins with whole ten minutes: by ten minutes, by half hours where it is long."""
    step = TEN_MINUTES if until - since <= FINE_MAX else HALF_HOUR
    start, width = since - since % step, int(step // TEN_MINUTES)
    first, number = int(start // TEN_MINUTES), max(1, int(-(-(until - start) // step)))
    values = [max(counts.get(first + bar * width + part, 0) for part in range(width)) for bar in range(number)]
    return Course(start, step, values)


def by_hour(
    counts: Mapping[int, int], floods: Sequence[Flood], since: float, until: float, zone: ZoneInfo
) -> list[Hour]:
    """Every hour of the weekdays in the window, from Monday on, or from the first of less than a week.

    Hours that the window only touches count.
    """
    seen: dict[tuple[int, int], int] = {}
    alarms: dict[tuple[int, int], int] = {}
    flooded: set[tuple[int, int]] = set()
    at = since - since % HOUR
    while at < until:
        cell = _cell(at, zone)
        seen[cell] = seen.get(cell, 0) + 1
        at += HOUR
    for period, count in counts.items():
        cell = _cell(period * TEN_MINUTES, zone)
        alarms[cell] = alarms.get(cell, 0) + count
    for flood in floods:
        for period in range(int(flood.start // TEN_MINUTES), int(-(-flood.end // TEN_MINUTES))):
            flooded.add(_cell(period * TEN_MINUTES, zone))
    found = []
    first = clock(since, zone).weekday() if until - since < 6 * DAY else 0
    for day in sorted({day for day, _ in seen}, key=lambda day: (day - first) % 7):
        for cell in ((day, hour) for hour in range(24)):
            mean = alarms.get(cell, 0) / seen[cell] if cell in seen else None
            found.append(Hour(*cell, mean, cell in flooded))
    return found


def blocks(hours: Sequence[Hour]) -> list[Hour]:
    """The worst of each four hours, in place of all of them."""
    found = []
    for start in range(0, len(hours), BLOCK):
        part = hours[start : start + BLOCK]
        known = [one.alarms for one in part if one.alarms is not None]
        first = part[0]
        found.append(Hour(first.weekday, first.hour, max(known, default=None), any(one.flood for one in part)))
    return found


def by_day(counts: Mapping[int, int], since: float, until: float, zone: ZoneInfo) -> list[Day]:
    """The days of a window, those at its ends as far as it holds them."""
    found: dict[float, list[int]] = {}
    for begin, end in days(since, until, zone):
        found[begin] = [period for period in counts if begin <= period * TEN_MINUTES < end and counts[period]]
    listed = []
    for begin, periods in found.items():
        worst = max(periods, key=lambda period: (counts[period], -period), default=None)
        most, start = (0, None) if worst is None else (counts[worst], worst * TEN_MINUTES)
        listed.append(Day(begin, sum(counts[period] for period in periods), most, start))
    return listed


def days(since: float, until: float, zone: ZoneInfo) -> list[tuple[float, float]]:
    """Where the days of a window begin and end on the site's clock, as far as it holds them."""
    found = []
    at = since
    while at < until:
        midnight = clock(at, zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        after = midnight.replace(tzinfo=zone).timestamp()
        found.append((at, min(after, until)))
        at = after
    return found


def _cell(at: float, zone: ZoneInfo) -> tuple[int, int]:
    moment = clock(at, zone)
    return moment.weekday(), moment.hour
