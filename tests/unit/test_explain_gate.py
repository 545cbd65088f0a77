"""What is no answer, whatever form it has; and that answers which say something pass."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from andon.core.models import Explanation, Rung
from andon.explain import playbook
from andon.explain.finding import Finding
from andon.explain.gate import worthless
from andon.explain.model import prompts

CAUSE = "Dust blocks the filter mat of the cabinet, so that the drive gets too warm."
CHECKS = ["Clean the filter mat.", "Read the temperature of the drive.", "Check that the fan turns."]


def said(summary: str, cause: str = CAUSE, checks: list[str] | None = None) -> Explanation:
    """A model's finding."""
    found = {"summary": summary, "probable_cause": cause, "checks": CHECKS if checks is None else checks}
    return Explanation(rung=Rung.MODEL, text=summary, finding=found)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (said("a" * 300, "a" * 600, ["a" * 240]), "over and over"),
        (said("The drive is too warm.", "z" * 600), "over and over"),
        (said("abab" * 60, "ab" * 200, ["ba" * 90]), "over and over"),
        (said("The fan is blocked. " * 14), "over and over"),
        (said("The drive is too warm.", "error error error error error error error error error error error"), "over"),
        (said("The drive is too warm.", checks=["check the fan and " * 12]), "over and over"),
        (
            said("Der Lüfter ist blockiert.", "Der Lüfter ist blockiert.", ["Der Lüfter ist blockiert."]),
            "over and over",
        ),
        (said("风扇堵塞" * 40), "over and over"),
        (said(" ", "\u200b\u200b", ["…"]), "no words"),
        (said("?", "!", ["."]), "no words"),
        (said("string", "string", ["string"]), "form"),
        (said("<summary>", "<probable_cause>", ["<check 1>"]), "form"),
        (said("What happened, in one sentence.", "The most likely cause and why you think so."), "form"),
        (said("The drive is too warm.", checks=["...", "string"]), "form"),
        (said("Your summary here"), "form"),
        (said("N/A"), "form"),
        (said("Lorem ipsum dolor sit amet, consectetur."), "form"),
        (said('{"id": 5, "hostname": "mill-07", "message": "hot"}'), "repeats the question"),
        (Explanation(rung=Rung.MODEL, text=prompts.RULES), "repeats the question"),
        (Explanation(rung=Rung.MODEL, text="Restart the drive. " * 400), "over and over"),
        (Explanation(rung=Rung.MODEL, text="A" * 8000), "over and over"),
    ],
)
def test_what_says_nothing_is_no_answer(answer: Explanation, fault: str) -> None:
    """One letter, one phrase, blanks, the form, the question."""
    assert fault in (worthless(answer) or "")


@pytest.mark.parametrize(
    "answer",
    [
        said("The drive is too warm."),
        said("风扇堵塞，驱动器过热。", "滤网被灰尘堵塞。", ["清洁滤网。"]),
        said("Der Lüfter steht.", "unknown", ["Lüfter prüfen.", "Spannung messen."]),
        said("Several fuses blew.", checks=[f"Check fuse F{n} and its cable." for n in range(1, 9)]),
        said("Ошибка привода.", "Вентилятор шкафа забит пылью.", ["Почистить фильтр."]),
        said("Axis X, axis Y and axis Z report the same error, the same code and the same time."),
        said("Bearing, bearing, bearing: all three bearings of the spindle are warm."),
        Explanation(rung=Rung.MODEL, text="The fan of the cabinet is blocked by dust: clean it."),
    ],
)
def test_a_plain_answer_passes(answer: Explanation) -> None:
    """Short, in any language, with lists that resemble each other."""
    assert worthless(answer) is None


def test_every_rule_of_the_playbook_passes() -> None:
    """Hundreds of causes and checks that people wrote."""
    files = sorted(Path(playbook.__file__).parent.glob("*.yaml"))
    rules = [
        rule for file in files if isinstance(found := yaml.safe_load(file.read_text("utf-8")), list) for rule in found
    ]
    told = [(rule, str(rule.get("cause") or rule.get("probable_cause"))) for rule in rules if rule.get("checks")]
    assert len(told) > 200
    assert [rule for rule, cause in told if worthless(said(cause, cause, [str(one) for one in rule["checks"]]))] == []


def test_the_form_is_known_by_its_descriptions() -> None:
    """Whatever the fields are described by."""
    summary, cause = (Finding.model_fields[name].description or "" for name in ("summary", "probable_cause"))
    assert worthless(said(summary, cause)) is not None
