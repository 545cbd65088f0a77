"""The bus in one process: what JetStream does for Andon, without a broker. For tests, of ours and of others.

Streams of bytes, sequences, stored-at times, explicit acks, redelivery after ``ack_wait``, release, termination,
replay, duplicate ids and both kinds of callers behave as they do with a real server; one contract suite holds both
to it. Nothing survives the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

import msgspec

from andon.bus.inbox import MESSAGE_ID
from andon.bus.interfaces import AnalyzeHandler, PlainRequestHandler
from andon.bus.jetstream_api import SUBJECTS, covers
from andon.bus.requests import Callers
from andon.core.errors import BrokerError, BrokerUnavailable
from andon.core.models import ANALYZE_SUBJECT, STREAM, Delivery, StreamState

ACK_WAIT = 30.0
DUPLICATE_WINDOW = 120.0
REPLAY_BATCH = 1000


class Published(msgspec.Struct):
    """A message that was published on the bus."""

    subject: str
    data: bytes
    headers: Mapping[str, str] | None = None


class MemoryBus:
    """Broker, stream and consumer in memory.

    ``clock`` (seconds, monotonic) decides when an unacknowledged message comes again; ``wall_ns`` is the time that
    messages are stored at. ``available`` False makes the bus behave like a broker that is away.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
        ack_wait: float = ACK_WAIT,
        max_payload: int = 1 << 20,
    ) -> None:
        self._clock = clock
        self._wall_ns = wall_ns
        self._ack_wait = ack_wait
        self._max_payload = max_payload
        self._messages: dict[int, Delivery] = {}  # without a token, until one is delivered
        self._last = 0
        self._arrived = 0
        self._next = 1
        self._due: dict[int, float] = {}  # delivered, not acknowledged: when it comes again
        self._done: set[int] = set()  # acknowledged above the floor
        self._floor = 0
        self._ids: dict[str, tuple[float, int]] = {}
        self._inboxes: dict[str, list[asyncio.Queue[Published]]] = {}
        self._changed = asyncio.Event()
        self.moved = asyncio.Event()
        self.listener: MemoryCallers | None = None
        self.available = True

    def stream(self) -> MemoryLogStream:
        """The consumer's end."""
        return MemoryLogStream(self)

    def publisher(self) -> MemoryPublisher:
        """The producer's end."""
        return MemoryPublisher(self)

    def callers(self) -> MemoryCallers:
        """The listener for callers that wait."""
        return MemoryCallers(self)

    def subscribe(self, pattern: str) -> asyncio.Queue[Published]:
        """A queue that gets every message published on ``pattern`` from now on."""
        queue: asyncio.Queue[Published] = asyncio.Queue()
        self._inboxes.setdefault(pattern, []).append(queue)
        return queue

    def new_inbox(self) -> str:
        """A subject nobody else uses."""
        return f"_INBOX.{uuid.uuid4().hex}"

    def publish(
        self,
        subject: str,
        data: bytes,
        *,
        reply: str = "",
        headers: Mapping[str, str] | None = None,
        ours: bool = False,
    ) -> int:
        """Publish as a client would; returns the sequence where the stream took it, else 0.

        With ``reply``, the stream's acknowledgement goes there first, as a real one's does. The listener for callers
        does not hear what is ``ours``.
        """
        self.check(len(data))
        sequence = 0
        if any(covers(pattern, subject) for pattern in SUBJECTS):
            sequence = self._store(subject, data, headers)
            if reply:
                self.hand_out(reply, json.dumps({"stream": STREAM, "seq": sequence}).encode())
            if self.listener is not None and not ours:
                self._arrived += 1
                self.listener.plain_request(data, subject, reply, self._arrived)
        elif subject == ANALYZE_SUBJECT and self.listener is not None:
            self.listener.analyze_request(data, reply)
        self.hand_out(subject, data, headers)
        return sequence

    def heard(self, subject: str) -> bool:
        """Whether anybody is subscribed to ``subject``."""
        return any(covers(pattern, subject) for pattern in (*self._inboxes, *SUBJECTS))

    def check(self, size: int = 0) -> None:
        """Raise what a client would meet now: BrokerUnavailable, or BrokerError for ``size`` above the limit."""
        if not self.available:
            raise BrokerUnavailable("the memory bus is switched off: switch it on")
        if size > self._max_payload:
            raise BrokerError(f"the message has {size} bytes but the broker accepts {self._max_payload}: shorten it")

    def lose_first(self, count: int) -> None:
        """Forget the oldest messages, as a stream's age limit does."""
        for sequence in sorted(self._messages)[:count]:
            del self._messages[sequence]
        self.moved.set()

    def _store(self, subject: str, data: bytes, headers: Mapping[str, str] | None) -> int:
        now = self._clock()
        identity = (headers or {}).get(MESSAGE_ID)
        if identity is not None:
            while self._ids and next(iter(self._ids.values()))[0] < now - DUPLICATE_WINDOW:
                del self._ids[next(iter(self._ids))]
            if identity in self._ids:
                return self._ids[identity][1]
            self._ids[identity] = (now, self._last + 1)
        self._last += 1
        self._messages[self._last] = Delivery(data, subject, STREAM, self._last, self._wall_ns(), "", headers)
        self._changed.set()
        self.moved.set()
        return self._last

    def hand_out(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Give a message to whoever subscribed to ``subject``: no stream, no listener. So a caller is answered."""
        for pattern, queues in self._inboxes.items():
            if covers(pattern, subject):
                for queue in queues:
                    queue.put_nowait(Published(subject, data, headers))

    def take(self, limit: int) -> list[Delivery]:
        """What the consumer is due: first what comes again, then what is new."""
        now = self._clock()
        due = sorted(s for s, at in self._due.items() if at <= now)
        sequences = due[:limit]
        while len(sequences) < limit and self._next <= self._last:
            sequence = self._next
            self._next += 1
            if sequence in self._messages:
                sequences.append(sequence)
        taken = []
        for sequence in sequences:
            if (stored := self._messages.get(sequence)) is None:
                self.settle(sequence)  # the stream forgot it meanwhile
                continue
            self._due[sequence] = now + self._ack_wait
            self._arrived += 1
            taken.append(msgspec.structs.replace(stored, token=f"ack.{sequence}", arrived=self._arrived))
        return taken

    def settle(self, sequence: int) -> None:
        """The message is acknowledged or terminated."""
        self.moved.set()
        if self._due.pop(sequence, None) is not None:
            self._done.add(sequence)
        while self._floor + 1 in self._done or (
            self._floor + 1 < self._next and self._floor + 1 not in self._due and self._floor + 1 not in self._messages
        ):
            self._floor += 1
            self._done.discard(self._floor)

    def skip(self, last: int) -> None:
        """Deliver nothing up to ``last`` any more."""
        self._next = max(self._next, last + 1)
        self._due = {sequence: at for sequence, at in self._due.items() if sequence > last}
        self._floor = max(self._floor, last)

    def give_back(self, sequence: int, delay: float) -> None:
        """The message comes again after ``delay`` seconds."""
        if sequence in self._due:
            self._due[sequence] = self._clock() + delay
            self._changed.set()

    def kept(self, first: int, last: int) -> list[Delivery]:
        """The messages of ``first``..``last`` that the stream still holds."""
        return [msgspec.structs.replace(m) for s, m in sorted(self._messages.items()) if first <= s <= last]

    async def wait(self, seconds: float) -> None:
        """Wait for something new, at most ``seconds``, or until something comes again."""
        self._changed.clear()
        soonest = min(self._due.values(), default=None)
        if soonest is not None:
            seconds = min(seconds, max(soonest - self._clock(), 0.001))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def state(self) -> StreamState:
        """Where stream and consumer stand."""
        sequences = self._messages.keys()
        return StreamState(
            stream=STREAM,
            first_sequence=min(sequences, default=self._last + 1 if self._last else 0),
            last_sequence=self._last,
            messages=len(sequences),
            bytes=sum(len(m.data) for m in self._messages.values()),
            ack_floor=self._floor,
            delivered=self._next - 1,
            pending=sum(1 for s in sequences if s >= self._next),
            ack_pending=len(self._due),
            first_ns=min((m.stored_ns for m in self._messages.values()), default=0),
            in_hand=len(self._due),
        )


class MemoryLogStream:
    """See :class:`andon.bus.interfaces.LogStream`; over a :class:`MemoryBus`."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self._closed = False
        self.moved = bus.moved

    async def pull(self, limit: int, wait: float) -> list[Delivery]:
        deadline = time.monotonic() + wait
        while True:
            if self._closed:
                raise BrokerUnavailable("this log stream is closed: open another")
            if self._bus.available and (taken := self._bus.take(limit)):
                return taken
            if (left := deadline - time.monotonic()) <= 0:
                return []
            await self._bus.wait(left if self._bus.available else min(left, 0.01))

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        for each in deliveries:
            self._bus.settle(each.sequence)

    async def terminate(self, deliveries: Sequence[Delivery]) -> None:
        await self.ack(deliveries)

    async def release(self, deliveries: Sequence[Delivery], delay: float = 0.0) -> None:
        for each in deliveries:
            self._bus.give_back(each.sequence, delay)

    async def state(self) -> StreamState:
        self._bus.check()
        return self._bus.state()

    async def replay(self, first: int, last: int) -> AsyncGenerator[list[Delivery]]:
        self._bus.check()
        kept = self._bus.kept(first, last)
        for start in range(0, len(kept), REPLAY_BATCH):
            yield kept[start : start + REPLAY_BATCH]

    def compared(self) -> None:
        return

    async def skip(self, last: int) -> None:
        self._bus.skip(last)

    async def keys(self, first: int, last: int) -> AsyncGenerator[list[tuple[int, int]]]:
        async for batch in self.replay(first, last):
            yield [(each.sequence, each.stored_ns) for each in batch]

    async def close(self) -> None:
        """Stop reading; idempotent."""
        self._closed = True


class MemoryPublisher:
    """See :class:`andon.bus.interfaces.Publisher`; over a :class:`MemoryBus`."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    async def store(
        self, data: bytes, *, subject: str, headers: Mapping[str, str] | None = None, message_id: str | None = None
    ) -> int:
        with_id = dict(headers or {})
        if message_id is not None:
            with_id[MESSAGE_ID] = message_id
        sequence = self._bus.publish(subject, data, headers=with_id or None, ours=True)
        if not sequence:
            raise BrokerUnavailable(f"no stream takes {subject}: publish on {SUBJECTS[0]} or below it")
        return sequence

    async def send(self, subject: str, data: bytes) -> None:
        self._bus.publish(subject, data)

    async def deliver(self, subject: str, data: bytes) -> bool:
        self._bus.publish(subject, data)
        return self._bus.heard(subject)

    def owns(self, reply: str) -> bool:
        """Never: acknowledgements need no inbox here."""
        return False

    async def close(self) -> None:
        """Nothing to close."""


class MemoryCallers(Callers):
    """What :class:`andon.bus.requests.NatsCallers` is, over a :class:`MemoryBus`."""

    def __init__(self, bus: MemoryBus) -> None:
        super().__init__()
        self._bus = bus

    async def listen(self, analyze: AnalyzeHandler, plain: PlainRequestHandler) -> None:
        """Start both."""
        self._analyze, self._plain = analyze, plain
        self._bus.listener = self

    async def close(self) -> None:
        """Stop; requests in hand are answered with error 503. Idempotent."""
        if self._bus.listener is self:
            self._bus.listener = None
        tasks = tuple(self._requests)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def plain_request(self, data: bytes, subject: str, reply: str, arrived: int) -> None:
        """A message on the log subject came in."""
        if self._plain is not None:
            self._plain(data, subject, reply, arrived)

    def analyze_request(self, data: bytes, reply: str) -> None:
        """A request to the analyze endpoint came in."""

        async def respond(answer: bytes) -> None:
            self._bus.hand_out(reply, answer)

        async def refuse(code: str, reason: str) -> None:
            self._bus.hand_out(reply, b"", {"Nats-Service-Error-Code": code, "Nats-Service-Error": reason})

        task = asyncio.create_task(self._answer(data, respond, refuse))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)
