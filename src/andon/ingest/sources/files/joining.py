"""Lines put together where several are one log: stack traces, what is indented, what has no head of its own.

What begins with a time begins a log. Behind such a log, lines without one belong to it. In files whose lines have none
a line belongs to the one before it where it is indented, or where a trace says so.
"""

from __future__ import annotations

import re

import msgspec

from andon.grouping.headers import header_end
from andon.grouping.mask import fold
from andon.ingest.line_head import head_of
from andon.ingest.sources.files.raw_lines import RawLine

#: A log that is put together has at most so many lines and characters.
LINES_MAX, SIZE_MAX = 500, 128 * 1024

_CLOCK = re.compile(r"[\[(]?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?[\])]?[\s|,;]|\[\s*\d{1,9}\.\d{6}\]\s|<\d{1,3}>")
_TRACE = "Traceback (most recent call last)"
_GOROUTINE = re.compile(r"goroutine \d+ \[")
_OF_GO = re.compile(r"[\w./*()\[\]{}\-,&]{3,200}\(.{0,400}\)$|created by |exit status \d+$|\[signal ")
_CONTINUED = re.compile(
    r"Caused by:|Suppressed:|\.\.\. \d+ (?:more|common)|at [\w.$<>/]+\(|--- End of |Traceback \(most recent call last\)"
    r"|During handling of the above|The above exception was |#\d+[: ]|goroutine \d+ \[|created by [\w./]+"
    r"|stack backtrace:|note: run with `RUST_BACKTRACE|[}\])]+[,;]?$|-{4,} ?>|thrown in "
)


class Joined(msgspec.Struct, gc=False):
    """One log of one or more lines, and where it lies in the file. ``size`` as in :class:`RawLine`."""

    text: str
    start: int
    end: int
    size: int = 0
    binary: bool = False


class Joiner:
    """Puts lines together as they come. ``header`` is the site's own sign of a first line; without ``multiline`` each
    line is a log."""

    def __init__(self, *, multiline: bool = True, header: re.Pattern[str] | None = None) -> None:
        self._multiline = multiline
        self._header = header
        self._lines: list[str] = []
        self._start = self._end = self._size = self._whole = 0
        self._headed = self._frames = self._go = False

    @property
    def open(self) -> bool:
        """Whether a log is held that more lines may belong to."""
        return bool(self._lines)

    @property
    def start(self) -> int:
        """Where the log begins that is held."""
        return self._start

    def push(self, line: RawLine) -> list[Joined]:
        """Take a line; the logs that are whole now, two at most."""
        if line.binary:
            return [*self._taken(), Joined("", line.start, line.end, line.end - line.start, binary=True)]
        if not line.text.strip():
            if self._lines:
                self._lines.append("")
                self._end = line.end
                return []
            return [Joined("", line.start, line.end)]
        if self._lines and self._room() and self._continues(line.text):
            self._add(line)
            return []
        done = self._taken()
        self._begin(line)
        if not self._multiline:
            done += self._taken()
        return done

    def flush(self) -> list[Joined]:
        """The log that is held, if any: nothing more came for it."""
        return self._taken()

    def _room(self) -> bool:
        return self._multiline and len(self._lines) < LINES_MAX and self._size < SIZE_MAX

    def _begin(self, line: RawLine) -> None:
        self._start, self._size, self._whole = line.start, 0, 0
        self._headed = self._multiline and self._is_head(line.text)
        self._frames = self._go = False
        self._add(line)

    def _add(self, line: RawLine) -> None:
        self._lines.append(line.text)
        self._size += len(line.text) + 1
        self._whole += line.size
        self._end = line.end
        if _TRACE in line.text:
            self._frames = True
        elif _GOROUTINE.match(line.text):
            self._go = True

    def _taken(self) -> list[Joined]:
        if not self._lines:
            return []
        text = "\n".join(self._lines).rstrip()
        made = Joined(text, self._start, self._end, self._whole)
        self._lines = []
        return [made]

    def _is_head(self, text: str) -> bool:
        if self._header is not None:
            return self._header.match(text) is not None
        return is_head(text)

    def _continues(self, text: str) -> bool:
        if self._header is not None:
            return self._headed and self._header.match(text) is None
        first = text[0]
        if first == "{" and text.rstrip()[-1] == "}":
            return False
        if first in " \t":
            return not is_head(text.lstrip())
        if is_head(text):
            return False
        if self._headed:
            return True
        if self._frames and first not in "|+":
            self._frames = False  # the exception's own line ends the frames
            return True
        return _CONTINUED.match(text) is not None or (self._go and _OF_GO.match(text) is not None)


def is_head(text: str) -> bool:
    """Whether a line begins with a time, or with a clock's.

    >>> is_head("2026-11-30 09:32:32,531 ERROR lost"), is_head("09:32:32.120 [main] lost"), is_head("lost at 09:32:32")
    (True, True, False)
    """
    if not text:
        return False
    if head_of(text).end or _CLOCK.match(text):
        return True
    return text[0].isdigit() and header_end(fold(text[:200])) > 0
