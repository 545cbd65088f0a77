"""What a start costs, and what a service that runs holds: seconds and CPU seconds to /readyz, CPU until it is warm,
resident memory idle and after 50,000 logs; beside them what Python, FastAPI and the broker cost by themselves.

CPU seconds are those of service and broker together, from the kernel, in steps of 10 ms. Machines that others share
read up to five times as high: compare with the yardsticks of the same run.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from andon.bus.embedded.binary import find_binary
from bench.rows import Row
from bench.service_figures import cpu_seconds, free_ports, live, resident, start_service, stop_service

#: Warm is a service so many seconds after its start.
WARM = 15.0
#: After so many logs memory is read again.
LOGS = 50_000
#: What a program costs that has one route and no more.
ONE_ROUTE = """
from fastapi import FastAPI
import uvicorn
app = FastAPI()
@app.get("/")
async def one() -> dict[str, str]:
    return {}
uvicorn.Config(app).load()
"""
#: The libraries that a service needs before it is ready, and nothing of ours: no start can cost less with them.
LIBRARIES = """
import gc, os, sys
gc.disable()
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
sys.modules["rich"] = None
import structlog
del sys.modules["rich"]
import asyncio, msgspec, nats, nats.micro, prometheus_client, pydantic_settings, sqlalchemy, typer._adapters, uvloop
import sqlalchemy.dialects.sqlite, starlette.requests, starlette.responses, uvicorn
print(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
"""
STAND_IN = Path(__file__).parents[1] / "tests" / "support" / "ollama.py"


class Started(NamedTuple):
    """One start: seconds and CPU seconds to /readyz, CPU seconds until warm, MiB of service and broker then."""

    seconds: float
    cpu: float
    warm: float
    memory: tuple[float, float]


async def measure(*, quick: bool) -> list[Row]:
    """Print the figures, and the yardsticks of the same run."""
    rounds, logs, warm = (2, 10_000, 5.0) if quick else (5, LOGS, WARM)
    bare: list[tuple[float, float]] = []
    route: list[tuple[float, float]] = []
    broker: list[tuple[float, float]] = []
    libraries: list[tuple[float, float]] = []
    starts: list[Started] = []
    asked: list[Started] = []
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as name:
        place = Path(name)
        for number in range(rounds):  # in turn, so that all see the same load
            bare.append(await asyncio.to_thread(run, "pass"))
            route.append(await asyncio.to_thread(run, ONE_ROUTE))
            libraries.append(await asyncio.to_thread(libraries_alone))
            broker.append(await asyncio.to_thread(broker_start, place / f"broker-{number}"))
            starts.append(await asyncio.to_thread(start, place / f"playbook-{number}", warm, PROVIDER="PLAYBOOK"))
            asked.append(await asyncio.to_thread(with_ollama, place / f"ollama-{number}", warm))
        speed, loaded = await after_logs(place / "loaded", logs)
    cpu = [one.cpu for one in starts]
    print(f"\nstart: {rounds} each in turn; least, and median in brackets")
    print(f"  seconds to /readyz, empty data directory: {_both([one.seconds for one in starts])} s")
    print(f"  CPU to /readyz: {_both(cpu)} s, {min(cpu) / min(one[1] for one in route):.2f} x a FastAPI of one route")
    print(f"  CPU until warm ({warm:g} s): PLAYBOOK {_both([one.warm for one in starts])} s, ", end="")
    print(f"OLLAMA {_both([one.warm for one in asked])} s")
    print(f"  resident, service + broker, warm: PLAYBOOK {_memory(starts)}, OLLAMA {_memory(asked)}")
    print(f"  after {logs:,} logs ({speed:,.0f} a second): {sum(loaded):.0f} MiB ({loaded[0]:.0f} + {loaded[1]:.0f})")
    print(
        f"  yardsticks: python -c pass {_both([one[1] for one in bare], 3)} CPU s; FastAPI and uvicorn with one ",
        end="",
    )
    print(
        f"route {_both([one[1] for one in route])} CPU s; nats-server alone {_both([one[0] for one in broker])} s ",
        end="",
    )
    print(f"to its port, {_both([one[1] for one in broker], 3)} CPU s")
    print(f"  its libraries alone: {_both([one[0] for one in libraries])} CPU s, ", end="")
    print(f"{min(one[1] for one in libraries):.0f} MiB")
    return [
        _row("start: ready", [one.seconds for one in starts], "s", "Python alone", [one[0] for one in bare]),
        _row("start: CPU until warm", [one.warm for one in asked], "s", "one route", [one[1] for one in route]),
        _row("memory: PLAYBOOK", [sum(one.memory) for one in starts], "MiB"),
        _row("memory: OLLAMA", [sum(one.memory) for one in asked], "MiB"),
        Row("memory: 50,000 logs", sum(loaded), "MiB", full=logs >= LOGS),
    ]


def _row(name: str, values: list[float], unit: str, yardstick: str = "", others: list[float] | None = None) -> Row:
    """The least of what was measured several times: what comes on top is other programs' doing."""
    beside = None if others is None else min(others)
    least = min(values)
    spread = (least, max(values)) if beside is None else (least / beside, max(values) / beside)
    return Row(name, least, unit, yardstick, beside, spread=spread, rounds=len(values), note="the lowest of the rounds")


def _both(figures: list[float], digits: int = 2) -> str:
    return f"{min(figures):.{digits}f} ({median(figures):.{digits}f})"


def _memory(starts: list[Started]) -> str:
    least = min((one.memory for one in starts), key=sum)
    return f"{sum(least):.0f} MiB ({least[0]:.0f} + {least[1]:.0f})"


def start(place: Path, warm: float, **settings: str) -> Started:
    """Start a service in ``place`` and stop it once it is warm."""
    process, _, seconds = start_service(place, **settings)
    try:
        cpu = cpu_with_children(process.pid)
        time.sleep(max(0.0, warm - seconds))
        return Started(seconds, cpu, cpu_with_children(process.pid), resident(process.pid))
    finally:
        stop_service(process)


def with_ollama(place: Path, warm: float) -> Started:
    """The same where a model is configured and there, and is not asked yet: trials of it are off."""
    stand_in = subprocess.Popen([sys.executable, str(STAND_IN), "--port", "0"], stdout=subprocess.PIPE)
    assert stand_in.stdout is not None
    try:
        url = f"http://127.0.0.1:{int(stand_in.stdout.readline())}"
        return start(place, warm, PROVIDER="OLLAMA", OLLAMA_HOST=url, ANDON_MODEL_TRUST="always")
    finally:
        stand_in.terminate()
        stand_in.wait()
        stand_in.stdout.close()


async def after_logs(place: Path, count: int) -> tuple[float, tuple[float, float]]:
    """Logs a second, and MiB of service and broker after so many logs."""
    process, ports, _ = await asyncio.to_thread(start_service, place, PROVIDER="PLAYBOOK")
    try:
        speed = await live(place, ports[0], count)
        return speed, resident(process.pid)
    finally:
        stop_service(process)


def run(program: str) -> tuple[float, float]:
    """Seconds and CPU seconds of ``python -c program``."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", program])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"a yardstick ended with {process.returncode}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime


def libraries_alone() -> tuple[float, float]:
    """CPU seconds and MiB of a process that imports what a service needs of others before it is ready."""
    process = subprocess.Popen([sys.executable, "-c", LIBRARIES], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        kibibytes = int(process.stdout.read())
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, kibibytes / 1024


def broker_start(place: Path) -> tuple[float, float]:
    """Seconds until nats-server, with an empty JetStream directory and nothing else, takes connections; its CPU."""
    import socket

    place.mkdir()
    port = free_ports(1)[0]
    began = time.perf_counter()
    command = [str(find_binary()), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(place)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if time.perf_counter() - began > 30 or process.poll() is not None:
                raise RuntimeError("nats-server takes no connections")
            time.sleep(0.002)
        return time.perf_counter() - began, cpu_with_children(process.pid)
    finally:
        process.terminate()
        process.wait()


def cpu_with_children(pid: int) -> float:
    """CPU seconds of a process so far and of the children that it has now."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid) + sum(cpu_with_children(int(child)) for child in children)
