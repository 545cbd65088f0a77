"""What a service with its own broker costs while there is nothing to do, beside the bare programs it is made of."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import nats
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig

from andon.bus.embedded.binary import find_binary
from bench.rows import Row
from bench.service_figures import free_ports, start_service, stop_service

#: Settings of the services that are measured, by what they are called.
SERVICES = {"PLAYBOOK": {"PROVIDER": "PLAYBOOK"}, "OLLAMA (away)": {"PROVIDER": "OLLAMA"}}
#: The share of a core that service and broker may take together while nothing happens, in per cent.
GOAL = 0.3
_BARE_BROKER, _BARE_WEB = "bare nats-server with a stream", "bare uvicorn with one route"

_APP = """
import uvicorn

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ready"})

uvicorn.run(app, host="127.0.0.1", port=%d, lifespan="off", log_level="error")
"""


class Use(NamedTuple):
    """What a process used: seconds of processor, how often a thread of it slept and was woken, and when it was read."""

    seconds: float
    wakes: int
    at: float


async def measure(*, quick: bool) -> list[Row]:
    """Print the share of a core and wake-ups a second of services, brokers and the bare programs, side by side."""
    warm, quiet = (45.0, 30.0) if quick else (75.0, 120.0)
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        watched: dict[str, int] = {}
        services: list[subprocess.Popen[bytes]] = []
        bare: list[subprocess.Popen[bytes]] = []
        try:
            for number, (name, settings) in enumerate(SERVICES.items()):
                process, _, _ = await asyncio.to_thread(start_service, Path(place) / str(number), **settings)
                services.append(process)
                watched[f"{name}: service"] = process.pid
                watched[f"{name}: broker"] = _children(process.pid)[0]
            bare.append(await _bare_broker(Path(place)))
            watched[_BARE_BROKER] = bare[-1].pid
            bare.append(_bare_uvicorn())
            watched[_BARE_WEB] = bare[-1].pid
            await asyncio.sleep(warm)
            before = {name: used(pid) for name, pid in watched.items()}
            await asyncio.sleep(quiet)
            after = {name: used(pid) for name, pid in watched.items()}
        finally:
            for process in services:
                stop_service(process)
            for process in bare:
                process.send_signal(signal.SIGTERM)
                process.wait(15)
    return _show(before, after, quiet)


def _show(before: dict[str, Use], after: dict[str, Use], quiet: float) -> list[Row]:
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"\nidle: {quiet:.0f} s with nothing to do (load {load} on {os.cpu_count()} cores)")
    shares = {}
    for name, then in before.items():
        now = after[name]
        length = now.at - then.at
        shares[name] = 100 * (now.seconds - then.seconds) / length
        print(
            f"  {name:32} {shares[name]:6.3f} % of a core, {(now.wakes - then.wakes) / length:6.1f} wake-ups a second"
        )
    rows, bare = [], shares[_BARE_BROKER] + shares[_BARE_WEB]
    for number, name in enumerate(SERVICES):
        both = shares[f"{name}: service"] + shares[f"{name}: broker"]
        print(f"  {name}, service and broker: {both:.3f} % (goal: {GOAL} %)")
        row = "idle: share" if not number else f"idle: share, {name}"
        rows.append(Row(row, both, "% of a core", "bare nats-server and uvicorn", bare))
    return rows


def used(pid: int) -> Use:
    """What all threads of a process used until now."""
    seconds, wakes = 0.0, 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            seconds += int((thread / "schedstat").read_text().split()[0]) / 1e9
            found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (thread / "status").read_text(), re.MULTILINE)
        except FileNotFoundError:  # it ended just now
            continue
        wakes += int(found[1]) if found else 0
    return Use(seconds, wakes, time.monotonic())


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def _bare_broker(place: Path) -> subprocess.Popen[bytes]:
    """A nats-server with a stream and a consumer as Andon makes them, and nobody connected."""
    port, config = free_ports(1)[0], place / "bare.conf"
    config.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{place}/bare", sync_interval: "1s" }}\n')
    process = subprocess.Popen([find_binary(None), "-c", config], stderr=subprocess.DEVNULL)
    client = await nats.connect(
        f"nats://127.0.0.1:{port}", max_reconnect_attempts=200, reconnect_time_wait=0.05, error_cb=_silent
    )
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name="BARE", subjects=["bare.>"], max_age=86_400.0))
    await stream.add_consumer("BARE", ConsumerConfig(durable_name="BARE", ack_policy=AckPolicy.EXPLICIT))
    await client.close()
    return process


async def _silent(_error: Exception) -> None:
    """It is not there yet."""


def _bare_uvicorn() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _APP % free_ports(1)[0]])
