"""All that tells whether the alarm system itself is healthy, in one answer: figures, course, problems, rhythm."""

from __future__ import annotations

import time
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from andon.core.models import Moment
from andon.insight.alarms import alarm_report, rhythm
from andon.insight.alarms.alarm_report import AlarmReport
from andon.insight.alarms.metrics import FULL_DAYS, TEN_MINUTES
from andon.insight.alarms.rhythm import Course, Day, Hour
from andon.store import Connection, alarms, counts
from andon.store.alarms import EVERYWHERE, AlarmFilter, ProblemShare

#: What problems are sorted by.
Order = Literal["count", "minutes"]
#: No window is longer than this, in seconds.
LONGEST = 366 * rhythm.DAY
#: So many problems are listed.
LISTED = 10


class Ranked(msgspec.Struct, frozen=True):
    """A problem's share: ``added_up`` is that of all down to this one, of what it is sorted by (None: not known)."""

    share: ProblemShare
    added_up: float | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """A window of the alarm system. Moments are unix seconds.

    The window begins where the data does, where that is later than asked: ``days`` says how much there is, of the
    thirty that targets are meant for. ``report`` holds the figures beside their targets, ``ack_seconds`` the median
    time to acknowledge. ``course`` are the alarms in ten minutes, ``by_day`` the same by days; ``problems`` the most
    frequent ones (or those that lasted longest), of ``all_problems``; ``hours`` the alarms by hour and weekday.
    """

    since: Moment
    until: Moment
    days: float
    report: AlarmReport
    ack_seconds: float | None
    course: Course
    by_day: list[Day]
    order: Order
    problems: list[Ranked]
    all_problems: int
    hours: list[Hour]

    @property
    def provisional(self) -> bool:
        """Whether it is less than the thirty days that targets are meant for."""
        return self.days < FULL_DAYS


def find(
    connection: Connection,
    since: float,
    until: float,
    zone: ZoneInfo,
    chosen: AlarmFilter = EVERYWHERE,
    *,
    order: Order = "count",
    limit: int = LISTED,
) -> Overview:
    """The overview of a window (unix seconds), from where there is data on, a year at most.

    It is widened to whole ten minutes.
    """
    start, end = alarm_report.widened(*_held(connection, since, until))
    counted = alarms.counts(connection, start, end, chosen)
    report = alarm_report.judged(connection, counted, start, end, chosen)
    shares = alarms.by_problem(connection, start, end, chosen)
    return Overview(
        since=start,
        until=end,
        days=(end - start) / rhythm.DAY,
        report=report,
        ack_seconds=alarms.median_acknowledgement(connection, start, end, chosen),
        course=rhythm.course(counted.periods, start, end),
        by_day=rhythm.by_day(counted.periods, start, end, zone),
        order=order,
        problems=ranked(shares, order)[:limit],
        all_problems=len(shares),
        hours=rhythm.by_hour(counted.periods, report.figures.floods, start, end, zone),
    )


def ranked(shares: list[ProblemShare], order: Order) -> list[Ranked]:
    """The problems in order, with what they make up together of all."""
    size = _seconds if order == "minutes" else _count
    total = sum(map(size, shares))
    found, so_far = [], 0.0
    for one in sorted(shares, key=lambda share: (-size(share), -share.count, share.alarm_id)):
        so_far += size(one)
        found.append(Ranked(one, so_far / total if total else None))
    return found


def _count(share: ProblemShare) -> float:
    return share.count


def _seconds(share: ProblemShare) -> float:
    return share.seconds or 0.0


def _held(connection: Connection, since: float, until: float) -> tuple[float, float]:
    """The part of a window in which there is data: a year of it at most, the newest."""
    span = counts.span(connection)
    now = time.time()
    first, last = (now, now) if span is None else (span[0] * 60.0, max(now, span[1] * 60.0 + 60))
    end = max(min(until, last), since)
    return min(max(since, first - first % TEN_MINUTES, end - LONGEST), end), end
