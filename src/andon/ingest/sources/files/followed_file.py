"""One file that is followed: read as it grows, until it is gone. Its methods block; one at a time is called."""

from __future__ import annotations

import asyncio
import os
import stat
import time
import zlib
from collections import deque

import msgspec

from andon.bus.feed import Stored
from andon.core.settings.sources.file_settings import FollowedFiles
from andon.core.text import counted
from andon.ingest.sources.files.file_positions import HEAD_MAX, TAIL_MAX, Position, digest_of
from andon.ingest.sources.files.joining import Joined, Joiner
from andon.ingest.sources.files.line_logs import LineLogs, Made
from andon.ingest.sources.files.raw_lines import LineSplitter, codec_of

#: So many bytes are read at a time.
CHUNK = 128 * 1024
#: A log of several lines is whole after so many seconds without another line; a line without an end is a line after so
#: many.
FLUSH, PARTIAL = 1.0, 5.0


class Taken(msgspec.Struct):
    """What a look at a file brought: messages with their ids and where they end, and whether there is more to read.

    ``note`` says what became of the file that one would want to know.
    """

    messages: list[tuple[Made | None, str, int, int]] = []
    more: bool = False
    note: str = ""


class FollowedFile:
    """A file at a place (``position``), read by a table's ``rules``. ``made`` makes messages; ``ids`` begin with
    ``name``."""

    def __init__(
        self, position: Position, rules: FollowedFiles, made: LineLogs, name: str, fallback: str = "utf-8"
    ) -> None:
        self.position = position
        self.rules = rules
        self._made = made
        self._name = name
        self._fallback = fallback
        self._fd = -1
        self._splitter = LineSplitter("utf-8", position.offset, fallback)
        self._joiner: Joiner = made.joiner()
        self._codec = ""
        self.grew = time.monotonic()
        #: Not at any of the table's places any more: renamed, or deleted.
        self.gone = False
        self.tail = b""
        #: Where the content ended that was cut away, and its last bytes.
        self.before: tuple[int, bytes] | None = None
        self._sent: deque[tuple[int, int, asyncio.Future[Stored] | None]] = deque()
        #: Contents that were cut away, by their generation, of which something may be on its way still.
        self._cut: dict[int, Position] = {}
        #: By generation and end: what was read before that end.
        self._marks: deque[tuple[int, int, int, str]] = deque()

    @property
    def read_to(self) -> int:
        """How far it was read."""
        return self._splitter.offset

    @property
    def holding(self) -> bool:
        """Whether something was read that is no log yet."""
        return self._joiner.open or bool(self._splitter.pending)

    @property
    def settled(self) -> bool:
        """Whether all that was read is in the stream."""
        return not self._sent and not self.holding

    def open(self) -> None:
        """Open it where it is not. Raises OSError, and FileNotFoundError where another file lies at its path by now."""
        if self._fd >= 0:
            return
        fd = os.open(self.position.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        found = os.fstat(fd)
        if (found.st_dev, found.st_ino) != self.position.identity or not stat.S_ISREG(found.st_mode):
            os.close(fd)
            raise FileNotFoundError(self.position.path)
        self._fd = fd

    def close(self) -> None:
        """Let go of it; it can be opened again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def intact(self) -> bool:
        """Whether what was read of it is still there. Raises OSError."""
        self.open()
        size = os.fstat(self._fd).st_size
        return size >= self.read_to and self._is_same(size)

    def has_news(self) -> bool:
        """Whether there is something to read, or to hand on because nothing more came. Raises OSError."""
        self.open()
        return os.fstat(self._fd).st_size != self.read_to or (self.holding and self._quiet() >= FLUSH)

    def read(self) -> Taken:
        """The next logs. Raises OSError."""
        self.open()
        taken = Taken()
        size = os.fstat(self._fd).st_size
        if size < self.read_to or (size > self.read_to and not self._is_same(size)):
            self._again(taken)
            size = os.fstat(self._fd).st_size
        data = os.pread(self._fd, min(CHUNK, size - self.read_to), self.read_to) if size > self.read_to else b""
        if data:
            self._know_codec()
            self.grew = time.monotonic()
            recent = self.tail + data
            self.tail = recent[-TAIL_MAX:]
            for line in self._splitter.feed(data):
                self._add(taken, self._joiner.push(line))
            taken.more = self.read_to < size
        elif self.holding:
            self._wait_no_longer(taken)
        self._mark(taken, recent if data else self.tail)
        return taken

    def sent(self, generation: int, end: int, future: asyncio.Future[Stored] | None) -> None:
        """What ends at ``end`` is on its way; None where nothing of it is to be stored."""
        self._sent.append((generation, end, future))

    def settle(self) -> bool:
        """Move the position behind what the stream has; whether it moved."""
        moved = False
        while self._sent:
            generation, end, future = self._sent[0]
            if future is not None and (not future.done() or future.cancelled()):
                break
            self._sent.popleft()
            position = self._of(generation)
            if position is not None and end > position.offset:
                position.offset = end
                moved = True
        while self._marks:
            generation, end, size, digest = self._marks[0]
            position = self._of(generation)
            if position is not None and position.offset < end:
                break
            self._marks.popleft()
            if position is not None:
                position.tail_at, position.tail_size, position.tail = end, size, digest
        return moved

    def finished(self) -> list[Position]:
        """Contents that were cut away and are in the stream by now; each once."""
        waited_for = {generation for generation, *_ in self._sent}
        return [self._cut.pop(one) for one in list(self._cut) if one not in waited_for]

    def _of(self, generation: int) -> Position | None:
        return self.position if generation == self.position.generation else self._cut.get(generation)

    def _mark(self, taken: Taken, recent: bytes) -> None:
        """Note what stands before the end of the last log, by which a copy is recognised; ``recent`` was read last."""
        *_, generation, end = taken.messages[-1] if taken.messages else (-1, 0)
        known = recent[: max(len(recent) - (self.read_to - end), 0)][-TAIL_MAX:]
        if generation == self.position.generation and known:
            self._marks.append((generation, end, len(known), digest_of(known)))

    def _quiet(self) -> float:
        return time.monotonic() - self.grew

    def _is_same(self, size: int) -> bool:
        """Whether it begins as it did; what is noted of its beginning grows with it."""
        head = os.pread(self._fd, min(HEAD_MAX, size), 0)
        if digest_of(head[: self.position.head_size]) != self.position.head:
            return False
        if len(head) > self.position.head_size:
            self.position.head_size, self.position.head = len(head), digest_of(head)
        return True

    def _again(self, taken: Taken) -> None:
        """It was emptied and begins anew."""
        self._wait_no_longer(taken, at_once=True)
        taken.note = (
            f"{self.position.path} was emptied after {counted(self.read_to, 'byte')} and is read from its start"
        )
        self.before = (self.read_to, self.tail)
        self._cut[self.position.generation] = msgspec.structs.replace(self.position)
        self.position.offset = self.position.since = 0
        self.position.generation += 1
        head = os.pread(self._fd, HEAD_MAX, 0)
        self.position.head_size, self.position.head = len(head), digest_of(head)
        self._codec, self.tail = "", b""
        self._splitter = LineSplitter("utf-8", 0, self._fallback)

    def _know_codec(self) -> None:
        if not self._codec:
            self._codec = codec_of(os.pread(self._fd, 4, 0), self.rules.encoding)
            self._splitter = LineSplitter(self._codec, self.read_to, self._fallback)

    def _wait_no_longer(self, taken: Taken, *, at_once: bool = False) -> None:
        quiet = self._quiet()
        if self._splitter.pending and (at_once or quiet >= PARTIAL) and (line := self._splitter.flush()) is not None:
            self._add(taken, self._joiner.push(line))
        if at_once or (quiet >= FLUSH and not self._splitter.pending):
            self._add(taken, self._joiner.flush())

    def _add(self, taken: Taken, logs: list[Joined]) -> None:
        for log in logs:
            made = self._made.message(log)
            crc = zlib.crc32(log.text.encode("utf-8", "replace"))
            where = self.position
            id_ = f"{self._name}-{where.inode:x}-{where.generation:x}-{log.start:x}-{crc:x}"
            taken.messages.append((made, id_, where.generation, log.end))
