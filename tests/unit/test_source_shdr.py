"""SHDR: lines as adapters send them, and anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from andon.ingest.sources.shdr import LEVELS, ShdrCondition, ShdrLines, conditions, pong, tokens
from andon.ingest.sources.shdr_adapter import LineSplitter

AT = "2021-02-01T12:00:00Z"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            f"{AT}|lp|FAULT|2218|ALARM_B|HIGH|2218-1 ALARM_B UNUSABLE  G-code ",
            ShdrCondition(AT, "lp", "fault", "2218", "", "ALARM_B", "HIGH", "2218-1 ALARM_B UNUSABLE  G-code"),
        ),
        (f"{AT}|lp|FAULT|4200:c1|ALARM_D||text", ShdrCondition(AT, "lp", "fault", "4200", "c1", "ALARM_D", "", "text")),
        (
            "2026-01-07T22:32:50.8567651Z|lp|FAULT|1111|||ｽﾄﾛｰｸｴﾝﾄﾞ軸あり",
            ShdrCondition("2026-01-07T22:32:50.8567651Z", "lp", "fault", "1111", text="ｽﾄﾛｰｸｴﾝﾄﾞ軸あり"),
        ),
        (f"{AT}|zlc|FAULT|1|LOW|Pressure low", ShdrCondition(AT, "zlc", "fault", "1", "", "LOW", "", "Pressure low")),
        (f"{AT}@5.25|lp|NORMAL||||", ShdrCondition(AT, "lp", "normal")),
        ("|mill:lp|warning|9", ShdrCondition(None, "mill:lp", "warning", "9")),
        (f'{AT}|lp|FAULT|1|||"a\\|b"', ShdrCondition(AT, "lp", "fault", "1", text="a|b")),
        (f"{AT}|lp|UNAVAILABLE||||", ShdrCondition(AT, "lp", "unavailable")),
    ],
)  # fmt: skip
def test_a_condition_is_read_with_its_native_code(line: str, found: ShdrCondition) -> None:
    assert list(conditions(line)) == [found]


def test_a_line_may_hold_several_items_and_conditions() -> None:
    line = f"{AT}|x|12.5|lp|FAULT|1|A||one|mode|AUTOMATIC|zp|NORMAL|2|||"
    assert [(one.item, one.level, one.code) for one in conditions(line)] == [
        ("lp", "fault", "1"),
        ("zp", "normal", "2"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "* PONG 10000",
        "* shdrVersion: 2",
        f"{AT}|@ASSET@|a1|Tool|<xml>|FAULT|1",
        f"{AT}|a|UNAVAILABLE|b|UNAVAILABLE",
        "lp|NORMAL",
    ],
)
def test_what_is_no_condition_is_none(line: str) -> None:
    assert list(conditions(line)) == []


def test_a_pong_says_when_the_next_is_due() -> None:
    assert (pong("* PONG 10000"), pong("*PONG 500"), pong("* PONG"), pong("* PONG 0"), pong("x")) == (
        10.0,
        0.5,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a|b|", ["a", "b", ""]),
        (' a | "b|c', ["a", '"b', "c"]),
        ('"a"|b', ["a", "b"]),
        ('"a" x|b', ['"a" x', "b"]),
        (r'"a\"b"', ['a"b']),
        ("", [""]),
    ],
)
def test_parts_are_cut_as_agents_cut_them(line: str, found: list[str]) -> None:
    assert tokens(line) == found


@given(some.text())
def test_no_text_upsets_the_reader(line: str) -> None:
    for one in conditions(line):
        assert one.item
        assert one.level in LEVELS
    assert all(part == part.strip(" \t\r\n\v\f") or '"' in line for part in tokens(line))


@given(
    some.lists(some.text(some.characters(exclude_characters="\n", codec="utf-8"), max_size=30), max_size=8), some.data()
)
def test_bytes_that_come_in_pieces_are_the_same_lines(lines: list[str], data: some.DataObject) -> None:
    whole = "".join(f"{line}\n" for line in lines).encode()
    cuts = sorted(data.draw(some.lists(some.integers(0, len(whole)), max_size=10)))
    splitter = LineSplitter(20)
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    found = [line for piece in pieces for line in splitter.feed(piece)]
    raw = [line.encode() for line in lines]
    assert found == [line for line in raw if len(line) <= 20]
    assert splitter.dropped == sum(len(line) > 20 for line in raw)


def test_a_line_without_an_end_is_held_within_bounds() -> None:
    splitter = LineSplitter(1_000)
    for _ in range(100):
        assert splitter.feed(b"x" * 500) == []
    assert len(splitter._rest) <= 1_500
    assert splitter.feed(b"\nnext\n") == [b"next"]
    assert splitter.dropped == 1


def test_a_value_over_several_lines_is_joined() -> None:
    joined = ShdrLines(1_000)
    given_lines = [
        f"{AT}|lp|FAULT|1|||--multiline--A1",
        'first | "line"',
        "second",
        "--multiline--A1",
        f"{AT}|lp|NORMAL||||",
    ]
    first, second = (whole for line in given_lines if (whole := joined.add(line)) is not None)
    assert [(one.level, one.text) for one in conditions(first)] == [("fault", 'first | "line"\nsecond')]
    assert [one.level for one in conditions(second)] == ["normal"]


def test_a_value_without_an_end_is_dropped_within_bounds() -> None:
    joined = ShdrLines(100)
    assert joined.add(f"{AT}|lp|FAULT|1|||--multiline--A1") is None
    assert [joined.add("x" * 90) for _ in range(50)] == [None] * 50
    assert sum(map(len, joined._held)) < 200
    assert joined.add("--multiline--A1") is None
    assert joined.dropped == 1
    assert joined.add("next") == "next"


@given(some.lists(some.text(max_size=30), max_size=10))
def test_no_lines_upset_the_joiner(lines: list[str]) -> None:
    joined = ShdrLines(50)
    for line in lines:
        whole = joined.add(line)
        assert whole is None or whole == line or whole.count('"') >= 2
