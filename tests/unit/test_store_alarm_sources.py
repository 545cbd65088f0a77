"""Two sources of one code are two alarms; what was known before sources were read lives on."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from andon.core.settings.database_url import Database
from andon.store import Visitor, alarms, prepare
from andon.store.engine.database import writer_engine
from andon.store.engine.prepare import migrate
from support.alarm_logs import T0, Event, store_events
from support.store_data import query

pytest_plugins = ["support.databases"]


def rows(path: Database) -> list[tuple[Any, ...]]:
    return query(path, "SELECT code, item, source, state, occurrences FROM alarms ORDER BY id")


def condition(node: str, *, active: bool, **more: Any) -> dict[str, Any]:
    return {
        "ConditionName": "TooHot",
        "SourceName": node,
        "ConditionId": f"ns=3;s={node}.Hot",
        "ActiveState": active,
        **more,
    }


@pytest.mark.parametrize(
    ("one", "other", "raised", "over"),
    [
        ({"ConditionId": "i=8", "ConditionName": "Hi"}, {"ConditionId": "i=9", "ConditionName": "Hi"},
         {"ActiveState/Id": True}, {"ActiveState/Id": False}),
        ({"SourceName": "1:A", "ConditionName": "Unset Condition Name", "ConditionId": "i=8"},
         {"SourceName": "1:A", "ConditionName": "Unset Condition Name", "ConditionId": "i=9"},
         {"ActiveState": "Active"}, {"ActiveState": "Inactive", "Retain": False}),
        ({"dataItemId": "s1", "nativeCode": "7"}, {"dataItemId": "s2", "nativeCode": "7"},
         {"condition": "FAULT"}, {"condition": "NORMAL"}),
        ({"displaypath": "A/T", "name": "Hi"}, {"displaypath": "B/T", "name": "Hi"},
         {"eventstate": "Active, Unacknowledged"}, {"eventstate": "Clear, Unacknowledged"}),
        ({"id": 5, "area": "A"}, {"id": 5, "area": "B"}, {"state": "K"}, {"state": "KG"}),
        ({"type": "Hot", "originator": {"id": "a"}}, {"type": "Hot", "originator": {"id": "b"}},
         {"status": "ACTIVE_UNACK"}, {"status": "CLEARED_UNACK"}),
        ({"Name": "A.Level"}, {"Name": "B.Level"}, {"State": "UNACK_ALM"}, {"State": "UNACK_RTN"}),
        ({"ID": "5", "Area": "A", "Origin": "M", "AlarmClassName": "x"}, {"ID": "5", "Area": "B", "Origin": "M", "AlarmClassName": "x"},
         {"StateText": "Raised"}, {"StateText": "RaisedCleared"}),
        ({"SERVICEDESC": "disk"}, {"SERVICEDESC": "load"}, {"NOTIFICATIONTYPE": "PROBLEM"}, {"NOTIFICATIONTYPE": "RECOVERY"}),
        ({"alertname": "Hot", "instance": "a"}, {"alertname": "Hot", "instance": "b"},
         {"status": "firing"}, {"status": "resolved"}),
        ({"alarm_code": 12, "device": "a"}, {"alarm_code": "12.0", "device": "b"}, {"state": 1, "ack": 0}, {"state": 0, "ack": 0}),
        ({"ID": 4}, {"ID": 5}, {"Trigger": True}, {"Trigger": False}),
    ],
)  # fmt: skip
def test_clearing_one_source_leaves_the_other(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any], raised: dict[str, Any], over: dict[str, Any]
) -> None:
    """Whatever its vendor calls a source, and whatever the log says in words."""
    path = tmp_path / "agent.db"
    events = [
        Event(0, one | raised, pattern="a"),
        Event(10, other | raised, pattern="b"),
        Event(20, one | over, "INFO", pattern="c"),
    ]
    store_events(path, events)
    assert [row[3:] for row in rows(path)] == [("cleared", 1), ("active", 1)]


@pytest.mark.parametrize("seed", range(2))
def test_no_log_of_one_source_changes_another(database: Database, tmp_path: Path, seed: int) -> None:
    """In any order and in batches of any size each alarm is as if it were alone."""
    chance = random.Random(seed)
    events = [
        Event(float(chance.randrange(3600)), condition(chance.choice("AB"), active=chance.random() < 0.5))
        for _ in range(60)
    ]
    store_events(database, events, chance.choice([1, 7, 100]))
    for node in "AB":
        alone = tmp_path / f"{node}.db"
        store_events(alone, [one for one in events if (one.context or {})["SourceName"] == node])
        assert [row for row in rows(database) if row[1] == node] == rows(alone)


def test_an_alarm_whose_clear_names_no_source(tmp_path: Path) -> None:
    """It is that of the only source known of this code; with two of them nobody knows which."""
    code = {"alarm_code": "E5"}
    events = [
        Event(0, {**code, "device": "a", "state": "active"}),
        Event(10, {**code, "state": "cleared"}),
        Event(20, {**code, "device": "b", "state": "active"}),
        Event(30, {**code, "state": "cleared"}),
    ]
    store_events(tmp_path / "agent.db", events)
    assert [row[2:4] for row in rows(tmp_path / "agent.db")] == [("a", "cleared"), ("b", "active"), ("", "cleared")]


@pytest.mark.parametrize("seed", range(3))
def test_where_a_batch_ends_changes_no_match(tmp_path: Path, seed: int) -> None:
    """Logs with and without a source or an item, of few codes: log by log or all at once."""
    chance = random.Random(seed)
    parts: list[dict[str, Any]] = [
        {},
        {"device": "a"},
        {"device": "b"},
        {"tag": "x"},
        {"tag": "y"},
        {"SourceName": "x"},
    ]
    events = [
        Event(
            float(chance.randrange(3600)),
            {
                "alarm_code": chance.choice("12"),
                **chance.choice(parts),
                "state": chance.choice(["active", "clear", "ack"]),
            }
            if chance.random() < 0.9
            else {"tag": chance.choice("xy"), "condition": "normal"},
        )
        for _ in range(80)
    ]
    found = []
    for chunk in (1, 9, 100):
        store_events(tmp_path / f"{chunk}.db", events, chunk)
        found.append(query(tmp_path / f"{chunk}.db", "SELECT id, code, item, source, state, occurrences FROM alarms"))
        found[-1] += query(tmp_path / f"{chunk}.db", "SELECT * FROM occurrences")
    assert found[0] == found[1] == found[2]


OLD = (
    "INSERT INTO alarms (id, place, code, item, hostname, text, severity, priority, stated, clears, state, active_since,"
    " last_seen, occurrences, recent, acked_at, acked_by, ack_note, shelved_at, shelved_until, shelved_by, shelve_note)"
    " VALUES (?, 'press-1', ?, ?, 'press-1', 'hot', 'ERROR', 2, 1, 0, 'active', ?, ?, 1, '[]', ?, 'Okoro', 'seen', ?, ?,"
    " 'Okoro', 'part ordered')"
)


def test_open_alarms_of_before_live_on(tmp_path: Path) -> None:
    """A file of the revision before: the first log that fits brings the source, and what people noted stays."""
    path = tmp_path / "agent.db"
    engine = writer_engine(path, "normal")
    with engine.begin() as connection:
        migrate(connection, "0006")
        for id_, code, item in ((41, "TooHot", "Tank1"), (42, "E5", None)):
            values = (id_, code, item, T0, T0, T0 + 5, T0 + 6, T0 + 9e4)
            connection.exec_driver_sql(OLD, values)
            connection.exec_driver_sql("INSERT INTO occurrences VALUES (?, ?, NULL, 1, 2, 0, NULL, NULL)", (id_, T0))
    engine.dispose()
    assert prepare(path, durability="normal").migrated_from == "0006"
    events = [
        Event(50, condition("Tank2", active=True)),
        Event(60, condition("Tank1", active=False, Retain=False), "INFO"),
        Event(70, {"alarm_code": "E5", "device": "a", "state": "cleared"}, "INFO"),
        Event(80, {"alarm_code": "E5", "device": "b", "state": "active"}),
    ]
    store_events(path, events)
    kept = query(path, "SELECT id, source, state, acked_by, shelve_note FROM alarms ORDER BY id")
    assert kept == [
        (41, "ns=3;s=Tank1.Hot", "cleared", "Okoro", "part ordered"),
        (42, "a", "cleared", "Okoro", "part ordered"),
        (43, "ns=3;s=Tank2.Hot", "active", None, None),
        (44, "b", "active", None, None),
    ]
    assert query(path, "SELECT ended - started FROM occurrences WHERE alarm_id IN (41, 42)") == [(60.0,), (70.0,)]


def test_what_names_no_alarm_and_was_never_active_is_one_by_itself(tmp_path: Path) -> None:
    """An error with ``status: normal`` is missing in no rate; the end of what is known to be active is no alarm."""
    path = tmp_path / "agent.db"
    store_events(path, [Event(0, {"status": "normal", "mode": "auto"}), Event(1, {"ack": True})])
    assert query(path, "SELECT occurrences FROM alarms") == [(2,)]
    other = tmp_path / "other.db"
    store_events(other, [Event(0, {"state": "raised"}), Event(1, {"ack": True}), Event(2, {"state": "cleared"})])
    assert query(other, "SELECT occurrences, state FROM alarms") == [(1, "cleared")]


def test_a_text_that_is_a_state_is_one(tmp_path: Path) -> None:
    """A field ``event`` is the text of a log that has no other; a sentence says nothing."""
    path, code = tmp_path / "agent.db", {"alarm_code": "E5"}
    texts = ("AlarmRaised", "Alarm confirmed", "Resolved")
    store_events(path, [Event(n, code, message=text) for n, text in enumerate(texts)])
    assert query(path, "SELECT occurrences, state, acked_at IS NULL FROM alarms") == [(1, "cleared", 0)]
    other = tmp_path / "other.db"
    store_events(other, [Event(0, code, message="Alarm"), Event(9, code, message="The fault has been cleared by hand")])
    assert query(other, "SELECT occurrences, state FROM alarms") == [(2, "unknown")]


def test_what_a_person_put_aside_is_not_counted(tmp_path: Path) -> None:
    """Shelved on a panel: the alarm stays active, and came once."""
    path = tmp_path / "agent.db"
    store_events(
        path, [Event(0, {"alarm_code": "E5", "state": "active"}), Event(1, {"alarm_code": "E5", "state": "Shelved"})]
    )
    assert query(path, "SELECT occurrences, state FROM alarms") == [(1, "active")]


@pytest.mark.parametrize(
    ("context", "levels"),
    [({"alarm_code": "E5"}, ("CLEARED", "Cleared", "clear")), ({"dataItemId": "s1", "nativeCode": "7"}, ("NORMAL",))],
)
def test_a_severity_may_be_the_state(tmp_path: Path, context: dict[str, Any], levels: tuple[str, ...]) -> None:
    """Of X.733's alarms, which end by a severity of their own, and of MTConnect's conditions."""
    for level in levels:
        path = tmp_path / f"{level}.db"
        state = {} if "dataItemId" in context else {"state": "raised"}
        store_events(path, [Event(0, context | state, native="FAULT"), Event(9, context, native=level)])
        assert [row[3:] for row in rows(path)] == [("cleared", 1)]


def test_lists_name_what_an_alarm_belongs_to(tmp_path: Path) -> None:
    """Where its text does not."""
    path = tmp_path / "agent.db"
    store_events(
        path,
        [
            Event(0, condition("Tank1", active=True), message="level is high"),
            Event(1, condition("Tank2", active=True), message="Tank2 is hot"),
            Event(2, {"alarm_code": "E5", "device": "mixer", "state": "active"}, message="jam"),
        ],
    )
    with Visitor(path) as visitor:
        found = visitor.read(alarms.listing, "all", T0)
    assert sorted(one.source for one in found) == [
        "press-1, Tank1: TooHot level is high",
        "press-1, mixer: E5 jam",
        "press-1: TooHot Tank2 is hot",
    ]


def test_a_code_in_a_large_context_is_read(tmp_path: Path) -> None:
    """Curves and pictures beside it, and around it, do not hide it."""
    path = tmp_path / "agent.db"
    curve = [0.5] * 30_000
    store_events(
        path,
        [
            Event(0, {"curve": curve, "alarm_code": "E7", "state": "active", "device": "a"}),
            Event(1, {"alarm": {"samples": curve, "code": "E8", "state": "active"}}),
        ],
    )
    assert [(row[0], row[2], row[3]) for row in rows(path)] == [("E7", "a", "active"), ("E8", "", "active")]
