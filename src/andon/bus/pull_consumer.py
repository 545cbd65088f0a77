"""One long pull at a time, with a bounded buffer between the broker and the reader.

nats-py's own ``fetch()`` costs about 40 µs per message, most of it a task and a timer for each; taking messages as they
are read costs a tenth of that (see :mod:`andon.bus.wire`). What is left to do here is the pull protocol: ask for a
batch, count what arrives, notice the end of a pull (a status message, or heartbeats that stop), and ask again early
enough that the next batch is on its way while the reader works on this one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Awaitable

import nats.errors
import structlog
from nats.aio.subscription import Subscription

from andon.bus.connection import BusConnection, text_of
from andon.bus.expectations import PULL_EXPIRES
from andon.bus.jetstream_api import SECOND, Setup
from andon.bus.wire import plain_headers
from andon.core.models import Delivery
from andon.core.waiting import woken

log = structlog.get_logger(__name__)

ACK_PREFIX = b"$JS.ACK."
MESSAGE_SIZE = "Nats-Msg-Size"  # what the broker took away, where it hands out headers only
NAK_LATER = b'-NAK {"delay": 1000000000}'
MAX_PULL_BYTES = 256 << 20
#: Seconds between the broker's signs of life while a pull waits, and those of a broker of our own: nothing but its end
#: or its hanging ends a pull there unheard.
HEARTBEAT, OWN_HEARTBEAT = 1.0, 3.0
NO_WAIT_TIMEOUT = 5.0
#: Ends of a pull that only mean "ask again", by the beginning of their text.
ROUTINE = ("Request Timeout", "Message Size Exceeds MaxBytes", "Batch Completed", "Interest Expired")


def parse_ack_subject(subject: str) -> tuple[str, int, int, int]:
    """(stream, sequence, consumer sequence, stored-at ns) out of a message's ack subject. Raises ValueError.

    Both forms are in use: ``$JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<ns>.<pending>`` and, since
    nats-server 2.11, the one with ``<domain>.<account hash>`` after ``ACK`` and sometimes a random last token.
    """
    parts = subject.split(".")
    if len(parts) == 9:
        return parts[2], int(parts[5]), int(parts[6]), int(parts[7])
    if len(parts) >= 11:
        return parts[4], int(parts[7]), int(parts[8]), int(parts[9])
    raise ValueError(f"{subject!r} is not the ack subject of a JetStream message")


def waiting_of(subject: str) -> int:
    """How many messages more the consumer had when it sent the one of this ack subject; 0 where it is not told."""
    parts = subject.split(".")
    told = parts[8] if len(parts) == 9 else parts[10] if len(parts) >= 11 else "0"
    return int(told) if told.isdecimal() else 0


class PullReader:
    """Reads a pull consumer. One reader per object; everything runs on the loop that opened it.

    ``batch`` messages and ``max_bytes`` bound one pull; at most two pulls' worth is in memory (one buffered, one
    arriving). ``heartbeat`` is how often, in seconds, the broker says that a waiting pull lives. ``no_wait`` makes a
    pull end when the stream has nothing more, instead of waiting for it.
    """

    def __init__(
        self,
        nc: BusConnection,
        stream: str,
        consumer: str,
        *,
        batch: int,
        max_bytes: int,
        no_wait: bool = False,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._nc = nc
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._no_wait = no_wait
        self._heartbeat = heartbeat
        self._buffer: deque[Delivery] = deque()
        self._subject = b"", ""  # of the last message, as bytes and as text
        self._last = ""  # token of the last message
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._number = 0
        self._open = False
        self._wanted = 0
        self._heard = 0.0
        self._wish = (batch, max_bytes)
        self._expires = PULL_EXPIRES
        self.batch = batch
        self.max_bytes = max_bytes
        #: Size of the payloads here that the reader has not taken.
        self.buffered_bytes = 0
        #: How many messages ever came.
        self.received = 0
        self._changed = asyncio.Event()
        #: Why the last pull ended, where that needs more than asking again.
        self.trouble: str | None = None
        #: Whether a ``no_wait`` pull found nothing more.
        self.exhausted = False

    def obey(self, setup: Setup) -> None:
        """Ask for no more at once than the consumer allows."""
        batch, max_bytes = self._wish
        # More than it lets be unacknowledged would never arrive, and half of it may be in the reader's hands.
        at_once = max(1, setup.max_ack_pending // 2) if setup.max_ack_pending > 0 else batch
        self.batch = max(1, min(batch, at_once, setup.max_batch if setup.max_batch > 0 else batch))
        self.max_bytes = min(max_bytes, setup.max_bytes) if setup.max_bytes > 0 else max_bytes
        self._expires = min(PULL_EXPIRES, setup.max_expires) if setup.max_expires > 0 else PULL_EXPIRES

    async def open(self) -> None:
        """Start listening; nothing is asked for yet."""
        self._inbox = self._nc.new_inbox()
        self._subscription = await self._nc.subscribe_directly(f"{self._inbox}.*", self._arrived)

    async def close(self, timeout: float = 1.0) -> list[Delivery]:
        """Stop listening and return what was received and not taken; messages on their way are waited for."""
        subscription, self._subscription = self._subscription, None
        self._open = False
        self.forget("closed")
        if subscription is not None:
            with contextlib.suppress(TimeoutError, nats.errors.Error):
                async with asyncio.timeout(timeout):
                    if self._nc.is_connected:
                        await subscription.drain()  # type: ignore[no-untyped-call]  # nats-py leaves it unannotated
                    else:
                        await subscription.unsubscribe()
        return self.take(len(self._buffer))

    def take(self, limit: int) -> list[Delivery]:
        """Up to ``limit`` received messages, oldest first; their tokens are the ack subjects."""
        buffer = self._buffer
        if len(buffer) <= limit:
            taken = list(buffer)
            buffer.clear()
            self.buffered_bytes = 0
            return taken
        taken = [buffer.popleft() for _ in range(limit)]
        self.buffered_bytes -= sum(len(one.data) for one in taken)
        return taken

    def owns(self, reply: str) -> bool:
        """Whether ``reply`` is where a pull of ours gets its messages."""
        return bool(self._inbox) and reply.startswith(self._inbox)

    @property
    def asking(self) -> bool:
        """Whether a pull of ours waits at the broker."""
        return self._open

    async def wait(self, seconds: float) -> None:
        """Wait until something arrives, a message or the end of a pull, or is overdue; at most ``seconds``."""
        if self._open:
            seconds = min(seconds, max(self._heard + self._patience - time.monotonic(), 0.0) + 0.001)
        await woken(self._changed, seconds)
        self._changed.clear()

    async def fill(self, limit: int, seconds: float) -> None:
        """Wait for so many messages where they are on their way, because the broker has them; at most ``seconds``.

        Many in one transaction cost much less than a few in each.
        """
        deadline = time.monotonic() + seconds
        while self._buffer and self._open and len(self._buffer) < limit and self.buffered_bytes < self.max_bytes:
            left = deadline - time.monotonic()
            if self._wanted > waiting_of(self._last) or left <= 0:
                return
            await self.wait(left)

    async def ask(self) -> None:
        """Ask for a batch unless one is on its way, enough is buffered, or there is trouble to be dealt with."""
        if self._open or self.trouble or len(self._buffer) >= self.batch or self.buffered_bytes >= self.max_bytes:
            return
        self._number += 1
        self._open, self._wanted, self.exhausted = True, self.batch, False
        self._heard = time.monotonic()
        body: dict[str, int | bool] = {"batch": self.batch, "max_bytes": self.max_bytes}
        if self._no_wait:
            body["no_wait"] = True
        else:
            body["expires"] = self._expires
            body["idle_heartbeat"] = min(int(self._heartbeat * SECOND), self._expires // 2)
        try:
            await self._nc.publish(self._next, json.dumps(body).encode(), reply=f"{self._inbox}.{self._number}")
        except nats.errors.Error as error:
            self._open = False
            self.trouble = f"request failed: {error}"

    def forget(self, trouble: str | None) -> None:
        """The outstanding pull is lost (the connection was); ``trouble`` keeps new ones from being asked for."""
        self._open = False
        self.trouble = trouble
        self._changed.set()

    def silent(self) -> bool:
        """Whether the outstanding pull is dead: two heartbeats are missing. It is given up then."""
        if not self._open or time.monotonic() - self._heard < self._patience:
            return False
        self.forget("heartbeats stopped")
        return True

    @property
    def _patience(self) -> float:
        return NO_WAIT_TIMEOUT if self._no_wait else 2.2 * self._heartbeat

    def _arrived(
        self, subject: bytes, reply: bytes, data: bytes, raw: bytes | None, place: int
    ) -> Awaitable[None] | None:
        """Take in a message as it is read; what is to be done besides."""
        self._heard = time.monotonic()
        headers = None if raw is None else plain_headers(raw)
        if not data or (raw is not None and headers is None) or not reply.startswith(ACK_PREFIX):
            return self._received(subject, reply, data, raw, place)
        return self._kept(subject, reply, data, headers, place)

    async def _received(self, subject: bytes, reply: bytes, data: bytes, raw: bytes | None, place: int) -> None:
        """The same for what may be a status, or a message without its content, or has several headers."""
        headers = None if raw is None else await self._nc.parsed_headers(raw)
        if not reply.startswith(ACK_PREFIX):
            status = (headers or {}).get("Status")
            if status is not None and status != "100" and text_of(subject) == f"{self._inbox}.{self._number}":
                await self._ended(status, (headers or {}).get("Description", ""))
            return
        stripped = not data and (headers or {}).get(MESSAGE_SIZE, "0") != "0"
        if stripped and not self._no_wait:  # our own reading back may want nothing else
            self.forget("messages arrive without their content")
            await self._nc.publish(reply.decode(), NAK_LATER)
        elif (todo := self._kept(subject, reply, data, headers, place)) is not None:
            await todo

    def _kept(
        self, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None, place: int
    ) -> Awaitable[None] | None:
        """Keep a message for the reader; ask for more where it was the last of a pull."""
        token = text_of(reply)
        try:
            stream, sequence, _, stored_ns = parse_ack_subject(token)
        except ValueError:
            log.warning("message with an unknown ack subject", subject=text_of(subject), ack=token)
            return None
        if subject != self._subject[0]:
            self._subject = subject, text_of(subject)
        self._buffer.append(Delivery(data, self._subject[1], stream, sequence, stored_ns, token, headers, place))
        self.received += 1
        self.buffered_bytes += len(data)
        self._wanted -= 1
        self._last = token
        if not self._changed.is_set():
            self._changed.set()
        if self._wanted <= 0 and self._open:
            self._open = False
            return self.ask()
        return None

    async def _ended(self, status: str, description: str) -> None:
        """The broker ended the pull: ask again, or leave it to the reader to find out what is the matter."""
        self._open = False
        self.exhausted = self._no_wait and status in ("404", "408")
        if description.startswith("Message Size Exceeds") and self._wanted == self.batch:
            # Not even one message fits: it was stored when larger ones were allowed.
            self.max_bytes = min(2 * self.max_bytes, MAX_PULL_BYTES)
        if not self.exhausted:
            if description.startswith(ROUTINE):
                await self.ask()
            else:
                self.trouble = f"{status} {description}".strip()
        self._changed.set()
