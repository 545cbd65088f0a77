"""Inboxes: for the broker's acknowledgements (PubAcks), with what goes out so that they come; for durable replies."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from andon.bus.connection import BusConnection, closed_error, explained
from andon.core.errors import BrokerError, BrokerUnavailable

MESSAGE_ID = "Nats-Msg-Id"  # the broker stores a message with a known id only once (within two minutes)
HEADER_LINES = len("NATS/1.0\r\n" + "\r\n")
#: Durable replies that may wait to be read; more are dropped by the client and reported by it.
PENDING = 4096
SUBJECTS_KNOWN = 1_000

_decode_ack = msgspec.json.Decoder(dict[str, Any]).decode

#: Gets the reply, or None when the connection was lost and is back: the message should be sent again.
Taker = Callable[[Msg | None], None]


class Busy(BrokerUnavailable):
    """The broker cannot store the message now."""


class Refused(BrokerError):
    """The broker will never store the message."""


class AckInbox:
    """Publishes with a reply subject of its own and hands each reply to the taker that expects it."""

    def __init__(self, nc: BusConnection) -> None:
        self.nc = nc
        self._prefix = f"{nc.new_inbox()}."
        self._subscription: Subscription | None = None
        self._subscribing = asyncio.Lock()
        self._takers: dict[str, Taker] = {}
        self._number = 0
        self._ids, self._id = uuid.uuid4().hex, 0  # ids of messages that bring none
        self._taken: set[str] = set()  # subjects that the client took
        self._unwatch: Callable[[], None] = lambda: None

    def owns(self, reply: str) -> bool:
        """Whether replies to ``reply`` come here."""
        return reply.startswith(self._prefix)

    async def open(self) -> None:
        """Start listening; idempotent. Raises BrokerUnavailable where the connection is closed."""
        if self.nc.is_closed:
            raise closed_error(self.nc)
        if self._subscription is not None:
            return
        async with self._subscribing:
            if self._subscription is None:
                self._subscription = await self.nc.subscribe(f"{self._prefix}*", cb=self._receive)
                self._unwatch = self.nc.watch(self._connection_changed)

    async def close(self) -> None:
        """Stop listening; idempotent."""
        subscription, self._subscription = self._subscription, None
        self._takers.clear()
        self._unwatch()
        if subscription is not None:
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()

    def next_number(self) -> str:
        """A number that no reply has had."""
        self._number += 1
        return str(self._number)

    def expect(self, taker: Taker, number: str | None = None) -> str:
        """Hand the next reply with ``number`` (a new one where None) to ``taker``; returns the number."""
        if number is None:
            number = self.next_number()
        self._takers[number] = taker
        return number

    def expect_one(self) -> tuple[str, asyncio.Future[Msg | None]]:
        """A new number, and the reply to come for it."""
        reply: asyncio.Future[Msg | None] = asyncio.get_running_loop().create_future()
        return self.expect(lambda message: None if reply.done() else reply.set_result(message)), reply

    async def barrier(self, timeout: float) -> None:
        """Return when every reply the broker had for us is taken: a message to ourselves comes behind them.

        Raises TimeoutError and what :meth:`publish` raises.
        """
        number, passed = self.expect_one()
        try:
            await self.publish(f"{self._prefix}{number}", b"", number, {})
            async with asyncio.timeout(timeout):
                await passed
        finally:
            self.forget(number)

    def forget(self, number: str) -> None:
        """Nobody expects this reply any more."""
        self._takers.pop(number, None)

    async def publish(self, subject: str, data: bytes, number: str, headers: dict[str, str]) -> None:
        """Send a message whose reply has ``number``. Raises Busy, Refused or BrokerUnavailable."""
        reply = f"{self._prefix}{number}"
        if subject in self._taken and len(headers) == 1 and (own := headers.get(MESSAGE_ID, "")).startswith(self._ids):
            lines = f"NATS/1.0\r\n{MESSAGE_ID}: {own}\r\n\r\n".encode()
            if await self.nc.publish_again(subject, data, reply, lines):
                return
        try:
            await self.nc.publish(subject, data, reply=reply, headers=headers)
            if len(self._taken) < SUBJECTS_KNOWN:
                self._taken.add(subject)
        except nats.errors.ConnectionClosedError:
            raise closed_error(self.nc) from None
        except nats.errors.OutboundBufferLimitError:
            raise Busy("the broker is not reachable") from None
        except nats.errors.Error as error:
            raise Refused(explained(error)) from None

    async def publish_many(self, messages: Iterable[tuple[str, bytes, str, dict[str, str]]]) -> None:
        """The same for many (subject, payload, number, headers), in one write; subjects and headers are our own."""
        made = (
            (subject, f"{self._prefix}{number}", _on_the_wire(headers), data)
            for subject, data, number, headers in messages
        )
        try:
            await self.nc.publish_many(made)
        except nats.errors.ConnectionClosedError:
            raise closed_error(self.nc) from None
        except nats.errors.OutboundBufferLimitError:
            raise Busy("the broker is not reachable") from None

    def headers_for(self, data: bytes, headers: Mapping[str, str] | None, message_id: str | None) -> dict[str, str]:
        """The headers to send with ``data``, an id among them.

        Raises Refused for a message above the broker's limit: sent, it would cost the connection.
        """
        size = len(data) + HEADER_LINES
        if headers is None and message_id is None:
            self._id += 1
            own = f"{self._ids}.{self._id}"
            result = {MESSAGE_ID: own}
            size += len(MESSAGE_ID) + len(own) + 4
        else:
            result = dict(headers or {})
            if message_id is not None or MESSAGE_ID not in result:
                result[MESSAGE_ID] = message_id or uuid.uuid4().hex
            size += sum(len(name.encode()) + len(value.encode()) + 4 for name, value in result.items())
        if size > self.nc.max_payload:
            raise Refused(
                f"the message has {size} bytes but the broker accepts {self.nc.max_payload}: shorten it, or raise the "
                "broker's max_payload"
            )
        return result

    def _connection_changed(self, up: bool) -> None:
        if up:
            takers = list(self._takers.values())
            self._takers.clear()
            for taker in takers:
                taker(None)

    async def _receive(self, message: Msg) -> None:
        if taker := self._takers.pop(message.subject.rpartition(".")[2], None):
            taker(message)


def _on_the_wire(headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"NATS/1.0\r\n{lines}\r\n".encode()


def parsed_ack(message: Msg) -> dict[str, Any]:
    """The broker's PubAck, with ``seq`` in it. Raises Busy or Refused."""
    if message.headers and message.headers.get("Status") == "503":
        raise Busy("no stream stores this subject now")
    try:
        ack = _decode_ack(message.data)
        if error := ack.get("error"):
            text = str(error.get("description", "no reason given"))
            raise Busy(text) if error.get("code") == 503 else Refused(text)
        int(ack["seq"])
    except (msgspec.DecodeError, ValueError, KeyError, TypeError, AttributeError):
        raise Refused(
            "its answer is not a JetStream acknowledgement; another program may be replying on this subject"
        ) from None
    return ack


class ReplyInbox:
    """Subscribed from :meth:`open` to :meth:`close`. Reply subjects are ``<prefix>.<anything>``."""

    def __init__(self, nc: BusConnection) -> None:
        self.prefix = nc.new_inbox()
        self._nc = nc
        self._arrived: asyncio.Queue[Msg] = asyncio.Queue(PENDING)
        self._subscription: Subscription | None = None

    @classmethod
    async def open(cls, nc: BusConnection) -> ReplyInbox:
        """Subscribe; replies sent from now on are received."""
        inbox = cls(nc)
        inbox._subscription = await nc.subscribe(f"{inbox.prefix}.>", cb=inbox._arrived.put)
        await nc.flush()
        return inbox

    async def replies(self, count: int, timeout: float) -> AsyncIterator[bytes]:
        """The first ``count`` replies; ends early when ``timeout`` seconds have passed since the call."""
        deadline = time.monotonic() + timeout
        for _ in range(count):
            try:
                async with asyncio.timeout(max(deadline - time.monotonic(), 0.001)):
                    message = await self._arrived.get()
            except TimeoutError:
                return
            yield message.data

    async def close(self) -> None:
        """Unsubscribe; idempotent."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._nc.is_closed:
            await subscription.unsubscribe()
