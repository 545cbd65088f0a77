"""What a source heard, and the message that it becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from andon.core.models import SUBJECT
from andon.ingest.fields import Fields, Meaning
from andon.ingest.pieces import object_in

#: Header of a message that was read from old files: it is stored and counted, asked about last, and announces nothing.
IMPORTED_HEADER = "Andon-Imported"
#: Its value where that holds only if the log's own time is more than an hour before it was stored: who follows files
#: cannot know what lies in them from before. A machine that speaks for itself may have a wrong clock, and is heard.
IF_OLD = "if-old"
#: What may stand in a token of a subject.
_TOKEN = re.compile(r"[^\s.*>\x00-\x20\x7f/]+")
#: So much of a message's limit is left for headers.
HEADER_ROOM = 1_024

_PLACES = ("site", "area", "line", "machine")
_encode = msgspec.json.Encoder(order=None).encode


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where something stands, by ISA-95; a level that nobody told is empty."""

    site: str = ""
    area: str = ""
    line: str = ""
    machine: str = ""

    def over(self, other: Place) -> Place:
        """This place, with what it does not tell taken from ``other``."""
        return Place(*(mine or theirs for mine, theirs in zip(self.levels, other.levels, strict=True)))

    @property
    def levels(self) -> tuple[str, str, str, str]:
        """The four of them, the widest first."""
        return self.site, self.area, self.line, self.machine


NOWHERE = Place()


def place_of(found: Mapping[str, str]) -> Place:
    """The place among what a pattern read."""
    return Place(*(found.get(level, "") for level in _PLACES))


class Heard(msgspec.Struct, gc=False):
    """One log as a source understood its envelope. What it does not know it leaves out.

    ``timestamp`` is in any spelling that messages may have (numbers are seconds, milli-, micro- or nanoseconds since
    1970), ``severity`` a word or number of whatever scale the field of messages allows. ``context`` is kept as it is.
    ``imported`` marks what was read from old files, ``backlog`` what may be old, as it was kept until it was read.
    ``message_id`` keeps the same log from being stored twice within two minutes, where a source can tell that it is
    the same.
    """

    message: str
    timestamp: str | int | float | None = None
    hostname: str = ""
    severity: str | int | float | None = None
    service: str = ""
    context: dict[str, Any] | None = None
    place: Place = NOWHERE
    imported: bool = False
    backlog: bool = False
    message_id: str | None = None


def subject_of(place: Place) -> str | None:
    """The subject of a place; None where it cannot be told by one: a level is missing or holds a sign that may not.

    >>> subject_of(Place("north", "press", "l2", "p4")), subject_of(Place(machine="p4")), subject_of(NOWHERE)
    ('agent.technical.support.north.press.l2.p4', None, 'agent.technical.support')
    """
    if place is NOWHERE or not any(place.levels):
        return SUBJECT
    told = [level for level in place.levels if level]
    if list(place.levels[: len(told)]) != told or not all(map(_TOKEN.fullmatch, told)):
        return None
    return ".".join((SUBJECT, *told))


def message_of(heard: Heard, most: int) -> tuple[str, bytes]:
    """Subject and payload of a log, in the reference's own message; one above ``most`` bytes is cut, and says so."""
    subject = subject_of(heard.place)
    context = heard.context or {}
    if subject is None:
        subject = SUBJECT
        context = {**context, **{name: level for name, level in zip(_PLACES, heard.place.levels, strict=True) if level}}
    payload = _payload(heard, heard.message, context)
    if len(payload) > most - HEADER_ROOM:
        payload = _cut(heard, context, most - HEADER_ROOM, len(payload))
    return subject, payload


def _payload(heard: Heard, message: str, context: dict[str, Any]) -> bytes:
    if message[:1] == "{" and (inner := object_in(message)) is not None:
        return _encode(_beside(inner, heard, message, context))
    return _encode(
        {
            "timestamp": heard.timestamp,
            "hostname": heard.hostname,
            "severity": heard.severity,
            "service": heard.service,
            "message": message,
            "context": context,
        }
    )


def _beside(inner: dict[str, msgspec.Raw], heard: Heard, message: str, context: dict[str, Any]) -> dict[str, Any]:
    """What stands beside a logger's own JSON: what that does not tell itself, for the recorder opens it then."""
    fields = Fields(dict(inner))
    known: tuple[tuple[Meaning, str, Any], ...] = (
        ("timestamp", "timestamp", heard.timestamp),
        ("hostname", "hostname", heard.hostname),
        ("severity", "priority", heard.severity),  # under the name of a severity it would keep the JSON closed
        ("service", "service", heard.service),
    )
    told = {name: value for meaning, name, value in known if value not in (None, "") and not fields.of(meaning)}
    return {"message": message, **told, **({"context": context} if context else {})}


def _cut(heard: Heard, context: dict[str, Any], most: int, size: int) -> bytes:
    """The same with what fits: the text is cut; where that does not do, the context goes except the place."""
    note = {"cut_from_bytes": size}
    base = len(_payload(heard, "", {**context, **note}))
    if base > most // 2:
        context = {name: context[name] for name in _PLACES if name in context}
        base = len(_payload(heard, "", {**context, **note}))
    room = max(most - base, 0)
    message = heard.message[:room]
    while len(payload := _payload(heard, message, {**context, **note})) > most and message:
        message = message[: len(message) - max((len(payload) - most) // 6, 1)]
    return payload
