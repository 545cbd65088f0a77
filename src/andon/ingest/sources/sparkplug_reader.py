"""Reads payloads of Sparkplug B, which are Protocol Buffers, from the numbers and wire types of their fields.

A reader of our own, since the published schema stands under a licence that Andon does not carry. What is not needed for
alarms is passed over. Pure: bytes go in, :class:`SparkplugError` or a :class:`Payload` comes out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

#: Types of metrics, by their numbers.
INT8, INT16, INT32, INT64, BOOLEAN = 1, 2, 3, 4, 11
_SIGNED = {INT8: 8, INT16: 16, INT32: 32, INT64: 64}
#: Most metrics of one payload, members of templates among them, and how deep templates may stand in each other.
METRICS_MAX, DEPTH_MAX = 50_000, 8
#: What the field of the UUID holds where the body is a compressed payload, and how much one may hold.
COMPRESSED, INFLATED_MAX = "SPBV1.0_COMPRESSED", 8 << 20
_EITHER = 47  # zlib's word for: GZIP or zlib, see which
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BITS = 70
_U64 = (1 << 64) - 1

Value = bool | int | float | str | None


class SparkplugError(ValueError):
    """It is no payload of Sparkplug B; the text says what is wrong."""


class Metric(msgspec.Struct):
    """A metric: ``name`` is empty where only the ``alias`` tells which. ``timestamp`` in milliseconds since 1970."""

    name: str = ""
    alias: int | None = None
    timestamp: int | None = None
    datatype: int = 0
    historical: bool = False
    null: bool = False
    value: Value = None
    properties: dict[str, Value] = {}


class Payload(msgspec.Struct):
    """``metrics`` holds the members of templates as ``template/member``; one that was compressed is what it held."""

    timestamp: int | None = None
    seq: int | None = None
    metrics: list[Metric] = []


class _Field(NamedTuple):
    number: int
    wire: int
    number_value: int
    data: memoryview


_NOTHING = memoryview(b"")


def read(data: bytes) -> Payload:
    """Raises SparkplugError, and nothing else, whatever the bytes."""
    whole = _read(data)
    return whole if isinstance(whole, Payload) else _inner(whole)


def _inner(body: memoryview) -> Payload:
    """What a compressed payload holds: GZIP or DEFLATE, of a size that is bounded."""
    inflating = zlib.decompressobj(_EITHER)
    try:
        data = inflating.decompress(body, INFLATED_MAX)
    except zlib.error as error:
        raise SparkplugError(f"its compressed body cannot be read ({error})") from None
    if inflating.unconsumed_tail or not inflating.eof:
        raise SparkplugError(f"its compressed body is cut off, or has more than {INFLATED_MAX:,} bytes")
    payload = _read(data)
    if not isinstance(payload, Payload):
        raise SparkplugError("it is compressed twice")
    return payload


def _read(data: bytes) -> Payload | memoryview:
    """A payload, or the body of one that is compressed."""
    payload = Payload()
    compressed, body = False, _NOTHING
    for field in _fields(memoryview(data)):
        if field.number == 1:
            payload.timestamp = _integer(field)
        elif field.number == 2:
            _metric(_message(field), payload.metrics, "", 0)
        elif field.number == 3:
            payload.seq = _integer(field)
        elif field.number == 4:
            compressed = _text(field) == COMPRESSED
        elif field.number == 5:
            body = _message(field)
    return body if compressed else payload


def _metric(data: memoryview, found: list[Metric], above: str, depth: int) -> None:
    """Add a metric to ``found``, or the members of one that is a template."""
    if len(found) >= METRICS_MAX:
        raise SparkplugError(f"it has more than {METRICS_MAX:,} metrics")
    metric = Metric()
    number, template = None, None
    for field in _fields(data):
        match field.number:
            case 1:
                metric.name = _text(field)
            case 2:
                metric.alias = _integer(field)
            case 3:
                metric.timestamp = _integer(field)
            case 4:
                metric.datatype = _integer(field)
            case 5:
                metric.historical = bool(_integer(field))
            case 7:
                metric.null = bool(_integer(field))
            case 9:
                metric.properties = _properties(_message(field))
            case 10 | 11:
                number = _integer(field)
            case 12 | 13:
                metric.value = _real(field)
            case 14:
                metric.value = bool(_integer(field))
            case 15:
                metric.value = _text(field)
            case 18:
                template = _message(field)
    if number is not None:
        metric.value = bool(number) if metric.datatype == BOOLEAN else _signed(number, metric.datatype)
    if above:
        metric.name = f"{above}/{metric.name}"
    found.append(metric)
    if template is not None:
        if depth >= DEPTH_MAX:
            raise SparkplugError("its templates are nested too deeply")
        for field in _fields(template):
            if field.number == 2:
                _metric(_message(field), found, metric.name or str(metric.alias), depth + 1)


def _properties(data: memoryview) -> dict[str, Value]:
    """Keys and values stand in two lists; sets within sets are passed over."""
    keys: list[str] = []
    values: list[Value] = []
    for field in _fields(data):
        if field.number == 1:
            keys.append(_text(field))
        elif field.number == 2:
            values.append(_property(_message(field)))
    return dict(zip(keys, values, strict=False))


def _property(data: memoryview) -> Value:
    kind = 0
    number: int | None = None
    value: Value = None
    for field in _fields(data):
        match field.number:
            case 1:
                kind = _integer(field)
            case 3 | 4:
                number = _integer(field)
            case 5 | 6:
                value = _real(field)
            case 7:
                value = bool(_integer(field))
            case 8:
                value = _text(field)
    return value if number is None else _signed(number, kind)


def _signed(number: int, datatype: int) -> int:
    bits = _SIGNED.get(datatype)
    if bits is None:
        return number
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> (bits - 1) else number


def _fields(data: memoryview) -> Iterator[_Field]:
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise SparkplugError("a field has the number 0")
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield _Field(number, wire, value & _U64, _NOTHING)
            continue
        size = 8
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire == _FIXED32:
            size = 4
        elif wire != _FIXED64:
            raise SparkplugError(f"a field has the wire type {wire}")
        if size > end - at:
            raise SparkplugError("it ends in the middle of a field")
        yield _Field(number, wire, 0, data[at : at + size])
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < _VARINT_BITS:
        if at >= len(data):
            raise SparkplugError("it ends in the middle of a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise SparkplugError("a number is longer than ten bytes")


def _integer(field: _Field) -> int:
    if field.wire != _VARINT:
        raise SparkplugError(f"field {field.number} is not a number")
    return field.number_value


def _real(field: _Field) -> float:
    form = {_FIXED32: "<f", _FIXED64: "<d"}.get(field.wire)
    if form is None:
        raise SparkplugError(f"field {field.number} is not a real number")
    return float(struct.unpack(form, field.data)[0])


def _message(field: _Field) -> memoryview:
    if field.wire != _BYTES:
        raise SparkplugError(f"field {field.number} is not a message")
    return field.data


def _text(field: _Field) -> str:
    try:
        return str(_message(field), "utf-8")
    except UnicodeDecodeError:
        raise SparkplugError(f"field {field.number} is not UTF-8") from None
