"""What producers write that is not quite the reference's format, and is understood all the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from andon.core.errors import MessageRejected
from andon.core.models import SUBJECT, Delivery, LogRecord
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder

RECEIVED = datetime(2026, 1, 3, 8, 0, tzinfo=UTC)
MOMENT = "2025-01-15T02:14:23.000Z"


def decoded(data: bytes | dict[str, object], zone: str = "UTC") -> LogRecord:
    """The record of a message received at RECEIVED."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    delivery = Delivery(body, SUBJECT, "AGENT_STREAM", 1, int(RECEIVED.timestamp()) * 10**9, "token")
    return Decoder(Fingerprinter(), ZoneInfo(zone))(delivery).first()


@pytest.mark.parametrize(
    "written",
    [
        "1736907263",
        "1736907263000",
        "1736907263000000000",
        "Wed, 15 Jan 2025 02:14:23 GMT",
        "Wed, 15 Jan 2025 03:14:23 +0100",
        "Wednesday, 15-Jan-2025 02:14:23 GMT",
        "15/Jan/2025:03:14:23 +0100",
        "Wed Jan 15 02:14:23 2025",
        "Wed Jan 15 02:14:23 UTC 2025",
        "2025/01/15 02:14:23",
        "2025-01-15 02:14:23 UTC",
        "2025-01-15 03:14:23 +0100 CET m=+0.012",
        "2025-01-15T03:14:23+01:00[Europe/Berlin]",
        "2025-01-15t02:14:23z",
        "15.01.2025 02:14:23",
        "1/15/2025 2:14:23 AM",
        "20250115021423",
        "Jan 15 02:14:23",
    ],
)
def test_times_that_are_unambiguous_are_understood(written: str) -> None:
    """The usual forms of loggers and languages name the moment they mean."""
    record = decoded({"message": "x", "timestamp": written})
    assert (record.timestamp, record.notes) == (MOMENT, None)


@pytest.mark.parametrize("written", ["CST 2025", "2025-13-45 02:14:23", "soon", "9" * 400, "1" * 14 + "x"])
def test_times_that_are_not_understood_become_the_time_of_receipt(written: str) -> None:
    """What is no day is not guessed; the note says so, and is short."""
    record = decoded({"message": "x", "timestamp": written})
    assert record.timestamp == "2026-01-03T08:00:00.000Z"
    assert record.notes is not None
    assert "time of receipt used" in record.notes
    assert len(record.notes) < 120


def test_a_time_that_names_no_zone_is_the_sites() -> None:
    """ANDON_TIME_ZONE holds for the odd forms too."""
    assert decoded({"message": "x", "timestamp": "15.01.2025 03:14:23"}, "Europe/Berlin").timestamp == MOMENT


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z", "0001-01-01 00:00:00"])
def test_the_year_1_is_no_time(written: str) -> None:
    """Go and .NET write it where no time was set."""
    record = decoded({"message": "x", "timestamp": written})
    assert (record.timestamp, record.notes) == (
        "2026-01-03T08:00:00.000Z",
        "timestamp in the year 1 means none, time of receipt used",
    )


def test_names_of_fields_may_be_in_another_case() -> None:
    """The reference's reader takes ``Message`` for ``message``; so does ours."""
    body = {"Timestamp": MOMENT, "HostName": "cnc-1", "SEVERITY": "ERROR", "Service": "drive", "Message": "Stalled"}
    record = decoded({**body, "Context": {"axis": 3}})
    assert (record.timestamp, record.hostname, record.severity, record.service, record.message, record.context) == (
        MOMENT, "cnc-1", "ERROR", "drive", "Stalled", '{"axis": 3}',
    )  # fmt: skip
    assert record.notes is None


def test_the_exact_name_goes_before_another_case() -> None:
    """A field that is there under its own name is not replaced."""
    record = decoded({"Message": "other", "message": "own", "Severity": "ERROR"})
    assert (record.message, record.severity) == ("own", "ERROR")


@pytest.mark.parametrize("value", ["[" * 10_000 + "]" * 10_000, '"\\ud800"', "9" * 5000])
def test_odd_values_under_odd_names_do_no_harm(value: str) -> None:
    """Too deep, half a character, a huge number: the message is stored or refused, never more."""
    try:
        record = decoded(b'{"hostname": "cnc-1", "Message": ' + value.encode() + b"}")
    except MessageRejected:
        return
    assert record.hostname == "cnc-1"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_of_json_are_read(encoding: str) -> None:
    """Windows tools write a byte order mark, or UTF-16."""
    record = decoded('{"message": "Öldruck zu niedrig", "severity": "ERROR"}'.encode(encoding))
    assert (record.message, record.severity) == ("Öldruck zu niedrig", "ERROR")


def test_a_whole_number_written_as_a_decimal_is_a_severity() -> None:
    """3.0 is syslog's 3."""
    assert decoded({"message": "x", "severity": 3.0}).severity == "ERROR"
