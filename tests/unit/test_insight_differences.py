"""What ``andon diff`` tells of counts: what explains a problem, not what it is called."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

import pytest

from andon.core.models.history import Comparison, FieldCounts
from andon.insight.differences.differences import DiffResult, find
from andon.insight.shifts.calendar import Shift

UTC = ZoneInfo("UTC")
FIRMWARE = FieldCounts({"2.1.4": 41, "2.0.9": 7}, {"2.1.4": 285, "2.0.9": 1715}, 48, 2000)


def found(*, by_time: bool = False, **fields: FieldCounts) -> DiffResult:
    """48 logs beside 2,000."""
    compared = Comparison(48, 2000, {"firmware": FIRMWARE, **fields}, {}, exact=True)
    return find(compared, None if by_time else [], UTC)


@pytest.mark.parametrize("name", ["alarm_code", "drive.fault_code", "ErrorCode"])
def test_a_problem_is_not_told_its_own_code(name: str) -> None:
    """The code that all of its logs have and no others made it a problem of its own."""
    own = FieldCounts({"SV0401": 48}, {"F30005": 2000}, 48, 2000)
    assert [one.field for one in found(**{name: own}).differences] == ["firmware"]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("alarm_code", FieldCounts({"SV0401": 48}, {"F30005": 1990, "SV0401": 10}, 48, 2000)),
        ("alarm_code", FieldCounts({"SV0401": 40, "SV0402": 8}, {"F30005": 2000}, 48, 2000)),
        ("recipe", FieldCounts({"SV0401": 48}, {"F30005": 2000}, 48, 2000)),
    ],
)
def test_other_codes_are_told(name: str, counts: FieldCounts) -> None:
    """What other logs have too, or only some of these, or what is no code, may explain something."""
    assert name in {one.field for one in found(**{name: counts}).differences}


def test_a_time_is_told_its_code() -> None:
    """Where two times are compared, a code that only one of them has is news."""
    own = FieldCounts({"SV0401": 48}, {"F30005": 2000}, 48, 2000)
    assert "alarm_code" in {one.field for one in found(by_time=True, alarm_code=own).differences}


def facts(**fields: FieldCounts) -> list[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Field, value and other names of what is told, firmware aside."""
    return [(one.field, one.value, one.also) for one in found(**fields).differences if one.field != "firmware"]


def test_one_fact_is_told_once() -> None:
    """A machine's name stands in several fields, also where some logs lack one of them."""
    told = facts(
        hostname=FieldCounts({"press-04": 40, "press-07": 8}, {"press-04": 60, "press-07": 1940}, 48, 2000),
        machine=FieldCounts({"PRESS-04": 40, "PRESS-07": 8}, {"PRESS-04": 60, "PRESS-07": 1940}, 48, 2000),
        **{"context.machine": FieldCounts({"Press 04": 38}, {"Press 04": 55, "Press 07": 1700}, 38, 1755)},
    )
    assert told == [("machine", "PRESS-04", (("hostname", "press-04"), ("context.machine", "Press 04")))]


def test_values_of_the_very_same_logs_are_one_fact() -> None:
    """Which of the two explains the problem the counts cannot say, so both names stand on one line."""
    told = facts(
        recipe=FieldCounts({"R7": 44, "R8": 4}, {"R7": 100, "R8": 1900}, 48, 2000),
        tool=FieldCounts({"T1": 44, "T2": 4}, {"T1": 100, "T2": 1900}, 48, 2000),
    )
    assert told == [("tool", "T1", (("recipe", "R7"),))]


def test_equal_words_of_other_fields_stay_facts_of_their_own() -> None:
    """``door: open`` and ``valve: open`` are two things, however alike their counts."""
    told = facts(
        door=FieldCounts({"open": 44}, {"open": 100, "shut": 1900}, 44, 2000),
        valve=FieldCounts({"open": 42}, {"open": 90, "shut": 1910}, 42, 2000),
    )
    assert sorted(field for field, _, _ in told) == ["door", "valve"]


def hourly(inside: list[int], outside: list[int], days: int = 10) -> DiffResult:
    """Logs in these hours of each of some days; one in question and five others."""
    hours = {day * 24 + hour: (hour in inside, 5 * (hour in outside)) for day in range(days) for hour in range(24)}
    counted = {hour: (int(here), there) for hour, (here, there) in hours.items() if here or there}
    logs = [sum(one[side] for one in counted.values()) for side in (0, 1)]
    return find(Comparison(logs[0], logs[1], {}, counted, exact=True), SHIFTS, UTC)


SHIFTS = [
    Shift("early", time(6), time(14)),
    Shift("late", time(14), time(22)),
    Shift("night", time(22), time(6)),
]


def test_an_evenly_spread_problem_is_not_told_its_hours() -> None:
    """Others rest at night; that says something about them, not about what comes around the clock."""
    assert hourly(list(range(24)), list(range(6, 18))).differences == []


def test_a_problem_of_the_night_is_told_it_once() -> None:
    """One line, with the shift it is."""
    (one,) = hourly([22, 23, 0, 1, 2, 3, 4, 5], list(range(24))).differences
    assert (one.field, one.value, one.also) == ("shift", "night", (("hour of day", "22:00 to 06:00"),))
    (lunch,) = hourly([12], list(range(24))).differences
    assert (lunch.field, lunch.value) == ("hour of day", "12:00")


def test_a_storm_in_one_night_does_not_make_a_problem_of_the_night() -> None:
    """A thousand logs in an hour are one night, however many they are."""
    hours = {day * 24 + hour: (1, 5) for day in range(10) for hour in range(0, 24, 3)} | {27: (1000, 5)}
    assert find(Comparison(1079, 400, {}, hours, exact=True), SHIFTS, UTC).differences == []


def test_few_logs_are_told_nothing_but_that() -> None:
    """What is told beside "too few to tell" would be told all the same."""
    firmware = FieldCounts({"7": 4}, {"7": 5, "6": 1995}, 4, 2000)
    told = find(Comparison(4, 2000, {"firmware": firmware}, {}, exact=True), [], UTC)
    assert told.differences == []
    assert told.note == "4 logs are too few to tell a difference from chance"


def test_names_of_one_fact_may_each_be_like_another() -> None:
    """``plc`` is on as many logs as ``machine``, which has the value of ``hostname``, which other logs have too."""
    told = facts(
        hostname=FieldCounts({"m-09": 48}, {"m-09": 60, "m-01": 1940}, 48, 2000),
        machine=FieldCounts({"M-09": 48}, {"M-09": 52, "M-01": 1940}, 48, 1992),
        plc=FieldCounts({"M-09-plc": 48}, {"M-09-plc": 52, "M-01-plc": 1940}, 48, 1992),
    )
    assert told == [("machine", "M-09", (("hostname", "m-09"), ("plc", "M-09-plc")))]
