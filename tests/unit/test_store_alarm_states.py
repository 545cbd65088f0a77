"""What a log's context says about the state of an alarm."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.timestamps import TimeReader
from andon.store.alarms.states import Report, read

AT = datetime(2025, 1, 15, 2, 14, tzinfo=UTC).timestamp()


def said(context: dict[str, Any]) -> Report:
    return read(context, AT)


@pytest.mark.parametrize(
    ("context", "active"),
    [
        ({"state": "active"}, True),
        ({"status": "RAISED"}, True),
        ({"event": "coming"}, True),
        ({"alarm": {"state": "Active, Unacknowledged"}}, True),
        ({"alarm_state": 1}, True),
        ({"alarm_state": "on"}, True),
        ({"ActiveState": True}, True),
        ({"active": "true"}, True),
        ({"condition": "FAULT"}, True),
        ({"EVENT_STATE": 1, "EV_ID": 77}, True),
        ({"Trigger": True, "ID": 5}, True),
        ({"state": "cleared"}, False),
        ({"status": "return to normal"}, False),
        ({"event": "gone"}, False),
        ({"state": "RTN"}, False),
        ({"alarm_state": "off"}, False),
        ({"condition": "normal"}, False),
        ({"Trigger": False, "ID": 5}, False),
        ({"AckedState": False, "Retain": False, "ConditionName": "High"}, False),
    ],
)
def test_active_and_cleared(context: dict[str, Any], active: bool) -> None:
    """Words, truths and the conventions of the usual producers."""
    assert said(context).active is active
    assert said(context).stated


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"status": 200},
        {"status": 1},
        {"status": "ok"},
        {"state": "running"},
        {"state": "on"},
        {"event": "active power below limit"},
        {"event": "user has set the alarm limit to 5"},
        {"event": "alarm"},
        {"trigger": "sensor 5"},
        {"active": 17},
        {"start": 5, "end": 10},
        {"state": {"active": ["x"]}},
        {"message": "cleared"},
    ],
)
def test_what_says_nothing(context: dict[str, Any]) -> None:
    """A log that is wrongly taken for a state would be missing in the rates."""
    assert not said(context).stated


@pytest.mark.parametrize(
    "context",
    [{"AckedState": True}, {"acked": "true"}, {"event": "acknowledged"}, {"ACK_STATE": 1}, {"status": "ack"}],
)
def test_acknowledged(context: dict[str, Any]) -> None:
    """Said by a truth or by a word; it is no activation."""
    assert said(context).acknowledged
    assert not said(context).active


def test_when_it_was_acknowledged_and_by_whom() -> None:
    """A time of its own counts before that of the log; PackML writes 1970 where nobody did."""
    report = said({"AckDateTime": "2025-01-15T02:10:00Z", "Trigger": True, "acked_by": "Meier"})
    assert (report.active, report.acknowledged_at, report.acknowledged_by) == (True, AT - 240, "Meier")
    assert not said({"AckDateTime": "1970-01-01T00:00:00Z", "Trigger": True}).acknowledged


@pytest.mark.parametrize(
    ("context", "lasted"),
    [
        ({"Timestamp start": "2025-01-15 02:00:00", "Timestamp end": "2025-01-15 02:10:00"}, 600),
        ({"start": "2025-01-15T02:00:00Z", "end": "-"}, None),
        ({"start": "2025-01-15T02:00:00Z", "end": None}, None),
        ({"started": 1736906400, "ended": 1736906460000}, 60),
        ({"start": "2025-01-15T02:00:00Z", "end": "2025-02-04T02:00:00Z"}, 20 * 86_400),
        ({"start_time": "2025-01-15T02:00:00Z", "duration": "00:02:30"}, 150),
        ({"start_time": "2025-01-15T02:00:00Z", "duration_ms": 1500}, 1.5),
    ],
)
def test_a_whole_time(context: dict[str, Any], lasted: float | None) -> None:
    """A start beside an end or a duration; a dash or nothing means that it is still active."""
    report = said(context)
    assert report.spans
    assert report.started == AT - 14 * 60
    assert (None if report.ended is None else report.ended - (report.started or 0)) == lasted


@pytest.mark.parametrize("end", ["2025-01-15T01:59:59Z", "later", 17])
def test_an_end_that_cannot_be_is_no_time(end: object) -> None:
    """Before the start, or no time at all."""
    assert not said({"start": "2025-01-15T02:00:00Z", "end": end}).spans


def test_times_without_a_zone_are_the_sites() -> None:
    """The clock on the wall."""
    report = read({"start": "2025-01-15 03:00:00", "end": "-"}, AT, TimeReader(ZoneInfo("Europe/Berlin")))
    assert report.started == AT - 14 * 60


BERLIN = TimeReader(ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("2025-10-26 02:45:00", "2025-10-26 02:05:00", 20),  # the end is the second of the two
        ("26.10.2025 02:45", "26.10.2025 02:05", 20),
        ("2025-10-26 01:50:00", "2025-10-26 03:10:00", 140),
        ("2025-10-26 02:05:00", "2025-10-26 02:45:00", 40),
        ("2025-10-26 02:30:00", "2025-10-26 02:30:00", 0),
        ("2025-10-26 02:59:59", "2025-10-26 02:00:00", 1 / 60),
        ("2025-10-26T02:30:00+02:00", "2025-10-26T02:30:00+01:00", 60),
        ("2025-10-26 02:45:00", "2025-10-26 01:59:00", None),  # before it
        ("2025-10-26 03:10:00", "2025-10-26 02:50:00", None),
        ("2025-03-30 01:50:00", "2025-03-30 03:10:00", 20),
        ("2025-03-29 22:00:00", "2025-03-30 06:00:00", 7 * 60),
        ("2025-06-01 02:45:00", "2025-06-01 02:05:00", None),
    ],
)
def test_a_stop_across_a_clock_change_is_as_long_as_it_was(start: str, end: str, minutes: float | None) -> None:
    """An end that the clock shows before its start is the second of an hour that there was twice."""
    at = datetime(2025, 11, 20, tzinfo=UTC).timestamp()
    report = read({"alarm_code": "S1", "start": start, "end": end}, at, BERLIN)
    lasted = None if report.started is None or report.ended is None else (report.ended - report.started) / 60
    assert lasted == (None if minutes is None else pytest.approx(minutes))
    assert report.spans is (minutes is not None)


def test_which_of_two_hours_a_stop_ended_in() -> None:
    """A duration beside it tells, or the time of the log that came when it ended; else it is the first that can be."""
    stop = {"alarm_code": "S1", "start": "2025-10-26 02:30:00", "end": "2025-10-26 02:30:00"}
    second = datetime(2025, 10, 26, 1, 30, tzinfo=UTC).timestamp()
    for at, context in ((second + 5, stop), (second + 9e5, {**stop, "duration": "01:00:00"})):
        report = read(context, at, BERLIN)
        assert (report.ended or 0) - (report.started or 0) == 3600
    report = read({**stop, "duration": 0}, second, BERLIN)
    assert report.ended == report.started == second - 3600


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("1736906400", "1736907000"),
        ("1736906400000", "1736907000000"),
        ("1736906400000000", 1736907000.0),
        ("/Date(1736906400000)/", "/Date(1736907000000)/"),
        ("15.01.2025 03:00:00", "15.01.2025 03:10:00"),
        ("15.1.25 3:00", "15.1.25 3:10"),
        (133813800000000000, 133813806000000000),
        (45672125000, 45672131944.44444),
    ],
)
def test_times_in_any_notation(start: object, end: object) -> None:
    """Seconds to microseconds as text, .NET's dates, German ones, FILETIME, WinCC's millionths of a day."""
    report = read({"alarm_code": "S1", "start": start, "end": end}, AT, BERLIN)
    assert report.started == pytest.approx(AT - 14 * 60, abs=0.01)
    assert (report.ended or 0) - AT == pytest.approx(-4 * 60, abs=0.01)


@pytest.mark.parametrize(
    ("context", "stopped"),
    [
        ({"state": "active", "stopped": True}, True),
        ({"alarm_state": 1, "status": "Stop"}, True),
        ({"alarm_state": 1, "IEC category": "Forced outage"}, True),
        ({"alarm_state": 1, "stop_category": "emergency_stop"}, True),
        ({"alarm_state": 1, "status": "Warning", "IEC category": "Forced outage"}, False),
        ({"state": "active", "stopped": False, "category": "stop"}, False),
        ({"state": "active"}, False),
    ],
)
def test_what_stopped_production(context: dict[str, Any], stopped: bool) -> None:
    """A truth before the status before a category."""
    assert said(context).stopped is stopped


@pytest.mark.parametrize(
    ("context", "code"),
    [
        ({"state": "active", "alarm_code": "F30005", "event_id": 12}, "F30005"),
        ({"state": "active", "code": 504}, "504"),
        ({"state": "active", "event_id": "0f8fad5b-d9cb-469f-a165-70867728950e", "tag": "TI-101"}, "TI-101"),
        ({"Trigger": True, "ID": 9}, "9"),
        ({"state": "active", "id": 9}, None),
        ({"alarm_code": "F30005"}, "F30005"),
        ({"code": 504}, None),
    ],
)
def test_what_the_alarm_is_called(context: dict[str, Any], code: str | None) -> None:
    """The most telling field; an id that is new each time names nothing; without a state only an alarm's own code."""
    assert said(context).code == code


def test_an_item_that_is_normal_clears_all_of_it() -> None:
    """MTConnect: no code means every one of the data item; with a code only that one."""
    assert said({"condition": "NORMAL", "dataItemId": "Xact", "code": ""}).everything
    assert not said({"condition": "NORMAL", "dataItemId": "Xact", "code": "E5"}).everything
    assert not said({"status": "normal"}).everything


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.lists(st.integers()))
NAMES = st.one_of(
    st.sampled_from(["state", "start", "end", "active", "alarm", "acked", "duration", "code", "AckDateTime", "Retain"]),
    st.sampled_from(
        ["labels", "ConditionId", "ConditionName", "StateAfter", "eventtype", "source", "endsAt", "id", "状态"]
    ),
    st.text(max_size=20),
)


@given(st.dictionaries(NAMES, st.one_of(VALUES, st.dictionaries(NAMES, VALUES, max_size=4)), max_size=8))
def test_any_context_can_be_read(context: dict[str, Any]) -> None:
    """Whatever stands in it; an end is never before its start."""
    report = said(context)
    assert report.ended is None or report.started is None or report.ended >= report.started
