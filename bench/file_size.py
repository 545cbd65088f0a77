"""What a log takes on the disk, everything included, beside its JSON and beside a bare table of the same columns.

The logs are the first hours of a plant of ten million logs in 90 days: counts by minute and hour take as much room for
each of them as in the whole history, which takes half an hour to make (``python -m bench history``).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
from pathlib import Path

from andon.core.models import LogRecord
from andon.store import Store, prepare
from bench.plant import Plant, raw_bytes
from bench.plant_file import BATCH, sizes
from bench.rows import Row

_ROWS, _HOURS, _QUICK_HOURS, _END = 10_000_000, 48, 8, 1_764_460_800
_SHOWN_TABLES = 10
_BARE = """
CREATE TABLE agent_logs (id INTEGER PRIMARY KEY, timestamp TEXT, hostname TEXT, severity TEXT, service TEXT,
    message TEXT, context TEXT, analysis TEXT, created_at TEXT)
"""


async def measure(*, quick: bool) -> list[Row]:
    """Print bytes for a log, as ratios to its JSON and to a bare table, and what they are made of."""
    hours = _QUICK_HOURS if quick else _HOURS
    with tempfile.TemporaryDirectory(prefix="andon-bench-file-") as place:
        ours, bare = Path(place) / "agent.db", Path(place) / "bare.db"
        rows, raw = await _fill(ours, bare, hours)
        found = sizes(ours)
        total, plain = sum(size for _, size in found), sum(size for _, size in sizes(bare))
    print(f"\nfile: {rows:,} logs, the first {hours} hours of a plant of {_ROWS:,} in 90 days")
    print(f"  {total / rows:.0f} bytes for a log, published as {raw / rows:.0f} bytes of JSON: {total / raw:.2f} times")
    print(f"  a bare table of the reference's columns: {plain / rows:.0f} bytes, {plain / raw:.2f} times the JSON")
    print(f"  ours beside the bare table: {total / plain:.2f} times")
    for name, size in found[:_SHOWN_TABLES]:
        print(f"    {name:<24}{size / rows:>8.1f}   {size / total:>5.1%}")
    return [
        Row("file: per log", total / rows, "bytes", "raw JSON", raw / rows),
        Row("file: beside a bare table", total / rows, "bytes", "bare table", plain / rows),
    ]


async def _fill(ours: Path, bare: Path, hours: int) -> tuple[int, int]:
    """Record and index into ``ours``, insert into ``bare``; how many logs, and the bytes of their messages."""
    prepare(ours, durability="normal")
    store = await Store.open(ours, deadline=600)
    rows = raw = 0
    try:
        with contextlib.closing(sqlite3.connect(bare, check_same_thread=False)) as sql:
            sql.execute(_BARE)
            for number, logs in enumerate(Plant(_ROWS, _END).hours()):
                if number == hours:
                    break
                rows, raw = rows + len(logs), raw + raw_bytes(logs)
                for start in range(0, len(logs), BATCH):
                    batch = logs[start : start + BATCH]
                    await store.record(batch, [])
                    while (await store.index(BATCH))[1]:
                        pass
                    await asyncio.to_thread(_insert, sql, batch)
    finally:
        await store.close()
    return rows, raw


def _insert(sql: sqlite3.Connection, batch: list[LogRecord]) -> None:
    values = [
        (r.timestamp, r.hostname, r.severity, r.service, r.message, r.context, None, "2025-11-30 00:00:00")
        for r in batch
    ]
    with sql:
        sql.executemany("INSERT INTO agent_logs VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", values)
