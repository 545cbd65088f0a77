"""Figures of the whole service as a process: cold start, memory, and a live run from publish to stored."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from andon.bus.connection import connect
from andon.bus.publisher import JetStreamPublisher
from andon.core.models import SUBJECT
from bench.record_path import messages


async def measure(*, quick: bool) -> None:
    """Print seconds to /readyz, resident memory of service and broker, and logs per second end to end."""
    count, starts = (10_000, 2) if quick else (60_000, 5)
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        cold = []
        for number in range(starts):
            process, ports, seconds = await asyncio.to_thread(start_service, Path(place) / str(number))
            cold.append(seconds)
            if number < starts - 1:
                stop_service(process)
        idle = resident(process.pid)
        speed = await live(Path(place) / str(starts - 1), ports[0], count)
        loaded = resident(process.pid)
        stop_service(process)
    print(f"\nservice: cold start to /readyz {min(cold):.2f} to {max(cold):.2f} s ({starts} starts)")
    print(f"  resident memory, service + broker: {_memory(idle)} idle, {_memory(loaded)} after {count:,} logs")
    print(f"  live, publishing and recording at once: {speed:,.0f} logs/s from first publish to last commit")


def _memory(parts: tuple[float, float]) -> str:
    return f"{sum(parts):.0f} MiB ({parts[0]:.0f} + {parts[1]:.0f})"


def free_ports(count: int) -> list[int]:
    """Ports that are free at the moment."""
    import socket

    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [int(s.getsockname()[1]) for s in sockets]
    for s in sockets:
        s.close()
    return ports


#: Seconds until a service is ready at the latest; on a machine that does other things it takes a while.
START_WITHIN = 90


def start_service(place: Path, **settings: str) -> tuple[subprocess.Popen[bytes], list[int], float]:
    """``andon run`` in ``place`` with further settings; (process, [broker port, HTTP port], seconds until ready)."""
    ports = free_ports(2)
    place.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "ANDON_DATA_DIR": str(place / "data"),
        "ANDON_NATS_PORT": str(ports[0]),
        "ANDON_HTTP_PORT": str(ports[1]),
        "ANDON_LOG_LEVEL": "error",
        "OLLAMA_HOST": "http://127.0.0.1:9",
        "NATS_URL": "",
        "DB_PATH": "",
        **settings,
    }
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "andon", "run"], env=environment, cwd=place, stdout=subprocess.DEVNULL
    )
    while time.perf_counter() - started < START_WITHIN:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{ports[1]}/readyz", timeout=1):
                return process, ports, time.perf_counter() - started
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(f"andon run ended with {process.returncode}") from None
            time.sleep(0.01)
    process.kill()
    raise RuntimeError(f"andon run was not ready within {START_WITHIN} s")


def stop_service(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM and wait."""
    process.send_signal(signal.SIGTERM)
    process.wait(15)


def resident(pid: int) -> tuple[float, float]:
    """Resident memory of the service and of its children, in MiB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return _rss(pid), sum(_rss(int(child)) for child in children)


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process so far, user and system, without its children's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_resident(pid: int) -> float:
    """The most resident memory that the service's process itself has had, in MiB."""
    return _rss(pid, "VmHWM")


def _rss(pid: int, name: str = "VmRSS") -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return 0.0


async def live(place: Path, port: int, count: int) -> float:
    """Publish ``count`` logs to the running service and wait until all are stored."""
    connection = await connect(f"nats://127.0.0.1:{port}", name="bench")
    publisher = JetStreamPublisher(connection)
    started = time.perf_counter()
    await publisher.store_many((SUBJECT, data, None, None) for data in messages(count, 1))
    database = place / "data" / "agent.db"
    while stored(database) < count:
        await asyncio.sleep(0.05)
    taken = time.perf_counter() - started
    await publisher.close()
    await connection.close()
    return count / taken


def stored(database: Path) -> int:
    """Logs in the database now."""
    sql = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return int(sql.execute("SELECT max(id) FROM logs").fetchone()[0] or 0)
    finally:
        sql.close()
