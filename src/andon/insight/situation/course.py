"""How often a problem came: today, in all, and day by day. Read from counts and from the times of alarms; no log is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from andon.insight.shifts.calendar import moment
from andon.store import Connection, alarms, counts
from andon.store.alarms import ProblemAlarms
from andon.store.problems import Whole

#: Days of the trend, today included.
DAYS = 30


class Day(msgspec.Struct, frozen=True):
    """One day of the site: when it began (unix seconds), and how often the problem came."""

    start: float
    count: int


class Course(msgspec.Struct, frozen=True):
    """How often a problem came: each time that its alarm went off, and where no alarm reports its state each record.

    ``times`` says that these are alarms that went off; else they are records. ``to_clear`` is the mean time until it
    was over, in seconds, over ``cleared`` times of the last 30 days.
    """

    days: list[Day]
    ever: int
    times: bool
    to_clear: float | None = None
    cleared: int = 0

    @property
    def today(self) -> int:
        """How often it came since midnight."""
        return self.days[-1].count if self.days else 0


def read(connection: Connection, problem: Whole, known: ProblemAlarms, now: float, zone: ZoneInfo) -> Course:
    """The course of a problem over the last 30 days. Raises NotFound."""
    today = datetime.fromtimestamp(now, zone).date()
    starts = [moment(today - timedelta(days=DAYS - 1 - n), time.min, zone) for n in range(DAYS)]
    stated = [entry.id for entry in known.entries if entry.id in known.stated]
    if not stated:
        hours = counts.hourly(connection, starts[0], now + 60, problem.id)
        by_day = _by_day(((hour * 3600.0, count) for hour, count in hours.items()), zone)
        return Course(_days(starts, by_day, zone), problem.count, times=False)
    came = alarms.starts(connection, stated, starts[0], now + 60)
    by_day = _by_day(((at, 1) for at in came), zone)
    cleared = alarms.time_to_clear(connection, stated, starts[0])
    return Course(
        _days(starts, by_day, zone),
        max(sum(entry.occurrences for entry in known.entries), len(came)),
        times=True,
        to_clear=None if cleared is None else cleared.mean,
        cleared=0 if cleared is None else cleared.times,
    )


def _by_day(counted: Iterable[tuple[float, int]], zone: ZoneInfo) -> Counter[date]:
    found: Counter[date] = Counter()
    for at, count in counted:
        found[datetime.fromtimestamp(at, zone).date()] += count
    return found


def _days(starts: list[float], by_day: Counter[date], zone: ZoneInfo) -> list[Day]:
    return [Day(start, by_day[datetime.fromtimestamp(start, zone).date()]) for start in starts]
