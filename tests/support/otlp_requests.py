"""Requests of OTLP for tests: made with the protocol's own messages, and the same as its JSON."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

NOW = 1_764_490_000_123_456_789
TRACE, SPAN = bytes.fromhex("5b8efff798038103d269b633813fc60c"), bytes.fromhex("eee19b7ec3c1b174")


def any_value(value: Any) -> AnyValue:
    """A Python value as OTLP has it."""
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    made = AnyValue()
    if isinstance(value, dict):
        made.kvlist_value.SetInParent()
        made.kvlist_value.values.extend(pairs(value))
    else:
        made.array_value.SetInParent()
        made.array_value.values.extend(map(any_value, value))
    return made


def pairs(values: dict[str, Any]) -> list[KeyValue]:
    """Attributes."""
    return [KeyValue(key=name, value=any_value(value)) for name, value in values.items()]


def record(body: Any = "no answer from drive 3", time: int = NOW, **fields: Any) -> LogRecord:
    """A log record; ``attributes`` are a plain dict."""
    attributes = pairs(fields.pop("attributes", {}))
    return LogRecord(time_unix_nano=time, body=any_value(body), attributes=attributes, **fields)


def request(
    records: Sequence[LogRecord], resource: dict[str, Any] | None = None, scope: str = ""
) -> ExportLogsServiceRequest:
    """A request with one resource and one scope."""
    made = ExportLogsServiceRequest()
    logs = made.resource_logs.add()
    logs.resource.attributes.extend(pairs({"service.name": "plc-gateway"} if resource is None else resource))
    inner = logs.scope_logs.add()
    inner.scope.name = scope
    inner.log_records.extend(records)
    return made


def as_json(made: ExportLogsServiceRequest, *, snake: bool = False, numbers: bool = False) -> dict[str, Any]:
    """The same as JSON: names in camelCase or ``snake``, 64-bit integers as text or as ``numbers``."""

    def name(text: str) -> str:
        if snake:
            return text
        head, *rest = text.split("_")
        return head + "".join(map(str.title, rest))

    def whole(value: int) -> Any:
        return value if numbers else str(value)

    def value(one: AnyValue) -> dict[str, Any]:
        kind = one.WhichOneof("value")
        if kind is None:
            return {}
        found: Any = getattr(one, kind)
        if kind == "int_value":
            found = whole(found)
        elif kind == "double_value" and found != found:
            found = "NaN"
        elif kind == "double_value" and abs(found) == float("inf"):
            found = "Infinity" if found > 0 else "-Infinity"
        elif kind == "bytes_value":
            found = base64.b64encode(found).decode()
        elif kind == "array_value":
            found = {"values": [value(each) for each in found.values]}
        elif kind == "kvlist_value":
            found = {"values": attributes(found.values)}
        return {name(kind): found}

    def attributes(found: Any) -> list[dict[str, Any]]:
        return [{"key": one.key, "value": value(one.value)} for one in found]

    def one_record(one: LogRecord) -> dict[str, Any]:
        return {
            name("time_unix_nano"): whole(one.time_unix_nano),
            name("observed_time_unix_nano"): whole(one.observed_time_unix_nano),
            name("severity_number"): one.severity_number,
            name("severity_text"): one.severity_text,
            "body": value(one.body),
            "attributes": attributes(one.attributes),
            name("trace_id"): one.trace_id.hex(),
            name("span_id"): one.span_id.hex(),
            name("event_name"): one.event_name,
        }

    return {
        name("resource_logs"): [
            {
                "resource": {"attributes": attributes(logs.resource.attributes)},
                name("scope_logs"): [
                    {
                        "scope": {"name": inner.scope.name, "version": inner.scope.version},
                        name("log_records"): [one_record(one) for one in inner.log_records],
                    }
                    for inner in logs.scope_logs
                ],
            }
            for logs in made.resource_logs
        ]
    }
