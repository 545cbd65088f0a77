"""What can be used of what a model wrote."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.models import Explanation, Rung
from andon.explain.gate import fault
from andon.explain.model.answer_text import FREE_TEXT_MAX, answer_text, free_text
from andon.explain.trials.bank import trial_cases
from andon.explain.trials.trial import question_of
from support.growth import TIMES, grows_like_a_line

JSON = '{"summary": "The drive is hot", "checks": ["a"]}'


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        f"```json\n{JSON}\n```",
        f"Here it is:\n{JSON}\nHope that helps {{smile}}",
        f"<think>{{}} maybe</think>{JSON}",
        f"so the fan...</think>\n{JSON}",
        f"<think>it is the fan, so {JSON}",
        f'{{"other": 1}} {JSON}',
    ],
)
def test_the_json_is_found_wherever_it_stands(text: str) -> None:
    """In a fence, in chatter, behind thoughts, even in thoughts that were never closed."""
    assert answer_text(text) == JSON


def test_prose_stays_prose() -> None:
    """Text without JSON is the text without thoughts."""
    assert answer_text("<think>hm</think> The fan is blocked. ") == "The fan is blocked."


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n ",
        "<think>The fan is blocked by dust, I think",
        "<think>The fan is blocked</think>",
        "\x00\x01\x02" * 50,
        "\ufffd\ufffdab" * 50,
        "{",
        '{"summary": "Dri',
        '{"properties": {"summary": {"type": "string"}}}',
        "[1, 2, 3]",
        "]]]]]]{{{{{{((((((",
        "123 456 789 012",
    ],
)
def test_what_is_no_analysis(text: str) -> None:
    """Nothing, thoughts alone, binary, JSON cut off and the schema handed back are not shown to anybody."""
    assert free_text(text) is None


def test_a_finding_that_breaks_off_is_no_analysis() -> None:
    """What is missing may be the word that turns the rest round; one that lacks a field is told in words."""
    whole = {"summary": "The disk of db-01 is full.", "probable_cause": "WAL files pile up.", "checks": ["df -h", "x"]}
    text = json.dumps(whole)
    assert [free_text(text[:end]) for end in range(1, len(text))] == [None] * (len(text) - 1)
    assert free_text(f"Here it is: {text[:-5]}") is None
    assert free_text(text) == (
        "The disk of db-01 is full.\nProbable cause: WAL files pile up.\nCheck first:\n  1. df -h\n  2. x"
    )


@pytest.mark.parametrize("text", ["OK", "Fan.", "overheated", "Check the fan."])
def test_a_short_answer_is_one(text: str) -> None:
    """Whether it says enough is for the gate, which lets a trusted model be short."""
    assert free_text(text) == free_text(json.dumps({"summary": text})) == text
    said = Explanation(rung=Rung.MODEL, text=text)
    question = question_of(trial_cases()[0])
    assert fault(question, said, None, blind=True) is None
    assert fault(question, said, None) is not None


def test_a_form_of_its_own_is_told_in_words() -> None:
    """JSON of another shape shows its texts, not its braces."""
    assert free_text('{"analysis": "The fan of the drive is blocked."}') == "The fan of the drive is blocked."
    assert free_text('{"a": "The fan is blocked.", "b": "Clean it."}') == "a: The fan is blocked.\nb: Clean it."


def test_free_text_is_capped_and_clean() -> None:
    """At most 8,000 characters, no control characters, line ends kept."""
    text = free_text("Fan blocked.\x1b[31m Clean it.\x07\n" * 2_000)
    assert text is not None
    assert len(text) <= FREE_TEXT_MAX
    assert text.startswith("Fan blocked. Clean it.\nFan")


@given(st.text(max_size=400))
def test_never_raises_and_never_shows_control_characters(text: str) -> None:
    """For any text."""
    answer_text(text)
    shown = free_text(text)
    assert shown is None or not set(shown) & {chr(c) for c in range(32) if chr(c) not in "\t\n"}


@pytest.mark.parametrize("unit", ["{", '{"a":', "[", "<think>{", '"', "{}", '{"summary":1}'])
def test_hostile_answers_are_cheap(unit: str) -> None:
    """Up to the longest text that is read the cost grows with the length, whatever it is made of."""
    assert grows_like_a_line(lambda size: free_text(unit * (size // len(unit))), 32_000 // TIMES)
