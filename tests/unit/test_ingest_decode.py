"""Decoding: whatever is published becomes a record or a reject, never an exception of another kind."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.errors import MessageRejected
from andon.core.models import SEVERITY_RANK, Delivery, Fingerprint, LogRecord
from andon.ingest.decode import Decoder

RECEIVED = datetime(2026, 3, 1, 22, 15, 30, tzinfo=UTC)
decode = Decoder(lambda message, service, context: Fingerprint("key", message[:80]))


def deliver(
    data: bytes | dict[str, object], subject: str = "agent.technical.support", headers: dict[str, str] | None = None
) -> LogRecord:
    payload = data if isinstance(data, bytes) else json.dumps(data).encode()
    ns = int(RECEIVED.timestamp()) * 10**9
    return decode(Delivery(payload, subject, "AGENT_STREAM", 7, ns, "", headers)).first()


def test_reference_sample_is_kept_to_the_letter() -> None:
    """The reference system's own sample keeps time, host, severity, service, message and context."""
    record = deliver(
        b'{"timestamp":"2025-01-15T02:14:23.123Z","hostname":"web-server-01","severity":"ERROR","service":"nginx",'
        b'"message":"Failed to bind to port 80: Address already in use","context":{"pid":1234,"user":"www-data"}}'
    )
    assert (record.timestamp, record.hostname, record.severity, record.service) == (
        "2025-01-15T02:14:23.123Z",
        "web-server-01",
        "ERROR",
        "nginx",
    )
    assert record.context == '{"pid":1234,"user":"www-data"}'
    assert (record.severity_native, record.notes) == (None, None)


def test_missing_fields_get_honest_values() -> None:
    """Without host, service and time a log is stored with `unknown` and the time of receipt."""
    record = deliver({"message": "pump stopped"})
    assert (record.hostname, record.service, record.severity) == ("unknown", "unknown", "INFO")
    assert record.timestamp == "2026-03-01T22:15:30.000Z"


def test_log_without_a_message_is_stored_with_what_it_says() -> None:
    """Host and severity alone are a log without a message; of an object with none of the fields its JSON is the text."""
    assert deliver({"hostname": "plc-7", "severity": "CRITICAL"}).message == "(no message)"
    assert deliver({"foo": 1}).message == '{"foo":1}'


@pytest.mark.parametrize(
    ("native", "normalised"),
    [
        ("warn", "WARNING"),
        ("Fatal", "CRITICAL"),
        ("emerg", "CRITICAL"),
        (" err ", "ERROR"),
        ("off spec", "WARNING"),
        (3, "ERROR"),
        ("3", "ERROR"),
        (50, "CRITICAL"),
        ("purple", "WARNING"),
        (99, "INFO"),
        (True, "WARNING"),
        ({"a": 1}, "WARNING"),
    ],
)
def test_severity_is_normalised_and_the_native_one_kept(native: object, normalised: str) -> None:
    """Known words and scales are mapped, others become WARNING; what was sent is kept."""
    record = deliver({"message": "x", "severity": native})
    assert record.severity == normalised
    assert record.severity_native


@pytest.mark.parametrize(
    ("given_time", "stored"),
    [
        ("2025-01-15T02:14:23Z", "2025-01-15T02:14:23.000Z"),
        ("2025-01-15T03:14:23+01:00", "2025-01-15T02:14:23.000Z"),
        ("2025-01-15 02:14:23.5", "2025-01-15T02:14:23.500Z"),
        ("2025-01-15T02:14:23.123456789Z", "2025-01-15T02:14:23.123456Z"),
        (1736907263, "2025-01-15T02:14:23.000Z"),
        (1736907263.25, "2025-01-15T02:14:23.250Z"),
        (1736907263000, "2025-01-15T02:14:23.000Z"),
        (1736907263000000, "2025-01-15T02:14:23.000Z"),
        (1736907263000000000, "2025-01-15T02:14:23.000Z"),
    ],
)
def test_timestamps_become_utc_text(given_time: object, stored: str) -> None:
    """RFC 3339 in any zone and epochs in any unit end as UTC text of one form."""
    assert deliver({"message": "x", "timestamp": given_time}).timestamp == stored


@pytest.mark.parametrize("bad", ["yesterday", "", True, [], 1e300, -1e30, "0001-01-01T00:00:00+14:00"])
def test_unusable_timestamp_is_replaced_and_noted(bad: object) -> None:
    """A time nobody can read becomes the time of receipt, and the record says so."""
    record = deliver({"message": "x", "timestamp": bad})
    assert record.timestamp == "2026-03-01T22:15:30.000Z"
    assert "time of receipt" in (record.notes or "")


def test_control_characters_are_made_visible() -> None:
    """NUL and lone escapes cannot end the text or steer a terminal; what colours it is left out."""
    escaped = deliver({"message": "a\x00b\x1b[31mred\r\nnext"})
    assert escaped.message == "a␀bred\nnext"
    raw = deliver(b'{"message":"a\x00b\x1b[31mred","context":{"k":"\x00"}}')
    assert raw.message == "a␀bred"
    assert deliver({"message": "a\x1bcleared \x1b]0;title\x07b"}).message == "a␛cleared b"
    assert "\x00" not in (raw.context or "")
    assert "u0000" not in (raw.context or "")


def test_invalid_utf8_is_stored_with_a_note() -> None:
    """Bytes that are no UTF-8 are marked, the rest of the log is kept."""
    record = deliver(b'{"message":"caf\xe9 valve","hostname":"h"}')
    assert record.message == "caf\ufffd valve"
    assert "not UTF-8" in (record.notes or "")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"   ", "empty"),
        (b"\xfe\xca\x00\x01\x00pump", "neither text nor JSON"),
        (b"\x81\xa7message\xacpump stopped", "neither text nor JSON"),
        (b"<<<!?!>>> ab", "neither text nor JSON"),
        (b"[1,2]", "array without any object"),
        (b"[]", "empty array"),
        (b'""', "empty"),
        (b"\xff\xfe\x00", "neither text nor JSON"),
        (b"[" * 10_000, "nested too deeply"),
        (b'{"context":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, "nested too deeply"),
    ],
)
def test_what_is_no_log_is_rejected_with_its_reason(data: bytes, reason: str) -> None:
    """Rejected messages carry a reason a person understands."""
    with pytest.raises(MessageRejected, match=reason):
        deliver(data)


def test_context_of_a_wrong_type_is_kept_under_a_key() -> None:
    """A list or text as context is stored as an object."""
    assert json.loads(deliver({"message": "x", "context": [1, 2]}).context or "") == {"value": [1, 2]}


def test_large_context_is_kept_whole() -> None:
    """900 KB of context is stored byte for byte."""
    context = {"dump": "x" * 900_000}
    assert json.loads(deliver({"message": "x", "context": context}).context or "") == context


def test_place_comes_from_the_subject_or_the_context() -> None:
    """ISA-95 tokens of the subject go before the context's keys."""
    by_subject = deliver({"message": "x"}, "agent.technical.support.hamburg.press.line3.p07")
    assert (by_subject.site, by_subject.area, by_subject.line, by_subject.machine) == (
        "hamburg",
        "press",
        "line3",
        "p07",
    )
    by_context = deliver({"message": "x", "context": {"site": "hamburg", "line": 3}})
    assert (by_context.site, by_context.area, by_context.line) == ("hamburg", None, "3")


def test_reply_to_header_is_taken_only_where_it_can_be_answered() -> None:
    """A durable reply subject is kept; wildcards, system subjects and our own subject are noted and not used."""
    assert deliver({"message": "x"}, headers={"Reply-To": "plant.answers.1"}).reply_to == "plant.answers.1"
    for bad in ("a b", "a.*", ">", "a..b", "$SYS.x", "agent.technical.support"):
        record = deliver({"message": "x"}, headers={"Reply-To": bad})
        assert record.reply_to is None
        assert "Reply-To" in (record.notes or "")


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
flat = st.lists(leaves) | st.dictionaries(st.text(), leaves)
json_values = leaves | flat | st.lists(flat) | st.dictionaries(st.text(), flat)
FIELDS = ("timestamp", "hostname", "severity", "service", "message", "context")


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(), json_values))
def test_any_json_object_is_stored_or_rejected(value: dict[str, object]) -> None:
    """Whatever the types, the outcome is a record whose texts a database takes, or MessageRejected."""
    try:
        record = deliver(value)
    except MessageRejected:
        return
    assert record.severity in SEVERITY_RANK
    assert datetime.fromisoformat(record.timestamp).tzinfo is not None
    for text in (record.message, record.hostname, record.service, record.context or ""):
        assert "\x00" not in text
        text.encode()
    if record.context is not None:
        assert isinstance(msgspec.json.decode(record.context), dict)


@given(st.binary(max_size=300))
def test_any_bytes_are_stored_or_rejected(data: bytes) -> None:
    """Arbitrary bytes never raise anything but MessageRejected."""
    with contextlib.suppress(MessageRejected):
        assert deliver(data).message
