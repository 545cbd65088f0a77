"""Counts by days and weeks are the sums of those by ten minutes and hours, whatever came in which batch."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from sqlalchemy import Connection

from andon.core.settings.database_url import Database
from andon.core.times import stored
from andon.store import Visitor, search
from andon.store.alarms.queries import counted_by_alarm
from andon.store.search import comparison
from support.store_data import a_log, opened, query

pytest_plugins = ["support.databases"]

_START, _DAYS = 1_736_000_000, 24
_HOURS = "SELECT field_id, hour, value_id, count FROM facet_hours"
_DAILY = "SELECT field_id, day, value_id, count, squares FROM facet_days"


async def _fill(database: Database, dice: random.Random) -> None:
    """Three weeks of logs, many at once and many late."""
    async with opened(database) as store:
        number = 0
        for _ in range(12):
            batch = []
            for _ in range(40):
                number += 1
                at = _START + dice.choice((dice.randrange(_DAYS * 86_400), 5 * 86_400 + dice.randrange(4_000)))
                batch.append(
                    a_log(
                        number,
                        f"p{dice.randrange(4)}",
                        hostname=f"h{dice.randrange(3)}",
                        timestamp=stored(at),
                    )
                )
            await store.record(batch, [])
            while (await store.index(25))[1]:
                pass


def test_days_and_weeks_are_sums(database: Database) -> None:
    """Each count, each square, each greatest number within a minute, over any span."""
    dice = random.Random(4)
    asyncio.run(_fill(database, dice))
    days: Counter[tuple[int, int, int]] = Counter()
    squares: Counter[tuple[int, int, int]] = Counter()
    for field, hour, value, count in query(database, _HOURS):
        days[field, hour // 24, value] += count
        squares[field, hour // 24, value] += count * count
    held = {row[:3]: row[3:] for row in query(database, _DAILY)}
    assert held == {key: (count, float(squares[key])) for key, count in days.items()}
    assert max(squares.values()) > 100  # several batches met in one hour
    periods = query(database, "SELECT period, alarm_id, count, most FROM alarm_periods")
    assert len({period // 1008 for period, *_ in periods}) == 4
    with Visitor(database) as visitor:
        for _ in range(30):
            since, until = sorted(_START + dice.randrange(_DAYS * 86_400) for _ in range(2))
            expected: dict[int, list[int]] = {}
            for period, alarm, count, most in periods:
                if since // 600 <= period < -(-until // 600):
                    one = expected.setdefault(alarm, [0, 0])
                    one[0], one[1] = one[0] + count, max(one[1], most)
            assert visitor.read(_by_alarm, since, until) == expected


def _by_alarm(connection: Connection, since: float, until: float) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for alarm, count, most in connection.execute(counted_by_alarm(since, until, [])):
        one = found.setdefault(int(alarm), [0, 0])
        one[0], one[1] = one[0] + int(count), max(one[1], int(most))
    return found


def test_a_comparison_by_days_is_one_by_hours(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is too much to read, whole days are read as such and the hours at both ends by themselves."""
    asyncio.run(_fill(database, random.Random(5)))
    monkeypatch.setattr(comparison, "EXACT_MAX", 10)
    window, before = (_START + 9 * 86_400 + 5_000, _START + 20 * 86_400), (_START + 3_000, _START + 9 * 86_400 + 5_000)
    with Visitor(database) as visitor:
        by_days = visitor.read(search.compare_windows, window, before)
        monkeypatch.setattr(comparison, "_by_days_and_hours", lambda hours: ([_BY_HOUR], [tuple(hours)]))
        assert visitor.read(search.compare_windows, window, before) == by_days
    assert not by_days.exact
    assert by_days.inside > 90


_BY_HOUR = (
    "SELECT value_id, count, 1.0 * count * count AS squares FROM facet_hours"
    " WHERE field_id = ? AND hour >= ? AND hour < ?"
)
