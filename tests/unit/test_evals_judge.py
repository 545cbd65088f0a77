"""What is read of a judging model's answer."""

from __future__ import annotations

import pytest

from andon.app.evals.judge import read_opinion
from andon.app.evals.results import Judgement


@pytest.mark.parametrize(
    "raw",
    [
        '{"clear": 4, "actionable": 2, "remark": "Plain."}',
        '<think>{"clear": 1}</think>```json\n{"clear": 4, "actionable": 2, "remark": "Plain."}\n```',
        'My view: {"clear": 4, "actionable": 2, "remark": "  Plain. "}',
    ],
)
def test_an_opinion_is_found_wherever_it_stands(raw: str) -> None:
    """Alone, in a fence, behind thoughts or words."""
    assert read_opinion(raw) == Judgement(4, 2, "Plain.")


@pytest.mark.parametrize(
    "raw",
    [
        *("", "good", "[]", "{", '{"clear": 4}', '{"clear": 6, "actionable": 2}', '{"clear": true, "actionable": 2}'),
        '{"clear": "4", "actionable": 2}',
    ],
)
def test_what_is_no_opinion_is_none(raw: str) -> None:
    """Marks are whole numbers from 1 to 5, both of them."""
    assert read_opinion(raw) is None
