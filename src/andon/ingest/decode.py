"""Decode and normalise: the bytes of a published message become a :class:`LogRecord`.

What can be understood is stored, whatever is missing or odd; only what carries no log at all is rejected. The message
format is the reference system's: ``timestamp, hostname, severity, service, message, context{}``.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec

from andon.core.models import (
    IMPORTED_NOTE,
    LATE_AFTER,
    REPLY_TO_HEADER,
    SUBJECT,
    Decoded,
    Delivery,
    LogRecord,
    Reject,
    Severity,
    comes_back,
    utc_text,
)
from andon.core.timestamps import AHEAD, TimeReader
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.cleaning import NAME_LIMIT, UNKNOWN, name_of, plain
from andon.ingest.cleaning import clean as _clean
from andon.ingest.cleaning import short as _short
from andon.ingest.duplicates import keep_all
from andon.ingest.exceptions import failure_of, holds_trace
from andon.ingest.line_head import head_of
from andon.ingest.pieces import MOST, Piece, lenient, object_in, pieces
from andon.ingest.plain_text import level_in
from andon.ingest.severity import SeverityReader
from andon.ingest.sources.heard import IF_OLD, IMPORTED_HEADER
from andon.ingest.understand import TIME_LIMIT, Understood, understand
from andon.store.alarms import says_active

#: Contexts above this size are read without the pictures in them.
CONTEXT_READ_LIMIT = 65_536
#: Most of a context that stands for a missing text, in characters.
TEXT_FROM_CONTEXT = 16_384

#: The key of a context under which pictures come.
_IMAGES = b'"images"'
#: Headers that say something of a log.
_TOLD = frozenset((REPLY_TO_HEADER, REPLY_TO_HEADER.lower(), IMPORTED_HEADER))
#: Names of hosts and programs that are remembered.
_NAMES_KNOWN = 10_000
_NONE = msgspec.Raw(b"[]")

#: Lengths of a stored time with milliseconds, and of one in whole seconds.
_STORED_LENGTH = len("2025-01-15T02:14:23.123Z")
_MICROS_LENGTH = len("2025-01-15T02:14:23.123456Z")
_SECONDS_LENGTH = len("2025-01-15T02:14:23Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _DAY = 60 * 10**9, 86_400 * 10**9


class _Message(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The reference's own message, of its own types; ``context`` stays undecoded text."""

    message: str
    timestamp: str | int | float | None = None
    hostname: str = ""
    severity: str | int | float | None = None
    service: str = ""
    context: msgspec.Raw = msgspec.Raw(b"null")


_decode_message = msgspec.json.Decoder(_Message).decode
_NO_KEYS: frozenset[str] = frozenset()
_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.encode


class Decoder:
    """Turns deliveries into records.

    ``zone`` is that of timestamps that name none, ``day_first`` their order; ``severities`` are the site's own words,
    ``encoding`` is that of bytes that are no UTF-8, where it fits.
    """

    def __init__(
        self,
        grouper: Fingerprinter,
        zone: tzinfo = UTC,
        day_first: bool = True,
        severities: Mapping[str, str] | None = None,
        encoding: str = "utf-8",
    ) -> None:
        self._group = grouper
        self._severity = SeverityReader(severities)
        self._times = TimeReader(zone, day_first)
        self._encoding = encoding
        self._day, self._likely = 0, ""  # of receipt, and what is surely not ahead of it
        self._minute, self._past = 0, ""  # of receipt, and what was the past then
        self._second = ""  # of the last log, up to the fraction, known to be a time that is not ahead
        self._names: dict[str, str] = {}  # of hosts and programs, as they are stored

    def __call__(self, delivery: Delivery) -> Decoded:
        """The logs of one delivery, and what in it is no log. Never raises, whatever the bytes."""
        try:
            wire = _decode_message(delivery.data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._any(delivery)
        message = wire.message
        message = message.strip() if message.isprintable() else plain(message)
        if (
            not message
            or message[0] == "{"
            or len(wire.hostname) > NAME_LIMIT
            or len(wire.service) > NAME_LIMIT
            or (isinstance(wire.timestamp, str) and len(wire.timestamp) > TIME_LIMIT)
            or delivery.data.count(b'"message"') > 1  # the last of a name that stands twice is not all
            or delivery.data.count(b'"severity"') > 1
            or not (delivery.data.isascii() or _is_utf8(delivery.data))
        ):
            return self._any(delivery)
        notes: list[str] = []
        log = Understood(
            message,
            self._names.get(wire.hostname) or self._name(wire.hostname, notes, "hostname"),
            self._names.get(wire.service) or self._name(wire.service, notes, "service"),
            wire.severity,
            "severity",
            _NO_KEYS,
            self._stored(wire.timestamp, delivery.stored_ns)
            or self._timestamp(wire.timestamp, delivery.stored_ns, notes),
            wire.context,
        )
        record = self._record(delivery, log, notes)
        if delivery.headers and not _TOLD.isdisjoint(delivery.headers):
            record.reply_to = _reply_to(delivery, notes)
            self._mark_imported(delivery, record, notes)
        if notes:
            record.notes = "; ".join(notes)
        return Decoded([record])

    def _any(self, delivery: Delivery) -> Decoded:
        """The same for whatever is not the reference's own message."""
        decoded = Decoded([], [])
        parts, beyond = pieces(delivery.data, self._encoding)
        for place, piece in enumerate(parts):
            if piece.refused:
                decoded.rejects.append(reject_of(delivery, piece.refused, piece.data, place))
                continue
            notes = list(piece.notes)
            record = self._record(delivery, self._understood(delivery, piece, notes), notes)
            record.part, record.raw = place, piece.raw
            if delivery.headers and not decoded.records:
                record.reply_to = _reply_to(delivery, notes)
            if delivery.headers:
                self._mark_imported(delivery, record, notes)
            record.notes = "; ".join(notes) if notes else None
            decoded.records.append(record)
        if beyond:
            reason = f"has more than the {MOST:,} logs that one message may contain"
            decoded.rejects.append(reject_of(delivery, reason, beyond, len(parts)))
        if delivery.headers and not decoded.records:
            decoded.rejects[0].reply_to = _reply_to(delivery, [])
        return decoded

    def _understood(self, delivery: Delivery, piece: Piece, notes: list[str]) -> Understood:
        received = _EPOCH + timedelta(microseconds=delivery.stored_ns // 1000)

        def read_time(value: Any, told: list[str]) -> str | None:
            if stored := self._stored(value, delivery.stored_ns):
                return stored
            moment, note = self._times.read(value, received)
            told += [note] if note else []
            return None if moment is None else utc_text(moment)

        if piece.tree is not None:
            keep_all(piece.data, piece.tree, notes)
            log = understand(piece.tree, notes, read_time, self._encoding, piece.moment)
            log.timestamp = log.timestamp or utc_text(received)
            return log
        level, field = level_in(piece.text) or (None, "")
        head = head_of(piece.text)
        time = (read_time(head.time, notes) if head.time else None) or utc_text(received)
        host, program = name_of(head.host, notes, "hostname"), name_of(head.program, notes, "service")
        return Understood(plain(piece.text), host, program, level, field, _NO_KEYS, time, msgspec.Raw(b"null"))

    def _record(self, delivery: Delivery, log: Understood, notes: list[str]) -> LogRecord:
        context_text, context = _context(log.context, notes)
        failure = failure_of(context, context_text or "")
        message = said = log.message or (plain(failure.headline).partition("\n")[0] if failure else "")
        if not message:
            message = said = _clean(context_text or "")[:TEXT_FROM_CONTEXT] or "(no message)"
            if log.service != UNKNOWN:
                said = f"{log.service} {message}"
        if failure is not None and (trace := failure.trace) not in message:
            said = trace if trace.startswith(message) or message != log.message else f"{said}\n{trace}"
        identity = self._group(said, log.service, context)
        failed = failure is not None or (log.severity is None and "\n" in message and holds_trace(message))
        severity, native = self._grade(log, failed, context, notes)
        site, area, line, machine = _place(delivery.subject, context)
        # by their places: names would cost as much as all of the grouping
        return LogRecord(
            delivery.stream,
            delivery.sequence,
            delivery.stored_ns,
            log.timestamp,
            log.hostname,
            severity,
            log.service,
            message,
            identity.key,
            identity.template,
            context_text,
            native,
            site,
            area,
            line,
            machine,
            None,  # notes
            None,  # reply_to
            context is not None and "images" in context,
        )

    def _name(self, value: str, notes: list[str], field: str) -> str:
        before = len(notes)
        name = name_of(value, notes, field)
        if len(notes) == before and len(value) <= NAME_LIMIT:
            if len(self._names) >= _NAMES_KNOWN:
                self._names.clear()
            self._names[value] = name
        return name

    def _late(self, stored_ns: int) -> str:
        """Up to which time (stored form, to the minute) a log tells of the past."""
        if stored_ns // _MINUTE != self._minute:
            self._minute = stored_ns // _MINUTE
            self._past = utc_text(_EPOCH + timedelta(minutes=self._minute, seconds=-LATE_AFTER))
        return self._past

    def _mark_imported(self, delivery: Delivery, record: LogRecord, notes: list[str]) -> None:
        mark = (delivery.headers or {}).get(IMPORTED_HEADER)
        if mark is not None and (mark != IF_OLD or record.timestamp < self._late(delivery.stored_ns)):
            record.late = True
            notes.insert(0, IMPORTED_NOTE)

    def _grade(
        self, log: Understood, failed: bool, context: Mapping[str, Any] | None, notes: list[str]
    ) -> tuple[str, str | None]:
        """(normalised, native where it differs). A missing one is INFO, ERROR where there is an exception."""
        keys = log.keys.union(context or ()) if log.keys else context or ()
        severity, native, understood, said = reading = self._severity(log.severity, log.field, keys)
        if not understood:
            notes.append(reading.note)
        if said == "word":
            return severity, native
        if said == "nothing" and failed:
            severity = Severity.ERROR.value
        if severity in _UNALARMING and context and says_active(context):
            severity = Severity.WARNING.value
        return severity, native

    def _timestamp(self, value: Any, stored_ns: int, notes: list[str]) -> str:
        received = _EPOCH + timedelta(microseconds=stored_ns // 1000)
        moment, note = self._times.read(value, received)
        if note:
            notes.append(note)
        return utc_text(moment or received)

    def _stored(self, value: Any, stored_ns: int) -> str | None:
        """A time in the form in which it is stored, or nearly so; None where it is in another."""
        if stored_ns // _DAY != self._day:
            self._day = stored_ns // _DAY
            self._likely = utc_text(_EPOCH + timedelta(days=self._day) + AHEAD)
            self._second = ""
        if (
            isinstance(value, str)
            and value[:20] == self._second
            and len(value) == _STORED_LENGTH
            and value[20:23].isdigit()
            and value[23] == "Z"
            and value.isascii()
        ):
            return value
        if isinstance(value, str) and "2000" < value < self._likely and value[-1] == "Z":
            with contextlib.suppress(ValueError):
                if (
                    (len(value) == _STORED_LENGTH or (len(value) == _MICROS_LENGTH and value[23:26] != "000"))
                    and value[4] + value[7] + value[10] + value[19] == "--T."
                    and value[11:13] < "24"
                ):
                    datetime.fromisoformat(value)
                    self._second = value[:20]
                    return value  # stored as it stands
                if len(value) == _SECONDS_LENGTH and value[4] + value[7] + value[10] == "--T" and value[11:13] < "24":
                    datetime.fromisoformat(value)
                    return f"{value[:-1]}.000Z"
        return None


def reject_of(delivery: Delivery, reason: str, data: bytes | None = None, part: int = 0) -> Reject:
    """What keeps a message, or the ``data`` of one part of it, that cannot be understood or stored."""
    kept = delivery.data if data is None else data
    return Reject(delivery.stream, delivery.sequence, delivery.stored_ns, delivery.subject, reason, kept, part)


_UNALARMING = frozenset((Severity.INFO.value, Severity.DEBUG.value))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _context(raw: msgspec.Raw, notes: list[str]) -> tuple[str | None, dict[str, Any] | None]:
    """The context as JSON text to store, and as a mapping to read codes and places from."""
    data = bytes(raw)
    if data == b"null":
        return None, None
    read = data if len(data) <= CONTEXT_READ_LIMIT or _IMAGES not in data else _without_images(data)
    try:
        value = _decode_any(read)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        try:
            value = lenient(data.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            notes.append("context kept as text: it cannot be read as JSON")
            return _encode({"value": _clean(data.decode("utf-8", "replace"))}).decode(), None
        data = json.dumps(value).encode()
    if not isinstance(value, dict):
        notes.append("context is not an object, kept under the key value")
        value = {"value": value}
        data = json.dumps(value).encode()
    text = data.decode("utf-8", "replace")
    if "\\u0000" in text:  # escapes keep other control characters harmless; NUL would end the text in SQL functions
        text = text.replace("\\u0000", "\\u2400")
    return text, value


def _without_images(data: bytes) -> bytes:
    """The context with no pictures in it, which are what makes it large; unchanged where it cannot be read."""
    fields = object_in(data)
    if fields is None:
        return data
    if "images" in fields:
        fields["images"] = _NONE
    return _encode(fields)


_PLACES = ("site", "area", "line", "machine")
_NOWHERE = (None, None, None, None)


def _place(subject: str, context: dict[str, Any] | None) -> tuple[str | None, str | None, str | None, str | None]:
    """ISA-95 place: from the subject's further tokens, else from the context's keys of the same names."""
    if len(subject) > len(SUBJECT) and subject.startswith(SUBJECT + "."):
        tokens: list[str | None] = [t[:NAME_LIMIT] for t in subject[len(SUBJECT) + 1 :].split(".", 3)]
        tokens += [None] * (4 - len(tokens))
        return tokens[0], tokens[1], tokens[2], tokens[3]
    if not context or not ("machine" in context or "line" in context or "area" in context or "site" in context):
        return _NOWHERE
    found = [
        _clean(str(value))[:NAME_LIMIT] or None
        if isinstance(value, str | int) and not isinstance(value, bool)
        else None
        for value in (context.get(key) for key in _PLACES)
    ]
    return found[0], found[1], found[2], found[3]


def _reply_to(delivery: Delivery, notes: list[str]) -> str | None:
    """The subject that durably waits, from the header; one that cannot be published to is noted, not used."""
    headers = delivery.headers or {}
    subject = headers.get(REPLY_TO_HEADER) or headers.get(REPLY_TO_HEADER.lower())
    if not subject:
        return None
    bad = len(subject) > NAME_LIMIT or any(not t or t in ("*", ">") for t in subject.split("."))
    if bad or any(c.isspace() for c in subject) or comes_back(subject):
        notes.append(f"Reply-To {_short(subject)} is not a subject that can be answered on")
        return None
    return subject
