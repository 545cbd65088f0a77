"""How many observations logs are worth: storms of one host, of many at once, and of one value among all logs."""

from __future__ import annotations

import pytest

from andon.store.search.independence import by_stretch

FIRMWARE = ("firmware", "5.5")


def observed(minutes: list[int], hosts: int, hours: int = 24) -> float:
    """Observations where so many hosts log at each of these minutes, ten times each."""
    rows = [(minute, f"h{host}", [FIRMWARE]) for minute in minutes for host in range(hosts) for _ in range(10)]
    return by_stretch(rows, 10, hours)[FIRMWARE]


@pytest.mark.parametrize(("storms", "hosts"), [(1, 1), (1, 20), (3, 20), (6, 50)])
def test_a_storm_on_many_hosts_is_one_event(storms: int, hosts: int) -> None:
    """They log at once because one thing happened."""
    assert round(observed([100 + 200 * n for n in range(storms)], hosts)) == storms


def test_hosts_that_log_all_the_time_are_independent() -> None:
    """Each of them, in each stretch of time."""
    assert observed(list(range(0, 24 * 60, 10)), 5) == 24 * 6 * 5
