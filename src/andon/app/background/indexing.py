"""Keeping search and comparison up to date behind the recorder, without ever being in its way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from andon.core.errors import StoreError
from andon.core.telemetry import Metrics
from andon.store import Store

#: Logs in one transaction: few where few come, many where many wait, as each transaction costs as well; but no more
#: than are indexed in so many seconds, which is what recording may have to wait: while it goes on, and while it rests.
CHUNK, MOST = 200, 4_000
STEP, LONG_STEP = 0.08, 0.2
#: While there is much to do, so many times as long as a step took belongs to others: most to a recorder that has a
#: backlog to store (what is not stored nobody finds at all), less to one that keeps up, little where nothing comes.
BEHIND, REST, BREATH = 20.0, 1.0, 0.05
#: Batches of so many logs tell of a backlog.
FULL = 500
#: No batch came for so many seconds: nobody has to be given way to any more.
STILL = 0.1
#: What was recorded is indexed so much later at the most, in seconds; after :data:`QUIET` it is looked for anyway.
IDLE = 0.5
QUIET = 60.0
#: A store that is full or away is asked again after this many seconds.
TROUBLE = 5.0


async def keep_indexed(store: Store, metrics: Metrics, told: Callable[[], None] = lambda: None) -> None:
    """Index what was recorded, step by step, for ever; ``told`` is called after each step that indexed anything."""
    chunk, before = CHUNK, store.recorded
    while True:
        started, seen = time.monotonic(), store.news.count
        try:
            count, more = await store.index(chunk)
        except StoreError:
            # recording meets the same trouble, and says so on /readyz
            await asyncio.sleep(TROUBLE)
            continue
        metrics.indexed.inc(count)
        if count:
            told()
        took = time.monotonic() - started
        batches, logs = (now - then for now, then in zip(store.recorded, before, strict=True))
        before = store.recorded
        step = STEP if batches else LONG_STEP
        chunk = max(CHUNK, min(MOST, 2 * chunk, int(chunk * step / took))) if more else CHUNK
        if not more:
            await asyncio.sleep(IDLE)
        elif batches:
            await _give_way(store, (BEHIND if logs >= FULL * batches else REST) * took)
        else:
            await asyncio.sleep(BREATH * took)
        if not count:
            await store.news.rest(seen, QUIET)


async def _give_way(store: Store, seconds: float) -> None:
    """Leave the store to the recorder for so long, or until that has nothing to store any more."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        before = store.recorded
        await asyncio.sleep(min(STILL, left))
        if store.recorded == before and not store.recording:
            return
