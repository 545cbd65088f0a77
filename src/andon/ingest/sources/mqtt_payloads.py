"""What the messages of MQTT topics say: JSON of any logger, lines of text, batches of either."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from andon.core.settings.sources.mqtt_settings import FIELDS, MqttTopics
from andon.ingest.cleaning import plain
from andon.ingest.fields import Fields
from andon.ingest.pieces import MOST, lenient, value_of
from andon.ingest.plain_text import is_text
from andon.ingest.sources.heard import HEADER_ROOM, Heard, Place, subject_of
from andon.ingest.sources.plain_line import with_head
from andon.ingest.sources.standing_place import Origin, StandingPlace

#: Topics whose place is remembered.
TOPICS_KNOWN = 10_000
_LEVELS = ("site", "area", "line", "machine")
#: Signs that no line of text holds, unlike tabulators, line ends and what colours it.
_CONTROL = re.compile("[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)

_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode


class Refusal(Exception):
    """It is no log; the text is the reason that is counted."""


class Whole(msgspec.Struct, frozen=True):
    """A message that goes into the stream as it is."""

    subject: str
    data: bytes


class Origins:
    """Where the messages of topics come from; that of the latest topics is remembered."""

    def __init__(self, table: MqttTopics) -> None:
        self._standing = StandingPlace(table)
        self._known: dict[str, Origin] = {}

    def of(self, topic: str) -> Origin:
        """What ``topic`` tells."""
        if (known := self._known.get(topic)) is not None:
            return known
        if len(self._known) >= TOPICS_KNOWN:
            self._known.clear()
        origin = self._known[topic] = self._standing.of(topic)
        return origin


class Payloads:
    """Turns messages into logs. ``most`` is how many bytes one may have, ``encoding`` what is tried behind UTF-8."""

    def __init__(self, table: MqttTopics, encoding: str, most: int) -> None:
        self._table = table
        self._encoding = encoding
        self._most = most - HEADER_ROOM
        self._origins = Origins(table)

    def logs(self, topic: str, payload: bytes, marks: dict[str, Any]) -> Iterator[Heard | Whole]:
        """The logs in a message; ``marks`` go into the context of each. Raises Refusal."""
        data = payload.strip(b" \t\r\n\0\xef\xbb\xbf")
        if not data:
            raise Refusal("empty")
        origin = self._origins.of(topic)
        context = {"mqtt_topic": topic, **marks}
        if self._table.payload != "text" and data[:1] in (b"{", b"["):
            yield from self._structured(data, origin, context)
        elif self._table.payload == "json":
            raise Refusal("no JSON")
        else:
            yield self._heard(self._text(data), origin, context)

    def _structured(self, data: bytes, origin: Origin, context: dict[str, Any]) -> Iterator[Heard | Whole]:
        if data[-1:] in (b"}", b"]") and not data[1:-1].strip():
            raise Refusal("empty")
        if data[:1] == b"{":
            yield self._one(data, origin, context)
            return
        try:
            items = [bytes(item) for item in _items(data)]
        except _UNREADABLE:
            items = []
        if len(items) > MOST:
            raise Refusal("too many logs in one message")
        if items and all(item[:1] == b"{" for item in items):
            for item in items:
                yield self._one(item, origin, context)
        else:  # the recorder reads what Fluent Bit and others put into arrays, and what was cut off
            yield self._whole(data, origin, context)

    def _one(self, data: bytes, origin: Origin, context: dict[str, Any]) -> Heard | Whole:
        try:
            tree = _object(data)
        except _UNREADABLE:
            try:
                loose = lenient(data.decode())
            except (ValueError, RecursionError):
                return self._whole(data, origin, context)
            data = json.dumps(loose).encode()
            tree = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in loose.items()}
        if self._table.fields and (heard := self._renamed(tree, origin, context)):
            return heard
        fields = Fields(dict(tree))
        added = {name: value for name, value in context.items() if name not in tree}
        if origin.host and not fields.of("hostname"):
            added["hostname"] = origin.host
        if origin.service and not fields.of("service"):
            added["service"] = origin.service
        subject = subject_of(origin.place)
        if subject is None:
            subject = subject_of(Place()) or ""
            added |= {name: told for name, told in _told(origin.place).items() if name not in tree}
        joint = b"," if tree else b""
        whole = data.rstrip()[:-1] + joint + _encode(added)[1:]
        return self._fitting(Whole(subject, whole), data, origin, context)

    def _whole(self, data: bytes, origin: Origin, context: dict[str, Any]) -> Heard | Whole:
        return self._fitting(Whole(subject_of(origin.place) or subject_of(Place()) or "", data), data, origin, context)

    def _fitting(self, whole: Whole, data: bytes, origin: Origin, context: dict[str, Any]) -> Heard | Whole:
        """As it is where it fits; else as a text that is cut, and says so."""
        if len(whole.data) <= self._most:
            return whole
        return self._heard(data[: self._most].decode("utf-8", "replace"), origin, {**context, "bytes": len(data)})

    def _renamed(self, tree: dict[str, msgspec.Raw], origin: Origin, context: dict[str, Any]) -> Heard | None:
        """The log by the table's own names of fields; None where it holds no text of that name."""
        values: dict[str, Any] = {name: value_of(raw) for name, raw in tree.items()}
        taken = {target: _taken(values, path) for target, path in self._table.fields.items()}
        named = {target: value for target, value in taken.items() if value is not None}
        told = {name: named.pop(name, None) for name in FIELDS}
        message = told["message"]
        if message is None:
            return None
        place = Place(*(str(told[level] or "") for level in _LEVELS)).over(origin.place)
        return Heard(
            message if isinstance(message, str) else json.dumps(message, ensure_ascii=False),
            told["timestamp"],
            str(told["hostname"] or origin.host),
            told["severity"] if isinstance(told["severity"], str | int | float) else None,
            str(told["service"] or origin.service),
            {**values, **named, **context},
            place,
        )

    def _text(self, data: bytes) -> str:
        for encoding in dict.fromkeys(("utf-8", self._encoding)):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            if not _CONTROL.search(text) and (encoding == "utf-8" or is_text(plain(text))):
                return text
        raise Refusal("binary")

    def _heard(self, text: str, origin: Origin, context: dict[str, Any]) -> Heard:
        return with_head(Heard(text, hostname=origin.host, service=origin.service, context=context, place=origin.place))


def _told(place: Place) -> dict[str, str]:
    return {name: level for name, level in zip(_LEVELS, place.levels, strict=True) if level}


def _taken(values: dict[str, Any], path: str) -> Any:
    """The value at ``path`` (names with dots between them, or one name that holds dots), which leaves ``values``."""
    if path in values:
        return values.pop(path)
    *above, last = path.split(".")
    place: Any = values
    for name in above:
        place = place.get(name) if isinstance(place, dict) else None
    return place.pop(last, None) if isinstance(place, dict) else None
