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
    st.text(max_size=20),
)


@given(st.dictionaries(NAMES, st.one_of(VALUES, st.dictionaries(NAMES, VALUES, max_size=4)), max_size=8))
def test_any_context_can_be_read(context: dict[str, Any]) -> None:
    """Whatever stands in it; an end is never before its start."""
    report = said(context)
    assert report.ended is None or report.started is None or report.ended >= report.started
