"""The broker as commands use it: to publish, to wait for a reply, and what to say where it is not there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

from andon.bus.connection import BusConnection, connect
from andon.bus.embedded.login import find_login, login_path
from andon.bus.feed import Feed
from andon.bus.inbox import ReplyInbox
from andon.bus.jetstream_api import require_jetstream
from andon.bus.object_store import put_object
from andon.bus.publisher import JetStreamPublisher
from andon.core.errors import ConfigError
from andon.core.settings.settings import Settings
from andon.core.settings.whereabouts import start_advice

#: Seconds for each chunk of an object.
OBJECT_TIMEOUT = 10.0


class BrokerClient(JetStreamPublisher):
    """A publisher for commands, with an inbox for replies."""

    def __init__(self, nc: BusConnection) -> None:
        super().__init__(nc)
        self._inbox: ReplyInbox | None = None

    async def inbox(self) -> ReplyInbox:
        """The inbox, opened on first use."""
        if self._inbox is None:
            self._inbox = await ReplyInbox.open(self._nc)
        return self._inbox

    @property
    def max_payload(self) -> int:
        """Bytes that one message may have, headers included."""
        return self._nc.max_payload

    async def put_object(self, bucket: str, name: str, data: bytes, *, age: float) -> None:
        """Put an object where logs can name it; see :func:`andon.bus.object_store.put_object`."""
        await put_object(self._nc, bucket, name, data, age=age, timeout=OBJECT_TIMEOUT)

    async def close(self) -> None:
        """Close inbox and acks; idempotent."""
        if self._inbox is not None:
            await self._inbox.close()
        await super().close()


async def connect_as(settings: Settings, name: str, *, timeout: float = 5.0) -> BusConnection:
    """A connection that says what a command's user can do where the broker is not there or refuses it.

    Raises BrokerUnavailable.
    """
    if not settings.embedded_broker:
        return await connect(settings.broker_url, name=name, timeout=timeout)
    own = await asyncio.to_thread(find_login, settings)
    start = start_advice("start it with `andon run`, or correct ANDON_NATS_PORT", ask=False)
    login = "check ANDON_NATS_USER and ANDON_NATS_PASSWORD"
    if settings.nats_access == "closed":
        login = f"it runs with other credentials than those in {login_path(settings)}: correct ANDON_DATA_DIR"
    elif own is None:
        login = (
            "it requires credentials: set ANDON_NATS_ACCESS, or ANDON_NATS_USER and ANDON_NATS_PASSWORD, to the same "
            "values as for `andon run`"
        )
    url = settings.broker_url_at(settings.nats_port, own)
    return await connect(url, name=name, timeout=timeout, start=start, login=login)


@contextlib.asynccontextmanager
async def open_publisher(settings: Settings, name: str) -> AsyncIterator[BrokerClient]:
    """A connection of a command's own to the broker that the service uses. Raises BrokerUnavailable.

    Also where the broker is there and would keep no log. Raises ConfigError where nobody can know its port.
    """
    _demand_port(settings)
    async with contextlib.AsyncExitStack() as stack:
        connection = await connect_as(settings, name)
        stack.push_async_callback(connection.close)
        await require_jetstream(connection)
        client = BrokerClient(connection)
        stack.push_async_callback(client.close)
        yield client


@contextlib.asynccontextmanager
async def open_feed(settings: Settings, name: str) -> AsyncIterator[tuple[Feed, BusConnection]]:
    """A feed into the stream for a command that sends for long, and its connection. Raises as open_publisher."""
    _demand_port(settings)
    async with contextlib.AsyncExitStack() as stack:
        connection = await connect_as(settings, name)
        stack.push_async_callback(connection.close)
        await require_jetstream(connection)
        feed = Feed(connection)
        stack.push_async_callback(feed.close)
        sending = asyncio.create_task(feed.run(), name="feed")
        try:
            yield feed, connection
        finally:
            sending.cancel()
            await asyncio.wait({sending})


def _demand_port(settings: Settings) -> None:
    if settings.embedded_broker and settings.nats_port == -1:
        raise ConfigError(
            "ANDON_NATS_PORT=-1 takes any free port, which commands cannot know: set it to the port that the service "
            "reported at its start"
        )


@contextlib.contextmanager
def watch_broker(nc: BusConnection, away: Callable[[str], None], back: Callable[[], None]) -> Iterator[None]:
    """Tell of it when the broker goes away and comes back."""

    def changed(up: bool) -> None:
        if up:
            back()
        elif not nc.is_closed:
            away(f"the broker at {nc.address} is away")

    unwatch = nc.watch(changed)
    try:
        yield
    finally:
        unwatch()
