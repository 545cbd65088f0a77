"""Thoughts are removed whatever their form, the answer never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.explain.model.reasoning import strip_thinking


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("plain", "plain"),
        ("<think>a</think>b", "b"),
        ("<think>\na\n</think>\n\n{}", "{}"),
        ("a</think>b", "b"),
        ("<think>a", ""),
        ("b<think>a", "b"),
        ("<think>a<think>b</think>c</think>d", "d"),
        ("<think>a<think>b</think>d", "d"),
        ("<think>a<think>b</think>c</think>", ""),
        ("<think>a</think>", ""),
        ("answer</think>", "answer"),
        ("<THINK>a</Think>b", "b"),
        ("<thinking>a</thinking>b", "b"),
        ('<think effort="high">a</think >b', "b"),
        ("x<think>t</think>y<think>u</think>z", "xyz"),
        ("[THINK]a[/THINK]b", "b"),
        ("<think/>b", "b"),
        ("<think></think>b", "b"),
        ("I think so", "I think so"),
        ("<thinker>a</thinker>", "<thinker>a</thinker>"),
        ("", ""),
    ],
)
def test_forms(text: str, answer: str) -> None:
    """Closed, unclosed, closer alone, nested, other cases and names, in the middle."""
    assert strip_thinking(text) == answer


PLAIN = st.text(alphabet=st.characters(exclude_characters="<>[]", exclude_categories=["Cs"]), max_size=40)


@given(PLAIN, PLAIN)
def test_answer_after_closed_thoughts_is_all_that_is_left(thoughts: str, answer: str) -> None:
    """For any texts without tags, a pair goes and the answer stays."""
    assert strip_thinking(f"<think>{thoughts}</think>{answer}") == answer.strip()


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<THINKING x>", "</thinking>", "answer", " ", "<"]), max_size=20)
)
def test_no_tag_survives_and_text_is_only_removed(pieces: list[str]) -> None:
    """Whatever the sequence: no tag is left, and an answer behind the last closer is kept."""
    text = "".join(pieces)
    result = strip_thinking(text)
    assert "think" not in result.lower()
    if text.endswith("</think>answer"):
        assert result.endswith("answer")


@pytest.mark.parametrize("unit", ["<think>", "</think>", "<think", "< ", "<think ", "[", "<think a"])
def test_linear(unit: str) -> None:
    """A text of a million characters is done in time: were it quadratic, it would take the test's whole minute."""
    assert len(strip_thinking(unit * (1_000_000 // len(unit)))) <= 1_000_000
