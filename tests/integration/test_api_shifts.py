"""Which shift ``/api/report`` reports: that of a moment, or one by its name and day; a sentence for what is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.alarm_logs import raised, store_events
from support.api import Client, served


@pytest.fixture(scope="module")
def get(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A site in Berlin with one alarm in the morning of 2025-01-15, and one of that night that is told of again later."""
    path = tmp_path_factory.mktemp("shifts") / "agent.db"
    door = {"code": "D4", "message": "Door 4 left open", "pattern": "door"}
    store_events(path, [raised(7 * 3600, "F1"), raised(22 * 3600, **door), raised(31 * 3600, **door)])
    with served(path) as port:
        client = Client(port)
        yield client
        client.close()


@pytest.mark.parametrize(
    ("asked", "shift", "alarms"),
    [
        ({"shift": "early", "day": "2025-01-15"}, "early", 1),
        ({"shift": "EARLY", "day": "2025-01-16"}, "early", 0),
        ({"at": "2025-01-15T08:00"}, "early", 1),
        ({"at": "2025-01-16T02:00", "shift": "early"}, "early", 1),
        ({"at": "2025-01-15T15:00", "shift": "late"}, "late", 0),
    ],
)
def test_the_shift_that_is_meant(get: Client, asked: dict[str, str], shift: str, alarms: int) -> None:
    """By name and day, by a moment, or the last of a name before a moment."""
    report = get("/api/report", **asked).json
    assert (report["shift"], report["alarms"]["alarms"]) == (shift, alarms)


def test_an_alarm_of_before_has_its_own_text(get: Client) -> None:
    """Its problem stands among the most frequent of the shift by its logs; where its alarm is known, that names it."""
    found = {one["code"]: one for one in get("/api/report", shift="early", day="2025-01-16").json["problems"]}
    door = found["D4"]
    assert (door["text"], door["count"], door["unit"], door["state"]) == ("Door 4 left open", 1, "logs", "open")


@pytest.mark.parametrize(
    ("asked", "status", "sentence"),
    [
        ({"shift": "lunch"}, 400, "shift: no shift is called 'lunch'; there are early, late, night"),
        ({"day": "2025-01-15"}, 400, "day: name the shift of that day too"),
        ({"shift": "early", "day": "2025-02-30"}, 400, "day: '2025-02-30' is not a day: write 2025-01-15"),
        ({"shift": "early", "day": "9999-12-31"}, 400, "day: shift early has not begun then: no report can be made"),
        ({"at": "2199-01-01T08:00"}, 400, "at: shift early has not begun then: no report can be made of it"),
        ({"at": "2h", "day": "2025-01-15"}, 400, "day: name either a day or a moment (at)"),
        ({"shift": "early", "day": "0001-01-02"}, 404, "nothing is stored of that time: the oldest log is from 2025-01-15"),
        ({"at": "1999-01-01"}, 404, "nothing is stored of that time: the oldest log is from 2025-01-15 08:00 CET"),
    ],
)  # fmt: skip
def test_what_is_no_shift(get: Client, asked: dict[str, str], status: int, sentence: str) -> None:
    """One sentence says what is wrong; no report is made of a time without any log."""
    answer = get("/api/report", **asked)
    assert answer.status == status
    assert answer.json["detail"].startswith(sentence)
