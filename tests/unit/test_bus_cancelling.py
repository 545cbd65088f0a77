"""A cancelled task ends: nats-py loses cancellations, our connection does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from nats.aio.client import Client
from nats.aio.transport import TcpTransport

from andon.bus.connection import BusConnection
from support.patience import PATIENCE

USES: dict[str, Callable[[BusConnection], Awaitable[object]]] = {
    "request": lambda nc: nc.request("plant.test", b"x"),
    "flush": lambda nc: nc.flush(),
    "publish": lambda nc: nc.publish("plant.test", b"x"),
    "_flush_pending": lambda nc: nc.publish_each(["plant.test"], "+ACK"),
    "_connect_to_server": lambda nc: nc._connect_to_server(None),
    "_process_connect_init": lambda nc: nc._process_connect_init(),
}


@pytest.mark.parametrize("inside", USES)
async def test_a_cancellation_that_the_library_drops_is_heeded(monkeypatch: pytest.MonkeyPatch, inside: str) -> None:
    """As it does in a flush, and in any wait whose answer comes at the same moment."""

    begun = asyncio.Event()

    async def deaf(*_: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    async def use() -> None:
        await USES[inside](BusConnection("nats://127.0.0.1:1"))

    monkeypatch.setattr(Client, inside, deaf)
    task = asyncio.create_task(use())
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
    task.cancel()
    await asyncio.wait({task}, timeout=PATIENCE)
    assert task.cancelled()


def test_a_cancellation_from_before_disturbs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that cleans up after its cancellation may still ask the broker."""

    async def answered(*_: object) -> str:
        await asyncio.sleep(0)
        return "the answer"

    async def cleaning_up() -> object:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return await BusConnection("nats://127.0.0.1:1").request("plant.test")

    async def main() -> object:
        task = asyncio.create_task(cleaning_up())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    monkeypatch.setattr(Client, "request", answered)
    assert asyncio.run(main()) == "the answer"


async def test_a_close_at_the_moment_of_a_failed_attempt_ends_the_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the connection goes on trying after its end, and a command or a service that ends waits for ever."""
    failing: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    async def connect(*_: object, **__: object) -> None:
        attempt = asyncio.get_running_loop().create_future()
        failing.put_nowait(attempt)
        await asyncio.wait_for(attempt, PATIENCE)

    monkeypatch.setattr(TcpTransport, "connect", connect)
    opening = asyncio.create_task(BusConnection("nats://127.0.0.1:1").open("nats://127.0.0.1:1", "test"))
    async with asyncio.timeout(PATIENCE):
        attempt = await failing.get()
    attempt.set_exception(ConnectionRefusedError())
    opening.cancel()
    await asyncio.wait({opening}, timeout=PATIENCE)
    assert opening.cancelled()
