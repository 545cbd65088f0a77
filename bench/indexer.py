"""What is sustained from the stream to the search index: logs a second until all can be found, beside recording."""

from __future__ import annotations

import asyncio
import re
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from andon.bus.connection import connect
from andon.bus.publisher import JetStreamPublisher
from andon.core.models import SUBJECT
from bench.record_path import messages
from bench.rows import Row
from bench.service_figures import start_service, stop_service, stored

_INDEXED = re.compile(r"^andon_logs_indexed_total (\S+)", re.MULTILINE)


async def measure(*, quick: bool) -> list[Row]:
    """Print logs a second until all are stored, and until all are indexed as well."""
    count = 20_000 if quick else 100_000
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        process, ports, _ = await asyncio.to_thread(start_service, Path(place), PROVIDER="PLAYBOOK")
        try:
            recorded, indexed = await _through(process, Path(place), ports, count)
        finally:
            await asyncio.to_thread(stop_service, process)
    print(f"\nindexer: {count:,} logs published to a service; recorded at {count / recorded:,.0f} logs/s,")
    print(f"  recorded and searchable at {count / indexed:,.0f} logs/s")
    return [Row("indexer: sustained", count / indexed, "logs/s", "until recorded", count / recorded)]


async def _through(process: subprocess.Popen[bytes], place: Path, ports: list[int], count: int) -> tuple[float, float]:
    """Seconds from the first publish until all are stored, and until all are indexed."""
    connection = await connect(f"nats://127.0.0.1:{ports[0]}", name="bench")
    publisher = JetStreamPublisher(connection)
    started, recorded = time.perf_counter(), 0.0
    await publisher.store_many((SUBJECT, data, None, None) for data in messages(count, 1))
    while True:
        if not recorded and stored(place / "data" / "agent.db") >= count:
            recorded = time.perf_counter() - started
        if recorded and await asyncio.to_thread(_indexed, ports[1]) >= count:
            break
        if process.poll() is not None:
            raise RuntimeError(f"andon run ended with {process.returncode}")
        await asyncio.sleep(0.05)
    taken = time.perf_counter() - started
    await publisher.close()
    await connection.close()
    return recorded, taken


def _indexed(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        found = _INDEXED.search(answer.read().decode())
    return float(found[1]) if found else 0.0
