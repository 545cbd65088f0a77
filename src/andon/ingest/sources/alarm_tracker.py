"""The alarms of one source: each change becomes a log once, and what is gone without a word is cleared."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence

import msgspec
import structlog

from andon.bus.feed import Stored
from andon.ingest.sources.alarm_memory import AlarmMemory, Remembered
from andon.ingest.sources.heard import Heard
from andon.ingest.sources.outlet import Outlet

log = structlog.get_logger(__name__)

#: Alarms of one source that are remembered; what more there are is told each time, and never cleared by itself.
MOST = 10_000


class AlarmChange(msgspec.Struct):
    """What a source heard of an alarm: ``said`` is all that counts as a change, ``clear`` the log that would end it.

    ``clear`` is None where it is over; ``kept``: it is remembered all the same, as something of it is left.
    """

    id: str
    said: str
    heard: Heard
    clear: Heard | None = None
    kept: bool = False


class AlarmTracker:
    """Tells each change once, with a memory on disk that survives the end of Andon.

    A change is written down before its log goes into the stream, and once more when the stream has it: whatever is
    killed in between is told again, with the same message id, so that the stream keeps one of the two.
    """

    def __init__(self, outlet: Outlet, memory: AlarmMemory, most: int = MOST) -> None:
        self.known: dict[str, Remembered] = {}
        self._outlet = outlet
        self._memory = memory
        self._most = most
        self._settled: dict[str, Remembered | None] = {}
        self._told_full = self._told_unkept = False

    async def open(self) -> None:
        """Read what was told before."""
        self.known = await asyncio.to_thread(self._memory.load)
        for one in self.known.values():
            if not one.sure:  # the end came before the stream had it, or before that was written down
                one.said = ""

    async def close(self) -> None:
        """Write down what the stream took meanwhile."""
        await self.flush()
        await asyncio.to_thread(self._memory.close)

    async def take(self, changes: Iterable[AlarmChange]) -> None:
        """Tell what is new among ``changes``, in their order."""
        new: list[tuple[AlarmChange, Remembered | None]] = []
        for change in changes:
            before = self.known.get(change.id)
            if before is not None and before.said == change.said:
                continue
            if before is None and change.clear is None and not change.kept:
                continue  # over, and nobody heard of it before
            after = Remembered(change.said, change.clear) if change.clear is not None or change.kept else None
            if after is not None and before is None and len(self.known) >= self._most:
                self._say_full()
                new.append((change, None))
                continue
            if after is None:
                self.known.pop(change.id, None)
            else:
                self.known[change.id] = after
            new.append((change, after))
        if not new:
            return
        # one that is over is forgotten only once its log is stored: until then it would be cleared again
        await self._keep([(change.id, after) for change, after in new if after is not None])
        for change, after in new:
            done = await self._outlet.put(self._named(change))
            done.add_done_callback(self._stored(change.id, after))

    async def clear(self, ids: Sequence[str], at: str, why: str) -> int:
        """End those of ``ids`` that are active, with the log that each had for that; how many there were."""
        changes = []
        for id_ in ids:
            before = self.known[id_]
            if before.clear is None:
                self.known.pop(id_)
                await self._keep([(id_, None)])
                continue
            heard = msgspec.structs.replace(
                before.clear, timestamp=at, context={**(before.clear.context or {}), "cleared_because": why}
            )
            changes.append(AlarmChange(id_, "cleared", heard))
        await self.take(changes)
        return len(changes)

    async def flush(self) -> None:
        """Write down which logs the stream has."""
        await asyncio.sleep(0)  # what was stored just now says so
        settled, self._settled = self._settled, {}
        changes = [(id_, one) for id_, one in settled.items() if self.known.get(id_) is one]
        if changes:
            await self._keep(changes)

    async def _keep(self, changes: Sequence[tuple[str, Remembered | None]]) -> None:
        try:
            await asyncio.to_thread(self._memory.keep, changes)
            self._told_unkept = False
        except OSError as error:  # the alarms are told all the same
            if not self._told_unkept:
                log.error("alarm states cannot be saved", source=self._outlet.name, reason=str(error))
            self._told_unkept = True

    def _stored(self, id_: str, after: Remembered | None) -> Callable[[asyncio.Future[Stored]], None]:
        def ended(done: asyncio.Future[Stored]) -> None:
            if done.cancelled():
                return
            if after is not None:
                after.sure = True
            self._settled[id_] = after  # None: it is over, and may be forgotten

        return ended

    def _named(self, change: AlarmChange) -> Heard:
        """The log with an id of its own, the same each time that this change is told."""
        heard = change.heard
        text = "\0".join((self._outlet.name, change.id, change.said, str(heard.timestamp)))
        return msgspec.structs.replace(heard, message_id=hashlib.blake2b(text.encode(), digest_size=16).hexdigest())

    def _say_full(self) -> None:
        if not self._told_full:
            log.warning("more alarms than Andon keeps track of", source=self._outlet.name, most=self._most)
        self._told_full = True
