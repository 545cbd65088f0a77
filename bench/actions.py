"""Approved actions: how soon one is executed, ten thousand that drain in order, and what idle connections cost.

The ticket service is a stand-in of the tests, a process of its own that answers over real HTTP. Memory is resident
memory of this process, which is the outbox's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from andon.app.background.changes import Changes
from andon.app.background.others import OFTEN, tell_of_others
from andon.core.models.actions import ActionStatus
from andon.store import Store, actions, change, prepare
from bench.service_figures import resident

if TYPE_CHECKING:
    from andon.act.connectors.connector import Connector

TESTS = Path(__file__).resolve().parent.parent / "tests"
TARGETS = 4


async def measure(*, quick: bool) -> None:
    """Print all of it."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    await _soon(20 if quick else 200)
    await _drain(1_000 if quick else 10_000)
    await _idle()


@contextlib.contextmanager
def _service(came: dict[str, Any]) -> Iterator[str]:
    """The stand-in as a process; its address. ``came`` has the titles of what came at the end."""
    command = [sys.executable, "-m", "support.ticket_service"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            came["titles"] = json.loads(process.stdout.readline())


@contextlib.asynccontextmanager
async def _store() -> AsyncIterator[Store]:
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        path = Path(place) / "agent.db"
        prepare(path, durability="normal")
        store = await Store.open(path)
        try:
            yield store
        finally:
            await store.close()


async def _done(store: Store, action_id: int) -> float:
    while (found := await store.read(actions.action, action_id)).status is not ActionStatus.DONE:
        await asyncio.sleep(0.002)
    return found.finished or 0.0


async def _soon(count: int) -> None:
    """From a person's approval to the row that says done, by this process and by another one."""
    from support.outbox import added, message, new_action, working
    from support.ticket_service import connected

    own, others = [], []
    with _service({}) as url:
        async with _store() as store:
            plant = connected("plant", url)
            async with working(store, plant) as box:
                listening = asyncio.create_task(tell_of_others(store, Changes(), OFTEN, heard=box.wake))
                for n in range(count):
                    new = new_action(plant, message(f"m{n}"), None, approved=False)
                    (one,) = await store.write(added, [new])
                    await asyncio.sleep(0.1)
                    began = time.time()
                    if n % 2:
                        await store.write(actions.approve, one, "kim", now=began)
                        box.wake()
                    else:
                        await asyncio.to_thread(change, store._path, actions.approve, one, "kim", now=began)
                    (own if n % 2 else others).append(await _done(store, one) - began)
                listening.cancel()
    print(f"\nactions: from approved to executed, {count} one after the other, on loopback")
    for name, taken in (("in the service", own), ("by a command beside it", others)):
        print(f"  {name:<24}{statistics.median(taken) * 1000:>6.0f} ms, {max(taken) * 1000:.0f} ms at most")


async def _drain(count: int) -> None:
    """So many that were approved while nothing was sent, over some targets."""
    from support.outbox import added, message, new_action, working
    from support.ticket_service import connected

    came: dict[str, Any] = {}
    with _service(came) as url:
        async with _store() as store:
            plants = [connected(f"plant-{n}", url) for n in range(TARGETS)]
            for start in range(0, count, 500):
                some = [new_action(plants[n % TARGETS], message(f"m{n}"), None) for n in range(start, start + 500)]
                await store.write(added, some)
            before, peak = resident(os.getpid())[0], 0.0
            began = time.perf_counter()
            async with working(store, *plants) as box:
                while await store.read(_left):
                    peak = max(peak, resident(os.getpid())[0])
                    await asyncio.sleep(0.25)
                taken = time.perf_counter() - began
                failed = sum(one.failed for one in box.states())
    titles: Sequence[str] = came["titles"]
    lanes = [[int(one[1:]) for one in titles if int(one[1:]) % TARGETS == n] for n in range(TARGETS)]
    ordered = all(lane == sorted(lane) for lane in lanes)
    print(f"\nactions: {count:,} queued for {TARGETS} targets, then sent")
    print(f"  sent                  {len(titles):>8,}   each once: {len(set(titles)) == len(titles) == count}")
    print(f"  in order per target   {ordered!s:>8}   failed: {failed}")
    print(f"  speed                 {count / taken:>8,.0f}   actions/s")
    print(f"  resident memory       {peak - before:>8.1f}   MiB more than before, at most")


def _left(connection: Any) -> int:
    return sum(sum(one.values()) for one in actions.counts(connection).values())


async def _idle() -> None:
    """Connected systems to which nothing is sent."""
    from support.outbox import working
    from support.ticket_service import connected

    async with _store() as store:
        async with working(store, connected("first", "http://127.0.0.1:9")):
            await asyncio.sleep(0.5)  # the store has started its threads by then
        threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
        plants: list[Connector] = [connected(f"plant-{n}", "http://127.0.0.1:9") for n in range(20)]
        async with working(store, *plants) as box:
            await asyncio.sleep(0.5)
            cpu = resource.getrusage(resource.RUSAGE_SELF)
            await asyncio.sleep(5.0)
            after = resource.getrusage(resource.RUSAGE_SELF)
            more = threading.active_count() - threads, len(os.listdir("/proc/self/fd")) - files
            states = len(box.states())
    used = (after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime) / 5.0
    print(f"\nactions: {states} connected systems, nothing to send")
    print(f"  threads {more[0]:+}, open files {more[1]:+}, {used * 1000:.2f} ms of CPU a second")
