"""States and names of alarms as vendors write them: controllers, alarm journals, panels and monitoring systems."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.store.alarms import says_active
from andon.store.alarms.state_words import understood
from andon.store.alarms.states import Report, read

AT = datetime(2025, 3, 4, 6, 0, tzinfo=UTC).timestamp()
CODE = {"alarm_code": "F12"}
UP, OVER, NOTHING = True, False, None


def said(context: dict[str, Any]) -> Report:
    return read(context, AT)


@pytest.mark.parametrize(
    ("context", "active", "acknowledged"),
    [
        # WinCC and other panels in German, English, and letters
        ({**CODE, "Zustand": "kommend"}, UP, False),
        ({**CODE, "Zustand": "Gehend"}, OVER, False),
        ({**CODE, "Status": "Gekommen"}, UP, False),
        ({**CODE, "status": "gegangen, quittiert"}, OVER, True),
        ({**CODE, "state": "Quittiert"}, NOTHING, True),
        ({**CODE, "state": "nicht quittiert"}, UP, False),
        ({**CODE, "state": "K"}, UP, False),
        ({**CODE, "state": "kg"}, OVER, False),
        ({**CODE, "state": "KQ"}, UP, True),
        ({**CODE, "state": "KGQ"}, OVER, True),
        ({**CODE, "state": "KQG"}, OVER, True),
        ({**CODE, "AlarmState": "Q"}, NOTHING, True),
        ({**CODE, "state": "I"}, UP, False),
        ({**CODE, "state": "IAO"}, OVER, True),
        ({**CODE, "state": "Incoming/Outgoing"}, OVER, False),
        ({**CODE, "state": "Incoming, Acknowledged"}, UP, True),
        ({"MsgNumber": 140003, "StateAfter": 1}, UP, False),
        ({"MsgNumber": 140003, "StateAfter": "3"}, UP, True),
        ({"MsgNumber": 140003, "StateAfter": 0}, OVER, False),
        ({"MsgNumber": 140003, "StateAfter": 6}, OVER, True),
        ({"alarmState": "RaisedCleared"}, OVER, False),
        # AVEVA, FactoryTalk, B&R
        ({"State": "UNACK_ALM"}, UP, False),
        ({"State": "ACK_ALM"}, UP, True),
        ({"State": "UNACK_RTN"}, OVER, False),
        ({"State": "ACK_RTN"}, OVER, True),
        ({**CODE, "state": "In Alarm, Unacknowledged"}, UP, False),
        ({"AlarmStatus": "InAlarmAcked"}, UP, True),
        ({"alarmState": "ActiveAcknowledged"}, UP, True),
        ({"alarmState": "InactiveUnacknowledged"}, OVER, False),
        # Ignition
        ({"eventState": "ClearUnacked"}, OVER, False),
        ({"source": "prov:line:/tag:Oven/T1:/alm:Hi", "eventtype": 0}, UP, False),
        ({"source": "prov:line:/tag:Oven/T1:/alm:Hi", "eventtype": 1}, OVER, False),
        ({"source": "prov:line:/tag:Oven/T1:/alm:Hi", "eventtype": 2}, NOTHING, True),
        # OPC UA as its libraries print it
        ({"ActiveState": {"Text": "Active", "Locale": "en"}}, UP, False),
        ({"ActiveState": {"text": "Inactive"}, "AckedState": {"text": "Acknowledged"}}, OVER, True),
        ({"ActiveState": "LocalizedText(Locale='en', Text='Active')"}, UP, False),
        ({"ActiveState": "LocalizedText(Encoding:2, Locale:None, Text:Inactive)"}, OVER, False),
        ({"ActiveState": "locale=de text=Aktiv", "ConditionName": "Hi"}, UP, False),
        ({"ActiveState/Id": True, "AckedState/Id": False}, UP, False),
        ({"0:ActiveState/0:Id": False, "0:AckedState/0:Id": True}, OVER, True),
        ({"ActiveState.Id": 1, "ConditionName": "Hi"}, UP, False),
        ({"ConditionName": "Hi", "Retain": True}, UP, False),
        ({"ConditionName": "Hi", "Severity": 0}, OVER, False),
        # ThingsBoard, Alertmanager, Nagios, Zabbix, Grafana, CloudWatch, Azure, PagerDuty, X.733
        ({"status": "ACTIVE_UNACK", "type": "Overheat", "originatorName": "Oven"}, UP, False),
        ({"status": "CLEARED_ACK", "type": "Overheat", "originatorName": "Oven"}, OVER, True),
        ({"cleared": False, "acknowledged": True, "type": "Overheat", "originatorName": "Oven"}, UP, True),
        ({"status": "firing", "labels": {"alertname": "DiskFull"}}, UP, False),
        ({"alert": {"status": "resolved", "labels": {"alertname": "DiskFull"}}}, OVER, False),
        ({"NOTIFICATIONTYPE": "PROBLEM", "SERVICESTATE": "CRITICAL"}, UP, False),
        ({"notification_type": "RECOVERY", "service_state": "OK"}, OVER, False),
        ({"trigger_id": "13926", "status": "PROBLEM"}, UP, False),
        ({"trigger_id": "13926", "status": "OK"}, OVER, False),
        ({"alarm_name": "cpu", "state": "alerting"}, UP, False),
        ({"AlarmName": "cpu", "NewStateValue": "ALARM"}, UP, False),
        ({"AlarmName": "cpu", "NewStateValue": "OK"}, OVER, False),
        ({"monitorCondition": "Fired"}, UP, False),
        ({"alarm_id": 3, "event_action": "resolve"}, OVER, False),
        ({**CODE, "perceivedSeverity": "CLEARED"}, OVER, False),
        # English pairs
        ({**CODE, "event": "reset"}, OVER, False),
        ({**CODE, "event": "SET"}, UP, False),
        ({**CODE, "event": "occurred"}, UP, False),
        ({**CODE, "event": "recovered"}, OVER, False),
        ({**CODE, "state": "opened"}, UP, False),
        ({**CODE, "state": "closed"}, OVER, False),
        ({**CODE, "state": "not active"}, OVER, False),
        ({"alarm_event": "AlarmCleared"}, OVER, False),
        # numbers and truths
        ({**CODE, "state": 1, "ack": 0}, UP, False),
        ({**CODE, "status": 0, "ack": 1}, OVER, True),
        ({**CODE, "state": True}, UP, False),
        ({**CODE, "value": False}, OVER, False),
        ({"alarm": True, "tag": "TankHigh"}, UP, False),
        ({"EVENT_STATE": 0, "ACK_STATE": 1, "EV_ID": 4}, OVER, True),
        # other languages
        ({**CODE, "état": "apparu"}, UP, False),
        ({**CODE, "etat": "Disparu"}, OVER, False),
        ({**CODE, "statut": "acquittée"}, NOTHING, True),
        ({**CODE, "stato": "attivo"}, UP, False),
        ({**CODE, "stato": "rientrato"}, OVER, False),
        ({**CODE, "estado": "activa"}, UP, False),
        ({**CODE, "estado": "Inactiva"}, OVER, False),
        ({**CODE, "state": "активна"}, UP, False),
        ({"报警代码": "F12", "状态": "报警发生"}, UP, False),
        ({**CODE, "state": "已恢复"}, OVER, False),
        ({**CODE, "state": "未确认"}, UP, False),
        ({**CODE, "state": "确认"}, NOTHING, True),
        ({**CODE, "状態": "発生中"}, UP, False),
        ({**CODE, "状態": "復帰"}, OVER, False),
        ({**CODE, "state": "해제"}, OVER, False),
        # what an alarm word says of the words beside it; who waits for whom
        ({"event": "Alarm reset", "event_id": 17}, OVER, False),
        ({"eventType": "AlarmConfirmed", "eventId": 17}, NOTHING, True),
        ({"code": "9", "status": "Alarm off"}, OVER, False),
        ({"alarmName": "Hot", "alarmState": "Inactive, waiting for confirmation"}, OVER, False),
        ({"alarm": "Hot", "currentState": "In Alarm, Unacknowledged"}, UP, False),
        ({"conditionName": "Hot", "newState": "ACTIVE ENABLED"}, UP, False),
        # WinCC OA, KUKA, Grafana, Zabbix, Icinga, AWS IoT Events
        ({"dpElement": "System1:oven.hot", "direction": "CAME"}, UP, False),
        ({"MessageNumber": "KSS1", "event": "Set"}, UP, False),
        ({"ruleName": "Oven", "state": "ok"}, OVER, False),
        ({"triggerid": "17", "value": "1"}, UP, False),
        ({"state": 2.0, "state_type": 1, "check_result": {"output": "full"}}, UP, False),
        ({"state": 0.0, "state_type": 1, "check_result": {"output": "ok"}}, OVER, False),
        ({"alarmModelName": "press", "keyValue": "m1", "alarmState": {"stateName": "ACTIVE"}}, UP, False),
        ({"detail": {"alarmName": "cpu", "state": {"value": "ALARM", "reason": "x"}}}, UP, False),
        ({"data": {"essentials": {"alertRule": "hot", "monitorCondition": "Resolved"}}}, OVER, False),
        ({"Alarmnummer": 3, "aktiv": True}, UP, False),
        ({"event_action": "resolve", "dedup_key": "oven/hot"}, OVER, False),
        ({"alarmId": "A", "state": "STARTED"}, UP, False),
        ({"alarmId": "A", "state": "end"}, OVER, False),
        ({**CODE, "상태": "발생"}, UP, False),
        ({**CODE, "состояние": "снята"}, OVER, False),
        ({"id_alarma": 7, "estado": "inactiva"}, OVER, False),
        ({**CODE, "status": "hersteld"}, OVER, False),
        ({"código": "E7", "estado": "Alarma finalizada"}, OVER, False),
        # wrapped
        ({"conditionName": {"dataType": 12, "value": "Hi"}, "activeState": {"value": {"text": "Active"}}}, UP, False),
        ({"Fault": {"dataItemId": "s1", "nativeCode": "7", "value": "overload"}}, UP, False),
        ({"Normal": {"dataItemId": "s1"}}, OVER, False),
        ({"tags": {"alarm_code": "F12", "device": "a"}, "fields": {"state": "cleared"}}, OVER, False),
        ({"alarm": {"code": "F12", "state": {"value": "active"}}}, UP, False),
        ({"payload": {"alarm": {"code": "F12", "active": False}}}, OVER, False),
    ],
)  # fmt: skip
def test_states_as_vendors_write_them(context: dict[str, Any], active: bool | None, acknowledged: bool) -> None:
    """Active or over, acknowledged or not, in any case and with any punctuation."""
    report = said(context)
    assert (report.active, bool(report.acknowledged)) == (active, acknowledged)
    assert says_active(context) is (active is True)


@pytest.mark.parametrize(
    "context",
    [
        {"status": 500, "alarm_code": "F12"},
        {"status": "OK"},
        {"status": "ok", "error_code": 17},
        {"status": "critical", "alarm_code": "F12"},
        {"state": "closed", "tag": "XV-101"},
        {"state": "open", "valve": "XV-101"},
        {"state": "K", "city": "Koblenz"},
        {"state": "CA", "error_code": 3},
        {"event": "reset"},
        {"event": "set", "tag": "setpoint"},
        {"resolved": True},
        {"value": 0, "alarm_code": "F12"},
        {"value": 1.0, "tag": "T1"},
        {"ActiveState": "active", "SubState": "running", "Unit": "nats.service"},
        {"condition": "UNAVAILABLE", "dataItemId": "x1"},
        {"NewStateValue": "INSUFFICIENT_DATA", "AlarmName": "cpu"},
        {"eventtype": 1, "message": "user logged in"},
        {"Retain": True, "topic": "a/b"},
        {"condition": {"id": 1, "name": "Warning"}},
        {"event_action": "user-login"},
        {"start": "soon", "end": "later", "alarm_code": "F12"},
        {"active": True, "user": "bob"},
        {"status": "inactive", "account": "4711"},
        {"aktiv": False, "session": "x"},
        {"state": "cleared", "cache": "L2"},
        {"state": "active", "unit": "nginx.service"},
        {"ack": True, "container": "c1"},
        {"direction": "incoming", "peer": "10.0.0.7"},
        {"direction": "outgoing"},
        {"state": 2, "code": 5},
    ],
)
def test_what_is_about_something_else(context: dict[str, Any]) -> None:
    """Answers of HTTP, valves, services, units of systemd, places: such a log counts as an alarm by itself."""
    assert not said(context).stated
    assert not says_active(context)


@pytest.mark.parametrize(
    ("context", "code", "item", "source"),
    [
        (
            {"ConditionId": "ns=4;i=77", "ConditionName": "Hi", "SourceName": "2:Oil", "ActiveState": True},
            "Hi", "Oil", "ns=4;i=77",
        ),
        (
            {"ConditionId": "ns=4;i=77", "ConditionName": "Unset Condition Name", "SourceName": "Oil", "Active": 1},
            "Oil", "Oil", "ns=4;i=77",
        ),
        ({"ConditionName": "Hi", "SourceName": "1:Oil", "ActiveState": True, "source": "bridge"}, "Hi", "Oil", "Oil"),
        ({"ConditionId": {"Identifier": 77, "NamespaceIndex": 4}, "ActiveState": True}, "77", None, "ns=4;i=77"),
        ({"dataItemId": "Zload", "condition": "FAULT", "nativeCode": "OVL"}, "OVL", "Zload", "Zload"),
        (
            {"dataItemId": "Zload", "condition": "FAULT", "nativeCode": "OVL", "conditionId": "c2"},
            "OVL", "Zload", "Zload/c2",
        ),
        (
            {"source": "prov:line:/tag:Oven/T1:/alm:Hi", "displaypath": "Oven/T1", "eventstate": "Active"},
            "Hi", None, "prov:line:/tag:Oven/T1:/alm:Hi",
        ),
        ({"displaypath": "Oven/T1", "name": "Too hot", "eventstate": "Active"}, "Too hot", None, "Oven/T1"),
        ({"id": 31, "area": "Paint", "state": "kommt"}, "31", None, "Paint"),
        ({"MsgNr": "31", "Area": "Paint", "StateAfter": 1}, "31", None, "Paint"),
        (
            {"originator": {"entityType": "ASSET", "id": "a-7"}, "type": "Overheat", "status": "ACTIVE_ACK"},
            "Overheat", None, "a-7",
        ),
        ({"status": "firing", "labels": {"alertname": "Full", "instance": "n1"}}, "Full", None, "n1"),
        (
            {"status": "firing", "labels": {"alertname": "Full", "instance": "n1", "mount": "/", "severity": "page"}},
            "Full", None, "instance=n1, mount=/",
        ),
        ({"alert": {"status": "firing", "labels": {"alertname": "Full", "instance": "n1"}}}, "Full", None, "n1"),
        ({"alarm": {"code": 9, "device": "pump 3", "state": "active"}}, "9", None, "pump 3"),
        ({"ID": 8, "Trigger": True}, "8", None, ""),
        (
            {
                "ConditionId": "NodeId(Identifier='T1', NamespaceIndex=2, NodeIdType=<NodeIdType.String: 3>)",
                "ConditionName": "Hi",
                "ActiveState": True,
            },
            "Hi", None, "ns=2;s=T1",
        ),
        ({"ConditionId": "NodeId{ns=2, id=T1}", "ConditionName": "Hi", "Active": True}, "Hi", None, "ns=2;s=T1"),
        ({"ConditionId": "NS2|String|T1", "ConditionName": "Hi", "Active": True}, "Hi", None, "ns=2;s=T1"),
        (
            {"ConditionId": {"IdType": 1, "Id": "T1", "Namespace": 2}, "ConditionName": "Hi", "Active": True},
            "Hi", None, "ns=2;s=T1",
        ),
        ({"ObjectName": "TIC1", "alarm_code": "Hi", "EventState": "RTN"}, "Hi", None, "TIC1"),
        ({"alarm_code": 1205.0, "state": "active"}, "1205", None, ""),
        ({"alarm_code": "1205.0"}, "1205", None, ""),
        ({"alarm_code": " SV  0401 "}, "SV 0401", None, ""),
        ({"alarm_code": "F12", "source": "main.py:17"}, "F12", None, ""),
        ({"alarm_code": "F12", "SourceName": "Oil"}, "F12", "Oil", "Oil"),
    ],
)  # fmt: skip
def test_what_an_alarm_is_called_and_where_it_comes_from(
    context: dict[str, Any], code: str, item: str | None, source: str
) -> None:
    """A code, the point it belongs to, and the source that tells two of one code apart."""
    report = said(context)
    assert (report.code, report.item, report.source) == (code, item, source)


def test_a_firing_alert_has_no_end_yet() -> None:
    """Whether its end is that of no time, or the one by which it is expected to be over."""
    start = {"labels": {"alertname": "Full"}, "startsAt": "2025-03-04T05:00:00Z"}
    for end in ("0001-01-01T00:00:00Z", "2025-03-04T06:04:00Z"):
        report = said({**start, "status": "firing", "endsAt": end})
        assert (report.spans, report.started, report.ended) == (True, AT - 3600, None)
    report = said({**start, "status": "resolved", "endsAt": "2025-03-04T05:30:00Z"})
    assert (report.active, report.spans, report.ended) == (False, True, AT - 1800)
    assert not said({**start, "status": "resolved", "endsAt": "0001-01-01T00:00:00Z"}).spans


@pytest.mark.parametrize(
    "context",
    [{"state": "Active", "user": "okoro"}, {"active": True, "line": 3}, {"status": "active", "start": 1736906400}],
)
def test_what_else_may_be_active(context: dict[str, Any]) -> None:
    """A session, a line: that is no reason to take a log for a warning."""
    assert not says_active(context)


@pytest.mark.parametrize(
    "context",
    [
        {"alarm_code": "F12", "state": "Shelved"},
        {"alarmState": "Unshelved"},
        {"alarm_name": "Hot", "state": "disabled"},
    ],
)
def test_what_a_person_put_aside_is_no_alarm_by_itself(context: dict[str, Any]) -> None:
    """Nor does it say that it is over; one that is active beside that is."""
    report = said(context)
    assert report.aside
    assert not report.stated
    assert said({"alarm_code": "F12", "state": "Active, Shelved"}).active
    assert not said({"error_code": 17, "state": "disabled"}).aside


def test_an_open_time_of_an_alarm_is_active() -> None:
    """A start and an empty end beside an alarm's name; a job's times are none."""
    assert says_active({"alarm_code": "F12", "start": "2025-03-04 05:00", "end": "-"})
    assert not says_active({"alarm_code": "F12", "start": "2025-03-04 05:00", "end": "2025-03-04 05:30"})
    assert not says_active({"job": "backup", "start": "2025-03-04 05:00", "end": None})


@given(st.text(max_size=200))
def test_any_words_can_be_read(text: str) -> None:
    """Whatever they are; and in any case alike."""
    assert understood(text) == understood(text)


@given(st.sampled_from(["active", "cleared", "kommt", "geht", "firing", "resolved", "UNACK_ALM", "ACK_RTN"]), st.data())
def test_case_and_punctuation_change_nothing(word: str, data: st.DataObject) -> None:
    """Underscores, dots and blanks; large letters and small."""
    mark = data.draw(st.sampled_from(["_", " ", "-", ".", " / "]))
    shape = data.draw(st.sampled_from([str.upper, str.lower, str.title]))
    assert understood(f" {shape(word.replace('_', mark))}. ") == understood(word)
