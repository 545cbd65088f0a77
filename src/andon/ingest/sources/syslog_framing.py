"""Syslog over TCP cut into messages: by octet counts and by line ends, told apart at each message (RFC 6587)."""

from __future__ import annotations

import re
from typing import NamedTuple

#: A count beyond this is no count: nobody sends messages of 16 MiB.
MOST_COUNTED = 16 * 1024 * 1024
#: So many lines may follow the first one of a message.
MOST_LINES = 1_000

_COUNT = re.compile(rb"([1-9]\d{0,9}) (?=<)")
_COUNT_SO_FAR = re.compile(rb"[1-9]\d{0,9} ?\Z")
_PRIORITY = re.compile(rb"<\d{1,3}>")
_BLANK = b"\r\n\0"
_BLANKS = re.compile(rb"[\r\n\0]+")


class Frame(NamedTuple):
    """A message, and how many bytes it had: more than it has where it was cut."""

    data: bytes
    size: int


class Framer:
    """The messages of one connection. A message has at most ``most`` bytes; the rest of a longer one is dropped.

    A line end is LF or NUL, with or without CR. A line without a priority behind one that has one belongs to it: some
    senders do not mark line ends within a message. So the last line is held back until more comes; :meth:`flush` gives
    it where nothing does.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._buffer = bytearray()
        self._searched = 0  # there is no line end before this
        self._held: list[bytes] = []
        self._held_size = 0
        self._cut: bytes | None = None  # what is kept of a message that is too long, while the rest of it comes
        self._size = 0
        self._left = 0  # bytes still to come of it, 0 where a line end ends it
        self._counted = False  # whether the last message had a count
        self._nul = False  # whether there may be a NUL in the buffer
        #: Why nobody can tell any more where messages of this connection begin, in a few words.
        self.lost: str | None = None

    @property
    def holds(self) -> bool:
        """Whether a whole message waits for a line that may belong to it."""
        return bool(self._held)

    @property
    def half(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer) or self._cut is not None

    def feed(self, chunk: bytes) -> list[Frame]:
        """The messages that end in ``chunk``. Once :attr:`lost` is set, nothing more of the connection is of use."""
        buffer = self._buffer
        self._nul = b"\0" in chunk or (self._nul and bool(buffer))
        buffer += chunk
        frames: list[Frame] = []
        at, end = 0, len(buffer)
        while at < end:
            start = at
            if self._cut is not None:
                at = self._skip(at, frames)
            elif buffer[at] in _BLANK:
                at = self._blank(at)
            elif 0x30 < buffer[at] < 0x3A and (found := _COUNT.match(buffer, at)):
                at = self._by_count(at, found, frames)
            elif 0x30 < buffer[at] < 0x3A and end - at < 12 and _COUNT_SO_FAR.match(buffer, at):
                break
            elif self._counted and buffer[at] != 0x3C:
                self.lost = "octet count that is wrong"
            else:
                at = self._by_line(at, frames)
            if at == start:
                break
        del buffer[:at]
        self._searched = max(self._searched - at, 0)
        return frames

    def flush(self) -> list[Frame]:
        """What was held back, now that nothing belongs to it any more."""
        held, size = self._held, self._held_size
        self._held, self._held_size = [], 0
        return [Frame(b"\n".join(held), size)] if held else []

    def end(self) -> list[Frame]:
        """What is there when the connection ends: what was held back, and a line without an end."""
        frames: list[Frame] = []
        if self._cut is not None and not self._left:
            self._line(self._cut, self._size, frames)
        elif self._buffer and not _COUNT.match(self._buffer):
            self._line(bytes(self._buffer), len(self._buffer), frames)
        self._buffer.clear()
        self._cut = None
        return frames + self.flush()

    def _blank(self, at: int) -> int:
        if self._held and len(self._held) < MOST_LINES:
            if self._buffer[at] == 0x0A:
                self._held.append(b"")  # within a message, or behind its last line
                self._held_size += 1
            return at + 1
        blanks = _BLANKS.match(self._buffer, at)  # all at once: there may be megabytes of them
        return blanks.end() if blanks else at + 1

    def _by_count(self, at: int, found: re.Match[bytes], frames: list[Frame]) -> int:
        size, start = int(found[1]), found.end()
        if size > MOST_COUNTED:
            self.lost = "octet count that is too large"
            return at
        frames += self.flush()
        self._counted = True
        if size > self._most:
            self._cut, self._size, self._left = b"", size, size
            return start
        if len(self._buffer) - start < size:
            return at
        frames.append(Frame(bytes(self._buffer[start : start + size]), size))
        return start + size

    def _by_line(self, at: int, frames: list[Frame]) -> int:
        end = self._line_end(max(at, self._searched))
        if end < 0:
            self._searched = len(self._buffer)
            if len(self._buffer) - at <= self._most:
                return at
            self._cut, self._size, self._left = b"", 0, 0
            return self._skip(at, frames)
        self._line(bytes(self._buffer[at : min(end, at + self._most)]), end - at, frames)
        return end + 1

    def _line_end(self, at: int) -> int:
        end = self._buffer.find(b"\n", at)
        if self._nul and (other := self._buffer.find(b"\0", at, end if end >= 0 else len(self._buffer))) >= 0:
            return other
        return end

    def _line(self, line: bytes, size: int, frames: list[Frame]) -> None:
        self._counted = False
        if line[:1] == b"<" and _PRIORITY.match(line):
            frames += self.flush()
            self._held, self._held_size = [line], size
        elif self._held:
            self._held_size += size + 1
            if self._held_size <= self._most and len(self._held) < MOST_LINES:
                self._held.append(line)
        elif line.strip():
            frames.append(Frame(line, size))

    def _skip(self, at: int, frames: list[Frame]) -> int:
        """Go on with a message that is too long: keep what fits, pass over the rest."""
        kept, rest = self._cut or b"", len(self._buffer) - at
        end = -1 if self._left else self._line_end(at)
        step = min(self._left or rest, rest) if end < 0 else end - at
        cut = self._cut = kept + bytes(self._buffer[at : at + min(step, self._most - len(kept))])
        if self._left:
            self._left -= step
            if not self._left:
                self._cut = None
                frames.append(Frame(cut, self._size))
            return at + step
        self._size += step
        if end < 0:
            return at + step
        self._cut = None
        self._line(cut, self._size, frames)
        return end + 1
