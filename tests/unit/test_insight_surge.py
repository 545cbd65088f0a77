"""Floods of alarms: when they begin and end, and what seems to have begun them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from andon.insight.now.surge import Surge, find
from andon.store.alarms import Activation

T = 6_000.0
PERIOD = 600.0


def came(*alarms: tuple[str, Iterable[float]]) -> tuple[list[Activation], dict[int, str]]:
    """Each time of each problem (seconds after T) as an alarm of its own."""
    moments = sorted((T + at, key) for key, times in alarms for at in times)
    made = [Activation(at - at % PERIOD, number, at, 1) for number, (at, _) in enumerate(moments)]
    return made, {number: key for number, (_, key) in enumerate(moments)}


def told(now: float, *alarms: tuple[str, Iterable[float]]) -> Surge | None:
    """The flood that is told of ``now`` (seconds after T)."""
    return find(*came(*alarms), T + now)


def test_ten_in_ten_minutes_are_no_flood_and_eleven_are() -> None:
    """Wherever the ten minutes begin: the clock's tens do not matter."""
    assert told(310, ("a", range(-290, 310, 60))) is None
    found = told(310, ("a", range(-290, 310, 55)))
    assert found is not None
    assert (found.since, found.ended, found.alarms, found.likely) == (T - 290, None, 11, False)


def test_what_sets_in_first_is_the_likely_start() -> None:
    """The others follow at once; what rang before and what comes minutes later are no part of it."""
    found = told(
        570,
        ("old", [-500, -100, 20, 80]),
        ("supply", [0]),
        ("stations", range(5, 125, 12)),
        ("drives", [9, 40]),
        ("motor", [560]),
    )
    assert found == Surge(T, None, 13, ("supply", "stations", "drives"), True)


def test_a_lone_alarm_before_the_burst_did_not_begin_it() -> None:
    """One that came minutes earlier, within the same ten minutes, is left out."""
    found = told(120, ("lone", [-240]), ("first", [0]), ("second", range(3, 63, 5)))
    assert found is not None
    assert (found.since, found.keys) == (T, ("first", "second"))


def test_two_at_the_same_moment_have_no_common_start() -> None:
    """Nobody can say which was first; all alarms count then."""
    found = told(120, ("a", range(0, 60, 10)), ("b", range(0, 60, 10)))
    assert found is not None
    assert (found.likely, found.alarms, set(found.keys)) == (False, 12, {"a", "b"})


def test_a_flood_ends_below_five_and_is_told_of_for_ten_minutes() -> None:
    """It ends where the fifth alarm from the end is ten minutes old."""
    burst: Sequence[tuple[str, Iterable[float]]] = [("a", [0]), ("b", range(1, 13))]
    over = 8 + PERIOD
    going, ended, gone = told(over - 1, *burst), told(over + 1, *burst), told(over + PERIOD, *burst)
    assert going is not None
    assert going.ended is None
    assert ended is not None
    assert ended.ended == T + over
    assert gone is None


def test_a_second_flood_counts_for_itself() -> None:
    """What ended is over: the next one has its own beginning."""
    found = told(3_100, ("a", range(0, 60, 5)), ("b", [3_000]), ("c", range(3_004, 3_052, 4)))
    assert found is not None
    assert (found.since, found.alarms, found.keys) == (T + 3_000, 13, ("b", "c"))


def test_times_within_ten_minutes_are_spread_where_only_the_first_is_known() -> None:
    """Twenty of one alarm in ten minutes are a flood; they are not all at its first moment."""
    found = find([Activation(T, 1, T + 10, 20)], {1: "a"}, T + PERIOD)
    assert found is not None
    assert (found.since, found.alarms) == (T + 10, 20)
    assert find([Activation(T, 1, T + 10, 20)], {}, T + PERIOD) is None
