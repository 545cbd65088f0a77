"""Chances of rates, silences and sequences, held against what can be counted by hand."""

from __future__ import annotations

import doctest
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.insight.trends import rates


def test_the_examples_of_the_module() -> None:
    """What the docstrings say is so."""
    assert doctest.testmod(rates).failed == 0


@given(st.integers(1, 40), st.integers(0, 40), st.floats(0.05, 0.95))
def test_two_rates_are_the_binomial_tail(count: int, before: int, share: float) -> None:
    """The chance is the sum of the binomial distribution's tail."""
    n = count + before
    tail = sum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(count, n + 1))
    assert rates.rate_chance(count, share, before, 1 - share) == pytest.approx(tail, rel=1e-6, abs=1e-12)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(1, 10**9), st.floats(1, 10**9), st.floats(1, 10**6))
def test_chances_are_chances(count: int, before: int, time: float, time_before: float, spread: float) -> None:
    """Between 0 and 1 for any counts, however large."""
    assert 0 <= rates.rate_chance(count, time, before, time_before, spread) <= 1


def test_bursts_make_counts_less_convincing() -> None:
    """Thirty logs in one go are not thirty independent ones."""
    spread = rates.dispersion(60, 2 * 30**2, 100)
    assert spread > 25
    assert rates.rate_chance(30, 10, 60, 100) < 0.001 < 0.05 < rates.rate_chance(30, 10, 60, 100, spread)


@given(st.lists(st.floats(0, 1), max_size=20), st.integers(0, 100))
def test_correction_never_makes_a_chance_smaller(chances: list[float], more: int) -> None:
    """And keeps their order."""
    corrected = rates.holm(chances, len(chances) + more)
    assert all(0 <= after <= 1 and after >= before for before, after in zip(chances, corrected, strict=True))
    assert [c for _, c in sorted(zip(chances, corrected, strict=True))] == sorted(corrected)


@given(st.sets(st.integers(0, 2000), max_size=60))
def test_occurrences_begin_after_silence(minutes: set[int]) -> None:
    """Exactly the minutes without a log in the ten before."""
    ordered = sorted(minutes)
    expected = [m for m in ordered if not any(m - 10 <= other < m for other in minutes)]
    assert rates.occurrences(ordered) == expected


def test_accidents_are_not_told() -> None:
    """Forty problems at random times: no pair is found, but one that does follow is."""
    dice = random.Random(7)
    starts = {one: sorted(dice.sample(range(10_000), 40)) for one in range(40)}
    assert rates.following(starts, 10_000) == []
    starts[99] = [minute + 4 for minute in starts[3]]
    (row,) = rates.following(starts, 10_000)
    assert (row.first, row.second, row.count, row.lag) == (3, 99, 40, 4)
    assert rates.following(starts, 10_000, about=99)[0].lag == 4
    assert rates.following(starts, 10_000, about=5) == []


def test_what_is_always_there_follows_nothing() -> None:
    """It would follow everything."""
    assert rates.following({1: list(range(0, 10_000, 11)), 2: list(range(3, 10_000, 500))}, 10_000) == []
