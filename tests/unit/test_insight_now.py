"""The board of a moment: what is on it, in which order, and what leaves it; on both databases."""

from __future__ import annotations

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from andon.core.settings.database_url import Database
from andon.insight.now import board
from andon.insight.now.board import Board
from andon.insight.now.problem_row import Place, Row
from andon.insight.now.tiles import Quiet, make
from andon.insight.shifts.calendar import Shift
from andon.store import Visitor, alarms, change, problems
from support.alarm_logs import T0, Event, cleared, raised, store_events

pytest_plugins = ["support.databases"]

H = 3600.0
NOW = T0 + 20 * H
SHIFTS = [Shift("early", time(6), time(14)), Shift("late", time(14), time(22)), Shift("night", time(22), time(6))]
UTC_ZONE = ZoneInfo("UTC")


def at(machine: str, line: str | None = "Line 1", area: str = "Hall") -> dict[str, Any]:
    """A place."""
    return {"machine": machine, "line": line, "area": area}


def seen(database: Database, now: float = NOW) -> Board:
    """The board at a moment."""
    with Visitor(database) as visitor:
        plant = visitor.read(board.plant, now)
        return visitor.read(board.board, now, SHIFTS, UTC_ZONE, plant)


def briefly(rows: list[Row]) -> list[tuple[str, str, str]]:
    """Severity, title and where of each."""
    return [(row.severity, row.title, row.machine or f"{row.machines} {row.unit}s") for row in rows]


def bad_shift() -> list[Event]:
    """One of each kind of what may be on the board."""
    return [
        raised(-30 * H, "OLD", pattern="old", message="Dew point high", severity="WARNING", place=at("Dryer", None, "Utilities")),
        raised(-40 * H, "VALVE", pattern="valve", severity="WARNING", place=at("Dryer", None, "Utilities")),
        cleared(-39 * H, "VALVE", pattern="valve", place=at("Dryer", None, "Utilities")),
        raised(-30 * H, "LOST", pattern="lost", message="Of a place that never tells ends", place=at("Mute")),
        raised(19 * H, "HOT", pattern="hot", message="Motor too hot", place=at("Press 2")),
        *(
            raised(19.2 * H + n, "IO", pattern="io", message=f"Station {n} gone", host=f"io-{n}", place=at(f"Station {n}"))
            for n in range(3)
        ),
        Event(18 * H, None, "ERROR", "mes", "No answer to order 1", "mes"),
        Event(18.5 * H, None, "ERROR", "mes", "No answer to order 2", "mes"),
        Event(11 * H, None, "ERROR", "mes", "Too long ago", "ancient"),
        Event(19 * H, None, "INFO", "mes", "Shift began", "news"),
        raised(17 * H, "DOOR", pattern="door", message="Door open", severity="WARNING", place=at("Door 4", "Line 10")),
        cleared(17.5 * H, "DOOR", pattern="door", place=at("Door 4", "Line 10")),
        raised(12.5 * H, "CUP", pattern="cup", message="Cup empty", severity="WARNING", place=at("Robot", "Line 2")),
        cleared(13 * H, "CUP", pattern="cup", place=at("Robot", "Line 2")),
    ]  # fmt: skip


def test_the_board_says_what_is_wrong_and_who_has_it(database: Database) -> None:
    """By severity, then the newest; what is recent and has no end is there; information and what is over are not."""
    store_events(database, bad_shift())
    found = seen(database)
    assert briefly(found.waiting) == [
        ("ERROR", "Station 2 gone", "3 machines"),
        ("ERROR", "Motor too hot", "Press 2"),
        ("ERROR", "No answer to order 2", "mes"),
        ("WARNING", "Dew point high", "Dryer"),
    ]
    mes = found.waiting[2]
    assert (mes.since, mes.last_seen, mes.count) == (None, "2025-01-15T18:30:00.000Z", 2)
    assert found.waiting[3].flags == ("stale",)
    assert [(row.title, row.cleared_at, row.seconds) for row in found.cleared] == [
        ("Door open", "2025-01-15T17:30:00.000Z", 1800.0)
    ]
    assert found.last_cleared == "2025-01-15T17:30:00.000Z"
    assert (found.shift, found.since) == ("late", "2025-01-15T12:00:00.000Z")
    assert found.watch == board.Watch(stale=1, chattering=0, new=3)
    assert found.empty is False
    with Visitor(database) as visitor:
        assert visitor.read(board.unacknowledged, NOW, SHIFTS, UTC_ZONE) == (4, "ERROR")


def test_what_people_do_moves_a_problem(database: Database) -> None:
    """Acknowledged by all its alarms it is somebody's; shelved it is aside; both come back by what happens."""
    store_events(database, bad_shift())
    io = next(row for row in seen(database).waiting if row.machines == 3)
    hot = next(row for row in seen(database).waiting if row.title == "Motor too hot")
    change(database, alarms.acknowledge, io.alarm_ids[0], "Kim", None, now=NOW)
    assert seen(database).row(io.id) is not None
    assert [row.id for row in seen(database).acknowledged] == []
    for one in io.alarm_ids[1:]:
        change(database, alarms.acknowledge, one, "Kim", "fuse ordered", now=NOW + 60)
    change(database, alarms.shelve, hot.alarm_ids[0], 600.0, "Kim", "cooling down", now=NOW)
    found = seen(database, NOW + 120)
    mine = found.acknowledged[0]
    assert (mine.id, mine.acknowledged_by, mine.note) == (io.id, "Kim", "fuse ordered")
    assert mine.acknowledged_at == "2025-01-15T20:01:00.000Z"
    assert [(row.id, row.note, row.shelved_until) for row in found.shelved] == [
        (hot.id, "cooling down", "2025-01-15T20:10:00.000Z")
    ]
    assert hot.id not in [row.id for row in found.waiting]
    assert hot.id in [row.id for row in seen(database, NOW + 601).waiting]


def test_what_fixed_it_before_is_checked_first(database: Database) -> None:
    """Where somebody confirmed it: the explanation is that fix then, and names no other steps."""
    store_events(database, [raised(19 * H, "HOT", pattern="hot", message="Motor too hot", place=at("Press 2"))])
    change(database, problems.resolve, 1, "Clean the filter mat, then reset the drive.", None, "Meier", NOW - 60)
    (row,) = seen(database).waiting
    assert (row.first_check, row.rung) == ("Clean the filter mat, then reset the drive", "resolution")


def test_what_nobody_ends_leaves_after_the_shift(database: Database) -> None:
    """A plain error is listed for this shift and eight hours at least, an alarm that is active for as long as it is."""
    store_events(database, bad_shift())
    titles = [row.title for row in seen(database, T0 + 26.8 * H).waiting]
    assert titles == ["Station 2 gone", "Motor too hot", "Dew point high"]
    assert "No answer to order 2" in [row.title for row in seen(database, T0 + 26.4 * H).waiting]


def test_a_title_that_is_only_a_value_says_of_what(database: Database) -> None:
    """What is measured where the logs name it, else the place; a text with words stays as it is."""
    events = [
        raised(19 * H, "T-7", pattern="value", message="93 C", place=at("Press 2")),
        raised(19 * H, "T-8", pattern="count", message="60", place=at("Tank 7")),
        raised(19 * H, "T-9", pattern="told", message="Oven too hot: 240 C", place=at("Oven 1")),
    ]
    store_events(database, events)
    assert sorted(row.title for row in seen(database).waiting) == ["Oven too hot: 240 C", "Press 2: 93 C", "Tank 7: 60"]


def test_what_followed_stands_behind_what_was_first(database: Database) -> None:
    """Whatever its severity; the rest of the list stays in its order."""
    events = [
        raised(19 * H, "HOT", pattern="hot", message="Motor too hot", severity="CRITICAL", place=at("Press 2")),
        raised(19.9 * H, "U24", pattern="supply", message="24 V low", severity="WARNING", place=at("Cabinet", "Line 2")),
        *(
            raised(19.9 * H + 2 + n, "IO", pattern="io", message="Gone", host=f"io-{n}", place=at(f"Station {n}", "Line 2"))
            for n in range(12)
        ),
    ]  # fmt: skip
    store_events(database, events)
    found = seen(database)
    assert found.flood is not None
    assert (found.flood.likely, found.flood.alarms, found.flood.problems) == (True, 13, 2)
    assert found.flood.since == "2025-01-15T19:54:00.000Z"
    assert [(row.title, row.follows, "first-out" in row.flags) for row in found.waiting] == [
        ("Motor too hot", False, False),
        ("24 V low", False, True),
        ("Gone", True, False),
    ]
    assert [(tile.name, tile.flood, tile.count) for tile in found.tiles] == [("Line 1", False, 1), ("Line 2", True, 2)]


def test_nothing_stored_is_told_apart_from_nothing_wrong(database: Database) -> None:
    """An empty board says which of the two it is."""
    store_events(database, [])
    assert seen(database).empty is True
    store_events(database, [Event(19 * H, None, "INFO", "mes", "Shift began", "news")])
    quiet = seen(database)
    assert (quiet.empty, quiet.sources, quiet.silent, quiet.waiting) == (False, 1, 0, [])


def a_row(**changes: Any) -> Row:
    """A row with what tiles look at."""
    values: dict[str, Any] = {
        "id": "p1", "problem_id": 1, "alarm_ids": (1,), "state": "waiting", "severity": "ERROR", "title": "t",
        "machine": "m", "machines": 1, "unit": "machine", "line": None, "area": None, "site": None,
        "since": "2025-01-15T02:00:00.000Z", "last_seen": "2025-01-15T02:00:00.000Z", "count": 1,
    }  # fmt: skip
    return Row(**{**values, **changes})


def test_tiles_stand_in_the_order_of_the_plant() -> None:
    """Line 2 before line 10; names that are not unique say their area; who names no site means the only one."""
    places: dict[Place, Quiet] = {
        ("S", "Hall", "Line 10"): Quiet("2025-01-14T20:00:00.000Z", None),
        ("S", "Hall", "Line 2"): Quiet(None, None),
        ("S", "Yard", "Line 2"): Quiet(None, "2025-01-15T01:48:00.000Z"),
        ("S", "IT", None): Quiet(None, None),
        (None, "IT", None): Quiet("2025-01-14T19:00:00.000Z", "2025-01-15T01:48:00.000Z"),
    }
    rows = [
        a_row(places=(("S", "Hall", "Line 2"),)),
        a_row(severity="CRITICAL", state="acknowledged", acknowledged_at="2025-01-15T02:10:00.000Z",
              places=(("S", "Hall", "Line 2"), (None, "IT", None))),
    ]  # fmt: skip
    found, left = make(places, rows, [])
    assert left == 0
    assert [(one.name, one.state, one.severity, one.since, one.count) for one in found] == [
        ("Hall, Line 2", "waiting", "ERROR", "2025-01-15T02:00:00.000Z", 2),
        ("Line 10", "normal", None, "2025-01-14T20:00:00.000Z", 0),
        ("IT", "acknowledged", "CRITICAL", "2025-01-15T02:10:00.000Z", 1),
        ("Yard, Line 2", "silent", None, "2025-01-15T01:48:00.000Z", 0),
    ]


def test_of_too_many_places_the_worst_have_tiles() -> None:
    """What waits, then what is silent, then what somebody has; in the order of the plant, however long their names."""
    places: dict[Place, Quiet] = {(None, None, f"Line {number}"): Quiet(None, None) for number in range(1, 5_000)}
    places[None, None, "Line 77"] = Quiet(None, "2025-01-15T01:48:00.000Z")
    rows = [
        a_row(places=((None, None, "Line 4000"), (None, None, "Line 900")), severity="WARNING"),
        a_row(places=((None, None, "Line 8"),), state="acknowledged"),
        a_row(places=((None, None, "Line 9"),), state="cleared"),
    ]
    found, left = make(places, rows, [], 4)
    assert [one.name for one in found] == ["Line 8", "Line 77", "Line 900", "Line 4000"]
    assert left == 4_995


@pytest.mark.parametrize(
    ("check", "line"),
    [
        ("Short.", "Short"),
        ("Measure the output of the supply. Then disconnect the loads one by one until the short circuit is found.",
         "Measure the output of the supply"),
        ("Look at the guard door, its switch, actuator, lock and cable (both channels, where there are two of them) for damage",
         "Look at the guard door, its switch, actuator, lock and cable"),
    ],
)  # fmt: skip
def test_a_long_step_ends_with_a_clause(check: str, line: str) -> None:
    """A list has one line for it; nothing is cut within words or brackets."""
    assert board.first_check({"checks": [check]}) == line
    assert board.first_check({"checks": []}) is None
