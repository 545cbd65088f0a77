"""What the fields of OPC UA events become: recorded from node-opcua 2.182, as asyncua 2.1 reads them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from andon.core.settings.sources.opcua_settings import OpcuaServer, OpcuaSettings
from andon.ingest.sources.acknowledged import Acknowledged
from andon.ingest.sources.alarm_memory import AlarmMemory
from andon.ingest.sources.alarm_tracker import AlarmTracker
from andon.ingest.sources.opcua import OpcuaSource
from andon.ingest.sources.opcua_fields import (
    CONDITION_ID,
    FIELDS,
    OVERFLOW,
    REFRESH_END,
    REFRESH_START,
    Condition,
    EventReader,
)
from andon.ingest.sources.standing_place import StandingPlace
from support.intake import kept_outlet

URL = "opc.tcp://press-4:4840/alarms"
RAISED = datetime(2026, 11, 30, 9, 42, 54, 62000)  # noqa: DTZ001 - as the library gives times


@dataclass
class Text:
    """A LocalizedText."""

    Text: str | None


@dataclass
class Node:
    """A NodeId."""

    text: str

    def to_string(self) -> str:
        return self.text


def server(**given: Any) -> OpcuaServer:
    """Its settings."""
    return OpcuaServer.model_validate({"url": URL, **given})


def fields(**given: Any) -> dict[str, Any]:
    """An alarm as it is raised; what is not given is what node-opcua sent."""
    return {
        "EventId": b"\x01\x02",
        "EventType": Node("i=9906"),
        "SourceNode": Node("ns=1;s=Plant/Line1/Press0/OilTemp"),
        "SourceName": "1:OilTemp",
        "Time": RAISED,
        "ReceiveTime": RAISED,
        "Message": Text("Condition is 90.000"),
        "Severity": 750,
        "ConditionName": "OilTempHigh",
        "BranchId": None,
        "Retain": True,
        "EnabledState/Id": True,
        "Comment": Text(None),
        "ClientUserId": None,
        "AckedState/Id": False,
        "ConfirmedState/Id": None,
        "ActiveState": Text("Active"),
        "ActiveState/Id": True,
        "SuppressedState/Id": None,
        "ShelvingState/CurrentState": Text("Unshelved"),
        "SuppressedOrShelved": False,
        CONDITION_ID: Node("ns=1;s=Alarm0"),
        **given,
    }


def read(**given: Any) -> Condition:
    """A condition as it is understood."""
    settings = server(place="Plant/{line}/{machine}/*", site="north")
    found = EventReader(settings, "press-4", StandingPlace(settings)).condition_of(fields(**given))
    assert found is not None
    return found


def test_an_alarm_is_a_log_with_its_state() -> None:
    heard = read().change.heard
    assert (heard.message, heard.severity, heard.hostname, heard.service) == (
        "Condition is 90.000", "ERROR", "press-4", "opcua",
    )  # fmt: skip
    assert heard.timestamp == "2026-11-30T09:42:54.062000+00:00"
    assert (heard.place.site, heard.place.line, heard.place.machine) == ("north", "Line1", "Press0")
    assert heard.context == {
        "ConditionId": "ns=1;s=Alarm0",
        "ConditionName": "OilTempHigh",
        "ActiveState": True,
        "AckedState": False,
        "Retain": True,
        "SourceName": "OilTemp",
        "SourceNode": "ns=1;s=Plant/Line1/Press0/OilTemp",
        "EventType": "i=9906",
        "Severity": 750,
    }


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (1000, "CRITICAL"),
        (801, "CRITICAL"),
        (800, "ERROR"),
        (667, "ERROR"),
        (334, "WARNING"),
        (1, "WARNING"),
        (0, "WARNING"),
    ],
)
def test_an_active_alarm_is_a_warning_at_the_least(number: int, word: str) -> None:
    assert read(Severity=number).change.heard.severity == word


def test_a_plain_event_has_the_word_of_its_number() -> None:
    settings = server(severity=(900, 500, 200))
    reader = EventReader(settings, "press-4", StandingPlace(settings))
    plain = dict.fromkeys((path for _, path in FIELDS), None) | {"Message": Text("Door opened"), "SourceName": "Plant"}
    words = [reader.log_of({**plain, "Severity": number}).severity for number in (900, 899, 499, 100, None)]
    assert words == ["CRITICAL", "ERROR", "WARNING", "INFO", "INFO"]
    assert reader.condition_of(plain) is None
    assert reader.log_of(plain).timestamp is None


def test_severity_zero_and_an_unset_name_are_read_as_what_they_mean() -> None:
    over = read(Severity=0, ConditionName="Unset Condition Name", **{"ActiveState/Id": False, "Retain": False})
    context = over.change.heard.context or {}
    assert over.change.heard.severity == "INFO"
    assert (over.active, over.retained, context["Severity"], context["ActiveState"]) == (False, False, 0, False)
    assert "ConditionName" not in context


def test_a_condition_without_an_active_state_is_active_while_it_is_retained() -> None:
    bare = {"ActiveState": None, "ActiveState/Id": None, "AckedState/Id": None}
    assert read(**bare).active
    assert "ActiveState" not in (read(**bare).change.heard.context or {})
    assert not read(**bare, Retain=False).active
    assert not read(**{"EnabledState/Id": False}).active


def test_only_what_changes_is_said() -> None:
    """A new EventId or another value in the text says nothing; a state, a severity or another text does."""
    first = read().change.said
    assert read(EventId=b"\x09", Message=Text("Condition is 91.5")).change.said == first
    assert read(Severity=760).change.said == first
    different = [
        read(Severity=900),
        read(Message=Text("Sensor broken")),
        read(**{"AckedState/Id": True}),
        read(**{"SuppressedState/Id": True}),
        read(**{"ShelvingState/CurrentState": Text("TimedShelved")}),
        read(**{"ActiveState/Id": False}),
    ]
    assert len({first, *(one.change.said for one in different)}) == len(different) + 1


VALUES = some.one_of(
    some.none(), some.booleans(), some.integers(), some.text(max_size=20), some.binary(max_size=8),
    some.builds(Text, some.one_of(some.none(), some.text(max_size=20))), some.builds(Node, some.text(max_size=20)),
    some.datetimes(),
)  # fmt: skip


@given(some.dictionaries(some.sampled_from([*(path for _, path in FIELDS), CONDITION_ID]), VALUES))
def test_any_field_may_hold_anything(found: dict[str, Any]) -> None:
    """Servers put null, or another type, into any field: each event becomes a log with a text."""
    reader = EventReader(server(), "press-4", StandingPlace(server()))
    assert reader.log_of(found).message
    condition = reader.condition_of(found)
    assert condition is None or condition.change.heard.message


def source(directory: Path, **given: Any) -> OpcuaSource:
    """One with a memory of its own."""
    return OpcuaSource(server(**given), AlarmMemory(directory / "alarms.db", URL))


def mark(kind: str) -> dict[str, Any]:
    """An event about the connection."""
    return {"EventType": Node(kind)}


ACTIVE, ACKED = fields(), fields(**{"AckedState/Id": True}, EventId=b"\x03")
OVER = fields(**{"ActiveState/Id": False, "AckedState/Id": True, "Retain": False}, Severity=0)


async def test_what_a_refresh_does_not_name_is_over(tmp_path: Path) -> None:
    """Through an end of Andon, too: the memory on disk knows what was active."""
    outlet, feed = kept_outlet()
    first, tracker = source(tmp_path), AlarmTracker(outlet, AlarmMemory(tmp_path / "alarms.db", URL))
    await tracker.open()
    other = fields(**{CONDITION_ID: Node("ns=1;s=Alarm1"), "Message": Text("Low level")})
    await first._take([mark(REFRESH_START), ACTIVE, other, mark(REFRESH_END), ACTIVE], outlet, tracker)
    assert [one["context"]["ConditionId"] for one in feed.logs] == ["ns=1;s=Alarm0", "ns=1;s=Alarm1"]
    await tracker.close()
    feed.kept.clear()
    later = AlarmTracker(outlet, AlarmMemory(tmp_path / "alarms.db", URL))
    await later.open()
    await source(tmp_path)._take([mark(REFRESH_START), other, mark(REFRESH_END)], outlet, later)
    [cleared] = feed.logs
    assert cleared["message"] == "Condition is 90.000"
    assert (cleared["severity"], cleared["context"]["ActiveState"], cleared["context"]["Retain"]) == (
        "INFO",
        False,
        False,
    )
    assert "not among" in cleared["context"]["cleared_because"]
    await later.close()


async def test_a_refresh_that_does_not_end_clears_nothing(tmp_path: Path) -> None:
    outlet, feed = kept_outlet()
    tracker = AlarmTracker(outlet, AlarmMemory(tmp_path / "alarms.db", URL))
    await tracker.open()
    one = source(tmp_path)
    await one._take([ACTIVE], outlet, tracker)
    await one._take([mark(REFRESH_START)], outlet, tracker)
    await one._take([mark(REFRESH_END)], outlet, tracker)  # it ends, and named nothing
    assert [log["context"]["ActiveState"] for log in feed.logs] == [True, False]
    await one._take([ACTIVE, mark(REFRESH_END)], outlet, tracker)  # an end without a start
    assert len(feed.logs) == 3
    await tracker.close()


async def test_an_overflow_of_the_servers_queue_is_told_and_refreshed(tmp_path: Path) -> None:
    outlet, _ = kept_outlet()
    tracker = AlarmTracker(outlet, AlarmMemory(tmp_path / "alarms.db", URL))
    await tracker.open()
    one = source(tmp_path)
    await one._take([mark(OVERFLOW)], outlet, tracker)
    session = Session()
    await one._tend(session, outlet, tracker)  # type: ignore[arg-type]
    assert outlet.counts.refused == {"lost in the server's queue": 1}
    assert session.refreshed == 1
    session.lost_events = 7
    await one._tend(session, outlet, tracker)  # type: ignore[arg-type]
    assert outlet.counts.refused["too many at once"] == 7
    await tracker.close()


class Session:
    """A session that keeps what it was asked."""

    def __init__(self) -> None:
        self.lost_events = self.refreshed = 0
        self.acknowledgements: list[tuple[str, bytes, str]] = []

    async def refresh(self) -> str | None:
        self.refreshed += 1
        return None

    async def acknowledge(self, condition: str, event_id: bytes, comment: str) -> str | None:
        self.acknowledgements.append((condition, event_id, comment))
        return None


def deed(**given: Any) -> Acknowledged:
    """What somebody did in Andon after the alarm."""
    told = {"origin": "ns=1;s=Alarm0", "hostname": "press-4", "at": 1e12, "by": "anna", "note": "seen", **given}
    return Acknowledged(**told)


async def test_an_acknowledgement_goes_to_the_newest_event_of_its_condition(tmp_path: Path) -> None:
    outlet, _ = kept_outlet()
    tracker = AlarmTracker(outlet, AlarmMemory(tmp_path / "alarms.db", URL))
    await tracker.open()
    one, session = source(tmp_path, acknowledge=True), Session()
    await one._take([ACTIVE, fields(EventId=b"\x07")], outlet, tracker)
    raised = one._newest["ns=1;s=Alarm0"][""].at
    for other in (deed(origin="ns=1;s=Alarm9"), deed(hostname="press-5"), deed(at=raised - 1)):
        one.acknowledged(other)  # of another condition, of another server, and of before it was raised
    one.acknowledged(deed())
    await one._tend(session, outlet, tracker)  # type: ignore[arg-type]
    assert session.acknowledgements == [("ns=1;s=Alarm0", b"\x07", "acknowledged in Andon by anna: seen")]
    await one._take([ACKED], outlet, tracker)
    one.acknowledged(deed())
    await one._tend(session, outlet, tracker)  # type: ignore[arg-type]
    assert len(session.acknowledgements) == 1  # the server knows
    ahead = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
    await one._take([fields(Time=ahead, EventId=b"\x08")], outlet, tracker)
    one.acknowledged(deed(at=time.time() + 1))  # of an alarm that the server's clock has yet to come to
    await one._tend(session, outlet, tracker)  # type: ignore[arg-type]
    assert [event for _, event, _ in session.acknowledgements] == [b"\x07", b"\x08"]
    await tracker.close()


async def test_nothing_is_acknowledged_unless_the_site_says_so(tmp_path: Path) -> None:
    silent = source(tmp_path)
    silent.acknowledged(deed())
    assert not silent.acknowledges
    assert not silent._acks


async def test_an_acknowledgement_is_told_with_its_own_time(tmp_path: Path) -> None:
    """node-opcua leaves the time of the alarm."""
    outlet, feed = kept_outlet()
    tracker = AlarmTracker(outlet, AlarmMemory(tmp_path / "alarms.db", URL))
    await tracker.open()
    await source(tmp_path)._take([ACTIVE, ACKED, ACKED, OVER, OVER], outlet, tracker)
    raised, acked, over = feed.logs
    assert (acked["context"]["AckedState"], over["context"]["ActiveState"]) == (True, False)
    assert datetime.fromisoformat(acked["timestamp"]) - datetime.fromisoformat(raised["timestamp"]) != timedelta(0)
    await tracker.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": "http://press-4"}, "opc.tcp://host:4840"),
        ({"url": "opc.tcp://me:word@press-4"}, "contains a login"),
        ({"security": "Sign"}, "set certificate"),
        ({"severity": (100, 200, 300)}, "decreasing"),
        ({"nodes": []}, "nodes"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        server(**given)


def test_an_address_is_asked_once() -> None:
    """Two tables of one address would tell everything twice."""
    with pytest.raises(ValidationError, match="twice"):
        OpcuaSettings.model_validate({"opcua": [{"url": URL}, {"url": URL, "machine": "m2"}]})
