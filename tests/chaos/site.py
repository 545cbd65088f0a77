"""The site that is broken: an installation on a small disk, producers, and the book of what the broker confirmed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from nats.js import JetStreamContext

from andon.bus.connection import BusConnection, connect
from andon.bus.publisher import JetStreamPublisher
from andon.core.errors import BrokerError
from chaos.line import Line
from support.service import SUBJECT, Andon, log

#: Bytes of the disk where we may mount one, and of what fills it.
DISK = 384 << 20
#: Seconds within which a fault has to be over after its cause is gone.
PATIENCE = 90.0
PRODUCERS = 6
PAUSE = 0.03


class Book:
    """Which numbers the broker confirmed, during which fault."""

    def __init__(self) -> None:
        self.confirmed: dict[int, int] = {}
        self.fault = 0
        self._next = 0

    def number(self) -> int:
        """A new number."""
        self._next += 1
        return self._next

    def confirm(self, number: int) -> None:
        """The broker has stored this log."""
        self.confirmed[number] = self.fault


class Site:
    """One installation under load, on a ``disk`` of its own where there is one."""

    def __init__(self, andon: Andon, line: Line, disk: Path | None) -> None:
        self.andon = andon
        self.line = line
        self.disk = disk
        self.book = Book()
        self._tasks: list[asyncio.Task[None]] = []
        self._calm = asyncio.Event()
        self._go = asyncio.Event()
        self._go.set()

    # Load.

    def start_producers(self) -> None:
        """Producers publish numbered logs, wait for the broker's confirmation, and try again until they have it."""
        self._tasks = [asyncio.create_task(self._produce(n), name=f"producer-{n}") for n in range(PRODUCERS)]

    async def stop_producers(self) -> None:
        """What a producer has in hand is confirmed first."""
        self._calm.set()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._tasks)

    async def _produce(self, which: int) -> None:
        port = self.line.port if which % 2 else self.andon.nats_port
        connection: BusConnection | None = None
        while connection is None:
            with contextlib.suppress(BrokerError):
                connection = await connect(f"nats://127.0.0.1:{port}", name=f"producer-{which}", timeout=2)
        publisher = JetStreamPublisher(connection, timeout=2)
        try:
            while not self._calm.is_set():
                await self._go.wait()
                number = self.book.number()
                message = (
                    f"Axis {number % 7} lag error"
                    if number % 3
                    else f"Pump {number % 5} cavitation, code E-{number % 11}"
                )
                body = json.dumps(log(message, hostname=f"m-{which}", context={"n": number})).encode()
                stored = False
                while not stored:
                    try:
                        await publisher.store(body, subject=SUBJECT, message_id=f"chaos-{number}")
                        stored = True
                    except BrokerError:
                        await asyncio.sleep(0.1)  # away, full, or told not to take it: the producer's to try again
                self.book.confirm(number)
                await asyncio.sleep(PAUSE)
        finally:
            await publisher.close()
            await connection.close()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Nobody publishes, and all that was confirmed is stored: what is destroyed now was there for nobody else."""
        self._go.clear()
        try:
            await asyncio.sleep(4 * PAUSE)
            if not await self.all_stored(set(self.book.confirmed)):
                raise TimeoutError("the load did not come to rest")
            yield
        finally:
            self._go.set()

    # What the service says and holds.

    async def until(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> float:
        """Wait for a condition that is asked for in a thread; the seconds it took."""
        began = time.monotonic()
        while not await asyncio.to_thread(condition):
            if time.monotonic() - began > seconds:
                raise TimeoutError(
                    f"{what}: not within {seconds:g} s; /readyz: {self.ready()}; {self.andon.log()[-1500:]}"
                )
            await asyncio.sleep(0.1)
        return time.monotonic() - began

    def ready(self) -> tuple[int, str]:
        """What /readyz answers now; (0, "") where nobody does."""
        return self.andon.get("/readyz")

    async def recovered(self) -> float:
        """Wait until /readyz says 200; seconds."""
        return await self.until(lambda: self.ready()[0] == 200, "readiness")

    async def told_or_mended(self) -> float:
        """Seconds until /readyz says what is wrong, or until a log that is published now is stored."""
        number = self.book.number()
        body = json.dumps(log("Probe of the line", context={"n": number})).encode()
        publisher_tasks = [asyncio.create_task(self._confirmed(body, number))]
        try:
            return await self.until(
                lambda: self.ready()[0] == 503 or number in self._stored_of([number]), "an honest answer", 30
            )
        finally:
            for task in publisher_tasks:
                task.cancel()
            await asyncio.gather(*publisher_tasks, return_exceptions=True)

    async def _confirmed(self, body: bytes, number: int) -> None:
        async with self.client() as js:
            while True:
                with contextlib.suppress(Exception):  # refused or away: tried until the caller has its answer
                    await js.publish(SUBJECT, body, headers={"Nats-Msg-Id": f"chaos-{number}"}, timeout=1)
                    self.book.confirm(number)
                    return
                await asyncio.sleep(0.2)

    def _stored_of(self, numbers: list[int]) -> set[int]:
        with contextlib.suppress(Exception):  # a database that is locked or gone is part of the game
            marks = ", ".join("?" * len(numbers))
            rows = self.andon.sql(
                f"SELECT json_extract(context, '$.n') FROM agent_logs WHERE json_extract(context, '$.n') IN ({marks})",
                *numbers,
            )
            return {row[0] for row in rows}
        return set()

    def stored(self) -> list[int]:
        """The numbers of all logs in the database, in any order, as often as they are there."""
        return [row[0] for row in self.andon.sql("SELECT json_extract(context, '$.n') FROM agent_logs") if row[0]]

    async def all_stored(self, numbers: set[int]) -> bool:
        """Wait until all these are in the database; False where that does not come about."""
        try:
            await self.until(lambda: numbers <= set(self.stored()), "confirmed logs in the database")
        except TimeoutError as error:
            missing = sorted(numbers - set(await asyncio.to_thread(self.stored)))
            print(f"  {len(missing)} confirmed logs are missing, {missing[:5]} to {missing[-5:]}: {error}", flush=True)
            return False
        return True

    # What others do.

    @asynccontextmanager
    async def client(self) -> AsyncIterator[JetStreamContext]:
        """Another client of the broker."""
        connection = await nats.connect(f"nats://127.0.0.1:{self.andon.nats_port}", connect_timeout=2, error_cb=_silent)
        try:
            yield connection.jetstream(timeout=2)
        finally:
            await connection.close()

    def broker_pid(self) -> int | None:
        """The process of the embedded broker."""
        assert self.andon.process is not None
        listed = subprocess.run(
            ["pgrep", "-P", str(self.andon.process.pid), "nats-server"], capture_output=True, text=True, check=False
        ).stdout.split()
        return int(listed[0]) if listed else None

    def signal_broker(self, number: signal.Signals) -> bool:
        """Send it a signal; False where it does not run."""
        pid = self.broker_pid()
        if pid is None:
            return False
        os.kill(pid, number)
        return True


async def _silent(_error: Exception) -> None:
    """Errors of a client that breaks things are no news."""


@asynccontextmanager
async def built(place: Path, disk: Path | None) -> AsyncIterator[Site]:
    """A site in ``place``, which is the ``disk`` where that is one of its own; everything ends with it."""
    andon = Andon(place)
    line = Line(andon.nats_port)
    try:
        await line.open()
        await asyncio.to_thread(andon.start)
        yield Site(andon, line, disk)
    finally:
        await line.close()
        await asyncio.to_thread(andon.close)
