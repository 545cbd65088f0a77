"""What of a model's answer is known here: decided by comparing texts, never by the model's word."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from andon.core.models import Hint
from andon.explain.finding import ModelFinding, render, settle
from andon.explain.vetted import ALIKE, likeness, with_sources
from support.questions import question

FAN = "Check cabinet fan, cooler and filter mats for dust and standstill, ambient temperature, and the load current."
READ = "Read heat sink temperature, fan hours and load on the drive display."
LOCK = "Lock out, wait for the capacitors to discharge, then clean the heat sink and change the fan."
BELT = "Tighten the belt of the extractor."
RULES = [
    Hint("rule", "drive-overtemperature", "Drive is too hot.", "", category="drive", cause="Dust.", checks=[FAN, READ]),
    Hint("rule", "motor-overtemperature", "Motor is too hot.", "", category="drive", cause="Load.", checks=[LOCK]),
]
HINTS = [
    Hint("resolution", "problem 12", "Extractor slow", BELT),
    Hint("explained", "problem 13", "Extractor loud", "", checks=["Grease the bearing of the extractor."]),
]


def said(*checks: str, **values: Any) -> ModelFinding:
    given = {"summary": "The drive is too hot.", "probable_cause": "The fan is blocked.", "checks": list(checks)}
    return ModelFinding.model_validate({**given, "severity_assessed": "ERROR", **values})


def asked() -> Any:
    return msgspec.structs.replace(question(), rules=RULES, hints=HINTS)


@pytest.mark.parametrize(
    ("check", "vetted"),
    [
        (FAN[:70], FAN),  # cut
        ("Check the cabinet fan, the cooler and the filter mats for dust and standstill.", FAN),
        ("read heat sink temperature, fan hours, and load on drive display", READ),
        ("Read the heat sink temperature and fan hours on the drive's display.", READ),
        ("Lock out, wait until the capacitors discharge, clean the heat sink, change the fan", LOCK),
        ("Tighten the extractor's belt.", BELT),
    ],
)
def test_a_copy_is_told_although_it_is_cut_or_worded_a_little_otherwise(check: str, vetted: str) -> None:
    """All of them lie well above the threshold."""
    assert likeness(check, vetted) >= ALIKE + 0.15


@pytest.mark.parametrize(
    ("check", "vetted"),
    [
        ("Check the fan.", FAN),
        ("Check the cabinet door and the load of the transformer.", FAN),
        ("Read the fault number and the load on the robot controller.", READ),
        ("Replace the heat sink and the fan of the drive.", LOCK),
        ("Clean the fan, then wait for the drive to cool.", LOCK),
        ("Check the belt of the conveyor.", BELT),
        ("Prüfen Sie den Lüfter des Schaltschranks.", FAN),
        ("", FAN),
    ],
)
def test_another_check_of_the_same_device_is_the_models_own(check: str, vetted: str) -> None:
    """All of them lie well below the threshold."""
    assert likeness(check, vetted) <= ALIKE - 0.25


def test_a_vetted_check_is_shown_to_the_letter() -> None:
    """What is marked as vetted is the vetted text itself; the model's own additions keep their words and their place."""
    finding = with_sources(
        said("Swap the board.", "read heat sink temperature, fan hours, load on drive display"), asked()
    )
    assert finding.checks == ["Swap the board.", READ]
    assert (finding.based_on, finding.vetted) == (["drive-overtemperature"], [1])
    text = render(settle(finding, worst_severity="ERROR", log_ids=[1]))
    assert "  1. Swap the board. (the model's own)" in text
    assert f"  2. {READ} (vetted)" in text
    assert "Rests on: drive-overtemperature" in text


def test_the_choice_is_told_and_vets_nothing() -> None:
    """A letter is quickly written: the rule is named, and no check becomes vetted by it."""
    finding = with_sources(said("Swap the board.", fits="B"), asked())
    assert (finding.based_on, finding.vetted) == (["motor-overtemperature"], [])


@pytest.mark.parametrize("fits", ["none", "C", None, "maybe"])
def test_a_rule_that_was_not_offered_is_none(fits: str | None) -> None:
    """The schema is the same for every question, so a model can name what was not there."""
    finding = with_sources(said("Swap the board.", fits=fits), asked())
    assert (finding.based_on, finding.vetted) == ([], [])
    assert "the model's own" not in render(finding)


def test_fixes_vet_and_explanations_do_not() -> None:
    """A model's earlier words do not become true by being repeated."""
    finding = with_sources(said("Tighten the belt of the extractor", "Grease the bearing of the extractor."), asked())
    assert (finding.based_on, finding.vetted) == (["problem 12"], [0])


def test_two_copies_of_one_check_are_one() -> None:
    finding = with_sources(
        said(READ, "Read heat sink temperature, fan hours and load on the display of the drive"), asked()
    )
    assert (finding.checks, finding.vetted) == ([READ], [0])


def test_a_model_cannot_vouch_for_itself() -> None:
    """What it writes of ``based_on`` and ``vetted`` is not read."""
    finding = with_sources(said("Swap the board.", based_on=["drive-overtemperature"], vetted=[0]), asked())
    assert (finding.based_on, finding.vetted) == ([], [])


def test_settling_keeps_sources_and_marks_valid() -> None:
    """Indexes of checks that are not there go, and a source is told once."""
    finding = with_sources(said(READ), asked()).model_copy(
        update={"vetted": [3, 0, 0, -1], "based_on": ["problem 12", " ", "problem 12"]}
    )
    settled = settle(finding, worst_severity="ERROR", log_ids=[1])
    assert (settled.vetted, settled.based_on) == ([0], ["problem 12"])
