"""Decode and normalise: the bytes of a published message become a :class:`LogRecord`.

What can be understood is stored, whatever is missing or odd; only what carries no log at all is rejected. The message
format is the reference system's: ``timestamp, hostname, severity, service, message, context{}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec

from andon.core.models import REPLY_TO_HEADER, SUBJECT, Decoded, Delivery, LogRecord, Reject, Severity, utc_text
from andon.core.timestamps import odd_time
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.cleaning import NAME_LIMIT, UNKNOWN, name_of, plain
from andon.ingest.cleaning import clean as _clean
from andon.ingest.cleaning import short as _short
from andon.ingest.exceptions import failure_of
from andon.ingest.pieces import MOST, Piece, lenient, pieces
from andon.ingest.plain_text import level_in
from andon.ingest.understand import Understood, understand

#: Contexts above this size are read without the pictures in them.
CONTEXT_READ_LIMIT = 65_536
#: Most of a context that stands for a missing text, in characters.
TEXT_FROM_CONTEXT = 16_384

#: The key of a context under which pictures come.
_IMAGES = b'"images"'
_NONE = msgspec.Raw(b"[]")

#: Length of a stored time with milliseconds.
_STORED_LENGTH = len("2025-01-15T02:14:23.123Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SEVERITY_WORDS: dict[str, Severity] = {
    "DEBUG": Severity.DEBUG, "DBG": Severity.DEBUG, "TRACE": Severity.DEBUG, "FINE": Severity.DEBUG,
    "FINER": Severity.DEBUG, "FINEST": Severity.DEBUG, "VERBOSE": Severity.DEBUG,
    "INFO": Severity.INFO, "INFORMATION": Severity.INFO, "INFORMATIONAL": Severity.INFO, "NOTICE": Severity.INFO,
    "NORMAL": Severity.INFO, "CHECK_FUNCTION": Severity.INFO,
    "WARNING": Severity.WARNING, "WARN": Severity.WARNING, "OFF_SPEC": Severity.WARNING,
    "MAINTENANCE_REQUIRED": Severity.WARNING,
    "ERROR": Severity.ERROR, "ERR": Severity.ERROR, "SEVERE": Severity.ERROR, "FAULT": Severity.ERROR,
    "FAILURE": Severity.ERROR,
    "CRITICAL": Severity.CRITICAL, "CRIT": Severity.CRITICAL, "FATAL": Severity.CRITICAL, "ALERT": Severity.CRITICAL,
    "EMERG": Severity.CRITICAL, "EMERGENCY": Severity.CRITICAL, "PANIC": Severity.CRITICAL,
}  # fmt: skip
# Numbers: syslog's 0 to 7 and Python's 10 to 50, the two scales that producers send as numbers.
_SEVERITY_NUMBERS: dict[int, Severity] = {
    0: Severity.CRITICAL, 1: Severity.CRITICAL, 2: Severity.CRITICAL, 3: Severity.ERROR, 4: Severity.WARNING,
    5: Severity.INFO, 6: Severity.INFO, 7: Severity.DEBUG,
    10: Severity.DEBUG, 20: Severity.INFO, 30: Severity.WARNING, 40: Severity.ERROR, 50: Severity.CRITICAL,
}  # fmt: skip


class _Message(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The reference's own message, of its own types; ``context`` stays undecoded text."""

    message: str
    timestamp: str | int | float | None = None
    hostname: str = ""
    severity: str | int | float | None = None
    service: str = ""
    context: msgspec.Raw = msgspec.Raw(b"null")


_KEYS = frozenset(("timestamp", "hostname", "severity", "service", "message", "context"))
_decode_message = msgspec.json.Decoder(_Message).decode
_decode_any = msgspec.json.Decoder().decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode


class Decoder:
    """Turns deliveries into records.

    ``zone`` is that of timestamps that name none, ``encoding`` that of bytes that are no UTF-8, where it fits.
    """

    def __init__(self, grouper: Fingerprinter, zone: tzinfo = UTC, encoding: str = "utf-8") -> None:
        self._group = grouper
        self._zone = zone
        self._encoding = encoding

    def __call__(self, delivery: Delivery) -> Decoded:
        """The logs of one delivery, and what in it is no log. Never raises, whatever the bytes."""
        try:
            wire = _decode_message(delivery.data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._any(delivery)
        message = plain(wire.message)
        if not message or message[0] == "{" or not (delivery.data.isascii() or _is_utf8(delivery.data)):
            return self._any(delivery)
        notes: list[str] = []
        log = Understood(
            message,
            name_of(wire.hostname, notes, "hostname"),
            name_of(wire.service, notes, "service"),
            wire.severity,
            "severity",
            _KEYS,
            self._timestamp(wire.timestamp, delivery.stored_ns, notes),
            wire.context,
        )
        record = self._record(delivery, log, notes)
        record.reply_to = _reply_to(delivery, notes) if delivery.headers else None
        record.notes = "; ".join(notes) if notes else None
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
            record.notes = "; ".join(notes) if notes else None
            decoded.records.append(record)
        if beyond:
            reason = f"is more than the {MOST:,} logs that one message may hold"
            decoded.rejects.append(reject_of(delivery, reason, beyond, len(parts)))
        return decoded

    def _understood(self, delivery: Delivery, piece: Piece, notes: list[str]) -> Understood:
        def read_time(value: Any, told: list[str]) -> str:
            return self._timestamp(value, delivery.stored_ns, told)

        if piece.tree is not None:
            return understand(piece.tree, notes, read_time, self._encoding, piece.moment)
        level, field = level_in(piece.text) or (None, "")
        nothing = msgspec.Raw(b"null")
        return Understood(
            plain(piece.text), UNKNOWN, UNKNOWN, level, field, frozenset(), read_time(None, notes), nothing
        )

    def _record(self, delivery: Delivery, log: Understood, notes: list[str]) -> LogRecord:
        context_text, context = _context(log.context, notes)
        failure = failure_of(context)
        message = said = log.message
        if failure is not None:
            trace = failure.trace
            message = message or _clean(failure.headline)
            said = trace if trace.startswith(message) or not log.message else message
            if said is message and trace not in message:
                said = f"{message}\n{trace}"
        elif not message:
            message = _clean(context_text or "")[:TEXT_FROM_CONTEXT] or "(no message)"
            said = message if log.service == UNKNOWN else f"{log.service} {message}"
        identity = self._group(said, log.service, context)
        severity, native = self._grade(log, failure is not None, context)
        site, area, line, machine = _place(delivery.subject, context)
        return LogRecord(
            stream=delivery.stream,
            sequence=delivery.sequence,
            stored_ns=delivery.stored_ns,
            timestamp=log.timestamp,
            hostname=log.hostname,
            severity=severity,
            service=log.service,
            message=message,
            fingerprint=identity.key,
            template=identity.template,
            context=context_text,
            severity_native=native,
            site=site,
            area=area,
            line=line,
            machine=machine,
            images=context is not None and "images" in context,
        )

    def _grade(self, log: Understood, failed: bool, context: Mapping[str, Any] | None) -> tuple[str, str | None]:
        """(normalised, native where it differs). A missing one is INFO, ERROR where there is an exception."""
        value = log.severity
        if value is None or value == "":
            severity, native = (Severity.ERROR if failed else Severity.INFO).value, None
        else:
            severity, native = _severity(value)  # log.field and log.keys say which scale it has
            if isinstance(value, str) and not value.strip().isdecimal():
                return severity, native
        if severity in _UNALARMING and context and _says_active(context):
            severity = Severity.WARNING.value
        return severity, native

    def _timestamp(self, value: Any, stored_ns: int, notes: list[str]) -> str:
        moment: datetime | None = None
        received = _EPOCH + timedelta(microseconds=stored_ns // 1000)
        if isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value.strip())
                if len(value) == _STORED_LENGTH and value[7] + value[10] + value[19] + value[23] == "-T.Z":
                    return value if moment.year > 1 else self._no_time(received, notes)  # stored as it stands
            except ValueError:
                moment = odd_time(value, received)
            if moment is None:
                notes.append(f"timestamp {_short(value)} not understood, time of receipt taken")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = _from_epoch(value)
            if moment is None:
                notes.append(f"timestamp {_short(json.dumps(value))} out of range, time of receipt taken")
        elif value is not None:
            notes.append("timestamp of a wrong type, time of receipt taken")
        if moment is None:
            return utc_text(received)
        if moment.year == 1:
            return self._no_time(received, notes)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._zone)
        try:
            return utc_text(moment)
        except OverflowError:  # year 9999 with an offset that leads out of the calendar
            notes.append(f"timestamp {_short(str(value))} out of range, time of receipt taken")
            return utc_text(received)

    @staticmethod
    def _no_time(received: datetime, notes: list[str]) -> str:
        """The first of January of year 1 is what Go and .NET write where no time was set."""
        notes.append("timestamp of the year 1 means none, time of receipt taken")
        return utc_text(received)


def reject_of(delivery: Delivery, reason: str, data: bytes | None = None, part: int = 0) -> Reject:
    """What keeps a message, or the ``data`` of one part of it, that cannot be understood or stored."""
    kept = delivery.data if data is None else data
    return Reject(delivery.stream, delivery.sequence, delivery.stored_ns, delivery.subject, reason, kept, part)


_UNALARMING = frozenset((Severity.INFO.value, Severity.DEBUG.value))


def _says_active(context: Mapping[str, Any]) -> bool:
    """Whether an alarm is active."""
    return False


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
    try:
        fields = _decode_fields(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return data
    if "images" in fields:
        fields["images"] = _NONE
    return _encode(fields)


def _severity(value: Any) -> tuple[str, str | None]:
    """(normalised, native where it differs). Unknown words and missing values are INFO."""
    if isinstance(value, str):
        known = _SEVERITY_WORDS.get(value)
        if known is not None:
            return known.value, (None if known.value == value else value)
        text = _clean(value)[:NAME_LIMIT]
        known = _SEVERITY_WORDS.get(text.upper().replace(" ", "_").replace("-", "_"))
        if known is None and text.isdecimal() and len(text) <= 2:
            known = _SEVERITY_NUMBERS.get(int(text))
        return (known or Severity.INFO).value, text
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _SEVERITY_NUMBERS.get(value, Severity.INFO).value, str(value)[:NAME_LIMIT]
    if value is None:
        return Severity.INFO.value, None
    return Severity.INFO.value, _clean(json.dumps(value, ensure_ascii=False))[:NAME_LIMIT]


def _from_epoch(value: float) -> datetime | None:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by size; None out of range."""
    if value != value or value in (float("inf"), float("-inf")):
        return None
    size = abs(value)
    for limit, per_microsecond in ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (1e20, 1e-3)):
        if size < limit:
            try:
                return _EPOCH + timedelta(microseconds=round(value * per_microsecond))
            except OverflowError:
                return None
    return None


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
    if bad or any(c.isspace() for c in subject) or subject.startswith(("$", SUBJECT)):
        notes.append(f"Reply-To {_short(subject)} is no subject to answer on")
        return None
    return subject
