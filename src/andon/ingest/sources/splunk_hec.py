"""Splunk's HTTP Event Collector as a way in: its events, its answers and its codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from andon.core.models import SUBJECT
from andon.ingest.fields import Fields
from andon.ingest.sources.heard import HEADER_ROOM, Heard, message_of
from andon.ingest.sources.json_rows import Broken, items_of, rows_of
from andon.ingest.sources.otlp_logs import Origin
from andon.ingest.sources.plain_line import level_of, with_head
from andon.ingest.sources.posted_logs import Message

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_EMPTY = frozenset((b'""', b"null"))


class Code(NamedTuple):
    """An answer of Splunk's: status of HTTP, code and text."""

    status: int
    code: int
    text: str


SUCCESS = Code(200, 0, "Success")
NO_TOKEN = Code(401, 2, "Token is required")
WRONG_SCHEME = Code(401, 3, "Invalid authorization")
WRONG_TOKEN = Code(403, 4, "Invalid token")
NO_DATA = Code(400, 5, "No data")
WRONG_FORMAT = Code(400, 6, "Invalid data format")
BUSY = Code(503, 9, "Server is busy")
NO_EVENT = Code(400, 12, "Event field is required")
BLANK_EVENT = Code(400, 13, "Event field cannot be blank")
NO_ACKS = Code(400, 14, "ACK is disabled")
HEALTHY = Code(200, 17, "HEC is healthy")
UNHEALTHY = Code(503, 18, "HEC is unhealthy, queues are full")
#: What is wrong with an event, by the reason that it was refused for.
CODES = {code.text: code for code in (WRONG_FORMAT, NO_EVENT, BLANK_EVENT)}


def events_of(data: bytes, most: int) -> Iterator[Message | Broken]:
    """The events in a body: objects in a row, or in an array. Each goes on as it came."""
    rows = items_of(data) if data.lstrip()[:1] == b"[" else None
    for row in rows if rows is not None else rows_of(data):
        if isinstance(row, Broken) or row[:1] != b"{":
            yield Broken(WRONG_FORMAT.text)
            continue
        try:
            tree = _decode_fields(row)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            yield Broken(WRONG_FORMAT.text)
            continue
        event = tree.get("event")
        if event is None:
            yield Broken(NO_EVENT.text)
        elif bytes(event) in _EMPTY:
            yield Broken(BLANK_EVENT.text)
        elif len(row) > most - HEADER_ROOM:
            yield Broken(WRONG_FORMAT.text)
        else:
            yield Message(SUBJECT, _event(tree, row))


def _event(tree: dict[str, msgspec.Raw], row: bytes) -> bytes:
    """An event whose indexed fields stand beside it, where their names are free; of one that is a text, with the
    severity that its head names where nothing else tells one."""
    made = _lifted(tree)
    told = tree if made is None else made
    level = level_of(_text(tree["event"]))
    if level is not None and all(one.path == ("event",) for one in Fields(dict(told)).of("severity")):
        return msgspec.json.encode({**told, "severity": level})
    return row if made is None else msgspec.json.encode(made)


def _text(event: msgspec.Raw) -> str:
    """The text that an event is; empty where it is none."""
    try:
        return msgspec.json.decode(event, type=str)
    except (msgspec.DecodeError, UnicodeError):
        return ""


def _lifted(tree: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw] | None:
    """An event with its indexed fields beside it; None where it has none."""
    try:
        fields = _decode_fields(tree["fields"])
    except (KeyError, msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    rest = {name: raw for name, raw in tree.items() if name != "fields"}
    kept = {name: fields.pop(name) for name in [*fields] if name in rest}
    if kept:
        rest["fields"] = msgspec.Raw(msgspec.json.encode(kept))
    return {**rest, **fields}


def raw_events(data: bytes, origin: Origin, more: dict[str, str], most: int) -> Iterator[Message]:
    """The lines of a body of ``/raw``; ``more`` is what its parameters say of all of them, for the context."""
    for text in data.decode("utf-8", "replace").split("\n"):
        line = text.rstrip("\r")
        if line.strip():
            host = origin.host or origin.peer
            heard = Heard(line, more.get("time"), host, None, origin.service, {**more}, origin.place)
            yield Message(*message_of(with_head(heard), most))
