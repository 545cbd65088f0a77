"""A week of logs and a day beside it: what the tests of trends are told on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from andon.core.models import LogRecord
from andon.core.settings.database_url import Database
from andon.store import Visitor, problems
from support.store_data import Clock, a_log, opened

DAY0 = datetime(2025, 1, 6, tzinfo=UTC)


def at(hours: float) -> datetime:
    """So many hours after the first midnight."""
    return DAY0 + timedelta(hours=hours)


def logs(*rows: tuple[float, str], **fields: object) -> list[LogRecord]:
    """A log for each (hour, pattern), numbered in order."""
    return [
        a_log(number, pattern, timestamp=at(hour).isoformat(timespec="milliseconds").replace("+00:00", "Z"), **fields)
        for number, (hour, pattern) in enumerate(rows, 1)
    ]


def week() -> Iterator[tuple[float, str]]:
    """Seven days, then one: steady goes on, fell silent, rises tenfold; fresh is new; one burst of long ago."""
    for hour in range(8 * 24):
        yield hour + 0.1, "steady"
        yield hour + 0.15, "steady"
        if hour < 7 * 24:
            yield hour + 0.2, "fell"
        if hour % 4 == 0 and hour < 7 * 24:
            yield hour + 0.3, "rises"
        if hour >= 7 * 24:
            yield from ((hour + 0.3 + n / 100, "rises") for n in range(5))
    yield from ((30 + n / 3600, "burst") for n in range(300))
    yield from ((7 * 24 + 5 + n / 3600, "burst") for n in range(100))
    yield from ((7 * 24 + 20 + n / 60, "fresh") for n in range(7))


def fill(path: Database, records: list[LogRecord], *, indexed: bool = True) -> dict[str, int]:
    """Store and index; the ids of the patterns by name."""

    async def work() -> None:
        clock = Clock()
        async with opened(path, clock=clock) as store:
            for start in range(0, len(records), 1000):
                await store.record(records[start : start + 1000], [])
            clock.now += 60
            while indexed and (await store.index(700))[1]:
                pass

    asyncio.run(work())
    with Visitor(path) as visitor:
        return {one.template.rpartition(" ")[2]: one.id for one in visitor.read(problems.listing, 1000)}
