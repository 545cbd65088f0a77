"""A message's bytes cut into the logs that it holds: an object, an array of them, several in a row, or plain text."""

from __future__ import annotations

import codecs
import contextlib
import json
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from andon.ingest.plain_text import is_text

#: Most logs that one message may hold.
MOST = 10_000
# What producers put around a message: blanks, RFC 7464's mark, a byte order mark, and the NULs of a whole buffer.
_PADDING = " \t\r\n\x1e\ufeff"
_TOO_DEEP = "is nested too deeply to be read"

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_trees = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
#: Lists of logs: OTLP/JSON, Telegraf, AWS CloudWatch, Azure Monitor, Prometheus Alertmanager, Grafana Loki. An object
#: that says something itself is no batch.
_BATCHES = frozenset(
    ("resourceLogs", "scopeLogs", "logRecords", "metrics", "logEvents", "records", "alerts", "streams")
)
#: Names that are lists of logs where each says something: Google Cloud, New Relic, AWS, OPC UA PubSub.
_MAYBE = frozenset(("entries", "logs", "events", "Records", "Messages"))
_LISTS = _BATCHES | _MAYBE
_SAID = frozenset(("message", "msg", "event", "text", "log", "body", "severity", "level"))
_SAYING = _SAID | {"payload", "textpayload", "jsonpayload", "eventname", "@message"}
# Where the next part begins behind one that is broken: in rows, in arrays; and what is counted to find its end.
_ROW, _ITEM = re.compile(r"\n\s*(?=\{)"), re.compile(r"[,\n]\s*(?=\{)")
_BRACES = re.compile(r'"(?:[^"\\]|\\.)*"|[{}]', re.DOTALL)
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_LATIN_END = "\u0250"
# Of text in UTF-16 half of the bytes are signs of ASCII, and in the scripts of East Asia somewhat more.
_PLAINLY = 0.75
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)
# Not encodings: UTF-16 and -32, whose parts are written as UTF-8, and bytes of which some could not be read.
_WIDE, _DAMAGED = "wide", "damaged"
Tree = dict[str, msgspec.Raw]


class Piece(msgspec.Struct, gc=False):
    """One log of a message, or what is none: then ``refused`` says why. ``data`` are its bytes.

    ``tree`` are the fields of an object, each as it was sent; without one, ``text`` is the log. ``raw`` are the bytes
    where they were no UTF-8. ``moment`` is a time that stood outside of the object.
    """

    data: bytes
    tree: Tree | None = None
    text: str = ""
    notes: list[str] = []
    raw: bytes | None = None
    moment: msgspec.Raw | None = None
    refused: str = ""


class _Stream(msgspec.Struct):
    """What Loki is sent: lines with their time in ns, and the labels of all."""

    stream: Tree
    values: list[list[msgspec.Raw]]


_decode_streams = msgspec.json.Decoder(list[_Stream]).decode


class _Coding(NamedTuple):
    """The text of some bytes, how to get the bytes back, and what was done to read them."""

    text: str
    encoding: str
    note: str = ""

    @property
    def back(self) -> str:
        return "utf-8" if self.encoding in (_WIDE, _DAMAGED) else self.encoding


def pieces(data: bytes, encoding: str) -> tuple[list[Piece], bytes]:
    """The logs in ``data``, at most :data:`MOST`, and those beyond as a JSON array (empty where there are none).

    ``encoding`` is the site's, tried where the bytes are no UTF-8. Never raises.
    """
    whole = read(data, encoding)
    if whole.tree is not None:
        if _LISTS.isdisjoint(whole.tree) or (trees := list(_unpacked(whole.tree)))[0] is whole.tree:
            return [whole], b""
        bodies = [msgspec.json.encode(tree) for tree in trees]
        parts = zip(bodies[:MOST], trees, strict=False)
        return [Piece(body, tree, notes=list(whole.notes), raw=whole.raw) for body, tree in parts], _beyond(bodies)
    coding = _coded(data, encoding)
    text = coding.text.rstrip("\0").strip(_PADDING)
    items = (
        _items(data, text, coding)
        if text[:1] == "["
        else _in_a_row(data, text, coding, _ROW)
        if text[:1] == "{"
        else None
    )
    if text[:1] == "[" and items is not None:
        if not items:
            return [Piece(data, refused="is an empty array")], b""
        if _is_event(items):
            items = [data]
        elif not any(_readable(item) for item in items):
            return [Piece(data, refused="is an array without any object")], b""
    if not items or (len(items) == 1 and text[:1] == "{"):
        return [whole], b""
    return [_event(item, encoding) for item in items[:MOST]], _beyond(items)


def _beyond(items: list[bytes]) -> bytes:
    return b"[" + b",".join(_as_json(item) for item in items[MOST:]) + b"]" if len(items) > MOST else b""


def _unpacked(tree: Tree) -> Iterator[Tree]:
    """The logs of a collector's batch, each with what stands around it; the object itself where it is no batch."""
    name = next((name for name in tree if name in _LISTS), None)
    inner = [] if name is None or not _SAID.isdisjoint(tree) else _listed(name, tree[name])
    if name is None or not inner:
        yield tree
        return
    around = {key: raw for key, raw in tree.items() if key != name}
    for one in inner:
        yield from _unpacked({(f"{key} (2)" if key in one else key): raw for key, raw in around.items()} | one)


def _listed(name: str, raw: msgspec.Raw) -> list[Tree]:
    try:
        if name == "streams":
            return [
                {**one.stream, **dict(zip(("ts", "log", "metadata"), value, strict=False))}
                for one in _decode_streams(raw)
                for value in one.values
            ]
        trees = _decode_trees(raw)
    except _UNREADABLE:
        return []
    told = name in _BATCHES or all(any(key.lower() in _SAYING for key in one) for one in trees)
    return trees if told else []


def read(data: bytes, encoding: str) -> Piece:
    """``data`` as one log. Never raises."""
    try:
        if not data.isascii():
            data.decode()  # what is not looked at yet must be UTF-8 as well
        return Piece(data, _decode_fields(data))
    except _UNREADABLE:
        coding = _coded(data, encoding)
    notes = [coding.note] if coding.note else []
    piece = Piece(data, notes=notes, raw=data if coding.note else None)
    text = coding.text.rstrip("\0").strip(_PADDING)
    if not text:
        piece.refused = "is empty"
        return piece
    try:
        piece.tree = _decode_fields(text)
    except _UNREADABLE as error:
        reason = _TOO_DEEP if isinstance(error, RecursionError) else f"is neither text nor JSON ({error})"
    else:
        return piece
    try:
        value = lenient(text)
    except (ValueError, RecursionError) as error:
        return _as_text(piece, coding, text, "not JSON", _TOO_DEEP if isinstance(error, RecursionError) else reason)
    if isinstance(value, dict):
        notes.append("not strictly valid JSON")
        piece.tree = {_plain(name): to_raw(one) for name, one in value.items()}
        return piece
    if isinstance(value, str):
        text = value.strip(_PADDING)
        if text[:1] == "{" and (tree := object_in(text)) is not None:
            notes.append("a JSON object in a JSON text")
            piece.tree = tree
            return piece
    elif isinstance(value, list):
        piece.refused = "is an array without any object"
        return piece
    return _as_text(piece, coding, text, "JSON but no object", "is empty" if not text else "is JSON but not an object")


def starts(raw: msgspec.Raw, sign: bytes) -> bool:
    """Whether a value as it was sent starts with ``sign``."""
    return bytes(raw).startswith(sign)


def object_in(text: str | bytes | msgspec.Raw) -> Tree | None:
    """The fields of the JSON object that ``text`` is, None where it is none."""
    try:
        return _decode_fields(text)
    except _UNREADABLE:
        return None


def _as_text(piece: Piece, coding: _Coding, text: str, what: str, reason: str) -> Piece:
    wide = coding.encoding == _WIDE
    if coding.encoding != _DAMAGED and is_text(text) and (not wide or _is_wide_text(piece.data, text)):
        piece.text = text
        piece.notes.append(f"{what}, kept as text{' (UTF-16 or UTF-32)' if wide else ''}")
    else:
        piece.refused = reason
    return piece


def _is_wide_text(data: bytes, text: str) -> bool:
    """Whether bytes that can be read as UTF-16 or -32 are: they say so, and are not plainly text of one byte a letter,
    or they come out in the letters of one alphabet."""
    if data.startswith(_MARKS):
        return len(text) > 1 and sum(32 <= byte < 127 for byte in data) < _PLAINLY * len(data)
    return sum(sign < _LATIN_END for sign in text) >= 0.9 * len(text)


def _coded(data: bytes, encoding: str) -> _Coding:
    """The text of ``data``: UTF-8, UTF-16 and -32 (RFC 4627, or with a mark), the site's encoding, else damaged."""
    plainly: _Coding | None = None
    with contextlib.suppress(UnicodeDecodeError):
        plainly = _Coding(data.decode(), "utf-8")
        if b"\0" not in data[:4]:  # else it may be UTF-16 all the same
            return plainly
    detected = json.detect_encoding(data)
    if detected not in ("utf-8", "utf-8-sig"):
        with contextlib.suppress(UnicodeDecodeError):
            return _Coding(data.decode(detected), _WIDE)
    if plainly is not None:
        return plainly
    if codecs.lookup(encoding).name != "utf-8":
        try:
            return _Coding(data.decode(encoding), encoding, f"not UTF-8, read as {encoding}")
        except UnicodeError:
            pass
    return _Coding(data.decode("utf-8", "replace"), _DAMAGED, "bytes that are not UTF-8 replaced")


def _items(data: bytes, text: str, coding: _Coding) -> list[bytes] | None:
    """The parts of an array, each as its bytes; None where it is none that can be read.

    Of one that is broken or was cut off they are the objects in it, and what is between them.
    """
    try:
        if coding.encoding == _DAMAGED:
            return list(_flat(_decode_items(data)))
        return [item.decode().encode(coding.back) for item in _flat(_decode_items(text))]
    except _UNREADABLE:
        pass
    try:
        value = lenient(text)
    except (ValueError, RecursionError):
        return _in_a_row(data, text, coding, _ITEM) if text[1:].lstrip()[:1] in ("{", "[") else None
    return [bytes(to_raw(item)) for item in value] if isinstance(value, list) else None


def _flat(items: list[msgspec.Raw]) -> Iterator[bytes]:
    """The items of an array, and instead of arrays of logs in it theirs."""
    for item in map(bytes, items):
        inner = _decode_items(item) if item[:1] == b"[" else []
        parts = [bytes(one) for one in inner]
        if any(map(_readable, parts)) and not _is_event(parts):
            yield from _flat(inner)
        else:
            yield item


def _in_a_row(data: bytes, text: str, coding: _Coding, joint: re.Pattern[str]) -> list[bytes] | None:
    """The objects that stand behind each other, with or without line ends; what is cut off is a part as well.

    None where none of them can be read.
    """
    found = list(_rows(data, text, coding, joint))
    return found if any(read(item, coding.back).tree is not None for item in found if item[:1] == b"{") else None


def _rows(data: bytes, text: str, coding: _Coding, joint: re.Pattern[str]) -> Iterator[bytes]:
    damaged = coding.encoding == _DAMAGED
    if damaged:
        text = data.decode("utf-8", "surrogateescape").rstrip("\0").strip(_PADDING)
    if joint is _ITEM:
        text = text[1:].removesuffix("]")
    decoder = json.JSONDecoder(strict=False)
    position = 0
    while position < len(text):
        end = -1
        if text[position] == "{":
            with contextlib.suppress(ValueError, RecursionError):
                _, end = decoder.raw_decode(text, position)
            end = end if end >= 0 else _closed(text, position)
        if end < 0:
            following = (_ROW if text[position] == "{" else joint).search(text, position + 1)
            end = following.start() if following else len(text)
        part = text[position:end].strip(_PADDING + ",")
        if part:
            yield part.encode("utf-8", "surrogateescape") if damaged else part.encode(coding.back)
        while end < len(text) and text[end] in _PADDING + ",":
            end += 1
        position = end


def _closed(text: str, at: int) -> int:
    """Where the object at ``at``, which cannot be read, is closed on its line; -1 where it is not."""
    line_end, depth = text.find("\n{", at), 0
    for sign in _BRACES.finditer(text, at, line_end if line_end >= 0 else len(text)):
        depth += {"{": 1, "}": -1}.get(sign[0], 0)
        if not depth and sign[0] == "}":
            return sign.end()
    return -1


def _is_event(items: list[bytes]) -> bool:
    """Whether an array is one of Fluent Bit's records, ``[time, {…}]`` or ``[[time, {…}], {…}]``."""
    return len(items) == 2 and items[1][:1] == b"{" and _moment(items[0]) is not None


def _moment(head: bytes) -> tuple[msgspec.Raw, bytes] | None:
    """The time in the head of such a record and its metadata."""
    if head[:1] == b"[":
        try:
            inner = [bytes(item) for item in _decode_items(head)]
        except _UNREADABLE:
            return None
        if len(inner) != 2 or inner[1][:1] != b"{":
            return None
        head, metadata = inner
    else:
        metadata = b"{}"
    return (msgspec.Raw(head), metadata) if head[:1].isdigit() else None


def _readable(item: bytes) -> bool:
    return item[:1] in (b"{", b'"') or (item[:1] == b"[" and _event(item, "utf-8").tree is not None)


def _event(item: bytes, encoding: str) -> Piece:
    """One part of an array: an object, or a time with one."""
    if item.lstrip()[:1] != b"[":
        piece = read(item, encoding)
        if piece.tree is None and not piece.refused and item[:1] != b'"':
            return Piece(item, refused="is broken JSON" if item[:1] == b"{" else "is JSON but not an object")
        return piece
    try:
        parts = [bytes(part) for part in _decode_items(item)]
    except _UNREADABLE:
        parts = []
    found = _moment(parts[0]) if len(parts) == 2 else None
    piece = read(parts[1], encoding) if found else Piece(item)
    if found is None or piece.tree is None:
        return Piece(item, refused="is JSON but not an object")
    piece.data, piece.moment = item, found[0]
    if found[1].strip(b"{ }"):
        piece.tree.setdefault("metadata", msgspec.Raw(found[1]))
    return piece


def _as_json(item: bytes) -> bytes:
    try:
        msgspec.json.decode(item)
    except _UNREADABLE:
        return msgspec.json.encode(item.decode("utf-8", "replace"))
    return item


def lenient(text: str) -> Any:
    """What the standard library's reader makes of ``text``: raw control characters, lone surrogates, NaN and huge
    numbers pass (the last two as text). Raises ValueError or RecursionError."""

    def number(literal: str) -> float | str:
        value = float(literal)
        return value if math.isfinite(value) else literal

    return json.loads(text, strict=False, parse_float=number, parse_constant=str)


def value_of(raw: msgspec.Raw) -> Any:
    """A part of a message, as a lenient reader takes it where a strict one does not; None where it cannot be read."""
    try:
        return msgspec.json.decode(raw)
    except _UNREADABLE:
        pass
    try:
        return lenient(bytes(raw).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def to_raw(value: Any) -> msgspec.Raw:
    """``value`` as JSON; what is no Unicode stays in its escapes."""
    return msgspec.Raw(json.dumps(value, separators=(",", ":")).encode())


def _plain(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
