"""A body of JSON cut into what it holds: an object, an array, or objects in a row, on lines of their own or not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from andon.ingest.sources.http_bodies import BodyRefused

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)
_MOST_BROKEN = 100
#: An array with more commas is not cut up: each of its items may take two bytes here and a hundred in memory.
MOST_COMMAS = 4_000_000
_BLANK = " \t\r\n\x1e\ufeff"


class Broken(msgspec.Struct, frozen=True):
    """A part that is no JSON, and why."""

    reason: str


def is_object(data: bytes) -> bool:
    """Whether ``data`` is one JSON object that can be read."""
    try:
        _decode_object(data)
    except _UNREADABLE:
        return False
    return True


def items_of(data: bytes) -> list[bytes] | None:
    """The items of the JSON array that ``data`` is; None where it is none. Raises BodyRefused for too many values."""
    if data.count(b",") > MOST_COMMAS:
        raise BodyRefused(413, "too many", f"the body has more than {MOST_COMMAS:,} values: send it in parts")
    try:
        return [bytes(item) for item in _decode_items(data)]
    except _UNREADABLE:
        return None


def rows_of(data: bytes) -> Iterator[bytes | Broken]:
    """The JSON values in a row in ``data``, as they were sent, and what is broken between them up to its line's end.

    Behind :data:`_MOST_BROKEN` broken parts nothing more is read: each may be as long as all that follows.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        text = data.decode("utf-8", "replace")
        yield Broken(f"byte {error.start:,} is not UTF-8")
        return
    decoder = json.JSONDecoder(strict=False)
    position, end, broken = 0, len(text), 0
    while position < end:
        if text[position] in _BLANK:
            position += 1
            continue
        try:
            _, after = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            line_end = text.find("\n", position)
            broken += 1
            if broken > _MOST_BROKEN:
                yield Broken("more than a hundred parts are invalid: the rest was not read")
                return
            yield Broken(_said(error))
            position = end if line_end < 0 else line_end
            continue
        yield text[position:after].encode()
        position = after


def lines_of(data: bytes) -> Iterator[bytes | Broken]:
    """The lines of NDJSON, each one JSON value. Blank lines are none."""
    for number, line in enumerate(data.split(b"\n"), 1):
        bare = line.strip(b" \t\r\x1e")
        if not bare:
            continue
        try:
            msgspec.json.decode(bare, type=msgspec.Raw)
        except _UNREADABLE as error:
            yield Broken(f"line {number:,} is not JSON ({_short(error)})")
        else:
            yield bare


def why_broken(data: bytes) -> str:
    """Where and why ``data`` is no JSON."""
    try:
        msgspec.json.decode(data)
    except _UNREADABLE as error:
        return _short(error)
    return "it is JSON, but neither an object nor an array"


def _short(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]


def _said(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.lower()} at character {error.pos + 1:,}"
    return "it is nested too deeply"
