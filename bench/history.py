"""The history of a plant of ten million logs: how long each question takes, and what a log takes on the disk.

Every figure is of one run on one file: percentiles of the questions, recording beside questions as a ratio to recording
alone (rounds of both in turn), and bytes as a ratio to the messages as they were published.
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import os
import shutil
import statistics
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import msgspec

from andon.core.models import LogRecord
from andon.store import Store
from bench.history_questions import LIMITS, Question, questions, timed
from bench.plant import Plant
from bench.plant_file import BATCH, Made, plant_file, sizes

ROWS, QUICK_ROWS = 10_000_000, 300_000
_ROUNDS, _QUICK_ROUNDS = 20, 10
_RECORDED = 20_000
_SHOWN_TABLES = 16


async def measure(*, quick: bool, rows: int | None = None, fresh: bool = False) -> None:
    """Print the 95th percentile of every question, bytes for a log, and recording beside questions."""
    wanted = rows or (QUICK_ROWS if quick else ROWS)
    print(f"\nhistory: {wanted:,} logs; the file is made once, about {wanted // 9000 // 60 + 1} minutes", flush=True)
    path, made = await plant_file(wanted, fresh=fresh)
    print(f"  {made.rows:,} logs over 90 days; made at {made.rows / (made.recording + made.indexing):,.0f} logs/s")
    print(
        f"  (recorded at {made.rows / made.recording:,.0f} logs/s, indexed at {made.rows / made.indexing:,.0f} logs/s)"
    )
    _sizes(path, made)
    for kind, limit in LIMITS.items():
        asked = [one for one in questions(path, made.end) if one.kind == kind]
        _percentiles(kind, limit, asked, _QUICK_ROUNDS if quick else _ROUNDS)
    await _recording(path, made, 3 if quick else 7)


def _percentiles(kind: str, limit: float, asked: list[Question], rounds: int) -> None:
    print(f"\n  {kind}: aim {limit * 1000:.0f} ms, {rounds} rounds{'':<28}median      p95", flush=True)
    over = 0
    for question in asked:
        taken = timed(question, rounds)
        high = taken[math.ceil(0.95 * rounds) - 1]
        over += high > limit
        mark = "  over" if high > limit else ""
        print(
            f"    {question.name:<52}{statistics.median(taken) * 1000:>8.1f} {high * 1000:>8.1f} ms{mark}", flush=True
        )
    print(f"    {len(asked) - over} of {len(asked)} within the aim")


def _sizes(path: Path, made: Made) -> None:
    found = sizes(path)
    total = sum(size for _, size in found)
    print(f"\n  bytes for a log: {total / made.rows:.0f}, published as {made.raw / made.rows:.0f} bytes of JSON")
    print(f"  ratio {total / made.raw:.2f} (aim 1.2)")
    for name, size in found[:_SHOWN_TABLES]:
        print(f"    {name:<24}{size / made.rows:>8.1f}   {size / total:>5.1%}")


async def _recording(path: Path, made: Made, rounds: int) -> None:
    """Record into a copy, with another process asking questions without a pause and without, in turn."""
    copy = path.with_name("recording.db")
    if shutil.disk_usage(path.parent).free < 2 * path.stat().st_size:
        print("\n  recording beside questions: not measured, a copy of the file needs more room")
        return
    await asyncio.to_thread(_copy, path, copy)
    context = multiprocessing.get_context("spawn")
    asking, ready = context.Event(), context.Event()
    process = context.Process(target=_ask_for_ever, args=(copy, made.end, asking, ready), daemon=True)
    process.start()
    try:
        await asyncio.to_thread(ready.wait, 60)
        await _in_turn(copy, made, rounds, asking)
    finally:
        process.terminate()
        await asyncio.to_thread(process.join)
        for leftover in copy.parent.glob(f"{copy.name}*"):
            leftover.unlink()


def _copy(path: Path, copy: Path) -> None:
    """Copy to the disk, so that no checkpoint of the measurement has to wait for that."""
    shutil.copyfile(path, copy)
    with copy.open("rb+") as file:
        os.fsync(file.fileno())


async def _in_turn(copy: Path, made: Made, rounds: int, asking: Event) -> None:
    records = _more(made)
    speeds: dict[bool, list[float]] = {False: [], True: []}
    longest = 0.0
    store = await Store.open(copy)
    try:
        for number in range(2 * rounds):
            beside = number % 2 == 1
            asking.set() if beside else asking.clear()
            batch = [_moved(one, number * _RECORDED) for one in records]
            await asyncio.sleep(0.5)  # the question that is being answered still ends
            started = time.perf_counter()
            for start in range(0, _RECORDED, BATCH):
                begun = time.perf_counter()
                await store.record(batch[start : start + BATCH], [])
                longest = max(longest, time.perf_counter() - begun)
            speeds[beside].append(_RECORDED / (time.perf_counter() - started))
    finally:
        await store.close()
    alone, while_asked = (statistics.median(speeds[beside]) for beside in (False, True))
    print(f"\n  recording: {alone:,.0f} logs/s alone, {while_asked:,.0f} beside questions ({rounds} rounds in turn)")
    print(f"  ratio {while_asked / alone:.2f} (aim 0.80); longest batch of {BATCH}: {longest * 1000:.0f} ms (aim 150)")


def _more(made: Made) -> list[LogRecord]:
    """Logs that come after the end of the file."""
    found: list[LogRecord] = []
    for hour in Plant(10_000_000, made.end + 91 * 86_400, seed=6).hours():
        found += hour
        if len(found) >= _RECORDED:
            return found[:_RECORDED]
    raise AssertionError("a plant of ten million logs has more than that in some hours")


def _moved(record: LogRecord, by: int) -> LogRecord:
    return msgspec.structs.replace(record, stream="BENCH", sequence=record.sequence + by)


def _ask_for_ever(path: Path, end: int, asking: Event, ready: Event) -> None:
    """In a process of its own: one question after the other while ``asking`` is set."""
    asked = questions(path, end)
    ready.set()
    number = 0
    while True:
        asking.wait()
        asked[number % len(asked)].ask(number // len(asked) % _QUICK_ROUNDS)
        number += 1
