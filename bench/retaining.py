"""Retention beside recording: what deleting a million logs costs whoever records meanwhile.

Logs arrive in batches at a steady pace, as from a busy plant, while the rules delete a million old ones and the indexer
keeps up. Measured is how long a batch waits until it is stored, with and without retention in the same run; and in a
second part how fast recording goes at full speed with it and without.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from andon.app.background.indexing import keep_indexed
from andon.app.background.retainer import Retainer
from andon.core.models import LogRecord, Retained
from andon.core.telemetry import Metrics
from andon.store import KeepPolicy, KeepRule, Retention, Store, prepare
from bench.plant import Plant
from bench.rows import Row

BATCH = 500
#: Batches recorded in a second at the steady pace.
PACE = 4
_DAY = 86_400.0


class _Clock:
    """The time of storing: old logs were stored long ago."""

    def __init__(self) -> None:
        self.offset = -60 * _DAY

    def __call__(self) -> float:
        return time.time() + self.offset


class _Steps:
    """A store's retention; notes what each step took of the writer's time."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        self.seconds: list[float] = [0.0]
        self.over = retention.over

    async def step(self) -> Retained:
        """The next step."""
        done = await self._retention.step()
        self.seconds.append(done.seconds)
        return done


async def measure(*, quick: bool) -> list[Row]:
    """Print waits and ratios, and return them."""
    rows = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        path = Path(place) / "agent.db"
        prepare(path, durability="normal")
        clock = _Clock()
        policy = KeepPolicy((KeepRule("old", 30 * _DAY),))
        store = await Store.open(path, clock=clock, keeping=policy)
        try:
            fresh = await _fill(store, rows)
            clock.offset = 0.0
            before = path.stat().st_size
            print(f"\nretention: {rows:,} logs to delete, {before / rows:,.0f} bytes each, batches of {BATCH}")
            found = await _beside(store, Retention(store, policy, clock), fresh)
        finally:
            await store.close()
        print(f"  file: {before / 2**20:,.0f} MiB before, {path.stat().st_size / 2**20:,.0f} MiB after")
    return found


async def _fill(store: Store, rows: int) -> list[list[LogRecord]]:
    """Record and index ``rows`` logs; batches for later."""
    plant = Plant(2 * rows + 300_000, int(time.time()))
    batches: list[list[LogRecord]] = []
    pending: list[LogRecord] = []
    for hour in plant.hours():
        pending += hour
        while len(pending) >= BATCH:
            batches.append(pending[:BATCH])
            del pending[:BATCH]
    old = rows // BATCH
    for batch in batches[:old]:
        await store.record(batch, [])
    while (await store.index(2000))[1]:
        pass
    return batches[old:]


async def _beside(store: Store, retention: Retention, fresh: list[list[LogRecord]]) -> list[Row]:
    metrics = Metrics()
    indexing = asyncio.create_task(keep_indexed(store, metrics))
    supply = iter(fresh)
    try:
        full = await _recorded(store, supply, 40)
        alone = await _recorded(store, supply, 200, 1 / PACE)
        started = time.perf_counter()
        with_it: list[float] = []
        steps = _Steps(retention)
        retaining = asyncio.create_task(Retainer(store, steps, metrics).once())
        fast: list[float] = []
        while not retaining.done():
            waits = await _recorded(store, supply, 20, 1 / PACE)
            if not waits:  # the supply is used up
                await retaining
            with_it += waits
            if len(fast) < 80:
                fast += await _recorded(store, supply, 20)
        taken = time.perf_counter() - started
        deleted = (await retaining)["old"]
        full += await _recorded(store, supply, 40)
    finally:
        indexing.cancel()
        await asyncio.wait({indexing})
    print(f"  longest step of retention: {max(steps.seconds) * 1000:.0f} ms of {len(steps.seconds):,}")
    print(f"  {deleted:,} deleted in {taken:,.0f} s ({deleted / taken:,.0f} a second) beside recording and indexing")
    for name, waits in (("alone", alone), ("with retention", with_it)):
        ordered = sorted(waits)
        print(
            f"  a batch waits, {name:<16} median {statistics.median(waits) * 1000:6.1f} ms, p99 "
            f"{ordered[int(len(ordered) * 0.99)] * 1000:6.1f} ms, longest {ordered[-1] * 1000:6.1f} ms "
            f"({len(waits)} batches)"
        )
    print(f"  recording at full speed: {statistics.median(full) / statistics.median(fast):.2f} x with retention")
    slow = 1000 * statistics.median(fast), 1000 * statistics.median(full)
    return [
        Row("retention: a batch, full speed", slow[0], "ms", yardstick="ms, without", beside=slow[1]),
        Row("retention: longest step", 1000 * max(steps.seconds), "ms"),
    ]


async def _recorded(store: Store, supply: Iterator[list[LogRecord]], count: int, every: float = 0.0) -> list[float]:
    """Record ``count`` batches, one ``every`` so many seconds (0: without a pause); the seconds that each took."""
    times: list[float] = []
    for _ in range(count):
        batch = next(supply, None)
        if batch is None:
            break
        started = time.perf_counter()
        await store.record(batch, [])
        times.append(time.perf_counter() - started)
        if every:
            await asyncio.sleep(max(0.0, every - times[-1]))
    return times
