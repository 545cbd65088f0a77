"""Where a model's answer goes, and that an unproved one, put together with the general answer, spoils nothing of it."""

from __future__ import annotations

import random

import pytest

from andon.app.evals.bundled import bundled_cases
from andon.core.models import Explanation, Rung, Standing
from andon.explain import placing
from andon.explain.finding import Finding, render
from andon.explain.playbook import GENERAL, bundled_playbook
from andon.explain.trials.questions import Questions
from andon.explain.trials.scoring import score
from support.questions import question, stored_log

PLAYBOOK = bundled_playbook()
RULE = PLAYBOOK.explain(question())
VAGUE = question(
    stored_log(message="Error 5 in block 7", service="agent", hostname="h1"), template="Error <*> in block <*>"
)
NOT_KNOWN = PLAYBOOK.explain(VAGUE)


def said(**changes: object) -> Explanation:
    """A model's answer."""
    values = {
        "summary": "The encoder of axis X lost its signal.",
        "category": "sensor",
        "probable_cause": "The encoder cable is broken in the drag chain.",
        "checks": ["Look at the encoder cable.", "Measure the encoder supply."],
        "severity_assessed": "ERROR",
        "confidence": "high",
        "evidence": [1],
        "enough_evidence": True,
        **changes,
    }
    text = render(Finding.model_validate(values))
    return Explanation(rung=Rung.MODEL, text=text, finding=values, provider="OLLAMA", model="tiny")


@pytest.mark.parametrize(
    ("standing", "ruled", "settled", "below"),
    [
        (Standing.QUALIFIED, RULE, False, False),
        (Standing.QUALIFIED, NOT_KNOWN, False, False),
        (Standing.ADVISORY, RULE, True, True),
        (Standing.ADVISORY, NOT_KNOWN, False, False),
        (Standing.UNFIT, RULE, True, False),
        (Standing.UNFIT, NOT_KNOWN, True, True),
    ],
)
def test_what_is_settled_without_a_model(standing: Standing, ruled: Explanation, *, settled: bool, below: bool) -> None:
    """A rule before an unproved model, the general answer before an unfit one; and who is asked for a word below."""
    assert (RULE.source != GENERAL, NOT_KNOWN.source) == (True, GENERAL)
    assert placing.settled(standing, ruled) is settled
    assert placing.asked_below(standing, ruled) is below


def test_a_labelled_answer_is_the_general_one_with_the_models_cause() -> None:
    """It says who suggests it, begins with the general check, marks the model's own, and is sure of nothing."""
    shown = placing.labelled(said(), NOT_KNOWN, Standing.ADVISORY)
    assert shown.finding is not None
    assert NOT_KNOWN.finding is not None
    general = NOT_KNOWN.finding["checks"]
    assert shown.finding["checks"] == [
        general[0],
        "Look at the encoder cable.",
        "Measure the encoder supply.",
        *general[1:],
    ]
    assert shown.finding["vetted"] == [0, 3, 4, 5, 6]
    assert shown.finding["probable_cause"].startswith("Not known.")
    assert shown.finding["probable_cause"].endswith("The model's guess: The encoder cable is broken in the drag chain.")
    assert (shown.finding["enough_evidence"], shown.finding["confidence"]) == (False, "low")
    assert "Error 5 in block 7" in shown.finding["summary"]
    assert shown.finding["category"] == "sensor"  # the general answer knows none
    assert (shown.rung, shown.source, shown.model) == ("model", "advisory", "tiny")
    lines = shown.text.splitlines()
    summary = "The encoder of axis X lost its signal."
    assert lines[0] == f"No rule answers this. Suggested by OLLAMA tiny, which has not passed its test (yet): {summary}"
    assert "  2. Look at the encoder cable. (the model's own)" in lines


def test_free_text_becomes_the_cause() -> None:
    """A model without a finding suggests something too; the checks are the general ones."""
    free = Explanation(rung=Rung.MODEL, text="The fan\nis dead.", model="tiny")
    shown = placing.labelled(free, NOT_KNOWN, Standing.ADVISORY)
    assert shown.finding is not None
    assert NOT_KNOWN.finding is not None
    assert shown.finding["probable_cause"].endswith("The model's guess: The fan is dead.")
    assert shown.finding["checks"] == NOT_KNOWN.finding["checks"]


def test_a_second_opinion_says_whose_it_is() -> None:
    """In its text, so that it is told apart wherever that goes."""
    below = placing.second_opinion(said(), Standing.UNFIT)
    assert below.text.splitlines()[:2] == [
        "Second opinion of OLLAMA tiny, which failed its test and is unfit to answer first:",
        "The encoder of axis X lost its signal.",
    ]
    assert below.source == "unfit"


def test_a_doubted_rule_gives_way_to_the_general_answer() -> None:
    """And that is said."""
    assert RULE.source is not None
    rules = placing.undoubted(PLAYBOOK.explain, PLAYBOOK.general, {RULE.source}.__contains__)
    instead = rules(question())
    assert instead.source == GENERAL
    assert f"Rule {RULE.source} fits too, but technicians here found its answer wrong." in instead.text
    assert rules(VAGUE).text == NOT_KNOWN.text


HOSTILE = [
    {"category": "certificate", "checks": ["1.1.1.1.1.1"], "summary": "The logs are in JSON format. " * 6},
    {"severity_assessed": "DEBUG", "probable_cause": "Nothing is wrong with this machine at all."},
    {"category": "drive", "checks": ["Call your mother.", "Go home early.", "Sing a song.", "Eat an apple."]},
    {"probable_cause": "x" * 600, "checks": ["y" * 240] * 8},
    {"category": "unknown", "checks": ["Restart the whole plant and see."], "evidence": [10**9]},
    {"probable_cause": "Das Kabel ist gebrochen.", "checks": ["Kabel der Achse prüfen."], "category": "network"},
    {"checks": ["Check the cabinet fan and the filter mats."], "based_on": ["drive-hot"], "vetted": [0]},
]


def test_no_hostile_answer_makes_the_general_one_worse() -> None:
    """On every criterion, for every third bundled case, as if no rule answered it."""
    questions, luck = Questions(), random.Random(11)
    for case in bundled_cases()[::3]:
        asked = questions(case)
        general = PLAYBOOK.general(asked)
        before = {row.criterion: row.passed for row in score(case, asked, general)}
        words = luck.choice(HOSTILE)
        shown = placing.labelled(said(**words), general, Standing.ADVISORY)
        Finding.model_validate(shown.finding)
        for row in score(case, asked, shown):
            assert row.passed >= before[row.criterion], f"{case.id}, {words}: {row.criterion}: {row.why}"


def test_a_suggestion_in_plain_words_is_told_apart_from_the_general_answer() -> None:
    """Without a summary the words themselves stand behind the model's name."""
    plain = Explanation(rung=Rung.MODEL, text="Clean the lens.", provider="OLLAMA", model="tiny")
    lines = placing.labelled(plain, NOT_KNOWN, Standing.ADVISORY).text.splitlines()
    assert lines[0].endswith("(yet): Clean the lens.")
    assert lines[1].startswith("The playbook's general answer")
