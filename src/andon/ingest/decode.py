"""Decode and normalise: the bytes of a published message become a :class:`LogRecord`.

What can be understood is stored, whatever is missing or odd; only what carries no log at all is rejected. The message
format is the reference system's: ``timestamp, hostname, severity, service, message, context{}``.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec

from andon.core.errors import MessageRejected
from andon.core.models import REPLY_TO_HEADER, SUBJECT, Decoded, Delivery, LogRecord, Reject, utc_text
from andon.core.timestamps import AHEAD, TimeReader
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.severity import SeverityReader

UNKNOWN = "unknown"
NAME_LIMIT = 255
#: Contexts above this size are stored as they are but not read for codes and places.
CONTEXT_READ_LIMIT = 65_536

#: The key of a context under which pictures come.
_IMAGES = b'"images"'
_NONE = msgspec.Raw(b"[]")

#: Lengths of a stored time with milliseconds, and of one in whole seconds.
_STORED_LENGTH = len("2025-01-15T02:14:23.123Z")
_SECONDS_LENGTH = len("2025-01-15T02:14:23Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400 * 10**9
# Control characters that would end a text early, move the cursor or colour a terminal; tab and line feed are text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n?")


class _Message(msgspec.Struct, gc=False):
    """The wire format, every field optional and of any type; ``context`` stays undecoded text."""

    timestamp: Any = None
    hostname: Any = None
    severity: Any = None
    service: Any = None
    message: Any = None
    context: msgspec.Raw = msgspec.Raw(b"null")


_FIELDS = ("timestamp", "hostname", "severity", "service", "message", "context")
_decode_message = msgspec.json.Decoder(_Message).decode
_decode_any = msgspec.json.Decoder().decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode


class Decoder:
    """Turns deliveries into records.

    ``zone`` is that of timestamps that name none, ``day_first`` their order; ``severities`` are the site's own words.
    """

    def __init__(
        self,
        grouper: Fingerprinter,
        zone: tzinfo = UTC,
        day_first: bool = True,
        severities: Mapping[str, str] | None = None,
    ) -> None:
        self._group = grouper
        self._severity = SeverityReader(severities)
        self._times = TimeReader(zone, day_first)
        self._day, self._likely = 0, ""  # of receipt, and what is surely not ahead of it

    def __call__(self, delivery: Delivery) -> Decoded:
        """The logs of one delivery, and what in it is no log. Never raises, whatever the bytes."""
        try:
            return Decoded([self._record(delivery)])
        except MessageRejected as error:
            return Decoded([], [reject_of(delivery, str(error))])

    def _record(self, delivery: Delivery) -> LogRecord:
        """The record of one delivery. Raises MessageRejected where there is no log in it."""
        notes: list[str] = []
        wire = _parse(delivery.data, notes)
        if wire.message is None or wire.severity is None or wire.hostname is None or wire.service is None:
            _take_any_case(wire, delivery.data, notes)
        context_text, context = _context(wire.context, notes)
        if wire.message is wire.hostname is wire.service is wire.severity is context_text is None:
            raise MessageRejected(
                "has none of the fields hostname, severity, service, message, context; publish the JSON object "
                "that the README shows"
            )
        message = _text(wire.message, notes, "message") or "(no message)"
        hostname = _name(wire.hostname, notes, "hostname")
        service = _name(wire.service, notes, "service")
        severity = self._severity(wire.severity, "severity", context or ())
        if not severity.understood:
            notes.append(severity.note)
        identity = self._group(message, service, context)
        reply_to = _reply_to(delivery, notes) if delivery.headers else None
        site, area, line, machine = _place(delivery.subject, context)
        timestamp = self._timestamp(wire.timestamp, delivery.stored_ns, notes)
        return LogRecord(
            stream=delivery.stream,
            sequence=delivery.sequence,
            stored_ns=delivery.stored_ns,
            timestamp=timestamp,
            hostname=hostname,
            severity=severity.severity,
            service=service,
            message=message,
            fingerprint=identity.key,
            template=identity.template,
            context=context_text,
            severity_native=severity.native,
            site=site,
            area=area,
            line=line,
            machine=machine,
            notes="; ".join(notes) if notes else None,
            reply_to=reply_to,
            images="images" in context if context is not None else _is_large_with_images(context_text),
        )

    def _timestamp(self, value: Any, stored_ns: int, notes: list[str]) -> str:
        if stored_ns // _DAY != self._day:
            self._day = stored_ns // _DAY
            self._likely = utc_text(_EPOCH + timedelta(days=self._day) + AHEAD)
        if isinstance(value, str) and "2000" < value < self._likely and value[-1] == "Z":
            with contextlib.suppress(ValueError):
                if (
                    len(value) == _STORED_LENGTH
                    and value[4] + value[7] + value[10] + value[19] == "--T."
                    and value[11:13] < "24"
                ):
                    datetime.fromisoformat(value)
                    return value  # stored as it stands
                if len(value) == _SECONDS_LENGTH and value[4] + value[7] + value[10] == "--T" and value[11:13] < "24":
                    datetime.fromisoformat(value)
                    return f"{value[:-1]}.000Z"
        received = _EPOCH + timedelta(microseconds=stored_ns // 1000)
        moment, note = self._times.read(value, received)
        if note:
            notes.append(note)
        return utc_text(moment or received)


def reject_of(delivery: Delivery, reason: str) -> Reject:
    """What keeps a message that cannot be understood or stored."""
    return Reject(delivery.stream, delivery.sequence, delivery.stored_ns, delivery.subject, reason, delivery.data)


def _parse(data: bytes, notes: list[str]) -> _Message:
    """The wire message; strict JSON first (quick), then what a lenient reader can still understand."""
    try:
        return _decode_message(data)
    except RecursionError:
        raise MessageRejected("is nested too deeply to be read") from None
    except (UnicodeDecodeError, msgspec.DecodeError) as error:
        strict = str(error)
    if not data.strip():
        raise MessageRejected("is empty")
    text = _decoded(data, notes)
    try:
        value = _lenient(text)
    except (ValueError, RecursionError) as error:
        reason = "is nested too deeply to be read" if isinstance(error, RecursionError) else f"is not JSON ({strict})"
        raise MessageRejected(reason) from None
    if not isinstance(value, dict):
        raise MessageRejected("is JSON but not an object")
    notes.append("not strictly valid JSON")
    value = {name.lower(): part for name, part in value.items()} | value
    context = value.get("context")
    return _Message(
        **{name: value.get(name) for name in _FIELDS if name != "context"},
        context=msgspec.Raw(json.dumps(context).encode()),
    )


def _decoded(data: bytes, notes: list[str]) -> str:
    """The text of a message that is not plain UTF-8: with a byte order mark, UTF-16 or -32 (RFC 4627), or damaged."""
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        notes.append("bytes that are not UTF-8 replaced")
        return data.decode("utf-8", "replace")


def _take_any_case(wire: _Message, data: bytes, notes: list[str]) -> None:
    """Take fields whose names are in another case where ``wire`` has none: the reference's reader (Go's) took them."""
    try:
        fields = _decode_fields(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return  # read leniently, where that was done already
    for name, raw in fields.items():
        field = name.lower()
        if name == field or field not in _FIELDS:
            continue
        if field == "context":
            if bytes(wire.context) == b"null":
                wire.context = raw
        elif getattr(wire, field) is None:
            setattr(wire, field, value_of(raw))
        else:
            continue
        notes.append(f"{field} was called {_short(name)}")


def value_of(raw: msgspec.Raw) -> Any:
    """A part of a message as a lenient reader takes it, None where it cannot be read."""
    try:
        return _lenient(bytes(raw).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _lenient(text: str) -> Any:
    """What the standard library's reader makes of ``text``: raw control characters, lone surrogates, NaN and huge
    numbers pass (the last two as text). Raises ValueError or RecursionError."""

    def number(literal: str) -> float | str:
        value = float(literal)
        return value if math.isfinite(value) else literal

    return json.loads(text, strict=False, parse_float=number, parse_constant=str)


def _context(raw: msgspec.Raw, notes: list[str]) -> tuple[str | None, dict[str, Any] | None]:
    """The context as JSON text to store, and as a mapping to read codes and places from."""
    data = bytes(raw)
    if data == b"null":
        return None, None
    value: Any = None
    read = data if len(data) <= CONTEXT_READ_LIMIT or _IMAGES not in data else _without_images(data)
    if len(read) <= CONTEXT_READ_LIMIT or data[:1] != b"{":
        try:
            value = _decode_any(read)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            try:
                value = _lenient(data.decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                notes.append("context kept as text: it cannot be read as JSON")
                return _encode({"value": _clean(data.decode("utf-8", "replace"))}).decode(), None
            data = json.dumps(value).encode()
    if value is not None and not isinstance(value, dict):
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


def _is_large_with_images(context: str | None) -> bool:
    """Whether a context that was not read may hold pictures."""
    return context is not None and len(context) > CONTEXT_READ_LIMIT and '"images"' in context


def _text(value: Any, notes: list[str], field: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        notes.append(f"{field} was not text")
        value = json.dumps(value, ensure_ascii=False)
    return _clean(value)


def _clean(text: str) -> str:
    """Control characters made visible, line ends made uniform, outer blanks removed."""
    if _CONTROL.search(text):
        text = _CONTROL.sub(_visible, _LINE_ENDS.sub("\n", text))
    return text.strip()


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"


def _name(value: Any, notes: list[str], field: str) -> str:
    if isinstance(value, str) and 0 < len(value) <= NAME_LIMIT and value.isprintable():
        return value.strip() or UNKNOWN
    text = " ".join(_text(value, notes, field).split())
    if len(text) > NAME_LIMIT:
        notes.append(f"{field} cut from {len(text)} characters")
        text = text[: NAME_LIMIT - 1] + "…"
    return text or UNKNOWN


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


def _short(text: str, limit: int = 60) -> str:
    text = _clean(text)
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
