"""The site's log stream as JetStream's durable pull consumer: the recorder's end of the bus."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any

import nats.errors
import structlog
from msgspec import structs

from andon.bus import jetstream_api
from andon.bus.connection import BusConnection, closed_error
from andon.bus.expectations import OVERHEAD
from andon.bus.jetstream_api import Setup
from andon.bus.pull_consumer import HEARTBEAT, OWN_HEARTBEAT, PullReader, parse_ack_subject
from andon.bus.stream_guard import StreamGuard
from andon.core.errors import BrokerError, BrokerUnavailable
from andon.core.models import CONSUMER, STREAM, Delivery, StreamState

log = structlog.get_logger(__name__)

BATCH = 1000
MAX_BYTES = 4 << 20
#: A batch that is on its way is waited for so long, in seconds: while there is much to do, not for a single log.
FILL_WAIT = 0.05
MAX_HELD = 2 * jetstream_api.MAX_ACK_PENDING
RETRY_PAUSE = 0.2
REPEAT_LOG_AFTER = 30.0
CHECK_TIMEOUT = 2.0
REPLAY_ATTEMPTS = 5
#: Looking for the end of what the broker cannot read, every so many messages are tried: blocks of its store hold more.
PROBE_STEP = 256
REPAIR_PAUSE = 1.0  # between two repairs that did not help

ACK = "+ACK"
NAK = "-NAK"
TERM = "+TERM"


class JetStreamLogStream:
    """See :class:`andon.bus.interfaces.LogStream`; made by :meth:`open`, ended by :meth:`close`.

    A pull that is cancelled loses nothing: what has arrived stays here for the next.
    ``reader`` holds what waits to be pulled, ``guard`` sees to stream and consumer. ``reconnects`` counts how often the
    connection was lost, ``dropped_answers`` the acks that were given up (their messages come again).
    """

    def __init__(
        self,
        nc: BusConnection,
        setup: Setup,
        *,
        guard: StreamGuard | None = None,
        batch: int = BATCH,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._nc = nc
        self._setup = setup
        self.moved = asyncio.Event()
        self.guard = guard or StreamGuard(nc)
        self.guard.heard = self._heard
        self._held: deque[tuple[Delivery, str]] = deque()
        self._verified = True
        self._changes = 0
        self._closed = False
        max_bytes = max(max_bytes, nc.max_payload + OVERHEAD)
        beat = OWN_HEARTBEAT if self.guard.ours else HEARTBEAT
        self.reader = PullReader(nc, STREAM, CONSUMER, batch=batch, max_bytes=max_bytes, heartbeat=beat)
        self.reader.obey(setup)
        self._unwatch = nc.watch(self._connection_changed)
        self._warned_at: float | None = None
        self._repaired_at = 0.0
        self.reconnects = 0
        self.dropped_answers = 0
        self._answered = 0
        self._unreadable = (0, 0)
        self._repairs = 0

    @classmethod
    async def open(
        cls, nc: BusConnection, *, guard: StreamGuard | None = None, batch: int = BATCH, max_bytes: int = MAX_BYTES
    ) -> JetStreamLogStream:
        """Make sure that stream and consumer exist and start reading. Raises BrokerUnavailable or BrokerError.

        ``batch`` messages and ``max_bytes`` bound one pull.
        """
        guard = guard or StreamGuard(nc)
        stream = cls(nc, await guard.settle(), guard=guard, batch=batch, max_bytes=max_bytes)
        await stream.reader.open()
        return stream

    @property
    def recreated(self) -> int:
        """How often the stream or the consumer had to be made again."""
        return self.guard.recreated

    async def pull(self, limit: int, wait: float) -> list[Delivery]:
        deadline = time.monotonic() + wait
        reader = self.reader
        while True:
            if self._closed or self._nc.is_closed:
                raise closed_error(self._nc)
            if reader.trouble is None:
                await reader.fill(limit, min(FILL_WAIT, wait))
            if reader.trouble is None:
                taken = reader.take(limit)
                if self.guard.setup is not None and self.guard.setup.mixed:
                    taken = await self._logs_of(taken)
                await reader.ask()
                if taken:
                    self.moved.set()
                    return taken
            left = deadline - time.monotonic()
            if left <= 0:
                return []
            if reader.trouble is not None and self._nc.is_connected:
                await self._repair(left)
                continue
            await reader.wait(left)
            if reader.silent():
                self._verified = False
                self.guard.suspect()

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        self._answered += len(deliveries)
        await self._answer(deliveries, ACK)

    async def terminate(self, deliveries: Sequence[Delivery]) -> None:
        self._answered += len(deliveries)
        await self._answer(deliveries, TERM)

    async def release(self, deliveries: Sequence[Delivery], delay: float = 0.0) -> None:
        self._answered += len(deliveries)
        await self._answer(deliveries, NAK if delay <= 0 else f'{NAK} {{"delay": {int(delay * jetstream_api.SECOND)}}}')

    async def state(self) -> StreamState:
        try:
            stream, consumer = await jetstream_api.infos(self._nc)
        except jetstream_api.ApiError as error:
            if error.code not in jetstream_api.MISSING:
                raise BrokerUnavailable(str(error)) from None
            self._verified = False
            self.reader.forget("stream or consumer missing")
            await self.guard.settle()
            stream, consumer = await jetstream_api.infos(self._nc)
        self.guard.saw(stream, consumer)
        state = jetstream_api.state_of(stream, consumer)
        if state.ack_floor > state.last_sequence and self.reader.trouble is None:
            self.reader.forget("the acknowledged position is beyond the stream's end")  # so that pulling repairs it
        changes = self._changes + self._repairs
        in_hand = self.reader.received - self._answered
        more = {"in_hand": in_hand, "answered": self._answered, "unreadable": self._unreadable}
        more["others"] = max(0, state.others - self.reader.asking)
        return structs.replace(state, changes=changes, **more)

    async def oldest_waiting(self, state: StreamState) -> float | None:
        """When the oldest message was stored that is not acknowledged (unix seconds); None where none is.

        None as well where it was removed. Raises BrokerUnavailable.
        """
        first = max(state.ack_floor + 1, state.first_sequence)
        if first > state.last_sequence:
            return None
        try:
            found = await jetstream_api.request(self._nc, f"STREAM.MSG.GET.{STREAM}", {"seq": first}, timeout=1.0)
        except jetstream_api.ApiError:  # removed meanwhile, or we may not read single messages there
            return None
        return datetime.fromisoformat(found["message"]["time"]).timestamp()

    def compared(self) -> None:
        self.guard.reading = True

    async def skip(self, last: int) -> None:
        await self.guard.skip(last)  # our pull ends with its consumer, and is repaired

    def replay(self, first: int, last: int) -> AsyncGenerator[list[Delivery]]:
        return self._read(first, last, {})

    async def keys(self, first: int, last: int) -> AsyncGenerator[list[tuple[int, int]]]:
        async with contextlib.aclosing(self._read(first, last, {"headers_only": True})) as batches:
            async for batch in batches:
                yield [(each.sequence, each.stored_ns) for each in batch]

    async def _read(self, first: int, last: int, how: dict[str, Any]) -> AsyncGenerator[list[Delivery]]:
        attempts = 0
        while first <= last:
            try:
                async with contextlib.aclosing(self._replay_once(first, last, how)) as batches:
                    async for batch in batches:
                        attempts = 0
                        first = batch[-1].sequence + 1
                        yield batch
            except _Interrupted as error:
                attempts += 1
                if attempts >= REPLAY_ATTEMPTS or self._nc.is_closed:
                    raise BrokerUnavailable(
                        f"reading back sequences {first} to {last} of {STREAM} failed ({error}): try again later"
                    ) from None
                await asyncio.sleep(RETRY_PAUSE)
            except _Unreadable as found:
                if found.last >= last:
                    return
                self._unreadable = (found.first, found.last)
                log.error("the broker cannot read its store", stream=STREAM, first=found.first, last=found.last)
                first = found.last + 1
            else:
                return

    async def close(self, timeout: float = 2.0) -> None:
        """Stop reading and give back what was not pulled, so that a successor gets it at once. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._unwatch()
        left = await self.reader.close(timeout / 2)
        if not self._verified or self._nc.is_closed:
            return
        with contextlib.suppress(TimeoutError, nats.errors.Error):
            async with asyncio.timeout(timeout / 2):
                await self._answer(left, NAK)
                if self._nc.is_connected:
                    await self._nc.flush()

    def _heard(self, reply: str) -> None:
        if not (reply and self.reader.owns(reply)):
            self.moved.set()

    def _connection_changed(self, up: bool) -> None:
        """Waiting pulls die with the connection; behind it may be another server, or the same with an empty store."""
        self._verified = False
        self._changes += 1
        self.moved.set()
        self.reader.forget("connection lost")
        if up:
            self.reconnects += 1

    async def _answer(self, deliveries: Sequence[Delivery], verb: str) -> None:
        """Send ``verb`` for each message, in one write.

        Sequences start again in a stream that was made anew, so an answer that is sent before we know which stream is
        there could acknowledge a message nobody has seen. Such answers are held, or given up: then it comes again.
        """
        self.moved.set()
        if not self._verified or not self._nc.is_connected:
            self._held.extend((d, verb) for d in deliveries)
            while len(self._held) > MAX_HELD:
                self._held.popleft()
                self.dropped_answers += 1
            return
        oldest = (self.guard.setup or self._setup).oldest_ns
        subjects = [d.token for d in deliveries if d.token and d.stored_ns >= oldest]
        self.dropped_answers += len(deliveries) - len(subjects)
        try:
            await self._nc.publish_each(subjects, verb)
        except nats.errors.Error as error:
            self.dropped_answers += len(subjects)
            log.warning(
                "acknowledging failed, the broker will deliver the messages again",
                messages=len(subjects),
                error=str(error),
            )

    async def _logs_of(self, taken: list[Delivery]) -> list[Delivery]:
        """Without our own answers, which somebody's filter lets through: recorded, they would be answered again."""
        await self.terminate([each for each in taken if jetstream_api.is_answer(each.subject)])
        return [each for each in taken if not jetstream_api.is_answer(each.subject)]

    async def _repair(self, left: float) -> None:
        """See what is there, make again what is missing, then go on reading."""
        since, self._repaired_at = time.monotonic() - self._repaired_at, time.monotonic()
        if since < REPAIR_PAUSE:
            await asyncio.sleep(min(RETRY_PAUSE, left))
        trouble, changes = self.reader.trouble, self._changes
        timeout = min(CHECK_TIMEOUT, max(left, 0.2))
        try:
            setup = await self.guard.settle(timeout)
        except BrokerError as error:
            if self._warned_at is None or time.monotonic() - self._warned_at > REPEAT_LOG_AFTER:
                self._warned_at = time.monotonic()
                log.warning("log stream cannot be read", trouble=trouble, error=str(error))
            await asyncio.sleep(min(RETRY_PAUSE, left))
            return
        if self._changes != changes:
            return  # the connection went again meanwhile
        self._setup = setup
        self._verified = True
        self._repairs += 1
        self.moved.set()
        self.reader.obey(setup)
        self.reader.trouble = None
        held = list(self._held)
        self._held.clear()
        for verb in (ACK, TERM):
            await self._answer([d for d, v in held if v == verb], verb)
        await self._answer([d for d, v in held if v not in (ACK, TERM)], NAK)
        tell = log.debug if self._warned_at is None else log.info
        self._warned_at = None
        tell("log stream can be read again", trouble=trouble, held_answers=len(held))

    async def _replay_once(self, first: int, last: int, how: dict[str, Any]) -> AsyncGenerator[list[Delivery]]:
        try:
            stream = await jetstream_api.request(self._nc, f"STREAM.INFO.{STREAM}")
            first, last = max(first, stream["state"]["first_seq"], 1), min(last, stream["state"]["last_seq"])
            if first > last or stream["config"].get("retention", "limits") != "limits":
                return  # only a limits stream still holds what was acknowledged
            name = await self._ephemeral(first, how | jetstream_api.filters(stream["config"]))
        except BrokerError as error:
            raise _Interrupted(str(error)) from None
        reader = PullReader(self._nc, STREAM, name, batch=BATCH, max_bytes=self.reader.max_bytes, no_wait=True)
        unwatch = self._nc.watch(lambda _up: reader.forget("connection lost"))
        expected = 1
        try:
            await reader.open()
            while first <= last:
                await reader.ask()
                taken = await self._next_batch(reader)
                if not taken:
                    try:
                        await self._look_for_damage(name, first, last)
                    except BrokerError as error:
                        raise _Interrupted(str(error)) from None
                    return
                wanted: list[Delivery] = []
                for each in taken:
                    if parse_ack_subject(each.token)[2] != expected:
                        raise _Interrupted("a message was lost on the way")
                    expected += 1
                    each.token = ""
                    if each.sequence <= last:
                        wanted.append(each)
                first = taken[-1].sequence + 1
                if wanted:
                    yield wanted
        finally:
            unwatch()
            await reader.close()
            with contextlib.suppress(BrokerError):
                await jetstream_api.request(self._nc, f"CONSUMER.DELETE.{STREAM}.{name}", timeout=1.0)

    async def _look_for_damage(self, consumer: str, first: int, last: int) -> None:
        """Raises _Unreadable where a consumer stands before ``first`` because the broker cannot read what is there.

        A consumer never goes on from a damaged block of the store, nor says so: it looks as if there were no more.
        """
        info = await jetstream_api.request(self._nc, f"CONSUMER.INFO.{STREAM}.{consumer}")
        if not info["num_pending"] or await self._readable(first):
            return
        bad, good = first, min(first + PROBE_STEP, last)
        while not await self._readable(good):
            if good == last:
                raise _Unreadable(first, last)
            bad, good = good, min(good + PROBE_STEP, last)
        while good - bad > 1:
            middle = (bad + good) // 2
            bad, good = (bad, middle) if await self._readable(middle) else (middle, good)
        raise _Unreadable(first, bad)

    async def _readable(self, sequence: int) -> bool:
        try:
            await jetstream_api.request(self._nc, f"STREAM.MSG.GET.{STREAM}", {"seq": sequence})
        except jetstream_api.ApiError as error:
            if error.code != jetstream_api.MESSAGE_MISSING:
                raise
            return False
        return True

    async def _next_batch(self, reader: PullReader) -> list[Delivery]:
        """What arrived; [] when the stream has nothing more."""
        while True:
            if taken := reader.take(reader.batch):
                return taken
            if reader.exhausted:
                return []
            if reader.trouble is not None or reader.silent():
                raise _Interrupted(reader.trouble or "no answer")
            await reader.wait(0.5)

    async def _ephemeral(self, first: int, only: dict[str, Any]) -> str:
        config = {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": first,
            "ack_policy": "none",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": 30 * jetstream_api.SECOND,
            **only,
        }
        body = {"stream_name": STREAM, "config": config}
        name: str = (await jetstream_api.request(self._nc, f"CONSUMER.CREATE.{STREAM}", body))["name"]
        return name


class _Unreadable(Exception):
    """The broker does not give these messages, and gives later ones."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(first, last)
        self.first, self.last = first, last


class _Interrupted(Exception):
    """A replay's reader broke off: a new one goes on where it stopped."""
