"""Helpers for tests of the bus: a real broker, and one face for the memory bus and the real one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from nats.aio.msg import Msg

from andon.bus import jetstream_api
from andon.bus.connection import BusConnection, connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.interfaces import LogStream
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.memory import MemoryBus
from andon.bus.publisher import JetStreamPublisher
from andon.bus.requests import NatsCallers
from andon.core.models import ANALYZE_SUBJECT, CONSUMER, STREAM, SUBJECT, Delivery
from support.patience import LOOK_EVERY, LOOKS, PATIENCE, WHOLE_TEST
from support.ports import free_ports
from support.settings import settings_of

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T], timeout: float = WHOLE_TEST) -> T:
    """Run ``main`` on a new loop; no test may wait longer."""
    return asyncio.run(asyncio.wait_for(main, timeout))


async def until(condition: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Poll until ``condition`` holds."""
    for _ in range(LOOKS):
        held = condition()
        if held if isinstance(held, bool) else await held:
            return
        await asyncio.sleep(LOOK_EVERY)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


@contextlib.asynccontextmanager
async def running_broker(directory: Path, *, supervised: bool = False, **options: Any) -> AsyncIterator[EmbeddedBroker]:
    """A broker of the test's own, on a port that stays its own when it is started again."""
    settings = settings_of(data_dir=directory, nats_port=free_ports(1)[0])
    # not checked: a test may want less room than a site may have
    async with EmbeddedBroker(settings.model_copy(update=options)) as broker:
        task = asyncio.create_task(broker.supervise()) if supervised else None
        try:
            yield broker
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[BusConnection]:
    """A connection, closed at the end."""
    nc = await connect(url, name="test", **options)
    try:
        yield nc
    finally:
        await nc.close()


async def drain(stream: LogStream, count: int, *, timeout: float = PATIENCE, ack: bool = True) -> list[Delivery]:
    """Pull (and acknowledge) until ``count`` messages have come."""
    got: list[Delivery] = []
    deadline = time.monotonic() + timeout
    while len(got) < count and time.monotonic() < deadline:
        batch = await stream.pull(1000, 0.2)
        if ack:
            await stream.ack(batch)
        got += batch
    assert len(got) >= count, f"{len(got)} of {count} messages came"
    return got


@dataclass
class Answer:
    """A reply as a client sees it."""

    data: bytes
    headers: Mapping[str, str] | None


class NatsBus:
    """The contract suite's face of a real server."""

    def __init__(self, nc: BusConnection, stream: JetStreamLogStream) -> None:
        self.nc = nc
        self.stream: JetStreamLogStream = stream
        self.publisher = JetStreamPublisher(nc)
        self.callers = NatsCallers(nc, version="1.2.3", owns=self.publisher.owns)

    async def successor(self) -> JetStreamLogStream:
        await self.stream.close()
        self.stream = await JetStreamLogStream.open(self.nc)
        return self.stream

    async def lose_first(self, count: int) -> None:
        first = (await self.stream.state()).first_sequence
        await jetstream_api.request(self.nc, f"STREAM.PURGE.{STREAM}", {"seq": first + count})

    async def analyze(self, data: bytes) -> Answer:
        reply = await self.nc.request(ANALYZE_SUBJECT, data, timeout=PATIENCE)
        return Answer(reply.data, reply.headers)

    async def plain(self, data: bytes, replies: int) -> list[Answer]:
        answers: asyncio.Queue[Answer] = asyncio.Queue()

        async def take(message: Msg) -> None:
            answers.put_nowait(Answer(message.data, message.headers))

        inbox = self.nc.new_inbox()
        subscription = await self.nc.subscribe(inbox, cb=take)
        await self.nc.publish(SUBJECT, data, reply=inbox)
        got = [await asyncio.wait_for(answers.get(), PATIENCE) for _ in range(replies)]
        await subscription.unsubscribe()
        return got

    async def listen(self, subject: str) -> asyncio.Queue[Any]:
        arrived: asyncio.Queue[Any] = asyncio.Queue()
        await self.nc.subscribe(subject, cb=arrived.put)
        return arrived

    async def respond(self, subject: str, data: bytes) -> None:
        await self.nc.publish(subject, data)


class InMemory:
    """The contract suite's face of the memory bus."""

    def __init__(self, ack_wait: float) -> None:
        self.bus = MemoryBus(ack_wait=ack_wait)
        self.stream = self.bus.stream()
        self.publisher = self.bus.publisher()
        self.callers = self.bus.callers()

    async def successor(self) -> LogStream:
        await self.stream.close()
        self.stream = self.bus.stream()
        return self.stream

    async def lose_first(self, count: int) -> None:
        self.bus.lose_first(count)

    async def _ask(self, subject: str, data: bytes, replies: int) -> list[Answer]:
        inbox = self.bus.new_inbox()
        queue = self.bus.subscribe(inbox)
        self.bus.publish(subject, data, reply=inbox)
        got = [await asyncio.wait_for(queue.get(), PATIENCE) for _ in range(replies)]
        return [Answer(each.data, each.headers) for each in got]

    async def analyze(self, data: bytes) -> Answer:
        return (await self._ask(ANALYZE_SUBJECT, data, 1))[0]

    async def plain(self, data: bytes, replies: int) -> list[Answer]:
        return await self._ask(SUBJECT, data, replies)

    async def listen(self, subject: str) -> asyncio.Queue[Any]:
        return self.bus.subscribe(subject)

    async def respond(self, subject: str, data: bytes) -> None:
        self.bus.publish(subject, data)


@contextlib.asynccontextmanager
async def opened(kind: str, directory: Path, ack_wait: float) -> AsyncIterator[NatsBus | InMemory]:
    """The bus named ``kind``, "memory" or "nats"; what is not acknowledged comes again after ``ack_wait`` seconds."""
    if kind == "memory":
        memory = InMemory(ack_wait)
        yield memory
        await memory.callers.close()
        await memory.stream.close()
        return
    async with running_broker(directory) as broker, client(broker.url) as nc:
        await jetstream_api.ensure_stream(nc)
        await recreate_consumer(nc, ack_wait=int(ack_wait * jetstream_api.SECOND))
        bus = NatsBus(nc, await JetStreamLogStream.open(nc))
        try:
            yield bus
        finally:
            await bus.callers.close()
            await bus.publisher.close()
            await bus.stream.close()


async def recreate_consumer(nc: BusConnection, *, name: str = CONSUMER, **config: Any) -> dict[str, Any]:
    """Replace the durable consumer by one with ``config``."""
    with contextlib.suppress(jetstream_api.ApiError):
        await jetstream_api.request(nc, f"CONSUMER.DELETE.{STREAM}.{name}")
    settings = {"durable_name": name, "ack_policy": "explicit", "deliver_policy": "all", "replay_policy": "instant"}
    body = {"stream_name": STREAM, "config": {**settings, **config}, "action": "create"}
    return await jetstream_api.request(nc, f"CONSUMER.DURABLE.CREATE.{STREAM}.{name}", body)


def sequence_of(answer: Answer) -> int:
    """The sequence in a PubAck."""
    sequence: int = json.loads(answer.data)["seq"]
    return sequence
