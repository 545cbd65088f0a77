"""OTLP's logs in JSON: names in camelCase or with underscores, 64-bit numbers as text or not."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from andon.ingest.sources.heard import Heard
from andon.ingest.sources.otlp_logs import Origin, ReadSeverity, log_of, number_of, of_resource, of_scope
from andon.ingest.sources.otlp_protobuf import TooManyRecords, told_bytes

_decode = msgspec.json.Decoder().decode
_ENUM = "SEVERITY_NUMBER_"
_WORDS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
#: Values in values, as deep as protobuf goes.
_DEEPEST = 32
_IDS = {"trace": 16, "span": 8}


class NotOtlpJson(ValueError):
    """The body is no request of OTLP in JSON; the text says why and where."""


class Unreadable(msgspec.Struct, frozen=True):
    """A record that is no log, and why."""

    reason: str


def read_json_request(data: bytes, most: int) -> list[Any]:
    """The resources' logs in ``data``.

    Raises NotOtlpJson, and TooManyRecords for more than ``most`` log records, scopes or resources.
    """
    try:
        found = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotOtlpJson(f"the body is not JSON ({error})") from None
    except RecursionError:
        raise NotOtlpJson("the body is JSON that is nested too deeply") from None
    if not isinstance(found, dict):
        raise NotOtlpJson("the body must be a JSON object with resourceLogs")
    listed = _list(found, "resourceLogs", "resource_logs")
    records = scopes = 0
    for resource in listed if len(listed) <= most else ():
        within = _list(_object(resource, "resourceLogs"), "scopeLogs", "scope_logs")
        scopes += len(within)
        records += sum(len(_list(scope, "logRecords", "log_records")) for scope in within if isinstance(scope, dict))
    if max(len(listed), scopes, records) > most:
        raise TooManyRecords(most)
    return listed


def logs_of_json(resources: list[Any], origin: Origin, severity: ReadSeverity) -> Iterator[Heard | Unreadable]:
    """The logs in order, and instead of one that cannot be read what is wrong with it.

    Raises NotOtlpJson where what stands around logs is none of OTLP.
    """
    for resource_logs in resources:
        resource = of_resource(_attributes(_part(resource_logs, "resource"), 0), origin)
        for scope_logs in _list(resource_logs, "scopeLogs", "scope_logs"):
            scope = _part(_object(scope_logs, "scopeLogs"), "scope")
            around = of_scope(resource, _text(scope, "name"), _text(scope, "version"), _attributes(scope, 0))
            for record in _list(scope_logs, "logRecords", "log_records"):
                try:
                    yield _log(around, _object(record, "logRecords"), severity)
                except NotOtlpJson as error:
                    yield Unreadable(str(error))


def _log(around: Any, record: Mapping[str, Any], severity: ReadSeverity) -> Heard:
    moment = _whole(record, "timeUnixNano", "time_unix_nano")
    return log_of(
        around,
        moment or _whole(record, "observedTimeUnixNano", "observed_time_unix_nano"),
        severity(_severity_number(record), _text(record, "severityText", "severity_text")),
        _value(record.get("body"), 0),
        _attributes(record, 0),
        _id(_text(record, "traceId", "trace_id"), "trace"),
        _id(_text(record, "spanId", "span_id"), "span"),
        _text(record, "eventName", "event_name"),
    )


def _either(found: Mapping[str, Any], *names: str) -> Any:
    return next((found[name] for name in names if found.get(name) is not None), None)


def _list(found: Mapping[str, Any], *names: str) -> list[Any]:
    value = _either(found, *names)
    if value is None:
        return []
    if not isinstance(value, list):
        raise NotOtlpJson(f"{names[0]} must be an array")
    return value


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotOtlpJson(f"{name} must hold objects")
    return value


def _part(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    return _object(found.get(name) or {}, name)


def _text(found: Mapping[str, Any], *names: str) -> str:
    value = _either(found, *names)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise NotOtlpJson(f"{names[0]} must be text")
    return value


def _whole(found: Mapping[str, Any], *names: str) -> int:
    """A 64-bit number: the protocol writes them as text."""
    value = _either(found, *names)
    if value is None:
        return 0
    try:
        number = -1 if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        raise NotOtlpJson(f"{names[0]} must be a whole number") from None
    if not 0 <= number < 1 << 64:
        raise NotOtlpJson(f"{names[0]} is not a 64-bit number")
    return number


def _severity_number(record: Mapping[str, Any]) -> int:
    value = _either(record, "severityNumber", "severity_number")
    if not isinstance(value, str):
        return _whole(record, "severityNumber", "severity_number")
    word = value.removeprefix(_ENUM)
    if value.isdecimal():
        return _whole(record, "severityNumber", "severity_number")
    name = word.rstrip("1234")
    if name not in _WORDS:
        return 0
    return _WORDS.index(name) * 4 + int(word[len(name) :] or 1)


def _id(text: str, kind: str) -> str:
    """An id in hexadecimal digits: what the protocol demands, though some send base64."""
    size = _IDS[kind]
    if not text or text.strip("0") == "":
        return ""
    if len(text) != 2 * size:
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return text
        if len(data) == size:
            return data.hex()
    return text.lower()


def _attributes(found: Mapping[str, Any], depth: int) -> dict[str, Any]:
    return _pairs(_list(found, "attributes"), depth)


def _pairs(pairs: list[Any], depth: int) -> dict[str, Any]:
    return {_text(_object(pair, "attributes"), "key"): _value(pair.get("value"), depth) for pair in pairs}


def _value(value: Any, depth: int) -> Any:
    """A value as plain JSON; an empty object is none, as some SDKs write what they cannot."""
    if value is None:
        return None
    if depth > _DEEPEST:
        raise NotOtlpJson("a value is nested too deeply")
    for name, one in _object(value, "value").items():
        kind = name.replace("_v", "V")
        if one is None:
            continue
        if kind in ("stringValue", "boolValue"):
            return one if isinstance(one, str | bool) else str(one)
        if kind == "intValue":
            return _int(one)
        if kind == "doubleValue":
            return _double(one)
        if kind == "bytesValue":
            return _bytes(one)
        if kind == "arrayValue":
            return [_value(each, depth + 1) for each in _list(_object(one, kind), "values")]
        if kind == "kvlistValue":
            return _pairs(_list(_object(one, kind), "values"), depth + 1)
    return None


def _int(one: Any) -> Any:
    try:
        number = int(one)
    except (TypeError, ValueError, OverflowError):
        raise NotOtlpJson("intValue must be a whole number") from None
    if not -(1 << 63) <= number < 1 << 63:
        raise NotOtlpJson("intValue is not a 64-bit number")
    return number


def _double(one: Any) -> Any:
    try:
        return number_of(float(one))
    except (TypeError, ValueError):
        raise NotOtlpJson("doubleValue must be a number") from None


def _bytes(one: Any) -> str:
    try:
        return told_bytes(base64.b64decode(one, validate=True))
    except (TypeError, ValueError):
        raise NotOtlpJson("bytesValue must be base64") from None
