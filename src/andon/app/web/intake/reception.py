"""Takes what is posted into the log stream, with a bound on everything, and answers only once the stream has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec
from starlette.requests import Request

from andon.bus.feed import Stored
from andon.core.errors import BrokerUnavailable
from andon.ingest.sources.heard import Heard, message_of
from andon.ingest.sources.http_bodies import MOST_BYTES, BodyRefused, checked_encoding, too_long, unpacked
from andon.ingest.sources.json_rows import Broken
from andon.ingest.sources.otlp_json import Unreadable
from andon.ingest.sources.outlet import Outlet
from andon.ingest.sources.posted_logs import Message

if TYPE_CHECKING:
    from andon.app.background.source_keeper import Intake

T = TypeVar("T")
#: What a body is cut into: logs, messages that are one already, and what is none.
Item = Heard | Message | Broken | Unreadable

#: Most logs of one request, and most bytes of bodies that are held at once, unpacked ones too.
MOST_LOGS, HELD_BYTES = 20_000, 64 * 1024 * 1024
#: Bodies above so many bytes are unpacked and parsed in a thread, one at a time.
_LARGE = 128 * 1024
#: So long the broker gets to store a request, in seconds: exporters of OpenTelemetry wait for ten.
PATIENCE = 8.0
#: The same where it says that there is no room.
PATIENCE_FULL = 2.0
#: After so many seconds whoever sent may try again: where the stream is full, and where something passes soon. Some try
#: five times and no more, so that a start on a slow machine must fit into that.
RETRY_FULL, RETRY_SOON = 10, 5
#: After so many logs, or so many seconds where these are large, everything else gets its turn.
_SLICE, _TURN = 64, 0.02
_FULL = ("maximum", "insufficient", "no space", "resource")
_REFUSED_LISTED = 100


class UnreadyError(Exception):
    """Nothing can be taken now; the text says why. ``full`` tells whether it is for want of room."""

    def __init__(self, sentence: str, *, full: bool = False, retry_after: int = RETRY_SOON) -> None:
        super().__init__(sentence)
        self.full, self.retry_after = full, retry_after


class RefusedLog(msgspec.Struct, frozen=True):
    """What is no log: its place in the request, from 0, and why."""

    index: int
    reason: str


class Receipt(msgspec.Struct, frozen=True):
    """What became of a request: how many messages are in the log stream, and at which sequences, in order.

    ``refused`` tells of the first hundred of ``refused_count`` that were not taken.
    """

    taken: int
    first: int | None
    last: int | None
    sequences: list[int]
    refused_count: int
    refused: list[RefusedLog]


class Reception:
    """What all ways in over HTTP share. ``intake`` is None while Andon starts."""

    def __init__(self, intake: Callable[[], Intake | None], address: Callable[[], str]) -> None:
        self._intake, self._address = intake, address
        self._held = 0
        self._parsing = asyncio.Semaphore(1)

    def outlet(self, name: str, path: str) -> Outlet:
        """The outlet of a way in. Raises UnreadyError where Andon starts or stops, or nothing can be stored."""
        outlet = self._outlet(name, path)
        if outlet is None:
            raise UnreadyError("Andon is starting or stopping: send it again in a moment")
        if why := outlet.stuck:
            raise _unready(why)
        return outlet

    def count(self, name: str, path: str, why: BodyRefused | UnreadyError | str) -> None:
        """Count a request of which nothing was taken; ``why`` may be a few words."""
        if (outlet := self._outlet(name, path)) is not None:
            words = why.reason if isinstance(why, BodyRefused) else "told to wait"
            outlet.refuse(why if isinstance(why, str) else words)

    def _outlet(self, name: str, path: str) -> Outlet | None:
        intake = self._intake()
        return None if intake is None or not intake.open else intake.outlet(name, lambda: self._address() + path)

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a request, unpacked; it counts among what is held until the block ends.

        Raises BodyRefused, UnreadyError where too much is held already, and ClientDisconnect.
        """
        encoding = checked_encoding(request.headers.get("content-encoding", ""))
        said = request.headers.get("content-length", "0")
        if not said.isdecimal() or len(said) > 15 or int(said) > MOST_BYTES:
            raise too_long()
        held = 0

        def hold(more: int) -> None:
            nonlocal held
            if self._held + more > HELD_BYTES:
                raise UnreadyError("too much is being sent at once: send it again in a moment", full=True)
            held += more
            self._held += more

        try:
            parts: list[bytes] = []
            async for part in request.stream():
                if held + len(part) > MOST_BYTES:
                    raise too_long()
                hold(len(part))
                parts.append(part)
            data = b"".join(parts)
            if encoding:
                data = await self.parsed(lambda: unpacked(data, encoding), len(data) * 64)
                hold(len(data))
            yield data
        finally:
            self._held -= held

    async def parsed(self, work: Callable[[], T], size: int) -> T:
        """What ``work`` makes of ``size`` bytes: in a thread where that takes its time, and only one at once."""
        if size <= _LARGE:
            return work()
        async with self._parsing:
            return await asyncio.to_thread(work)

    async def take(self, outlet: Outlet, items: Iterable[Item]) -> Receipt:
        """Bring ``items`` into the stream. What is none is counted and told.

        Raises UnreadyError where the broker did not store them in time: what it has not taken by then is given up.
        """
        refused: list[RefusedLog] = []
        sent: list[tuple[int, asyncio.Future[Stored]]] = []
        most = outlet.max_payload
        try:
            async with asyncio.timeout(PATIENCE) as limit, _shorter(limit, outlet):
                for part in _slices(items):
                    logs = [(index, item) for index, item in part if not isinstance(item, Broken | Unreadable)]
                    for index, item in part:
                        if isinstance(item, Broken | Unreadable):
                            refused.append(RefusedLog(index, item.reason))
                            outlet.refuse("no log")
                    done = await outlet.put_messages([_message(item, most) for _, item in logs])
                    sent += zip((index for index, _ in logs), done, strict=True)
                    await asyncio.sleep(0)
                stored = [(index, await one) for index, one in sent]
        except TimeoutError:
            taken = sum(one.done() and not one.cancelled() for _, one in sent)
            if taken and not outlet.problem:
                sentence = f"the log stream took {taken:,} of these logs in {PATIENCE:g} s, and more time there is not"
                raise UnreadyError(f"{sentence}: send fewer at once", retry_after=RETRY_SOON) from None
            raise _unready(outlet.problem or "it does not answer") from None
        except BrokerUnavailable as error:
            raise UnreadyError(str(error)) from None
        finally:
            for _, one in sent:
                one.cancel()  # which does nothing to what is done
        refused += [RefusedLog(index, one.refused) for index, one in stored if one.refused is not None]
        sequences = [one.sequence for _, one in stored if one.refused is None]
        return Receipt(
            len(sequences),
            sequences[0] if sequences else None,
            sequences[-1] if sequences else None,
            sequences,
            len(refused),
            sorted(refused, key=lambda one: one.index)[:_REFUSED_LISTED],
        )

    async def bounded(self, items: Iterator[Item]) -> list[Item]:
        """All of ``items``, read in slices. Raises BodyRefused where there are more than :data:`MOST_LOGS`."""
        found: list[Item] = []
        for item in items:
            found.append(item)
            if len(found) > MOST_LOGS:
                raise BodyRefused(413, "too many", f"the body holds more than {MOST_LOGS:,} logs: send it in parts")
            if len(found) % _SLICE == 0:
                await asyncio.sleep(0)
        return found


@asynccontextmanager
async def _shorter(limit: asyncio.Timeout, outlet: Outlet) -> AsyncIterator[None]:
    """End the wait early where the stream is full."""
    loop = asyncio.get_running_loop()

    def look() -> None:
        if (outlet.problem or "").startswith(_FULL):
            limit.reschedule(loop.time())

    looking = loop.call_later(PATIENCE_FULL, look)
    try:
        yield
    finally:
        looking.cancel()


def _slices(items: Iterable[Item]) -> Iterator[list[tuple[int, Item]]]:
    """Numbered, as many as may come before everything else gets its turn."""
    part: list[tuple[int, Item]] = []
    begun = time.monotonic()
    for numbered in enumerate(items):
        part.append(numbered)
        if len(part) >= _SLICE or time.monotonic() - begun > _TURN:
            yield part
            part, begun = [], time.monotonic()
    if part:
        yield part


def _message(item: Heard | Message, most: int) -> tuple[str, bytes, None, str | None]:
    subject, data = (item.subject, item.data) if isinstance(item, Message) else message_of(item, most)
    return subject, data, None, item.message_id


def _unready(why: str) -> UnreadyError:
    full = why.startswith(_FULL)
    if full:
        sentence = f"the log stream is full ({why}): send it again later; `andon doctor` says how to free space"
        return UnreadyError(sentence, full=True, retry_after=RETRY_FULL)
    return UnreadyError(f"the log stream takes nothing now ({why}): send it again later", retry_after=RETRY_SOON)
