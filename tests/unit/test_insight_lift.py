"""Which values stand out: known chances, corrections, and fields that must not win by accident."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.models.history import FieldCounts
from andon.insight.differences.lift import chance, differences


def counts(inside: dict[str, int], outside: dict[str, int], others: int = 0) -> FieldCounts:
    return FieldCounts(inside, outside, sum(inside.values()), sum(outside.values()), others)


def test_fishers_tea() -> None:
    """The lady who told three of four cups: the textbook's 17/70."""
    assert chance(3, 4, 1, 4) == pytest.approx(17 / 70)


@given(st.integers(1, 12), st.integers(1, 30), st.data())
def test_the_exact_test_is_the_hypergeometric_tail(inside_total: int, outside_total: int, data: st.DataObject) -> None:
    """Against the sum of binomial coefficients, where the exact test is used."""
    inside = data.draw(st.integers(0, inside_total))
    outside = data.draw(st.integers(0, outside_total))
    having, total = inside + outside, inside_total + outside_total
    if min(having, total - having) * min(inside_total, outside_total) / total >= 5:
        return
    tail = sum(
        math.comb(having, k) * math.comb(total - having, inside_total - k)
        for k in range(inside, min(having, inside_total) + 1)
    ) / math.comb(total, inside_total)
    assert chance(inside, inside_total, outside, outside_total) == pytest.approx(tail, rel=1e-9)


def test_the_g_test_agrees_with_the_exact_one_in_large_tables() -> None:
    """40 of 100 against 30 of 100: both say about 7 in 100, one-sided."""
    exact = sum(math.comb(70, k) * math.comb(130, 100 - k) for k in range(40, 71)) / math.comb(200, 100)
    assert chance(40, 100, 30, 100) == pytest.approx(exact, rel=0.35)
    assert 0.05 < exact < 0.1


def test_a_firmware_is_found() -> None:
    """Six times as often, on 41 of 48: one line with its counts, and a chance far below one in a thousand."""
    (found,) = differences({"firmware": counts({"2.1.4": 41, "2.0.9": 7}, {"2.1.4": 285, "2.0.9": 1715})})
    assert (found.field, found.value, found.inside, found.of_inside) == ("firmware", "2.1.4", 41, 48)
    assert found.lift == pytest.approx(6.0, rel=0.01)
    assert found.p < 0.001


def test_a_serial_number_does_not_win() -> None:
    """A field of which every value is unique says nothing, however many of them there are."""
    serials = counts({f"i{n}": 1 for n in range(500)}, {f"o{n}": 1 for n in range(5000)})
    assert differences({"serial": serials}) == []


def test_many_values_make_a_coincidence_likely() -> None:
    """What convinces among two values does not among ten thousand."""
    same = {"lot": counts({"L1": 6, "L2": 30}, {"L1": 20, "L2": 400})}
    many = {"lot": counts({"L1": 6, "L2": 30}, {"L1": 20, "L2": 400}, others=10_000)}
    assert [d.value for d in differences(same)] == ["L1"]
    assert differences(many) == []


def test_chance_alone_finds_next_to_nothing() -> None:
    """Drawn from one population, 200 groups of 40 fields show a difference in about one of twenty at most."""
    draw = random.Random(7)
    alarms = 0
    for _ in range(200):
        fields = {}
        for field in range(40):
            fields[str(field)] = counts(*(Counter(draw.choices("abcde", k=size)) for size in (60, 600)))
        alarms += bool(differences(fields))
    assert alarms <= 20


def test_a_field_that_only_these_logs_have_is_left_out() -> None:
    """There is nothing to compare it with."""
    assert differences({"axis": counts({"X": 40}, {})}) == []


def test_what_covers_more_comes_first() -> None:
    """The share it explains orders the list, not the count alone."""
    found = differences(
        {
            "line": counts({"3": 48, "4": 2}, {"3": 100, "4": 900}),
            "operator": counts({"kim": 20, "lee": 30}, {"kim": 10, "lee": 990}),
        }
    )
    assert [d.field for d in found] == ["line", "operator"]


@given(
    st.dictionaries(st.text(max_size=3), st.integers(0, 50), max_size=8),
    st.dictionaries(st.text(max_size=3), st.integers(0, 500), max_size=8),
)
def test_whatever_the_counts(inside: dict[str, int], outside: dict[str, int]) -> None:
    """Lifts are above one, chances between nothing and the limit."""
    for found in differences({"f": counts(inside, outside)}):
        assert found.lift > 1
        assert 0 <= found.p < 0.05
        assert found.inside >= 3
