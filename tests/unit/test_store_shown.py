"""What many patterns show, asked at once: what a batch of callers is answered with."""

from __future__ import annotations

import asyncio

from sqlalchemy import update

from andon.core.settings.database_url import Database
from andon.store import queue
from andon.store.schema.tables import patterns
from support.store_data import NOW, a_log, an_answer, opened

pytest_plugins = ["support.databases"]


def test_shown_for_gives_each_pattern_what_its_logs_show(database: Database) -> None:
    """Explained and provisionally explained patterns are there, unexplained ones are not; merged ones show the root's."""

    async def work() -> None:
        async with opened(database) as store:
            recorded = await store.record([a_log(n, f"p{n}") for n in range(1, 5)], [])
            one, two, three, four = recorded.pattern_ids
            assert one is not None
            first = await store.write(queue.claim, "me", 60, NOW)
            second = await store.write(queue.claim, "me", 60, NOW)
            assert first is not None
            assert second is not None
            await store.write(queue.finish, first, an_answer("final"), NOW)
            await store.write(queue.postpone, second, "away", NOW, an_answer("for now"))
            await store.write(
                lambda connection: connection.execute(
                    update(patterns).where(patterns.c.id == three).values(merged_into=one)
                )
            )
            shown = await store.read(queue.shown_for, [p for p in (one, two, three, four) if p is not None])
            assert {p: (a.text, a.provisional) for p, a in shown.items()} == {
                one: ("final", False),
                two: ("for now", True),
                three: ("final", False),
            }

    asyncio.run(work())


def test_shown_for_takes_any_number_of_patterns(database: Database) -> None:
    """No patterns and more than a statement's worth of them are both fine."""

    async def work() -> None:
        async with opened(database) as store:
            assert await store.read(queue.shown_for, []) == {}
            assert await store.read(queue.shown_for, range(1, 5000)) == {}

    asyncio.run(work())
