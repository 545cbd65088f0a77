"""The file that the history is measured on: written once by the store itself, kept beside the system's other caches."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from andon.core.models import Explanation, LogRecord, Reject, Rung
from andon.store import Store, prepare, queue
from andon.store.schema.tables import HEAD
from bench.plant import DAYS, Plant, raw_bytes

#: Logs in one transaction, of recording and of indexing.
BATCH = 1000
#: Part of a cached file's name: another value makes a new file.
_VERSION = 2


class Made(msgspec.Struct):
    """What is known of a file: its logs, the bytes of their messages, when they end, how long it took (seconds)."""

    rows: int
    raw: int
    end: int
    recording: float
    indexing: float


class PlantFile(NamedTuple):
    """A database and what it holds."""

    path: Path
    made: Made


async def plant_file(rows: int, *, fresh: bool) -> PlantFile:
    """The database of about ``rows`` logs; made where it is not there yet, or again where ``fresh``."""
    schema = hashlib.sha256("\n".join(_definitions()).encode()).hexdigest()[:8]
    place = Path(tempfile.gettempdir()) / f"andon-bench-history-{os.getuid()}" / f"{rows}-{HEAD}-{schema}-{_VERSION}"
    told = place / "made.json"
    if fresh:
        shutil.rmtree(place, ignore_errors=True)
    if not told.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        made = await _make(place / "plant.db", rows)
        told.write_bytes(msgspec.json.encode(made))
    return PlantFile(place / "plant.db", msgspec.json.decode(told.read_bytes(), type=Made))


def _definitions() -> list[str]:
    """Every table and index as a new database has them."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "empty.db"
        prepare(path, durability="normal")
        with contextlib.closing(sqlite3.connect(path)) as sql:
            return [row[0] for row in sql.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")]


def sizes(path: Path) -> list[tuple[str, int]]:
    """The tables and indexes of a database with their bytes, the largest first."""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as sql:
        return sql.execute("SELECT name, SUM(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC").fetchall()


async def _make(path: Path, rows: int) -> Made:
    end = int(time.time()) // 3600 * 3600
    made = Made(rows=0, raw=0, end=end, recording=0, indexing=0)
    prepare(path, durability="normal")
    store = await Store.open(path, deadline=600)
    try:
        said = time.monotonic()
        waiting: list[LogRecord] = []
        for hour, found in enumerate(Plant(rows, end).hours()):
            made.raw += raw_bytes(found)
            waiting += found
            whole = len(waiting) if hour == DAYS * 24 - 1 else len(waiting) // BATCH * BATCH
            for start in range(0, whole, BATCH):
                await _take(store, waiting[start : start + BATCH], made)
            del waiting[:whole]
            if time.monotonic() - said > 30:
                said = time.monotonic()
                print(f"  making the file: {made.rows:,} of about {rows:,} logs", flush=True)
        while job := await store.write(queue.claim, "bench", 60, time.time()):
            await store.write(
                queue.finish,
                job,
                Explanation(rung=Rung.MODEL, text="Check the cable.", model="m", provider="OLLAMA"),
                time.time(),
            )
    finally:
        await store.close()
    return made


async def _take(store: Store, batch: list[LogRecord], made: Made) -> None:
    """Record a batch and index it, as a service does that keeps up."""
    started = time.perf_counter()
    await store.record(batch, [_reject(batch[-1])])
    recorded = time.perf_counter()
    while (await store.index(BATCH))[1]:
        pass
    made.rows += len(batch)
    made.recording += recorded - started
    made.indexing += time.perf_counter() - recorded


def _reject(beside: LogRecord) -> Reject:
    """A message that came with a batch and could not be understood."""
    return Reject(
        stream="REJECTS",
        sequence=beside.sequence,
        stored_ns=beside.stored_ns,
        subject="agent.technical.support.hamburg",
        reason="neither an object nor text: it begins with '['",
        data=b"[17, 4, 2026]",
    )


if __name__ == "__main__":
    import sys

    print(asyncio.run(plant_file(int(sys.argv[1]), fresh=True)))
