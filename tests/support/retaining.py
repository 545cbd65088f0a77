"""Stores with retention for the tests: filled, indexed and run to the end."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from andon.core.models import LogRecord, Retained
from andon.core.settings.database_url import Database, PostgresAddress
from andon.store import KeepPolicy, Retention, Store, prepare, queue
from support.store_data import NOW, Clock, an_answer


@contextlib.asynccontextmanager
async def keeping(path: Database, policy: KeepPolicy, clock: Clock) -> AsyncIterator[Store]:
    """A store with these rules, and ``store.retention`` to apply them."""
    if not isinstance(path, PostgresAddress):
        prepare(path, durability="normal")
    store = await Store.open(path, clock=clock, keeping=policy)
    store.retention = Retention(store, policy, clock)  # so that a test carries one object
    try:
        yield store
    finally:
        await store.close()


async def fill(store: Store, clock: Clock, records: Sequence[LogRecord]) -> None:
    """Record and index; half a minute passes."""
    if records:
        await store.record(records, [])
    clock.now += 31
    while (await store.index(500))[0]:
        pass


async def answer_all(store: Store) -> None:
    """Answer every open question, so that none keeps its log."""
    while (job := await store.write(queue.claim, "me", 60, NOW)) is not None:
        await store.write(queue.finish, job, an_answer(), NOW)


async def retain(store: Store) -> tuple[dict[str, int], Retained]:
    """One whole run: logs deleted by rule, and the last step."""
    total: dict[str, int] = {}
    while True:
        done = await store.retention.step()
        for label, count in done.deleted.items():
            total[label] = total.get(label, 0) + count
        if not done.more:
            return total, done
