"""Where a source puts what it heard: into the log stream, with a bound on what is on its way, and counted."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextvars import copy_context
from functools import partial

import msgspec

from andon.bus.feed import Feed, Stored
from andon.core.errors import BrokerUnavailable
from andon.core.telemetry import Health, Metrics
from andon.ingest.sources.heard import IF_OLD, IMPORTED_HEADER, Heard, message_of

#: So many logs of one source, or so many bytes of them, may be on their way at once.
WINDOW, WINDOW_BYTES = 1_024, 16 * 1024 * 1024
#: After so many logs the figure on ``/metrics`` is raised, and whenever none is on its way.
TELL_EVERY = 64

#: So many go into one write.
TOGETHER = 128

_IMPORTED, _BACKLOG = {IMPORTED_HEADER: "1"}, {IMPORTED_HEADER: IF_OLD}


class IntakeCounts(msgspec.Struct):
    """What came through one source since Andon started; ``last_heard`` is unix seconds, None where nothing came.

    ``refused`` counts what was heard and is no log in the stream, by reason.
    """

    taken: int = 0
    refused: dict[str, int] = msgspec.field(default_factory=dict)
    last_heard: float | None = None
    trouble: str | None = None


class Outlet:
    """One source's way into the stream. :meth:`put` waits while too much is on its way: who reads a socket stops then.

    ``counts`` is what came so far; a figure on ``/metrics`` goes with each.
    """

    def __init__(self, name: str, feed: Feed, metrics: Metrics, health: Health) -> None:
        self.name = name
        self.counts = IntakeCounts()
        self._feed = feed
        self._health = health
        self._metrics = metrics
        self._taken = metrics.source_taken.labels(name)
        metrics.source_heard.labels(name).set_function(lambda: self.counts.last_heard or 0.0)
        self._count = self._bytes = self._untold = 0
        self._context = copy_context()  # one for all callbacks: the garbage collector counts each
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle = asyncio.Event()
        self._idle.set()

    async def put(self, heard: Heard) -> asyncio.Future[Stored]:
        """Send a log on its way; the future is done once the stream has it, or will never take it (that is counted).

        Waits while :data:`WINDOW` logs are on their way. Raises BrokerUnavailable where Andon stops.
        """
        subject, data = message_of(heard, self._feed.max_payload)
        return await self.put_message(subject, data, _headers_of(heard), message_id=heard.message_id)

    async def put_message(
        self, subject: str, data: bytes, headers: dict[str, str] | None = None, *, message_id: str | None = None
    ) -> asyncio.Future[Stored]:
        """The same for a message that is one already, such as a line of JSON as a logger wrote it."""
        self.counts.last_heard = time.time()
        size = len(data)
        while self._count >= WINDOW or (self._count and self._bytes + size > WINDOW_BYTES):
            await self._room()
        self._count += 1
        self._bytes += size
        self._idle.clear()
        try:
            done = await self._feed.put(subject, data, headers, message_id)
        except BaseException:
            self._left(size)
            raise
        done.add_done_callback(partial(self._ended, size), context=self._context)
        return done

    async def put_many(self, logs: Iterable[Heard]) -> list[asyncio.Future[Stored]]:
        """As :meth:`put` for many, in few writes."""
        most = self._feed.max_payload
        return await self.put_messages([(*message_of(log, most), _headers_of(log), log.message_id) for log in logs])

    async def put_messages(
        self, messages: Sequence[tuple[str, bytes, dict[str, str] | None, str | None]]
    ) -> list[asyncio.Future[Stored]]:
        """As :meth:`put_message` for many (subject, payload, headers, message id), in few writes: for who has many."""
        futures: list[asyncio.Future[Stored]] = []
        for start in range(0, len(messages), TOGETHER):
            part = messages[start : start + TOGETHER]
            size = sum(len(one[1]) for one in part)
            while self._count and (self._count + len(part) > WINDOW or self._bytes + size > WINDOW_BYTES):
                await self._room()
            self.counts.last_heard = time.time()
            self._count += len(part)
            self._bytes += size
            self._idle.clear()
            try:
                done = await self._feed.put_many(part)
            except BaseException:
                for one in part:
                    self._left(len(one[1]))
                raise
            for one, future in zip(part, done, strict=True):
                future.add_done_callback(partial(self._ended, len(one[1])), context=self._context)
            futures += done
        return futures

    async def store(self, logs: Iterable[Heard], patience: float) -> list[Stored]:
        """Put all of ``logs`` and return what became of each, in order.

        Raises BrokerUnavailable where the broker did not take them within ``patience`` seconds; some may be stored.
        """
        try:
            async with asyncio.timeout(patience):
                return [await one for one in [await self.put(log) for log in logs]]
        except TimeoutError:
            reason = self._feed.problem or "no answer"
            raise BrokerUnavailable(
                f"the broker did not store what {self.name} received within {patience:g} s ({reason}): send it again "
                "later"
            ) from None

    @property
    def stuck(self) -> str | None:
        """Why a log that is put now would have to wait for longer than a moment; None where it would not.

        While nothing is on its way a full stream is tried again: it may have room by now.
        """
        if not self._feed.connected:
            return "the broker is not reachable"
        return self._feed.problem if self._count else None

    @property
    def problem(self) -> str | None:
        """What the broker said instead of an acknowledgement the last time; None where it gave one."""
        return self._feed.problem

    async def settled(self) -> None:
        """Return once nothing that was put is on its way any more."""
        await self._idle.wait()

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count what was heard and is no log: ``reason`` is one of a few words, such as ``too long``."""
        self.counts.last_heard = time.time()
        self.counts.refused[reason] = self.counts.refused.get(reason, 0) + count
        self._metrics.source_refused.labels(self.name, reason).inc(count)

    def took(self, count: int) -> None:
        """Count logs that came into the stream another way, such as through the broker's own MQTT port."""
        self.counts.taken += count
        self.counts.last_heard = time.time()
        self._taken.inc(count)

    @property
    def max_payload(self) -> int:
        """Bytes that one message may have, headers included."""
        return self._feed.max_payload

    def trouble(self, sentence: str | None) -> None:
        """Say on ``/readyz`` what keeps this source from hearing, and what to do; None takes it back."""
        self.counts.trouble = sentence
        self._health.remark(f"source {self.name}", sentence)

    async def _room(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            elif not place.cancelled():
                self._let_in()  # it was ours, and goes to the next
            raise

    def _ended(self, size: int, ended: asyncio.Future[Stored]) -> None:
        self._left(size)
        if not ended.cancelled():
            if ended.result().refused is None:
                self.counts.taken += 1
                self._untold += 1
            else:
                self.refuse("refused by the broker")
        if self._untold >= TELL_EVERY or (self._untold and not self._count):
            self._taken.inc(self._untold)
            self._untold = 0

    def _left(self, size: int) -> None:
        self._count -= 1
        self._bytes -= size
        if not self._count:
            self._idle.set()
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                break


def _headers_of(heard: Heard) -> dict[str, str] | None:
    return _IMPORTED if heard.imported else _BACKLOG if heard.backlog else None
