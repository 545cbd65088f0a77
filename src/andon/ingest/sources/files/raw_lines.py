"""Bytes cut into lines, with a bound on each, whatever the bytes are."""

from __future__ import annotations

import codecs
import re

import msgspec

#: So many bytes of a line are kept; what follows up to its end is counted only.
LINE_MAX = 256 * 1024
_NEWLINES = {"utf-16-le": b"\n\0", "utf-16-be": b"\0\n"}
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")


class RawLine(msgspec.Struct, gc=False):
    """A line without its end, and where it lies in the file. ``size`` is its whole length where it was cut, else 0.

    ``binary`` says that it is no text.
    """

    text: str
    start: int
    end: int
    size: int = 0
    binary: bool = False


def codec_of(head: bytes, encoding: str) -> str:
    """How a file that begins with ``head`` is read: ``utf-8`` (lenient), or another codec's name.

    >>> codec_of(b"\\xff\\xfeA\\0", "auto"), codec_of(b"plain", "auto"), codec_of(b"A\\0B\\0", "utf-16")
    ('utf-16-le', 'utf-8', 'utf-16-le')
    """
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    name = "utf-8" if encoding == "auto" else codecs.lookup(encoding).name
    return "utf-16-le" if name == "utf-16" else name


class LineSplitter:
    """Cuts a stream of bytes that begins at ``offset`` of a file. ``fallback`` is the encoding of what is not UTF-8."""

    def __init__(self, codec: str, offset: int = 0, fallback: str = "utf-8") -> None:
        self._codec = codec
        self._fallback = fallback
        self._newline = _NEWLINES.get(codec, b"\n")
        self._kept = bytearray()
        self._half = b""  # a byte of a sign of two, whose other one did not come yet
        self._begin = self._at = offset
        self._skipped = 0

    @property
    def pending(self) -> int:
        """Bytes of a line whose end did not come yet."""
        return self._at - self._begin + len(self._half)

    @property
    def offset(self) -> int:
        """How far the bytes go that came."""
        return self._at + len(self._half)

    def feed(self, data: bytes) -> list[RawLine]:
        """The lines that end within ``data``."""
        lines: list[RawLine] = []
        start, width = 0, len(self._newline)
        if width > 1:
            data = self._half + data
            data, self._half = (data[:-1], data[-1:]) if len(data) % 2 else (data, b"")
        while (end := self._find(data, start)) >= 0:
            self._keep(data[start:end])
            self._at += width
            lines.append(self._line())
            start = end + width
        self._keep(data[start:])
        return lines

    def flush(self) -> RawLine | None:
        """What came of the last line, which has no end; None where nothing did."""
        self._keep(self._half)
        self._half = b""
        return self._line() if self.pending else None

    def _find(self, data: bytes, start: int) -> int:
        if len(self._newline) == 1:
            return data.find(b"\n", start)
        found = data.find(self._newline, start)
        while found >= 0 and (found - start) % 2:
            found = data.find(self._newline, found + 1)
        return found

    def _keep(self, data: bytes) -> None:
        self._at += len(data)
        if not self._kept and not self._skipped and data[:1] == b"\0" and len(self._newline) == 1:
            data = data.lstrip(b"\0")  # a hole that a program left which did not notice that its file was cut
            self._begin = self._at - len(data)
        room = LINE_MAX - len(self._kept)
        self._kept += data[:room]
        self._skipped += max(len(data) - room, 0)

    def _line(self) -> RawLine:
        data, skipped = bytes(self._kept), self._skipped
        line = RawLine(self._text(data), self._begin, self._at, len(data) + skipped if skipped else 0)
        line.binary = len(_CONTROL.findall(line.text)) > len(line.text) // 10 if _CONTROL.search(line.text) else False
        self._kept.clear()
        self._skipped, self._begin = 0, self._at
        return line

    def _text(self, data: bytes) -> str:
        try:
            text = data.decode(self._codec)
        except UnicodeDecodeError:
            text = self._second_best(data)
        return text.strip("\ufeff\r\n\0") if text[:1] == "\ufeff" or text[-1:] in "\r\n\0" else text

    def _second_best(self, data: bytes) -> str:
        if self._codec == "utf-8" and self._fallback != "utf-8":
            try:
                return data.decode(self._fallback)
            except UnicodeError:
                pass
        return data.decode(self._codec, "replace")
