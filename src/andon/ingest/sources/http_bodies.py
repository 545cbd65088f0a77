"""Bodies of HTTP requests: what encoding they came in, unpacked with a bound, whatever they claim to be."""

from __future__ import annotations

import zlib

#: So many bytes of a body are read, packed or unpacked.
MOST_BYTES = 16 * 1024 * 1024
#: Window bits of zlib: gzip and zlib by their head, deflate without one.
_BY_HEAD, _BARE = 47, -15
_KNOWN = {"gzip": _BY_HEAD, "x-gzip": _BY_HEAD, "deflate": _BY_HEAD}
ENCODINGS = "gzip, deflate"


class BodyRefused(ValueError):
    """A body that cannot be taken: ``status`` is the status of HTTP for it, ``reason`` a few words to count it by."""

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.reason = status, reason


def too_long(most: int = MOST_BYTES) -> BodyRefused:
    """The refusal of a body above ``most`` bytes."""
    return BodyRefused(413, "too long", f"the body has more than {most:,} bytes: send it in parts")


def checked_encoding(header: str) -> str:
    """The encoding that ``Content-Encoding`` names, empty for none. Raises BodyRefused for one that is not known."""
    name = header.strip().lower()
    if name in ("", "identity"):
        return ""
    if name not in _KNOWN:
        sentence = f"Content-Encoding {name[:40]!r} is not supported: send {ENCODINGS} or none"
        raise BodyRefused(415, "unknown encoding", sentence)
    return name


def unpacked(data: bytes, encoding: str, most: int = MOST_BYTES) -> bytes:
    """What ``data`` holds. Blocks for some ms a megabyte; never makes more than ``most`` bytes. Raises BodyRefused."""
    if not encoding:
        return data
    try:
        return _inflated(data, _KNOWN[encoding], most)
    except zlib.error as error:
        if encoding == "deflate":  # with some a deflate without zlib's head
            try:
                return _inflated(data, _BARE, most)
            except zlib.error:
                pass
        raise BodyRefused(400, "damaged", f"the body is not valid {encoding} ({error})") from None


def _inflated(data: bytes, bits: int, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while data:
        machine = zlib.decompressobj(bits)
        part = machine.decompress(data, most - size + 1)
        size += len(part)
        if size > most:
            raise too_long(most)
        if not machine.eof:
            raise zlib.error("it is cut off")
        parts.append(part)
        data = machine.unused_data.lstrip(b"\0")
    return b"".join(parts)
