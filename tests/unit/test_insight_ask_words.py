"""Shifts, comparisons and misspelt words in questions."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from andon.core.models import SiteNames
from andon.core.settings.settings import Settings
from andon.insight.ask import scope, shift_words, spelling
from andon.insight.ask.name_filter import find_names
from andon.insight.shifts.calendar import Shift, site_shifts

ZONE = ZoneInfo("Europe/Berlin")
#: A Sunday, in the late shift of the usual three.
NOW = datetime(2026, 11, 29, 18, 4, tzinfo=ZONE)
SHIFTS = site_shifts(Settings())


def time_of(question: str, shifts: list[Shift] = SHIFTS, now: datetime = NOW) -> tuple[str, str]:
    said = scope.time_of(question, now, (None, None), [], shifts, ever=True)
    ends = (None if one is None else datetime.fromisoformat(one).astimezone(ZONE) for one in (said.since, said.until))
    since, until = ("" if one is None else f"{one:%d %H:%M}" for one in ends)
    return since, until


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("what happened in yesterday's night shift", "28 22:00", "29 06:00"),
        ("since the last shift change", "29 14:00", "29 18:04"),
        ("was ist seit Schichtwechsel passiert", "29 14:00", "29 18:04"),
        ("since our shift started", "29 14:00", "29 18:04"),
        ("Was hat die Frühschicht hinterlassen?", "29 06:00", "29 14:00"),
        ("previous shift", "29 06:00", "29 14:00"),
        ("in der letzten Schicht", "29 06:00", "29 14:00"),
        ("this shift on line 3", "29 14:00", "29 18:04"),
        ("gestrige Spätschicht", "28 14:00", "28 22:00"),
        ("Nachtschicht am Freitag", "27 22:00", "28 06:00"),
        ("late shift on 2026-11-26", "26 14:00", "26 22:00"),
        ("line 3 since the early shift", "29 06:00", "29 18:04"),
        ("what should the next shift know", "29 14:00", "29 18:04"),
        ("early shift between 8:00 and 9:00", "29 08:00", "29 09:00"),
        ("shift register error", "", ""),
        ("phase shift on the gear shift fork", "", ""),
        ("on the weekend", "28 00:00", "29 18:04"),
        ("letztes Wochenende", "21 00:00", "23 00:00"),
        ("seit dem Wochenende", "28 00:00", "29 18:04"),
        ("tomorrow's night shift", "", ""),
    ],
)
def test_shifts_and_weekends(question: str, since: str, until: str) -> None:
    assert time_of(question) == (since, until)


def test_a_sites_own_shifts_go_by_their_names_or_by_when_they_work() -> None:
    shifts = [Shift("A", time(7), time(19)), Shift("B", time(19), time(7))]
    assert time_of("what did shift B see", shifts) == ("28 19:00", "29 07:00")
    assert time_of("die Nachtschicht gestern", shifts) == ("28 19:00", "29 07:00")
    assert time_of("day shift", shifts) == ("29 07:00", "29 18:04")
    assert time_of("since the shift change", [Shift("A", time(7), time(15))]) == ("29 15:00", "29 18:04")


def test_the_words_for_a_shift_tell_no_problem() -> None:
    assert shift_words.without("what did the last night shift leave on press 4", SHIFTS).split()[-2:] == ["press", "4"]
    assert "shift register" in shift_words.without("shift register error", SHIFTS)


@pytest.mark.parametrize(
    ("question", "first", "other"),
    [
        ("compare today with yesterday", "compare today ", "27 23"),
        ("is this shift worse than the early shift", "is this shift worse ", "29 05"),
        ("compare this shift with the last", "compare this shift ", "29 05"),
        ("compare the last shift with the one before", "compare the last shift ", "28 21"),
        ("heute mit gestern vergleichen", "heute ", "27 23"),
        ("what is wrong with press 4 yesterday", "what is wrong with press 4 yesterday", ""),
        ("compare line 2 with line 3", "compare line 2 with line 3", ""),
    ],
)
def test_the_other_time_of_a_comparison(question: str, first: str, other: str) -> None:
    text, against = scope.compared(question, NOW, SHIFTS)
    assert text == first
    assert ("" if against is None else f"{against.since}"[8:13].replace("T", " ")) == other


def test_words_of_time_are_read_as_they_are_meant_and_names_stay() -> None:
    notes: list[str] = []
    assert spelling.with_times("line 2 last nite and yesteday", ["yesterdai-9"], notes) == (
        "line 2 last night and yesterday"
    )
    assert len(notes) == 2
    assert spelling.with_times("money on knights, Mondays", ["mundey-3"], []) == "money on knights, Mondays"
    assert spelling.with_times("why does mundey fail", ["mundey-3"], []) == "why does mundey fail"


def test_a_misspelt_word_is_the_one_of_the_problems_that_is_like_it() -> None:
    texts = ["Hydraulic pressure low", "Conveyor blocked"]
    words = ["hydrolic", "presure", "happend", "conveyor", "robot", "oil"]
    assert spelling.corrected(words, texts, {"happened"}) == {
        "hydrolic": "hydraulic",
        "presure": "pressure",
        "happend": None,
    }


def test_a_machine_that_is_named_like_a_service_is_asked_about_whole() -> None:
    """Its logs may come from other services than the one that is called like its kind."""
    names = SiteNames(hosts=[], services=["press", "plc"], areas=[], lines=[], machines=["press4"])
    named = find_names("why did press 4 stop", names)
    assert (named.places, named.services) == (["press4"], [])
    assert find_names("what stopped the press", names).services == ["press"]
