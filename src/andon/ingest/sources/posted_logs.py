"""What is posted as logs: JSON of whatever shape loggers write, or lines of text, each as a message for the stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from andon.core.models import SUBJECT
from andon.ingest.fields import Fields
from andon.ingest.plain_text import is_text
from andon.ingest.sources.heard import HEADER_ROOM, NOWHERE, Heard, Place, message_of, subject_of
from andon.ingest.sources.http_bodies import BodyRefused
from andon.ingest.sources.json_rows import Broken, is_object, items_of, lines_of, rows_of, why_broken
from andon.ingest.sources.otlp_logs import Origin
from andon.ingest.sources.plain_line import with_head

_JSON = frozenset(("application/json", "text/json"))
_LINES = frozenset(
    f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines", "json-seq")
)
_TEXT = frozenset(("text/plain",))
MEDIA_TYPES = "application/json, application/x-ndjson or text/plain"
_PLACES = ("site", "area", "line", "machine")
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Message(NamedTuple):
    """A message for the stream."""

    subject: str
    data: bytes
    message_id: str | None = None


def place_named(text: str) -> Place:
    """The place that ``site/area/line/machine`` names; levels may be empty. Raises BodyRefused for more than four.

    >>> place_named("north/press/l2/p4").machine, place_named("//l2").line
    ('p4', 'l2')
    """
    levels = [level.strip() for level in text.split("/")]
    if len(levels) > len(_PLACES):
        raise BodyRefused(400, "wrong parameter", "place: write site/area/line/machine, with at most four levels")
    return Place(*levels)


def posted(data: bytes, media_type: str, origin: Origin, most: int) -> Iterator[Message | Broken]:
    """The logs in a body in order, and what in it is none.

    ``media_type`` is empty where none was told. ``most`` is the size of a message in bytes. Raises BodyRefused where
    the body as a whole cannot be taken.
    """
    kind = media_type or ("application/json" if data.lstrip()[:1] in (b"{", b"[") else "text/plain")
    if kind in _TEXT:
        return _texts(data, origin, most)
    if kind in _LINES:
        return _told(lines_of(data) if kind != "application/json-seq" else rows_of(data), origin, most)
    if kind in _JSON or (kind.startswith("application/") and kind.endswith("+json")):
        return _told(_parts(data), origin, most)
    sentence = f"Content-Type {media_type[:80]!r} is not supported: send {MEDIA_TYPES}"
    raise BodyRefused(415, "unknown media type", sentence)


def _parts(data: bytes) -> Iterator[bytes | Broken] | list[bytes]:
    """The objects of a body of JSON: itself, the items of an array, or what stands in a row."""
    start = data.lstrip(b" \t\r\n\xef\xbb\xbf")
    if not start:
        raise BodyRefused(400, "empty", "the body is empty")
    if is_object(start):
        return [start]
    if (items := items_of(start)) is not None:
        return items
    rows = list(rows_of(data)) if start[:1] == b"{" else []
    if any(isinstance(row, bytes) for row in rows):
        return iter(rows)
    raise BodyRefused(400, "no JSON", f"the body is not JSON: {why_broken(data)}")


def _told(parts: Iterator[bytes | Broken] | list[bytes], origin: Origin, most: int) -> Iterator[Message | Broken]:
    told = bool(origin.host or origin.service or origin.place != NOWHERE)
    for part in parts:
        if isinstance(part, Broken):
            yield part
        elif len(part) > most - HEADER_ROOM:
            yield Broken(f"has {len(part):,} bytes; a log may have at most {most - HEADER_ROOM:,}")
        elif part[:1] == b'"':
            yield _text(str(msgspec.json.decode(part)), origin, most)
        elif part[:1] in (b"{", b"["):
            yield _with(part, origin, most) if told and part[:1] == b"{" else Message(SUBJECT, part)
        else:
            yield Broken("is JSON, but neither an object nor a text")


def _with(part: bytes, origin: Origin, most: int) -> Message:
    """An object with what it does not tell itself."""
    tree = _decode_fields(part)
    fields = Fields(dict(tree))
    added: dict[str, str] = {}
    if origin.host and not fields.of("hostname"):
        added["hostname"] = origin.host
    if origin.service and not fields.of("service"):
        added["service"] = origin.service
    subject = subject_of(origin.place)
    if subject is None:
        subject = SUBJECT
        levels = zip(_PLACES, origin.place.levels, strict=True)
        added |= {name: level for name, level in levels if level and name not in tree}
    if not added:
        return Message(subject, part)
    made = msgspec.json.encode({**tree, **added})
    return Message(subject, made if len(made) <= most - HEADER_ROOM else part)


def _texts(data: bytes, origin: Origin, most: int) -> Iterator[Message | Broken]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        sentence = f"the body is not UTF-8 (byte {error.start:,}): lines of text must be"
        raise BodyRefused(400, "no UTF-8", sentence) from None
    return (_text(line.rstrip("\r"), origin, most) for line in text.split("\n") if line.strip())


def _text(line: str, origin: Origin, most: int) -> Message | Broken:
    """A line of text, with what its head says."""
    if not is_text(line):
        return Broken("is not text")
    heard = Heard(line, None, origin.host or origin.peer, None, origin.service, place=origin.place)
    return Message(*message_of(with_head(heard), most))
