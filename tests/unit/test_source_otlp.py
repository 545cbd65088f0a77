"""OTLP's logs as ours: the protocol's own messages, and the same in JSON."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.models import Delivery
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from andon.ingest.sources import otlp_answers
from andon.ingest.sources.heard import Place, message_of
from andon.ingest.sources.otlp_json import NotOtlpJson, Unreadable, logs_of_json, read_json_request
from andon.ingest.sources.otlp_logs import Origin, severity_reader
from andon.ingest.sources.otlp_protobuf import NotProtobuf, TooManyRecords, logs_of, read_request, records_in
from support.otlp_requests import NOW, SPAN, TRACE, as_json, record, request

MOST = 1_048_576
READ = severity_reader()


def heard(made: Any, origin: Origin = Origin()) -> list[Any]:  # noqa: B008 - never changed
    return list(logs_of(read_request(made.SerializeToString(), 1_000), origin, READ))


def heard_json(found: Any, origin: Origin = Origin()) -> list[Any]:  # noqa: B008 - never changed
    return list(logs_of_json(read_json_request(json.dumps(found).encode(), 1_000), origin, READ))


def stored(log: Any) -> Any:
    """The record that the recorder makes of it."""
    subject, data = message_of(log, MOST)
    decoded = Decoder(Fingerprinter())(Delivery(data, subject, "S", 1, NOW, ""))
    (one,) = decoded.records
    return one


def context(log: Any) -> dict[str, Any]:
    found = stored(log).context
    return json.loads(found) if found else {}


def test_a_record_with_everything() -> None:
    """Each part lands where a log has it."""
    made = request(
        [
            record(
                severity_number=17,
                severity_text="ERROR",
                attributes={"machine": "press-4", "code.lineno": 12},
                trace_id=TRACE,
                span_id=SPAN,
                event_name="drive.silent",
            )
        ],
        {"service.name": "plc-gateway", "host.name": "gw-1", "line": "l2"},
        "drives",
    )
    (log,) = heard(made)
    row = stored(log)
    assert (row.timestamp, row.hostname, row.severity, row.service) == (
        "2025-11-30T08:06:40.123456Z", "gw-1", "ERROR", "plc-gateway",
    )  # fmt: skip
    assert (row.message, row.line, row.machine, row.notes) == ("no answer from drive 3", "l2", "press-4", None)
    assert context(log) == {
        "machine": "press-4",
        "code.lineno": 12,
        "resource": {"service.name": "plc-gateway", "host.name": "gw-1", "line": "l2"},
        "scope": {"name": "drives"},
        "trace_id": TRACE.hex(),
        "span_id": SPAN.hex(),
        "event_name": "drive.silent",
        "line": "l2",
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("plain", "plain"),
        (42, "42"),
        (2.5, "2.5"),
        (True, "true"),
        (["a", 1], '["a",1]'),
        (b"bytes", "bytes"),
        (b"\xff\xfe", "//4="),
        ({"msg": "inner", "level": "error", "axis": 3}, "inner"),
        ({"axis": 3}, '{"axis":3}'),
        ("", "door.open"),
        (None, "door.open"),
    ],
)
def test_bodies_of_any_type(body: Any, message: str) -> None:
    """What is no text is its JSON; a map that tells a text is the log that it is."""
    (log,) = heard(request([record(body, event_name="door.open")]))
    assert stored(log).message == message
    if message == "inner":
        assert (stored(log).severity, context(log)["axis"]) == ("ERROR", 3)


def test_nothing_at_all_is_stored_too() -> None:
    """An empty record says that there was one."""
    (log,) = heard(request([record(None)], {}))
    assert stored(log).message


@pytest.mark.parametrize(
    ("number", "text", "severity", "native"),
    [
        (1, "", "DEBUG", None),
        (9, "INFO", "INFO", None),
        (13, "WARN", "WARNING", "WARN"),
        (17, "", "ERROR", None),
        (21, "FATAL", "CRITICAL", "FATAL"),
        (24, "", "CRITICAL", None),
        (17, "Prio 7", "ERROR", None),
        (0, "Level 25", "INFO", "Level 25"),
        (0, "ERROR+4", "CRITICAL", "ERROR+4"),
        (5, "", "DEBUG", None),
        (99, "warn", "WARNING", "warn"),
        (0, "", "INFO", None),
    ],
)
def test_severity(number: int, text: str, severity: str, native: str | None) -> None:
    """The number counts; a text that says the same is kept, another goes into the context."""
    made = request([record(severity_text=text)])
    made.resource_logs[0].scope_logs[0].log_records[0].severity_number = number
    (log,) = heard(made)
    row = stored(log)
    assert (row.severity, row.severity_native) == (severity, native)
    assert (context(log).get("severity_text") == text) is (text == "Prio 7")


def test_words_of_the_site_go_before_the_number() -> None:
    """As ``[severities]`` promises."""
    assert severity_reader({"Prio 7": "CRITICAL"})(9, "Prio 7") == ("Prio 7", "")


def test_exceptions_are_understood() -> None:
    """As of any logger: the problem is that exception, and a missing severity is ERROR."""
    said = {
        "exception.type": "ValueError",
        "exception.message": "torque of axis 3",
        "exception.stacktrace": 'Traceback (most recent call last):\n  File "a.py", line 1, in run\nValueError: torque',
    }
    (log,) = heard(request([record("", attributes=said)]))
    row = stored(log)
    assert (row.severity, row.message) == ("ERROR", "ValueError: torque of axis 3")
    plain = stored(heard(request([record("")]))[0])
    assert row.fingerprint != plain.fingerprint


def test_where_a_log_comes_from() -> None:
    """A name, then what the address said, then who sent it; never a random id."""
    origin = Origin("", "", Place(machine="m1"), "192.0.2.7")
    nobody = request([record()], {"service.name": "unknown_service:python", "service.instance.id": "5f0c"}, "drives")
    (log,) = heard(nobody, origin)
    assert (log.hostname, log.service, log.place.machine) == ("192.0.2.7", "drives", "m1")
    (log,) = heard(nobody, Origin("given", "mes", peer="192.0.2.7"))
    assert (log.hostname, log.service) == ("given", "mes")
    (log,) = heard(request([record()], {"host.name": "gw"}), Origin("given"))
    assert log.hostname == "gw"


def test_times() -> None:
    """The event's, else when it was observed, else none; what no text can hold stays a number."""
    made = [record(time=0, observed_time_unix_nano=NOW), record(time=0), record(time=2**64 - 1)]
    first, none, late = heard(request(made))
    assert (first.timestamp, none.timestamp, late.timestamp) == (
        "2025-11-30T08:06:40.123456Z", None, "2554-07-21T23:34:33.709551Z",
    )  # fmt: skip


_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.binary(max_size=8), st.text(max_size=8)
)
_values = st.recursive(
    _scalars,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=5), one, max_size=3),
    max_leaves=8,
)
_records = st.builds(
    lambda body, time, observed, number, text, attributes, trace, event: record(
        body, time, observed_time_unix_nano=observed, severity_number=number, severity_text=text,
        attributes=attributes, trace_id=trace, event_name=event,
    ),
    _values, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 24),
    st.sampled_from(["", "WARN", "Level 25", "Prio 7"]), st.dictionaries(st.text(max_size=8), _values, max_size=4),
    st.sampled_from([b"", TRACE, bytes(16)]), st.text(max_size=5),
)  # fmt: skip


@given(st.lists(_records, max_size=3), st.booleans(), st.booleans())
def test_json_says_the_same_as_protobuf(records: list[Any], snake: bool, numbers: bool) -> None:
    """Whatever is in a request, and however its JSON is written."""
    made = request(records, {"service.name": "s", "x": 1.5, "host.name": "h"}, "scope")
    origin = Origin(peer="p")
    ours = [message_of(log, MOST) for log in heard(made, origin)]
    theirs = [message_of(log, MOST) for log in heard_json(as_json(made, snake=snake, numbers=numbers), origin)]
    assert ours == theirs
    assert len(ours) == len(records)
    for _, data in ours:
        assert len(Decoder(Fingerprinter())(Delivery(data, "agent.technical.support", "S", 1, NOW, "")).records) == 1


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    """By one of two errors, whatever it is; what is counted never loops."""
    with contextlib.suppress(NotProtobuf):
        list(logs_of(read_request(data, 10), Origin(), READ))
    with contextlib.suppress(NotProtobuf):
        assert records_in(data, 10) <= 11
    with contextlib.suppress(NotOtlpJson):
        list(logs_of_json(read_json_request(data, 10), Origin(), READ))


_found = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda one: st.lists(one, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["resourceLogs", "scopeLogs", "logRecords", "resource", "attributes", "key", "value", "body", "stringValue",
             "intValue", "kvlistValue", "values", "timeUnixNano", "severityNumber", "bytesValue", "doubleValue"]
        ),
        one,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(_found)
def test_json_of_any_shape_is_read_or_refused(found: Any) -> None:
    """Records that cannot be read are told one by one."""
    try:
        for log in heard_json({"resourceLogs": [{"scopeLogs": [{"logRecords": [found]}]}]}):
            assert isinstance(log, Unreadable) or message_of(log, MOST)
        heard_json(found)
        heard_json({"resourceLogs": found})
    except NotOtlpJson:
        pass


def test_too_much_is_refused_before_it_is_read() -> None:
    """Empty records are two bytes long: thousands of them are counted, not made."""
    many = request([record() for _ in range(11)])
    assert records_in(many.SerializeToString(), 10) == 11
    assert records_in(many.SerializeToString(), 50) == 11
    with pytest.raises(TooManyRecords, match="more than 1,000"):
        read_request(request([record(None, 0)] * 40_000).SerializeToString(), 1_000)
    with pytest.raises(TooManyRecords):
        read_json_request(json.dumps(as_json(many)).encode(), 10)


@pytest.mark.parametrize("what", ["resources", "scopes"])
def test_what_holds_no_records_is_counted_too(what: str) -> None:
    """It becomes no log, and yet each takes its time."""
    empty = {"resourceLogs": [{}] * 50_000 if what == "resources" else [{"scopeLogs": [{}] * 50_000}]}
    with pytest.raises(TooManyRecords, match="more than 1,000"):
        read_json_request(json.dumps(empty).encode(), 1_000)
    many = b"\x0a\x00" if what == "resources" else b"\x12\x00"
    packed = many * 50_000
    if what == "scopes":
        packed = b"\x0a\xa0\x8d\x06" + packed
    with pytest.raises(TooManyRecords, match="more than 1,000"):
        read_request(packed, 1_000)


def test_deep_values_are_told() -> None:
    """Not followed to the end of the stack."""
    deep: Any = {"stringValue": "x"}
    for _ in range(40):
        deep = {"arrayValue": {"values": [deep]}}
    first, second = heard_json(
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": deep}, {"body": {"stringValue": "ok"}}]}]}]}
    )
    assert (first.reason, second.message) == ("a value is nested too deeply", "ok")
    with pytest.raises(NotOtlpJson, match="nested too deeply"):
        read_json_request(b'{"resourceLogs":' + b"[" * 100_000, 10)


def test_ids_in_base64_and_enums_by_name() -> None:
    """As some senders write them against the protocol."""
    (log,) = heard_json(
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [
            {"traceId": "W47/95gDgQPSabYzgT/GDA==", "spanId": "7uGbfsPBsXQ=", "severityNumber": "SEVERITY_NUMBER_WARN2",
             "body": {"string_value": "x"}, "timeUnixNano": NOW},
        ]}]}]}
    )  # fmt: skip
    assert (log.context["trace_id"], log.context["span_id"], log.severity) == (TRACE.hex(), SPAN.hex(), "WARNING")


def test_answers() -> None:
    """Ours are the protocol's messages."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

    assert otlp_answers.taken(otlp_answers.PROTOBUF) == ExportLogsServiceResponse().SerializeToString()
    partial = ExportLogsServiceResponse.FromString(otlp_answers.taken(otlp_answers.PROTOBUF, 300, "too long ü"))
    assert (partial.partial_success.rejected_log_records, partial.partial_success.error_message) == (300, "too long ü")
    assert json.loads(otlp_answers.taken(otlp_answers.JSON)) == {}
    assert json.loads(otlp_answers.taken(otlp_answers.JSON, 2, "why"))["partialSuccess"]["rejectedLogRecords"] == "2"
    assert otlp_answers.status(otlp_answers.PROTOBUF, 400, "no") == b"\x08\x03\x12\x02no"
    assert math.isclose(json.loads(otlp_answers.status(otlp_answers.JSON, 503, "no"))["code"], 14)
