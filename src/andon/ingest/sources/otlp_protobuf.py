"""OTLP's logs in protobuf. The library is imported with the first of them: it costs memory that few need."""

from __future__ import annotations

import base64
import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any

from andon.ingest.sources.heard import Heard
from andon.ingest.sources.otlp_logs import Origin, ReadSeverity, log_of, number_of, of_resource, of_scope

_MODULE = "opentelemetry.proto.collector.logs.v1.logs_service_pb2"
#: An empty record takes two bytes on the wire and a hundred in memory, and so does an empty scope or resource: they are
#: counted before they are read.
_COUNTED_FROM = 65_536


class NotProtobuf(ValueError):
    """The bytes are no request of OTLP in protobuf; the text says why."""


class TooManyRecords(ValueError):
    """A request holds more records than are taken at once."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most:,} log records, scopes or resources in one request: send smaller batches")


def read_request(data: bytes, most: int) -> Any:
    """The request in ``data``. Blocks: the first call imports the library, large ones take tens of milliseconds.

    Raises NotProtobuf, and TooManyRecords where it holds more than ``most`` log records, scopes or resources.
    """
    if len(data) > _COUNTED_FROM and records_in(data, most) > most:
        raise TooManyRecords(most)
    parse, failed = _library()
    try:
        return parse(data)
    except failed as error:
        raise NotProtobuf(f"the body is not an ExportLogsServiceRequest in protobuf ({error})") from None


@functools.cache
def _library() -> tuple[Callable[[bytes], Any], type[Exception]]:
    parse = importlib.import_module(_MODULE).ExportLogsServiceRequest.FromString
    return parse, importlib.import_module("google.protobuf.message").DecodeError


def records_in(data: bytes, most: int) -> int:
    """How many log records lie in ``data``, or scopes or resources where these are more: up to one more than ``most``.

    Raises NotProtobuf.
    """
    resources = scopes = records = 0
    for start, end in _fields(data, 0, len(data), 1):  # resource_logs
        resources += 1
        for inner, inner_end in _fields(data, start, end, 2):  # scope_logs
            scopes += 1
            for _ in _fields(data, inner, inner_end, 2):  # log_records
                records += 1
                if records > most:
                    return records
            if scopes > most:
                return scopes
        if resources > most:
            return resources
    return max(resources, scopes, records)


def _fields(data: bytes, position: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Where the fields ``wanted`` of a message lie; the others are stepped over."""
    while position < end:
        tag, position = _varint(data, position, end)
        kind = tag & 7
        if kind == 2:
            size, position = _varint(data, position, end)
            if position + size > end:
                raise NotProtobuf("a field of the body claims to be longer than the body")
            if tag >> 3 == wanted:
                yield position, position + size
            position += size
        elif kind == 0:
            _, position = _varint(data, position, end)
        elif kind in (1, 5):
            position += 8 if kind == 1 else 4
        else:
            raise NotProtobuf(f"the body is not protobuf: a field has the wire type {kind}")


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 70:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
    raise NotProtobuf("the body is not protobuf: a number in it does not end")


def logs_of(request: Any, origin: Origin, severity: ReadSeverity) -> Iterator[Heard]:
    """The logs of a request in order."""
    for resource_logs in request.resource_logs:
        resource = of_resource(_attributes(resource_logs.resource.attributes), origin)
        for scope_logs in resource_logs.scope_logs:
            scope = scope_logs.scope
            around = of_scope(resource, scope.name, scope.version, _attributes(scope.attributes))
            for record in scope_logs.log_records:
                yield log_of(
                    around,
                    record.time_unix_nano or record.observed_time_unix_nano,
                    severity(record.severity_number, record.severity_text),
                    _value(record.body),
                    _attributes(record.attributes),
                    _hex(record.trace_id),
                    _hex(record.span_id),
                    record.event_name,
                )


def _hex(data: bytes) -> str:
    return data.hex() if any(data) else ""


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    """A value as JSON has it; bytes are text where they are UTF-8, else base64."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind is None:
        return None
    found = getattr(value, kind)
    if kind == "double_value":
        return number_of(found)
    if kind == "bytes_value":
        return told_bytes(found)
    if kind == "array_value":
        return [_value(one) for one in found.values]
    if kind == "kvlist_value":
        return _attributes(found.values)
    return found


def told_bytes(data: bytes) -> str:
    """Bytes as text."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()
