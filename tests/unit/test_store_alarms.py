"""Alarms in the store: kept by the indexer, in both databases; figures from what it keeps."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from andon.core.errors import NotFound, StoreError
from andon.core.models.history import Priority, ShiftWindow
from andon.core.settings.database_url import Database
from andon.insight.alarms import alarm_report as insight
from andon.insight.alarms.metrics import AlarmFigures
from andon.store import Visitor, alarms, change
from andon.store.alarms import AlarmEntry, AlarmFilter
from andon.store.engine import audit
from support import alarm_oracle
from support.alarm_logs import T0, Event, cleared, raised, store_events
from support.alarm_oracle import Occurrence
from support.store_data import query

pytest_plugins = ["support.databases"]

DAY = 86_400.0


def entries(path: Database, which: Any = "all", now: float = T0, **chosen: Any) -> dict[str, AlarmEntry]:
    with Visitor(path) as visitor:
        return {one.code: one for one in visitor.read(alarms.listing, which, now, AlarmFilter(**chosen))}


def courses(path: Database) -> list[tuple[Any, ...]]:
    return query(
        path,
        "SELECT a.place, a.code, o.started, o.ended, o.clears, o.stopped, o.acknowledged FROM occurrences AS o"
        " JOIN alarms AS a ON a.id = o.alarm_id ORDER BY a.place, a.code, o.started",
    )


def test_what_is_active_and_what_is_over(database: Database) -> None:
    """One row for each alarm at its place, with its present state and its times."""
    stopped = {"stopped": True}
    events = [raised(0), raised(5, context=stopped), cleared(60), raised(100, "E2", host="press-2"), raised(200)]
    store_events(database, events)
    found = entries(database)
    assert {code: (one.state, one.occurrences, one.place) for code, one in found.items()} == {
        "E1": ("active", 2, "press-1"),
        "E2": ("active", 1, "press-2"),
    }
    assert found["E1"].active_since == T0 + 200
    assert [(row[1], row[2] - T0, row[3] and row[3] - T0, bool(row[5])) for row in courses(database)] == [
        ("E1", 0, 60, True),
        ("E1", 200, None, False),
        ("E2", 100, None, False),
    ]


def test_logs_without_a_state_leave_counts_and_no_times(database: Database) -> None:
    """Ten million of them must not become ten million rows."""
    events = [Event(n * 10.0, {"alarm_code": "E7"} if n % 2 else None, "WARNING") for n in range(40)]
    store_events(database, [*events, Event(1.0, None, "INFO", pattern="p2")], chunk=7)
    assert courses(database) == []
    found = entries(database)
    assert {code: (one.state, one.occurrences) for code, one in found.items()} == {
        "E7": ("unknown", 20),
        "pattern 1": ("unknown", 20),
    }
    with Visitor(database) as visitor:
        counts = visitor.read(alarms.counts, T0, T0 + 3600)
    assert list(counts.periods.values()) == [40]
    assert (counts.stale, counts.fleeting, counts.acknowledged, counts.stops) == (None, None, None, [])
    assert {share.alarm.code: share.most for share in counts.chattering} == {"E7": 4, "pattern 1": 4}


def random_events(seed: int) -> list[Event]:
    """Several alarms' logs, many of them late, repeated or out of order."""
    chance = random.Random(seed)
    events = []
    for _ in range(150):
        at = chance.randrange(0, 7200)
        code = chance.choice(["E1", "E2"])
        context: dict[str, Any] = chance.choice(
            [
                {"alarm_code": code, "state": "active"},
                {"alarm_code": code, "state": "cleared"},
                {"alarm_code": code, "state": "acknowledged"},
                {"alarm_code": code, "start": T0 + at - at % 900, "end": T0 + at - at % 900 + 60},
                {"item": "X", "condition": "normal"},
                {"alarm_code": code, "item": "X", "condition": "fault"},
                {"alarm_code": code},
            ]
        )
        events.append(Event(float(at), context))
    return events


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_a_batch_ends_changes_nothing(tmp_path: Path, seed: int) -> None:
    """Log by log or all at once: the same alarms, times and counts; totals are the sum of all."""
    results = []
    for chunk in (1, 11, 200):
        path = tmp_path / f"{chunk}.db"
        store_events(path, random_events(seed), chunk)
        rows = query(
            path, "SELECT code, state, active_since, cleared_at, acked_at, occurrences FROM alarms ORDER BY id"
        )
        counts = query(path, "SELECT period, alarm_id, count, first_at FROM alarm_periods")
        results.append((rows, courses(path), counts))
        total = query(path, "SELECT SUM(count) FROM alarm_totals")
        assert total == query(path, "SELECT SUM(count) FROM alarm_periods")
        assert total == query(path, "SELECT SUM(occurrences) FROM alarms")
    assert results[0] == results[1] == results[2]


def test_both_databases_keep_the_same(new_database: Any, tmp_path: Path) -> None:
    """PostgreSQL and SQLite agree on a disorderly day."""
    store_events(tmp_path / "other.db", random_events(9), 13)
    place = new_database()
    store_events(place, random_events(9), 13)
    ours, theirs = (
        [tuple(map(float, row[2:3])) + row[:2] for row in courses(p)] for p in (place, tmp_path / "other.db")
    )
    assert ours == theirs


def test_normal_without_a_code_clears_all_of_the_item(database: Database) -> None:
    """MTConnect's way, also for alarms of an earlier batch; other items stay."""
    fault = {"condition": "FAULT"}
    events = [
        Event(0, {**fault, "dataItemId": "X", "code": "A1"}),
        Event(1, {**fault, "dataItemId": "X", "code": "A2"}),
        Event(2, {**fault, "dataItemId": "Y", "code": "B1"}),
        Event(60, {"condition": "NORMAL", "dataItemId": "X", "code": ""}, "INFO"),
    ]
    store_events(database, events, chunk=2)
    assert {code: one.state for code, one in entries(database).items()} == {
        "A1": "cleared",
        "A2": "cleared",
        "B1": "active",
    }


def test_stale_is_only_known_where_ends_are_reported(database: Database) -> None:
    """An alarm at a machine that never reports an end may be long over."""
    events = [
        raised(0, "S1", host="a"),
        raised(0, "S2", host="b"),
        raised(5, "S3", host="b"),
        cleared(9, "S3", host="b"),
    ]
    store_events(database, events)
    assert set(entries(database, "active")) == {"S1", "S2"}
    assert set(entries(database, "stale", T0 + 2 * DAY)) == {"S2"}
    with Visitor(database) as visitor:
        counts = visitor.read(alarms.counts, T0, T0 + 2 * DAY)
        assert (counts.standing, counts.stale, counts.fleeting) == (1, 1, 1)
        assert visitor.read(alarms.counts, T0, T0 + 2 * DAY, AlarmFilter(host="a")).stale is None


def test_the_figures_of_a_part_of_the_site(database: Database) -> None:
    """Names and globs of host, area and machine; whole-site counts are the sum."""
    events = [
        Event(n, None, "ERROR", f"h{n % 3}", pattern=f"p{n % 3}", place={"area": "weld" if n % 3 else "paint"})
        for n in range(12)
    ]
    store_events(database, events)
    with Visitor(database) as visitor:
        for chosen, expected in [({}, 12), ({"host": "h1"}, 4), ({"host": "h*"}, 12), ({"area": "weld"}, 8),
                                 ({"place": "paint"}, 4), ({"host": "h1", "area": "paint"}, 0)]:  # fmt: skip
            report = visitor.read(insight.find, T0, T0 + DAY, AlarmFilter(**chosen))
            assert report.figures.alarms == expected


def plain_courses(seed: int) -> tuple[list[Event], list[Occurrence]]:
    """Alarms that begin and mostly end, some in bursts, as logs in the order of time and as what they mean."""
    chance = random.Random(seed)
    events: list[Event] = []
    meant: list[Occurrence] = []
    severities = {"CRITICAL": Priority.HIGH, "ERROR": Priority.MEDIUM, "WARNING": Priority.LOW}
    for number in range(8):
        code, severity = f"E{number}", chance.choice(list(severities))
        at = number * 1800.0 + chance.randrange(0, 1200)  # of equal ones the first comes first, in both orders
        while at < 2 * DAY:
            open_end = chance.random() < 0.05
            lasts = chance.choice([4.0, 9.0, 12.0, 300.0, 20_000.0, 1.2 * DAY])
            stops = chance.random() < 0.1
            events.append(raised(at, code, severity=severity, context={"stopped": stops}))
            if not open_end:
                events.append(cleared(at + lasts, code))
            ended = None if open_end else T0 + at + lasts
            source, priority = f"press-1: {code} overcurrent", severities[severity]
            meant.append(Occurrence(source, T0 + at, ended, priority=priority, stopped=stops))
            if open_end:
                break
            at += lasts + chance.choice([5.0, 7.0, 11.0, 900.0, 7000.0])
    return sorted(events, key=lambda event: event.at), meant


@pytest.mark.parametrize("seed", range(6))
def test_the_figures_counted_in_the_database_are_those_of_the_book(database: Database, seed: int) -> None:
    """What SQL makes of rollups is what the definitions say of the single times."""
    events, meant = plain_courses(seed)
    store_events(database, events)
    since, until = T0, T0 + 5 * DAY
    with Visitor(database) as visitor:
        counted = visitor.read(insight.find, since, until, named=10_000).figures
    expected = alarm_oracle.figures(meant, since, until)
    for name in AlarmFigures.__struct_fields__:
        assert as_plain(getattr(counted, name)) == as_plain(getattr(expected, name)), name


def as_plain(value: Any) -> Any:
    """A figure with its parts, numbers as far as sums in another order agree on them."""
    if isinstance(value, float):
        return pytest.approx(value)
    if isinstance(value, dict):
        return {name: as_plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_plain(one) for one in value]
    return as_plain(msgspec.structs.asdict(value)) if isinstance(value, msgspec.Struct) else value


def test_what_came_first_in_a_flood(database: Database) -> None:
    """The one with the earliest log, though it was stored last."""
    events = [Event(100.0 + n, None, pattern=f"p{n}", message=f"m{n}") for n in range(12)]
    store_events(database, [*events, Event(50.0, None, pattern="p99", message="mains failed")])
    with Visitor(database) as visitor:
        (flood,) = visitor.read(insight.find, T0, T0 + DAY).figures.floods
    assert (flood.alarms, flood.first) == (13, "press-1: mains failed")


def test_a_window_is_told_as_wide_as_it_is_counted(database: Database) -> None:
    """Counts are of whole ten minutes at both ends, and so is the window that the figures name."""
    store_events(database, [raised(120), raised(540, "E2"), raised(601, "E3")])
    with Visitor(database) as visitor:
        figures = visitor.read(insight.find, T0 + 60, T0 + 300).figures
    assert (figures.since, figures.until, figures.alarms) == (T0, T0 + 600, 2)


def test_stops_that_began_before_the_window_cost_time_in_it(database: Database) -> None:
    """Lost are the seconds inside; how many there were counts those that began inside."""
    stop = {"stopped": True}
    store_events(database, [raised(0, context=stop), cleared(900), raised(1000, context=stop)])
    with Visitor(database) as visitor:
        (stopping,) = visitor.read(alarms.counts, T0 + 600, T0 + 1200).stops
    assert (stopping.count, stopping.open, stopping.ended, stopping.lost) == (1, 1, 0, 300 + 200)


def test_acknowledging(database: Database) -> None:
    """Who, when and why; the time has it too, and so has the audit; a new activation wants attention again."""
    store_events(database, [raised(0), raised(50, "E2")])
    id_ = entries(database)["E1"].id
    done = change(database, alarms.acknowledge, id_, "Meier", "fitter called", now=T0 + 60)
    assert (done.acked_by, done.ack_note, done.acked_at) == ("Meier", "fitter called", T0 + 60)
    assert set(entries(database, "waiting")) == {"E2"}
    assert [row[6] for row in courses(database)] == [T0 + 60, None]
    with Visitor(database) as visitor:
        counts = visitor.read(alarms.counts, T0, T0 + DAY)
        assert (counts.acknowledged, counts.ack_seconds) == (1, 60)
        (entry,) = visitor.read(audit.entries, 10, "alarm.")
    assert (entry.actor, entry.action, entry.subject, entry.detail["note"]) == (
        "Meier", "alarm.acknowledge", f"alarm {id_}", "fitter called",
    )  # fmt: skip


def test_shelving_ends_by_itself(database: Database) -> None:
    """Shelved alarms leave the active list until their time is over, and are counted meanwhile."""
    store_events(database, [raised(0), raised(50, "E2")])
    id_ = entries(database)["E1"].id
    change(database, alarms.shelve, id_, 3600, "Meier", "sensor ordered", now=T0 + 100)
    assert set(entries(database, "active", T0 + 200)) == {"E2"}
    assert set(entries(database, "shelved", T0 + 200)) == {"E1"}
    assert set(entries(database, "active", T0 + 3700)) == {"E1", "E2"}
    assert not entries(database, "shelved", T0 + 3700)
    with Visitor(database) as visitor:
        assert (
            visitor.read(alarms.counts, T0, T0 + 600).shelved,
            visitor.read(alarms.counts, T0, T0 + DAY).shelved,
        ) == (1, 0)


def test_unshelving(database: Database) -> None:
    """At once; what is not shelved cannot be."""
    store_events(database, [raised(0)])
    id_ = entries(database)["E1"].id
    change(database, alarms.shelve, id_, 3600, None, "x", now=T0)
    change(database, alarms.unshelve, id_, "Meier", now=T0 + 1)
    assert set(entries(database, "active", T0 + 2)) == {"E1"}
    with pytest.raises(StoreError, match="is not shelved"):
        change(database, alarms.unshelve, id_, "Meier", now=T0 + 3)


@pytest.mark.parametrize("seconds", [0, -5, 59, 32 * DAY, float("nan"), float("inf")])
def test_absurd_times_are_refused(tmp_path: Path, seconds: float) -> None:
    """A minute at least, a month at most."""
    store_events(tmp_path / "agent.db", [raised(0)])
    with pytest.raises(StoreError, match="31 days"):
        change(tmp_path / "agent.db", alarms.shelve, 1, seconds, None, "x", now=T0)


def test_an_alarm_that_is_not_there(tmp_path: Path) -> None:
    """One sentence; numbers beyond the database's too."""
    store_events(tmp_path / "agent.db", [raised(0)])
    for id_ in (99, 2**70):
        with pytest.raises(NotFound, match="no alarm"):
            change(tmp_path / "agent.db", alarms.acknowledge, id_, None, now=T0)


def test_notes_and_signatures(database: Database) -> None:
    """Notes by time; the first signature holds the report, a name signs once."""
    store_events(database, [])
    change(database, alarms.add_note, "press 4 at 80 %", "Meier", now=T0 + 10)
    change(database, alarms.add_note, "later", None, now=T0 + DAY)
    window = ShiftWindow("early", T0, T0 + 8 * 3600)
    change(database, alarms.sign, window, "A. Meier", '{"n":1}', by="root", now=T0 + 20)
    change(database, alarms.sign, window, "B. Okoro", '{"n":2}', by="root", now=T0 + 30)
    with pytest.raises(StoreError, match="has already signed"):
        change(database, alarms.sign, window, "A. Meier", "{}", by=None, now=T0 + 40)
    with Visitor(database) as visitor:
        assert [(one.text, one.author) for one in visitor.read(alarms.notes, T0, T0 + 3600)] == [
            ("press 4 at 80 %", "Meier")
        ]
        signed = visitor.read(alarms.handovers, window)
    assert [(one.signed_by, one.report) for one in signed] == [("A. Meier", '{"n":1}'), ("B. Okoro", None)]
