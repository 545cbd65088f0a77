"""Which known name is meant: numbers decide, spellings do not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.names import NEAREST, key, level_of, meant, nearest, quoted, shown, unknown

LINE_3 = ["L3", "l3", "Line-3", "line03", "LINE_3", "Linie 3", "ligne 3", "3", "L 03", "línea 3", "Line #3", "生产线3"]
OTHERS = ["L13", "L30", "L-3-2", "L3A", "line 33", "A3", "press-3", "L", "line"]

WORD = st.sampled_from(["line", "Linie", "L", "press", "A", "", "cell", "no"])
NAME = st.builds(
    lambda word, sign, zeros, number, rest: f"{word}{sign}{'0' * zeros}{number}{rest}",
    WORD,
    st.sampled_from(["", "-", "_", " ", "."]),
    st.integers(0, 2),
    st.integers(0, 130),
    st.sampled_from(["", "a", "-2", " b"]),
)
LEVEL = st.sampled_from(["line", "area", "machine", "host", ""])


@pytest.mark.parametrize("known", LINE_3)
@pytest.mark.parametrize("said", LINE_3)
def test_line_3_in_every_spelling(said: str, known: str) -> None:
    assert meant(said, [known, *OTHERS], "line") == [known]


@pytest.mark.parametrize(
    ("said", "level", "known", "found"),
    [
        ("L3", "line", ["L3", "line03"], ["L3"]),  # what is known to the letter is that alone
        ("l3", "line", ["L3", "line03"], ["L3"]),
        ("line 3", "line", ["L3", "line03", "L13"], ["L3", "line03"]),
        ("area 2", "area", ["A2", "A12", "B2"], ["A2"]),
        ("press 4", "machine", ["PRESS-04", "press-14", "M4"], ["PRESS-04"]),
        ("press4", "machine", ["PRESS-04"], ["PRESS-04"]),
        ("machine 4", "machine", ["M-04", "PRESS-04"], ["M-04"]),
        ("Montage", "area", ["MONTAGE"], ["MONTAGE"]),
        ("press shop", "area", ["press-shop"], ["press-shop"]),
        ("Störung", "service", ["storung"], ["storung"]),
        ("plc-[2]", "host", ["plc-2"], []),
        ("10.0.0.5", "host", ["10.0.0.50", "10.0.05"], []),
        ("A+", "line", ["A"], []),
        ("", "line", ["L1"], []),
        ("line", "line", ["L1", "Line"], ["Line"]),
    ],
)
def test_what_is_meant(said: str, level: str, known: list[str], found: list[str]) -> None:
    assert meant(said, known, level) == found


@given(NAME | st.text(max_size=30), st.lists(NAME | st.text(max_size=30), max_size=8), LEVEL)
def test_an_exact_name_always_finds_itself_alone(name: str, others: list[str], level: str) -> None:
    assert meant(name, [name, *others], level) == [name]


@given(NAME, st.lists(NAME, max_size=8), LEVEL)
def test_other_numbers_are_never_meant(said: str, known: list[str], level: str) -> None:
    def numbers(name: str) -> list[int]:
        return [int(one) for one in re.findall(r"\d+", name)]

    assert all(numbers(one) == numbers(said) for one in meant(said, known, level))


@given(st.text(max_size=300), st.lists(st.text(max_size=40), max_size=20, unique=True), LEVEL)
def test_any_text_is_read_without_trouble(said: str, known: list[str], level: str) -> None:
    """And the sentence about it is one printable line."""
    assert key(said, level) == key(said, level)
    assert set(meant(said, known, level)) <= set(known)
    near = nearest(said, known)
    assert len(near.names) == min(NEAREST, len(known))
    assert unknown("line", said, near).isprintable()


def test_the_nearest_come_first() -> None:
    lines = [f"L{n}" for n in range(1, 30)]
    assert nearest("L31", lines).names[0] == "L3"
    assert nearest("X40", ["X12", "X1", "X22", "X39"]).names == ["X1", "X39", "X22", "X12"]
    assert nearest("Lne3", lines).names[0] == "L3"
    assert nearest("asembly", ["painting", "assembly", "it"]).names[0] == "assembly"
    assert nearest("press 4", ["press-3", "PRESS-04", "oven-4"]).names == ["PRESS-04", "oven-4", "press-3"]


def test_the_sentence() -> None:
    lines = [f"L{n}" for n in range(1, 13)]
    assert unknown("line", "L0", nearest("L0", lines)) == (
        "no line is called 'L0'; there are 12, the nearest: L10, L1, L2, L3, L4"
    )
    assert unknown("line", "X*", nearest("X*", ["L1"])) == "no line fits 'X*'; there is one: L1"
    assert unknown("line", "x", nearest("x", [])) == "no line is called 'x'; no log names any"
    assert "at least 12" in unknown("line", "L0", nearest("L0", lines, more=True))


def test_nothing_in_a_sentence_steers_the_terminal() -> None:
    assert quoted("a\x1b[2J\u202eb\nc") == r"'a\x1b[2J\u202eb\nc'"
    assert shown("a\x1b[2J\u202e\u200bb\nc") == r"a\x1b[2J\u202e\u200bb c"
    assert len(quoted("x" * 500)) < 90


def test_the_word_for_a_place() -> None:
    assert [level_of(said) for said in ("line 3", "Maschine 7", "area b", "press 4", "line")] == [
        *("line", "machine", "area"),
        None,
        None,
    ]
