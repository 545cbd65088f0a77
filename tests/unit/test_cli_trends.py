"""``andon trends`` and what ``andon problems show`` tells of a problem's course: texts, JSON, mistakes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from support.commands import Commands
from support.weeks import at, fill, logs, week

DAY = ("--since", at(7 * 24).isoformat(), "--until", at(8 * 24).isoformat())


@pytest.fixture
def andon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """A week and a day of logs."""
    fill(tmp_path / "agent.db", sorted(logs(*week(), machine="press-1"), key=lambda record: record.timestamp))
    return Commands(tmp_path, capsys, COLUMNS="80")


def test_an_overview(andon: Commands) -> None:
    """All four kinds at once, each line within eighty columns, and as JSON by kind."""
    shown = andon("trends", *DAY)
    assert shown.status == 0
    for title in ("most frequent", "seen for the first time", "more often than before", "regular before, silent now"):
        assert title in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    found = andon("trends", *DAY, "--json").json
    assert list(found) == ["top", "new", "rising", "quiet"]
    assert found["quiet"]["rows"][0]["template"].endswith("fell")


def test_one_kind(andon: Commands) -> None:
    """With its figures: how often before and now."""
    rising = andon("trends", "rising", *DAY)
    assert "0.25 → 5.0" in rising.out
    assert andon("trends", "rising", *DAY, "--json").json["kind"] == "rising"
    assert andon("trends", "top", *DAY, "--machine", "press-*", "-n", "1", "--json").json["rows"][0]["count"] == 120


def test_floods_and_sequences(andon: Commands) -> None:
    """What came first, and what follows what; both say so where there is nothing."""
    assert "first" in andon("trends", "first-out", *DAY).out
    quiet = ("--since", at(100).isoformat(), "--until", at(101).isoformat())
    assert "No flood" in andon("trends", "first-out", *quiet).out
    assert "No problem follows" in andon("trends", "together", *quiet).out


def test_nothing_was_logged(andon: Commands) -> None:
    """The newest log of all is named, so that a wrong time is noticed."""
    assert "newest log of all is from 2025-01-13" in " ".join(andon("trends", "top", "--since", "1h").out.split())


def test_a_problem_shows_its_course(andon: Commands) -> None:
    """Occurrences, machines and shifts."""
    one = andon("trends", "top", *DAY, "--json").json["rows"][0]["pattern_id"]
    shown = andon("problems", "show", str(one)).out
    for part in ("occurrences", "machines", "press-1 100%", "shifts", "night"):
        assert part in shown
    assert andon("problems", "show", str(one), "--json").json["breakdown"]["pattern_id"] == one


@pytest.mark.parametrize(
    "arguments",
    [
        ["trends", "best"],
        ["trends", "--since", "1h", "--until", "2h"],
        ["trends", "--baseline", "1h", "--since", "2h"],
        ["trends", "--host", "a", "--line", "b"],
        ["trends", "together", "--host", "a"],
        ["trends", "--since", "0001-01-01T00:00+14:00"],
        ["trends", "--since", "2025-03-30T02:30"],
        ["trends", "-n", "0"],
    ],
)
def test_mistakes_are_told(andon: Commands, arguments: list[str]) -> None:
    """Exit 2 and no traceback."""
    andon.settings["ANDON_TIME_ZONE"] = "Europe/Berlin"
    told = andon(*arguments)
    assert (told.status, told.out) == (2, "")
    assert "Traceback" not in told.err


def test_a_place_that_nobody_named(andon: Commands) -> None:
    """One sentence, as for any option that is wrong."""
    told = andon("trends", "--line", "L9")
    assert told.status == 2
    assert told.err == "andon: no line is called 'L9'; no log names any\n"


def test_the_longest_time_there_is(andon: Commands) -> None:
    """Absurd spans are answered or refused, never with a traceback."""
    assert andon("trends", "--since", "0001-01-02", "--until", "9999-12-30").status in (0, 2)
    assert at(0) + timedelta(days=7) == at(168)
