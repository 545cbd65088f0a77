"""Keeping search and comparison up to date behind the recorder, without ever being in its way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from andon.core.errors import StoreError
from andon.core.telemetry import Metrics
from andon.store import Store

#: Logs in one transaction: some milliseconds, which is what recording may have to wait.
CHUNK = 200
#: While there is much to do, so many times as long as a step took belongs to the recorder.
REST = 2.0
#: What was recorded is indexed so much later at the most, in seconds; after :data:`QUIET` it is looked for anyway.
IDLE = 0.5
QUIET = 60.0
#: A store that is full or away is asked again after this many seconds.
TROUBLE = 5.0


async def keep_indexed(store: Store, metrics: Metrics, told: Callable[[], None] = lambda: None) -> None:
    """Index what was recorded, step by step, for ever; ``told`` is called after each step that indexed anything."""
    while True:
        started, seen = time.monotonic(), store.news.count
        try:
            count, more = await store.index(CHUNK)
        except StoreError:
            # recording meets the same trouble, and says so on /readyz
            await asyncio.sleep(TROUBLE)
            continue
        metrics.indexed.inc(count)
        if count:
            told()
        await asyncio.sleep(REST * (time.monotonic() - started) if more else IDLE)
        if not count:
            await store.news.rest(seen, QUIET)
