"""What the pipeline asks of a bus, NATS or the one in memory: the log stream, and publishing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from andon.core.models import Delivery, StreamState


class LogStream(Protocol):
    """The durable consumer of the site's log stream. One reader per object.

    ``moved`` is set whenever something happened to the stream or its consumer, as far as is heard: what is pulled and
    answered here, requests of others, changes. Whoever waits for it clears it.
    """

    moved: asyncio.Event

    async def pull(self, limit: int, wait: float) -> list[Delivery]:
        """Up to ``limit`` messages in stream order; [] where none came within ``wait`` seconds.

        Rides through reconnects by itself. Raises BrokerUnavailable only where the connection is closed for good.
        """

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the broker these are stored. Lost acks are harmless: the messages come again."""

    async def terminate(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the broker never to deliver these again (they are kept in ``rejects``)."""

    async def release(self, deliveries: Sequence[Delivery], delay: float = 0.0) -> None:
        """Give unprocessed messages back; the broker delivers them again after ``delay`` seconds."""

    async def state(self) -> StreamState:
        """Where stream and consumer stand. Raises BrokerUnavailable."""

    def replay(self, first: int, last: int) -> AsyncGenerator[list[Delivery]]:
        """Batches of what the stream still holds of sequences ``first``..``last``; leaves the consumer alone.

        Deliveries from here need no ack (their ``token`` is empty). Raises BrokerUnavailable.
        """

    def compared(self) -> None:
        """Note that everything which was acknowledged before is in the database."""

    async def skip(self, last: int) -> None:
        """Let the consumer go on after sequence ``last``, whatever it has not delivered before. Raises BrokerError."""

    def keys(self, first: int, last: int) -> AsyncGenerator[list[tuple[int, int]]]:
        """As :meth:`replay`, of each message only its sequence and when it was stored (ns): so it costs little."""


class Publisher(Protocol):
    """Publishing towards the broker."""

    async def store(
        self, data: bytes, *, subject: str, headers: Mapping[str, str] | None = None, message_id: str | None = None
    ) -> int:
        """Publish into the stream, return its sequence once the broker stored it.

        Raises BrokerUnavailable, or BrokerError where the broker refuses this message for good (too large, say).
        """

    async def send(self, subject: str, data: bytes) -> None:
        """Plain publish, at most once. Raises BrokerUnavailable where the connection is closed, or BrokerError."""

    async def deliver(self, subject: str, data: bytes) -> bool:
        """Plain publish to somebody who should be listening; False where nobody is. Raises as ``send``."""


#: Called with (payload, subject, reply subject or "", place among what the connection received) of each message that is
#: heard on the log subject.
PlainRequestHandler = Callable[[bytes, str, str, int], None]

#: Called with the payload of a request to the analyze endpoint; returns the reply or raises AndonError.
AnalyzeHandler = Callable[[bytes], Awaitable[bytes]]
