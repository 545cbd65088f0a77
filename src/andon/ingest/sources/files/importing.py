"""Reading what lies there already into the stream, once: what the ledger knows is not sent again."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Literal, ParamSpec, TypeVar

import msgspec

from andon.bus.feed import Stored
from andon.core.settings.sources.file_settings import LineRules
from andon.core.timestamps import TimeReader
from andon.ingest.sources.files import content as contents
from andon.ingest.sources.files import import_ledger
from andon.ingest.sources.files.content import DAMAGED, NotReadable
from andon.ingest.sources.files.file_positions import Position, digest_of, part_of_copy
from andon.ingest.sources.files.import_ledger import HEAD_MAX, Content, Ledger
from andon.ingest.sources.files.joining import Joined
from andon.ingest.sources.files.line_logs import LineLogs, Made
from andon.ingest.sources.files.raw_lines import LineSplitter, codec_of
from andon.ingest.sources.heard import IMPORTED_HEADER
from andon.ingest.sources.outlet import Outlet

P = ParamSpec("P")
T = TypeVar("T")

#: So many bytes are read at a time.
CHUNK = 256 * 1024
#: The ledger is written so often, in seconds.
SAVE = 1.0
#: The broker knows ids for two minutes; what was sent longer ago is looked for in the stream.
REMEMBERED = 100.0
_HEADERS = {IMPORTED_HEADER: "1"}

#: ``new``: imported now; ``grown``: what it has more than last time; ``resumed``: from where an import was stopped;
#: ``known``: nothing was new; ``followed``: all of it is read as it grows; ``failed``: it could not be read to its end.
Outcome = Literal["new", "grown", "resumed", "known", "followed", "failed"]


class Imported(msgspec.Struct):
    """What became of a path. ``size`` are bytes that were read, ``refused`` counts lines that are no logs.

    ``stored_before`` counts logs that are in the stream already, because a file was followed that held them.
    """

    path: str
    outcome: Outcome
    logs: int = 0
    size: int = 0
    refused: dict[str, int] = {}
    reason: str | None = None
    stored_before: int = 0


class Batch(msgspec.Struct):
    """Messages of a chunk with their ids. ``digest`` is of all bytes up to ``end``, which are in these or before."""

    messages: list[tuple[Made, str]] = []
    end: int | None = None
    digest: str = ""
    at: int = 0
    last: bool = False


class Reading:
    """A content from an offset on, in chunks. Blocks: called in a thread."""

    def __init__(
        self,
        file: IO[bytes],
        head: bytes,
        known: Content,
        digest: hashlib.blake2b,
        logs: LineLogs,
        limit: int | None,
        stored: range = range(0),
    ) -> None:
        """``file`` stands behind ``known``; nothing behind ``limit`` is read, and no log sent that begins in
        ``stored``."""
        self._file = file
        self._stored = stored
        self.stored_before = 0
        self._known = known
        self._digest = digest
        self._logs = logs
        self._left = None if limit is None else max(limit - known.offset, 0)
        codec = codec_of(head, logs.encoding)
        self._splitter = LineSplitter(codec, known.offset, logs.fallback)
        self._joiner = logs.joiner()
        self._done = known.offset
        self.refused: dict[str, int] = {}

    def next(self) -> Batch:
        """The next chunk. Raises what :data:`andon.ingest.sources.files.content.DAMAGED` names."""
        batch = Batch()
        size = CHUNK if self._left is None else min(CHUNK, self._left)
        data = self._file.read(size) if size else b""
        begin = self._splitter.offset
        if data:
            self._left = None if self._left is None else self._left - len(data)
            for line in self._splitter.feed(data):
                self._add(batch, self._joiner.push(line))
        else:
            batch.last = True
            if (rest := self._splitter.flush()) is not None:
                self._add(batch, self._joiner.push(rest))
            self._add(batch, self._joiner.flush())
            self._done = self._splitter.offset
        self._mark(batch, data, begin)
        batch.at = self._splitter.offset
        return batch

    def _mark(self, batch: Batch, data: bytes, begin: int) -> None:
        """The digest at the end of the last whole log, where that lies in this chunk."""
        if self._done >= begin:
            self._digest.update(data[: self._done - begin])
            batch.end, batch.digest = self._done, self._digest.hexdigest()
            self._digest.update(data[self._done - begin :])
        else:
            self._digest.update(data)

    def _add(self, batch: Batch, logs: list[Joined]) -> None:
        for log in logs:
            self._done = log.end
            made = self._logs.message(log)
            if made is None:
                continue
            if log.start in self._stored:
                self.stored_before += 1
                continue
            if made.refused:
                self.refused[made.refused] = self.refused.get(made.refused, 0) + 1
            else:
                batch.messages.append((made, f"{self._known.name}-{log.start:x}"))


#: Tells how many bytes of a file were read and how many logs of it are in the stream.
Progress = Callable[[int, int], None]
#: The ids with a prefix that the stream has behind a sequence, of messages from before a time (ns); None: nobody knows.
Ids = Callable[[int, int, str], Awaitable[set[str] | None]]


@dataclass(eq=False, repr=False)
class Importer:
    """Imports paths one after the other into ``outlet``.

    ``followed`` are the positions of files that Andon follows, ``released`` those of files that no table means any
    more: of those and of copies only what was not followed is imported.
    ``ids`` looks into the stream after an import that was stopped, ``end`` is the newest sequence there at the start.
    With ``again`` the ledger is not asked.
    """

    ledger: Ledger
    outlet: Outlet
    rules: LineRules
    times: TimeReader
    fallback: str
    ids: Ids
    end: int
    progress: Progress = lambda _size, _logs: None
    followed: dict[tuple[int, int], Position] = field(default_factory=dict)
    released: dict[tuple[int, int], Position] = field(default_factory=dict)
    again: bool = False
    #: Whether some logs may be in the stream twice, because nobody could tell.
    unsure: int = 0

    async def take(self, path: str) -> Imported:
        """Import a path. Raises BrokerUnavailable where the connection is closed, ConfigError of the ledger."""
        try:
            with contents.Content(path) as content:
                await _finished(content.open)
                return await self._take(path, content)
        except NotReadable as error:
            return Imported(path, "failed", reason=str(error))
        except DAMAGED as error:
            return Imported(path, "failed", reason=f"{path} cannot be read: {error}")

    async def _take(self, path: str, content: contents.Content) -> Imported:
        head = await _finished(content.file.read, HEAD_MAX)
        limit = await _finished(self._limit, path, content, head)
        if limit == 0:
            return Imported(path, "followed")
        stored = range(0) if self.again or limit is not None else await _finished(self._stored, path, content, head)
        found, digest = await _finished(self._known, content, head)
        if found is None and not head:
            return Imported(path, "new")
        outcome: Outcome = "new" if found is None else "grown" if found.whole else "resumed"
        if found is not None and outcome == "resumed":
            known = found
        else:
            known = await _finished(self.ledger.begin, head, self.end, found)
        skipped = await self._sent_before(known) if outcome == "resumed" else set[str]()
        written = await _finished(contents.written_at, path)
        near = datetime.now(UTC) if written is None else datetime.fromtimestamp(written, UTC)
        logs = LineLogs(
            self.rules, self.times, content.shown, most=self.outlet.max_payload, imported=True, near=near,
            fallback=self.fallback,
        )  # fmt: skip
        reading = Reading(content.file, head, known, digest, logs, limit, stored)
        done = Imported(path, outcome)
        await self._send(reading, known, skipped, content, done)
        done.refused, done.stored_before = reading.refused, reading.stored_before
        if outcome == "grown" and not done.size:
            done.outcome = "known"
            await _finished(self.ledger.forget, known)
        return done

    def _limit(self, path: str, content: contents.Content, head: bytes) -> int | None:
        """Up to where a file is to be imported that is followed as well: the rest comes by itself."""
        if not content.plain or not self.followed:
            return None
        status = os.stat(path)
        position = self.followed.get((status.st_dev, status.st_ino))
        same = position is not None and digest_of(head[: position.head_size]) == position.head
        return position.since if same and position is not None else None

    def _stored(self, path: str, content: contents.Content, head: bytes) -> range:
        """The bytes of a content that were followed: as this file, or as one that it is a copy of."""
        if content.plain:
            status = os.stat(path)
            position = self.released.get((status.st_dev, status.st_ino))
            if position is not None and digest_of(head[: position.head_size]) == position.head:
                return range(position.since, position.offset)
        content.keep(head)
        content.rewind()
        positions = [*self.followed.values(), *self.released.values(), *self.ledger.followed(head)]
        return part_of_copy(content.file, head, positions) or range(0)

    def _known(self, content: contents.Content, head: bytes) -> tuple[Content | None, hashlib.blake2b]:
        """What the ledger knows of a content; its file then stands behind that, or at its start."""
        candidates = [] if self.again else self.ledger.known(head)
        content.keep(head)
        content.rewind()
        found, digest = import_ledger.matched(content.file, candidates) if candidates else (None, None)
        content.rewind()
        left = found.offset if found is not None else 0
        while left and (data := content.file.read(min(left, 1 << 20))):
            left -= len(data)
        return found, digest or import_ledger.new_digest()

    async def _sent_before(self, known: Content) -> set[str]:
        """What of a stopped import is in the stream beyond what the ledger says."""
        if time.time() - known.saved < REMEMBERED:
            return set()  # the broker knows these ids still
        found = await self.ids(known.sequence, int((known.saved + 60.0) * 1e9), f"{known.name}-")
        if found is None:
            self.unsure += 1
        return found or set()

    async def _send(
        self, reading: Reading, known: Content, skipped: set[str], content: contents.Content, done: Imported
    ) -> None:
        waiting: deque[tuple[Batch, list[asyncio.Future[Stored]]]] = deque()
        begin, saved, last = known.offset, time.monotonic(), False
        try:
            while not last:
                batch = await _finished(reading.next)
                last = batch.last
                logs = [(made.subject, made.data, _HEADERS, id_) for made, id_ in batch.messages if id_ not in skipped]
                futures = await self.outlet.put_messages(logs)
                waiting.append((batch, futures))
                done.size = batch.at - begin
                self._settle(waiting, known, done)
                self.progress(content.tell(), done.logs)
                if time.monotonic() - saved >= SAVE:
                    await _finished(self.ledger.save, known)
                    saved = time.monotonic()
            while waiting:
                await asyncio.wait(waiting[0][1]) if waiting[0][1] else None
                self._settle(waiting, known, done)
            known.whole = True
        finally:
            self._settle(waiting, known, done)
            self.ledger.save(known)

    def _settle(
        self, waiting: deque[tuple[Batch, list[asyncio.Future[Stored]]]], known: Content, done: Imported
    ) -> None:
        while waiting and all(one.done() and not one.cancelled() for one in waiting[0][1]):
            batch, futures = waiting.popleft()
            stored = [one.result() for one in futures]
            taken = sum(one.refused is None for one in stored)
            done.logs += taken
            known.logs += taken
            known.sequence = max([known.sequence, *(one.sequence for one in stored)])
            if batch.end is not None:
                known.offset, known.digest = batch.end, batch.digest


async def _finished(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """``work(…)`` in a thread, and to its end: who is cancelled meanwhile closes no file that it still reads."""
    working = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        raise
