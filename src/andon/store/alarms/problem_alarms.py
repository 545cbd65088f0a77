"""The alarms of one problem: which there are, when they came, and how long they lasted. Moments are unix seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from andon.store.alarms.queries import AlarmEntry
from andon.store.alarms.queries import entries as all_entries
from andon.store.alarms.tracking import PERIOD
from andon.store.schema.alarm_tables import alarm_periods, alarms, occurrences
from andon.store.schema.dialect import portions

#: Alarms of a problem that are told apart, those seen last.
ALARMS_MAX = 500
#: Times of a problem that are read one by one.
TIMES_MAX = 20_000
_CHATTER = 3
#: So many of the last ten minutes are looked at, the current ones included.
_LATELY = 3


class ProblemAlarms(NamedTuple):
    """Alarms of a problem, those seen last first. ``stated`` are the ids of those whose logs report a state."""

    entries: list[AlarmEntry]
    stated: frozenset[int]


class Lasted(NamedTuple):
    """How long the times of some alarms lasted that somebody reported the end of: the mean in seconds, and how many."""

    mean: float
    times: int


def of_patterns(connection: Connection, pattern_ids: Sequence[int]) -> ProblemAlarms:
    """The alarms of these patterns that were raised at least once, :data:`ALARMS_MAX` at most."""
    query = (
        all_entries()
        .add_columns(alarms.c.stated)
        .where(alarms.c.pattern_id.in_(pattern_ids), alarms.c.occurrences > 0)
        .order_by(alarms.c.last_seen.desc(), alarms.c.id)
        .limit(ALARMS_MAX)
    )
    rows = [tuple(row) for row in connection.execute(query)]
    entries = [AlarmEntry(*row[:-1]) for row in rows]
    return ProblemAlarms(entries, frozenset(entry.id for entry, row in zip(entries, rows, strict=True) if row[-1]))


def starts(connection: Connection, alarm_ids: Sequence[int], since: float, until: float) -> list[float]:
    """When these alarms became active in ``since`` ≤ t < ``until``, in no order; :data:`TIMES_MAX` at most."""
    found: list[float] = []
    for part in portions(alarm_ids):
        query = select(occurrences.c.started).where(
            occurrences.c.alarm_id.in_(part), occurrences.c.started >= since, occurrences.c.started < until
        )
        found += connection.execute(query.limit(TIMES_MAX - len(found))).scalars()
    return found


def time_to_clear(connection: Connection, alarm_ids: Sequence[int], since: float) -> Lasted | None:
    """How long these alarms were active each time, of the times since then; None where nobody reported an end."""
    total, times = 0.0, 0
    for part in portions(alarm_ids):
        seconds, count = connection.execute(
            select(func.sum(occurrences.c.ended - occurrences.c.started), func.count()).where(
                occurrences.c.alarm_id.in_(part),
                occurrences.c.started >= since,
                occurrences.c.ended.is_not(None),
                occurrences.c.clears,
            )
        ).one()
        total, times = total + float(seconds or 0.0), times + int(count)
    return Lasted(total / times, times) if times else None


def chatters(connection: Connection, alarm_ids: Sequence[int], now: float) -> bool:
    """Whether one of these alarms became active three times within a minute, in the last half hour."""
    current = int(now // PERIOD)
    recent = range(current - _LATELY + 1, current + 1)
    for part in portions(alarm_ids):
        query = select(alarm_periods.c.alarm_id).where(
            alarm_periods.c.period.in_(recent), alarm_periods.c.alarm_id.in_(part), alarm_periods.c.most >= _CHATTER
        )
        if connection.execute(query.limit(1)).first() is not None:
            return True
    return False
