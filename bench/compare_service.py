"""What a revision's service costs, seen from outside: its start, quiet, a full stream, questions, answers of a model.

Nothing here knows what the revision is like inside but for the database's table ``logs`` and the name of a counter;
what a revision has not is left out of what is returned.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from andon.bus.connection import connect
from andon.bus.publisher import JetStreamPublisher
from bench.pages import first_byte
from bench.service_figures import resident, start_service, stop_service, stored
from bench.storm import stand_in_model

#: The subject that logs have been published to in every revision.
SUBJECT = "agent.technical.support"
#: Seconds within which everything is stored and indexed, or something is wrong.
PATIENCE = 180.0
#: Seconds after the start in which a service warms up, and those in which it is looked at with nothing to do.
WARM, QUIET = 15.0, 10.0
#: The least of them that come after the start, on a machine that is slow to start it.
SETTLED = 5.0
#: What is asked over HTTP, and how often; the messages of ``record_path`` are of this time.
_TIMES = "since=2025-10-09T08:54:00Z&until=2025-10-09T09:10:00Z"
QUESTIONS = {
    "page": "/",
    "journal": "/journal",
    "text search": "/api/logs?text=failed",
    "diff": f"/api/diff?{_TIMES}",
    "alarm figures": f"/api/alarms/figures?{_TIMES}",
}
ASKED = 20
_INDEXED = "SELECT value FROM counters WHERE name = 'indexed'"
_ANSWERED = "SELECT count(*) FROM analyses WHERE finished_at IS NOT NULL"


def whole_service(source: Path, batch: Sequence[bytes], place: Path) -> dict[str, float]:
    """Start, memory, quiet, the record path and the questions, of one service without a model."""
    with running(place, source, PROVIDER="PLAYBOOK") as (process, ports, ready):
        found = {"start to /readyz": ready, "start to /readyz, CPU": worked(process.pid)}
        time.sleep(max(SETTLED, WARM - ready))
        found["start until warm, CPU"] = worked(process.pid)
        found |= quiet(process.pid)
        found["memory, idle"] = sum(resident(process.pid))
        found |= asyncio.run(drained(process, ports[0], batch, place / "data" / "agent.db"))
        found["memory, after that"] = sum(resident(process.pid))
        found |= questions(process.pid, ports[1])
    return found


def answers(source: Path, batch: Sequence[bytes], place: Path) -> dict[str, float]:
    """Milliseconds of CPU for a log of which a model is asked that answers at once; starts are not counted."""
    place.mkdir(parents=True)
    with stand_in_model(place / "calls") as url:
        settings = {"OLLAMA_HOST": url, "PROVIDER": "OLLAMA", "ANDON_ANALYZE": "every"}
        with running(place, source, **settings) as (process, ports, _):
            database = place / "data" / "agent.db"
            first, rest = batch[:10], batch[10:]  # the first answers wait for libraries as well
            asyncio.run(publish(ports[0], first))
            wait(lambda: number(database, _ANSWERED) >= len(first), "the first answers")
            before, calls = worked(process.pid), len((place / "calls").read_text().splitlines())
            asyncio.run(publish(ports[0], rest))
            wait(lambda: number(database, _ANSWERED) >= len(batch), "answers to all")
            taken = worked(process.pid) - before
            asked = len((place / "calls").read_text().splitlines()) - calls
    return {"a model call, CPU": taken * 1000 / asked}


@contextlib.contextmanager
def running(place: Path, source: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], list[int], float]]:
    """The service of ``source`` as :func:`start_service` starts it; stopped at the end."""
    process, ports, ready = start_service(place, PYTHONPATH=str(source), **settings)
    try:
        yield process, ports, ready
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        stop_service(process)


async def publish(port: int, batch: Sequence[bytes]) -> None:
    """Put messages into the stream of the broker at ``port``."""
    connection = await connect(f"nats://127.0.0.1:{port}", name="bench")
    publisher = JetStreamPublisher(connection)
    done = await publisher.store_many((SUBJECT, data, None, None) for data in batch)
    assert done.stored == len(batch)
    await publisher.close()
    await connection.close()


async def drained(
    process: subprocess.Popen[bytes], port: int, batch: Sequence[bytes], database: Path
) -> dict[str, float]:
    """Logs for a second, and for a CPU second of the service without its broker, from a full stream on.

    The service is stopped (SIGSTOP) while the stream is filled. ``sustained`` ends when all can be searched for.
    """
    process.send_signal(signal.SIGSTOP)
    await publish(port, batch)
    before, started = worked(process.pid, children=False), time.perf_counter()
    process.send_signal(signal.SIGCONT)
    wait(lambda: stored(database) >= len(batch), "all logs were stored")
    seconds, cpu = time.perf_counter() - started, worked(process.pid, children=False) - before
    found = {"record path": len(batch) / seconds, "record path, CPU": len(batch) / cpu}
    with contextlib.suppress(sqlite3.OperationalError):  # a revision that counts otherwise
        wait(lambda: number(database, _INDEXED) >= len(batch), "all logs were indexed")
        found["sustained, with indexing"] = len(batch) / (time.perf_counter() - started)
    return found


def quiet(pid: int) -> dict[str, float]:
    """The share of a core (percent) and the wake-ups a second of a service and its broker with nothing to do."""
    before, woken, started = worked(pid), wake_ups(pid), time.perf_counter()
    time.sleep(QUIET)
    passed = time.perf_counter() - started
    return {
        "idle, share of a core": 100 * (worked(pid) - before) / passed,
        "idle, wake-ups": (wake_ups(pid) - woken) / passed,
    }


def questions(pid: int, port: int) -> dict[str, float]:
    """Milliseconds until the first byte of each answer, the median of all but the first; those not there left out.

    And milliseconds of the service's CPU for a question, over all of them.
    """
    found, before = {}, worked(pid)
    for name, path in QUESTIONS.items():
        asked = [first_byte(port, path) for _ in range(ASKED)]
        if all(status == 200 for _, status in asked):
            found[f"asked: {name}"] = statistics.median(taken for taken, _ in asked[1:])
    return {**found, "asked: all, CPU": 1000 * (worked(pid) - before) / (ASKED * len(QUESTIONS))}


def worked(pid: int, *, children: bool = True) -> float:
    """CPU seconds of a process so far, and of its children that run."""
    ticks = 0
    for one in [pid, *(_children(pid) if children else [])]:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wake_ups(pid: int) -> int:
    """How often threads of a process and its children that run have waited for something so far."""
    count = 0
    for one in [pid, *_children(pid)]:
        for thread in Path(f"/proc/{one}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it ended meanwhile
                status = (thread / "status").read_text()
                count += int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return count


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def number(database: Path, sql: str) -> int:
    """The number that a query gives."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        row = connection.execute(sql).fetchone()
        return int((row and row[0]) or 0)


def wait(condition: Callable[[], bool], what: str) -> None:
    """Until ``condition()`` holds. Raises RuntimeError after :data:`PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(0.005)
