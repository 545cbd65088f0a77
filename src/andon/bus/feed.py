"""A steady feed into the log stream: many messages on their way at once, each sent again until the broker has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from functools import partial

import msgspec
from nats.aio.msg import Msg

from andon.bus.connection import BusConnection
from andon.bus.inbox import AckInbox, Busy, Refused, parsed_ack
from andon.bus.publisher import ACK_TIMEOUT, RETRY_PAUSE
from andon.core.errors import BrokerUnavailable


class Stored(msgspec.Struct, frozen=True, gc=False):
    """What became of a message: its place in the stream, or why the broker will never take it."""

    sequence: int
    refused: str | None = None


class _Sent(msgspec.Struct, gc=False):
    subject: str
    data: bytes
    headers: dict[str, str]
    done: asyncio.Future[Stored]
    due: float


class Feed:
    """Publishes for whoever has logs all day long. :meth:`put` returns at once with a promise; :meth:`run` keeps it.

    While the broker is away or full, what is not acknowledged is kept and sent again; an id keeps a message that the
    broker has (within two minutes) from being stored twice. Nothing here bounds how much is on its way: who puts does
    (see :class:`andon.ingest.sources.outlet.Outlet`). The order is kept as long as nothing has to be sent again. A
    promise that is cancelled is not sent again; it may be stored all the same.
    """

    def __init__(self, nc: BusConnection) -> None:
        self._acks = AckInbox(nc)
        self._pending: dict[str, _Sent] = {}
        self._some = asyncio.Event()
        self.problem: str | None = None  # why the newest answer was no acknowledgement, until one is

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._acks.nc.is_connected

    @property
    def max_payload(self) -> int:
        """Bytes that one message may have, headers included."""
        return self._acks.nc.max_payload

    async def put(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, message_id: str | None = None
    ) -> asyncio.Future[Stored]:
        """Publish a message; the future is done once the broker stored it or refused it for good. Never fails itself.

        Cancel the future to give the message up: it is not sent again.

        Raises BrokerUnavailable where the connection is closed for good.
        """
        done: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        await self._acks.open()
        try:
            made = self._acks.headers_for(data, headers, message_id)
            await self._send(_Sent(subject, data, made, done, 0.0))
        except Refused as error:
            done.set_result(Stored(0, str(error)))
        return done

    async def put_many(
        self, messages: Iterable[tuple[str, bytes, Mapping[str, str] | None, str | None]]
    ) -> list[asyncio.Future[Stored]]:
        """As :meth:`put` for many (subject, payload, headers, id) in one write; subjects and ids are our own."""
        loop, futures = asyncio.get_running_loop(), []
        batch: list[tuple[str, bytes, str, dict[str, str]]] = []
        await self._acks.open()
        due = time.monotonic() + ACK_TIMEOUT
        for subject, data, headers, message_id in messages:
            done: asyncio.Future[Stored] = loop.create_future()
            futures.append(done)
            try:
                made = self._acks.headers_for(data, headers, message_id)
            except Refused as error:
                done.set_result(Stored(0, str(error)))
                continue
            number = self._expected()
            self._pending[number] = _Sent(subject, data, made, done, due)
            batch.append((subject, data, number, made))
        self._some.set()
        try:
            await self._acks.publish_many(batch)
        except Busy as error:
            self.problem = str(error)  # they stay pending: sent again when their time is up
        except BaseException:
            for done in futures:
                done.cancel()  # nobody has the promise: it is given up
            raise
        return futures

    async def run(self) -> None:
        """Send again what is not answered in time. Ends only by cancellation."""
        while True:
            self._some.clear()
            if not self._pending:
                await self._some.wait()
            await asyncio.sleep(RETRY_PAUSE if self.problem else ACK_TIMEOUT / 4)
            for number in [n for n, one in self._pending.items() if one.done.done()]:
                self._forget(number)  # whoever put it has given it up
            if not self._acks.nc.is_connected:
                continue
            now = time.monotonic()
            for number, sent in [(n, one) for n, one in self._pending.items() if one.due <= now]:
                self._forget(number)
                try:
                    await self._send(sent)
                except Refused as error:
                    _resolve(sent, Stored(0, str(error)))

    async def close(self) -> None:
        """Stop listening for acks and give up what is on its way; idempotent."""
        for sent in self._pending.values():
            sent.done.cancel()
        self._pending.clear()
        await self._acks.close()

    def _expected(self) -> str:
        """The number of an answer that is expected from now on."""
        number = self._acks.next_number()
        self._acks.expect(partial(self._answered, number), number)
        return number

    async def _send(self, sent: _Sent) -> None:
        number = self._expected()
        self._pending[number] = sent
        sent.due = time.monotonic() + ACK_TIMEOUT
        self._some.set()
        try:
            await self._acks.publish(sent.subject, sent.data, number, sent.headers)
        except Busy as error:
            self.problem = str(error)  # it stays pending: sent again when its time is up
        except BrokerUnavailable:
            raise  # closed for good; what is pending ends with close()
        except BaseException:
            self._forget(number)
            raise

    def _forget(self, number: str) -> None:
        self._pending.pop(number, None)
        self._acks.forget(number)

    def _answered(self, number: str, message: Msg | None) -> None:
        sent = self._pending.get(number)
        if sent is None:
            return
        if message is None:  # the connection was lost and is back
            sent.due = 0.0
            return
        try:
            ack = parsed_ack(message)
        except Busy as busy:
            self.problem = str(busy)
            sent.due = time.monotonic() + RETRY_PAUSE  # soon again
            self._acks.expect(partial(self._answered, number), number)
            return
        except Refused as error:
            outcome = Stored(0, str(error))
        else:
            self.problem = None
            outcome = Stored(int(ack["seq"]))
        self._pending.pop(number, None)
        _resolve(sent, outcome)


def _resolve(sent: _Sent, outcome: Stored) -> None:
    if not sent.done.done():
        sent.done.set_result(outcome)
