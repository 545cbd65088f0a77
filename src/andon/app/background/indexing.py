"""Keeping search and comparison up to date behind the recorder, without ever being in its way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from andon.core.errors import StoreError
from andon.core.telemetry import Metrics
from andon.store import Store

#: Logs in one transaction: few where few come, many where many wait, as each transaction costs as well; but no more
#: than are indexed in so many seconds, which is what recording may have to wait.
CHUNK, MOST = 200, 4_000
STEP = 0.08
#: While there is much to do, so many times as long as a step took belongs to the recorder where it always works, and
#: less where it does so for a part of the time only; nobody finds a log that is not stored.
REST, BREATH = 8.0, 0.05
IDLE = 0.5
#: A store that is full or away is asked again after this many seconds.
TROUBLE = 5.0


async def keep_indexed(store: Store, metrics: Metrics, told: Callable[[], None] = lambda: None) -> None:
    """Index what was recorded, step by step, for ever; ``told`` is called after each step that indexed anything."""
    chunk, since, before = CHUNK, time.monotonic(), store.recording
    while True:
        started = time.monotonic()
        try:
            count, more = await store.index(chunk)
        except StoreError:
            # recording meets the same trouble, and says so on /readyz
            await asyncio.sleep(TROUBLE)
            continue
        metrics.indexed.inc(count)
        if count:
            told()
        now, recording = time.monotonic(), store.recording
        took, share = now - started, min(1.0, (recording - before) / (now - since + 0.001))
        since, before = now, recording
        chunk = max(CHUNK, min(MOST, 2 * chunk, int(chunk * STEP / took))) if more else CHUNK
        await asyncio.sleep((BREATH + REST * share) * took if more else IDLE)
