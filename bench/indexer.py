"""What is sustained from the stream to the search index: logs a second until all can be found, beside recording.

The logs lie at an external broker before the service starts, and nobody publishes meanwhile. The clock starts with the
first batch that is stored, so that the start is no part of it. CPU seconds are the service's. Below stands the same
while a client publishes on the same cores, which holds the service up: what a live burst sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from andon.bus.connection import BusConnection, connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.publisher import JetStreamPublisher
from andon.core.models import SUBJECT
from andon.core.settings.settings import load_settings
from bench.record_path import messages
from bench.rows import Row
from bench.service_figures import cpu_seconds, start_service, stop_service

#: Seconds between two looks into the database, which cost the service nothing.
LOOK = 0.02
#: Seconds within which everything is indexed, or something is wrong.
PATIENCE = 900.0


class Passed(NamedTuple):
    """How many logs, seconds until they were stored and until they were indexed, the service's CPU seconds."""

    logs: int
    recorded: float
    indexed: float
    cpu: float


async def measure(*, quick: bool) -> list[Row]:
    """Print logs a second until all are stored, and until all are indexed as well."""
    count = 20_000 if quick else 100_000
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        backlog = await _backlog(Path(place) / "backlog", count)
        live = await _live(Path(place) / "live", count)
    speed, alone, each = backlog.logs / backlog.indexed, backlog.logs / backlog.recorded, backlog.logs / backlog.cpu
    print(f"\nindexer: a backlog of {count:,} logs; recorded at {alone:,.0f} logs/s,")
    print(f"  recorded and searchable at {speed:,.0f} logs/s, {each:,.0f} a CPU second")
    print(f"  published meanwhile on the same cores: {live.logs / live.indexed:,.0f} logs/s")
    return [
        Row("indexer: sustained", speed, "logs/s", "until recorded", alone, full=not quick),
        Row("indexer: a CPU second", each, "logs", full=not quick),
        Row(
            "indexer: while publishing", live.logs / live.indexed, "logs/s", "until recorded", live.logs / live.recorded
        ),
    ]


async def _backlog(place: Path, count: int) -> Passed:
    async with EmbeddedBroker(load_settings(data_dir=str(place / "broker"), nats_port=-1)) as broker:
        connection = await connect(broker.url, name="bench")
        try:
            await (await JetStreamLogStream.open(connection)).close()  # the stream as Andon makes it
            await _publish(connection, count)
            process, _, _ = await asyncio.to_thread(start_service, place, NATS_URL=broker.url, PROVIDER="PLAYBOOK")
            try:
                return await _passed(process, place, count)
            finally:
                await asyncio.to_thread(stop_service, process)
        finally:
            await connection.close()


async def _live(place: Path, count: int) -> Passed:
    process, ports, _ = await asyncio.to_thread(start_service, place, PROVIDER="PLAYBOOK")
    try:
        connection = await connect(f"nats://127.0.0.1:{ports[0]}", name="bench")
        try:
            passing = asyncio.create_task(_passed(process, place, count))
            await _publish(connection, count)
            return await passing
        finally:
            await connection.close()
    finally:
        await asyncio.to_thread(stop_service, process)


async def _publish(connection: BusConnection, count: int) -> None:
    publisher = JetStreamPublisher(connection)
    done = await publisher.store_many((SUBJECT, data, None, None) for data in messages(count, 1))
    assert done.stored == count
    await publisher.close()


async def _passed(process: subprocess.Popen[bytes], place: Path, count: int) -> Passed:
    """Watch a service from its first batch until so many logs are indexed. Raises RuntimeError where it ended."""
    before: tuple[int, float, float] | None = None
    recorded = 0.0
    database = f"{(place / 'data' / 'agent.db').as_uri()}?mode=ro"
    async with asyncio.timeout(PATIENCE):
        with contextlib.closing(sqlite3.connect(database, uri=True)) as sql:
            while True:
                reached = dict(sql.execute("SELECT name, value FROM counters WHERE name IN ('logs', 'indexed')"))
                logs, now = reached.get("logs", 0), time.perf_counter()
                if before is None and logs:
                    before = logs, now, cpu_seconds(process.pid)
                if before is not None and not recorded and logs >= count:
                    recorded = now - before[1]
                if before is not None and reached.get("indexed", 0) >= count:
                    return Passed(count - before[0], recorded, now - before[1], cpu_seconds(process.pid) - before[2])
                if process.poll() is not None:
                    raise RuntimeError(f"andon run ended with {process.returncode}")
                await asyncio.sleep(LOOK)
