"""A storm through the whole service with a slow model, and a large backlog read after a stop.

The model is the stand-in of the tests: a process that takes one second for each call and counts them itself. Waiting is
given in model latencies, speed in logs per second; memory is resident memory of the service's process.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Self

from andon.bus.connection import connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.publisher import JetStreamPublisher
from andon.core.models import SUBJECT
from andon.core.settings.settings import load_settings
from bench.rows import Row
from bench.service_figures import peak_resident, start_service, stop_service, stored

SUPPORT = Path(__file__).resolve().parent.parent / "tests" / "support"
LATENCY = 1.0
PROBLEMS = 40
ANSWERED = "SELECT count(*) FROM analyses WHERE finished_at IS NOT NULL"
OPEN = "SELECT count(*) FROM analyses WHERE finished_at IS NULL"
CRITICAL_ANSWERED = """
    SELECT count(*) FROM logs AS l JOIN patterns AS p ON p.id = l.pattern_id JOIN analyses AS a ON a.id = p.analysis_id
    WHERE l.severity = 'CRITICAL' AND a.finished_at IS NOT NULL"""
#: Milliseconds from the row in the queue to the answer.
CRITICAL_QUEUED = """
    SELECT (julianday(a.finished_at) - julianday(a.created_at)) * 86400000 FROM logs AS l
    JOIN analyses AS a ON a.pattern_id = l.pattern_id WHERE l.severity = 'CRITICAL'"""
CRITICAL = {
    "timestamp": "2026-03-01T23:00:00Z",
    "hostname": "press-07",
    "severity": "CRITICAL",
    "service": "safety",
    "message": "Emergency stop chain open, guard door forced",
    "context": {},
}


async def measure(*, quick: bool) -> list[Row]:
    """Print the figures of the storm and of the backlog, and return them."""
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        storm = await the_storm(Path(place) / "storm", 4_000 if quick else 20_000)
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        return storm + await the_backlog(Path(place) / "backlog", 200_000 if quick else 1_000_000)


async def the_storm(place: Path, count: int) -> list[Row]:
    """A storm, then a CRITICAL nobody has seen: calls, its wait, and memory."""
    place.mkdir(parents=True)
    calls = place / "calls"
    with stand_in_model(calls, "--latency", str(LATENCY)) as url, Running(place, OLLAMA_HOST=url) as service:
        connection = await connect(f"nats://127.0.0.1:{service.nats_port}", name="bench")
        publisher = JetStreamPublisher(connection)
        try:
            logs = bodies(count, PROBLEMS)
            # The first answer waits for the provider's library as well; it is no part of a storm.
            await publisher.store(next(logs), subject=SUBJECT)
            await service.until(lambda: service.query(ANSWERED) == 1)
            done = await publisher.store_many((SUBJECT, body, None, None) for body in logs)
            assert done.stored == count - 1
            published = time.time()
            await publisher.store(json.dumps(CRITICAL).encode(), subject=SUBJECT)
            wait = await answered(service, published)
            queued = service.query(CRITICAL_QUEUED) / 1000
            await service.until(lambda: service.stored() == count + 1 and service.query(OPEN) == 0)
        finally:
            await publisher.close()
            await connection.close()
        asked = len(calls.read_text().splitlines())
        peak = service.peak
    print(f"\nstorm: {count:,} logs of {PROBLEMS} problems and one CRITICAL, a model that takes {LATENCY:g} s per call")
    print(f"  model calls           {asked:>8}   ({PROBLEMS} problems + 1)")
    print(f"  the CRITICAL waited   {wait / LATENCY:>8.1f}   model latencies, from published to answered")
    print(f"  of that in the queue  {queued / LATENCY:>8.1f}   model latencies, its own call included")
    print(f"  resident memory       {peak:>8.0f}   MiB at most")
    return [
        Row("storm: model calls", asked, "calls", yardstick="problems and the CRITICAL", beside=PROBLEMS + 1),
        Row("storm: the CRITICAL waited", wait, "s", yardstick="s, one model call", beside=LATENCY),
        Row("storm: memory at most", peak, "MiB"),
    ]


async def the_backlog(place: Path, count: int) -> list[Row]:
    """Logs that queued in the stream while nothing read them: memory and speed of the service that reads them."""
    place.mkdir(parents=True)
    async with EmbeddedBroker(load_settings(data_dir=place / "data", nats_port=-1)) as broker:
        connection = await connect(broker.url, name="bench")
        stream = await JetStreamLogStream.open(connection)
        await stream.close()
        publisher = JetStreamPublisher(connection)
        done = await publisher.store_many((SUBJECT, body, None, None) for body in bodies(count, PROBLEMS))
        assert done.stored == count
        await publisher.close()
        await connection.close()
    with Running(place, PROVIDER="PLAYBOOK") as service:
        started = time.perf_counter()
        await service.until(lambda: service.stored() == count, seconds=900)
        taken = time.perf_counter() - started
        problems = service.query("SELECT count(*) FROM patterns")
        total = service.query("SELECT count(*) FROM logs")
        peak = service.peak
    print(f"\nbacklog: {count:,} logs queued in the stream with nothing reading, then `andon run`")
    print(f"  stored                {total:>8,}   of {count:,}, {problems} problems")
    print(f"  speed                 {count / taken:>8,.0f}   logs/s")
    print(f"  resident memory       {peak:>8.0f}   MiB at most")
    return [
        Row("backlog: speed", count / taken, "logs/s", note=f"{count:,} logs"),
        Row("backlog: memory at most", peak, "MiB"),
    ]


async def answered(service: Running, published: float) -> float:
    """Seconds from ``published`` (unix) until the CRITICAL shows a final explanation."""
    await service.until(lambda: service.query(CRITICAL_ANSWERED) == 1)
    return time.time() - published


def bodies(count: int, problems: int) -> Iterator[bytes]:
    """The logs of a storm in the wire's form."""
    for log in storms().storm(problems, count):
        yield json.dumps(log).encode()


def storms() -> ModuleType:
    """The tests' own storm, by its path: the same logs in both."""
    spec = importlib.util.spec_from_file_location("andon_bench_storms", SUPPORT / "storms.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def stand_in_model(calls: Path, *arguments: str) -> Iterator[str]:
    """The stand-in Ollama; its address. It writes a line to ``calls`` for each model call."""
    command = [sys.executable, str(SUPPORT / "ollama.py"), "--counter-file", str(calls), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


class Running:
    """``andon run`` as a process, stopped at the end; a context manager. Further settings as keywords."""

    def __init__(self, place: Path, **settings: str) -> None:
        self.process, ports, _ = start_service(place, **settings)
        self.nats_port = ports[0]
        self.database = place / "data" / "agent.db"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            stop_service(self.process)

    def query(self, sql: str) -> int:
        """The number that a query gives."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as connection:
            return int(connection.execute(sql).fetchone()[0] or 0)

    def stored(self) -> int:
        """Logs in the database."""
        return stored(self.database)

    @property
    def peak(self) -> float:
        """The most resident memory the service has had so far, in MiB."""
        return peak_resident(self.process.pid)

    async def until(self, condition: Callable[[], bool], seconds: float = 300.0) -> None:
        """Wait until ``condition`` holds; fails after ``seconds`` or where the service ends."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"andon run ended with {self.process.returncode}"
            assert time.monotonic() < deadline, f"not within {seconds} s"
            await asyncio.sleep(0.05)
