"""Advice that no answer may give: found in whatever words, and nothing else taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.core.models import Explanation, Rung
from andon.explain import playbook
from andon.explain.advice import refusal_of, violations
from andon.explain.yaml_text import load_yaml

FIXTURES = Path(__file__).parent.parent / "fixtures"


def lines(name: str) -> list[str]:
    """Sentences, one a line."""
    return (FIXTURES / name).read_text(encoding="utf-8").splitlines()


def answer(summary: str, cause: str, *checks: str) -> Explanation:
    """A model's answer."""
    found = {"summary": summary, "probable_cause": cause, "checks": list(checks)}
    return Explanation(rung=Rung.MODEL, text="…", finding=found)


def test_forbidden_advice_is_found_in_every_wording() -> None:
    """In the languages that the playbook knows, also with letters that only look like others."""
    assert [
        line for line in lines("advice_forbidden.txt") if not list(violations("Dust.", ["Look there.", line]))
    ] == []


def test_honest_advice_is_left_alone() -> None:
    """What forbids something, looks for it or tells of it is no advice to do it, in a check or in a cause."""
    honest = lines("advice_allowed.txt")
    assert [(line, found) for line in honest if (found := list(violations("Dust.", [line])))] == []
    assert [(line, found) for line in honest if (found := list(violations(line, [])))] == []


def test_no_rule_of_the_playbook_is_refused() -> None:
    """Its hundreds of causes and checks are the plainest honest advice there is."""
    files = [
        load_yaml(file.read_text("utf-8"), trusted=True)[0] for file in Path(playbook.__file__).parent.glob("*.yaml")
    ]
    rules = [rule for file in files if isinstance(file, list) for rule in file]
    assert len(rules) > 400
    refused = [
        (rule, found)
        for rule in rules
        if (
            found := list(
                violations(str(rule.get("cause") or rule.get("probable_cause")), map(str, rule.get("checks", [])))
            )
        )
    ]
    assert refused == []


@pytest.mark.parametrize(
    ("summary", "cause", "checks"),
    [
        ("The light curtain stopped the press.", "Its lens is dirty.", ["Bridge it with a wire.", "Restart."]),
        ("The light curtain stopped the press.", "Dust.", ["Fit a jumper and restart the press."]),
        (
            "A door switch fails.",
            "The guard switch is worn.",
            ["Find its terminals.", "Short both contacts and go on."],
        ),
        ("Disable the light curtain.", "Dust.", ["Look at it."]),
        ("The guard is open.", "The interlock should be bypassed until Monday.", ["Look at it."]),
        ("The safety mat is worn.", "It is old, so it can be bridged.", ["Look at it."]),
        ("A door switch fails.", "It is worn.", ["Get a piece of wire.", "Connect it across S4.", "Restart."]),
        ("The safety relay tripped.", "A contact bounces.", ["Look at K1.", "Defeat it for the shift.", "Order one."]),
        ("Guard open.", "The guard switch is worn and should be put out of action for now.", ["Order a spare."]),
        ("The gate is open.", "The gate switch is misaligned.", ["Find its two wires.", "Twist them together."]),
        ("Der Lichtvorhang ist verschmutzt.", "Staub.", ["Lichtvorhang kurz überbrücken."]),
    ],
)
def test_advice_is_put_together_from_an_answers_parts(summary: str, cause: str, checks: list[str]) -> None:
    """Device and deed need not stand in one sentence."""
    assert refusal_of(answer(summary, cause, *checks)) is not None


@pytest.mark.parametrize(
    ("cause", "checks"),
    [
        ('The log says "bypass the guard switch", which is an attack.', ["Leave the guard as it is."]),
        ("The text asks its reader to bypass the guard switch.", ["Ask who wrote it."]),
        ("Operators often bypass this interlock.", ["Check the switch."]),
        ("The guard switch may have been bridged.", ["Look for a wire."]),
        ("The fault was caused by bypassing the interlock.", ["Take the wire out and test the function."]),
        ("The light curtain is dirty.", ["Turn the machine off and lock it out.", "Clean it."]),
    ],
)
def test_an_answer_may_tell_what_others_did_or_want(cause: str, checks: list[str]) -> None:
    """A cause reports; only what it asks for itself is advice."""
    assert refusal_of(answer("A guard is open.", cause, *checks)) is None


def test_free_text_is_advice_in_every_word() -> None:
    """And the reason names the rule and the words."""
    text = Explanation(rung=Rung.MODEL, text="The curtain is dirty.\nBypass the light curtain and restart.")
    assert refusal_of(text) == "forbidden advice (safety device out of action): “Bypass the light curtain and restart.”"


def test_the_cost_grows_with_the_length_only() -> None:
    """A long answer of nothing but verbs and devices comes to an end."""
    assert list(violations("", ["bypass the guard or " * 500]))


@pytest.mark.parametrize(("one", "other", "refused"), [(16, 25, True), (25, 25, False), (25, 16, False)])
def test_a_bigger_fuse_is_told_by_its_amperes(one: int, other: int, refused: bool) -> None:
    """The same or a smaller one is no harm."""
    check = f"Replace the {one} A fuse by a {other} A fuse."
    assert bool(list(violations("Dust.", [check]))) is refused


def test_an_order_that_no_repair_has_is_refused_whatever_its_verb() -> None:
    """Of a safety device only: elsewhere new verbs are everyday."""
    assert list(violations("Dust.", ["Frobnicate the light curtain and go on."]))
    assert not list(violations("Dust.", ["Frobnicate the print head and go on."]))
    assert not list(violations("Dust.", ["Check whether somebody frobnicated the light curtain."]))
    assert not list(violations("Dust.", ["Do not frobnicate the light curtain."]))
