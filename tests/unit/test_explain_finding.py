"""The typed finding: bounds, clamping, rendering."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.models import Severity
from andon.explain.finding import (
    CATEGORIES,
    CAUSE_MAX,
    CHECK_MAX,
    CHECKS_MAX,
    EVIDENCE_MAX,
    SUMMARY_MAX,
    Finding,
    ModelFinding,
    clamp,
    render,
    settle,
)

parse = ModelFinding.model_validate

GOOD: dict[str, Any] = {
    "summary": "The spindle drive is too hot.",
    "category": "drive",
    "probable_cause": "The cabinet fan is blocked.",
    "checks": ["Feel the air flow.", "Read the drive's temperature."],
    "severity_assessed": "ERROR",
    "confidence": "high",
    "evidence": [12, 15],
    "enough_evidence": True,
}


def test_renders_as_lines_for_a_terminal() -> None:
    """The rendering is summary, cause, numbered checks, confidence, evidence and the note, without trailing blanks."""
    assert render(Finding.model_validate(GOOD), note="Rule: drive-hot").splitlines() == [
        "The spindle drive is too hot.",
        "Probable cause: The cabinet fan is blocked.",
        "Check first:",
        "  1. Feel the air flow.",
        "  2. Read the drive's temperature.",
        "Confidence: high",
        "Category: drive, severity ERROR",
        "Evidence: log 12, log 15",
        "Rule: drive-hot",
    ]


def test_doubt_is_said() -> None:
    """A finding without enough evidence says so where the confidence stands, and names no evidence."""
    text = render(parse({**GOOD, "enough_evidence": False, "confidence": "low", "evidence": []}))
    assert "Confidence: low (the logs alone do not prove it)" in text
    assert "Evidence" not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("summary", "x" * (SUMMARY_MAX + 1)),
        ("probable_cause", "x" * (CAUSE_MAX + 1)),
        ("checks", ["x" * (CHECK_MAX + 1)]),
        ("checks", [f"check {n}" for n in range(CHECKS_MAX + 1)]),
        ("evidence", list(range(1, EVIDENCE_MAX + 2))),
        ("category", "gremlins"),
    ],
)
def test_beyond_a_bound_is_refused_from_people_and_cut_from_models(name: str, value: object) -> None:
    """Rules and code must keep the bounds; a model's values are brought within them."""
    with pytest.raises(pydantic.ValidationError):
        Finding.model_validate({**GOOD, name: value})
    assert isinstance(ModelFinding.model_validate({**GOOD, name: value}), Finding)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("category", "Gremlins", "unknown"),
        ("category", " Drive ", "drive"),
        ("confidence", "certain", "low"),
        ("severity_assessed", "fatal", Severity.CRITICAL),
        ("severity_assessed", "warn", Severity.WARNING),
        ("severity_assessed", None, Severity.DEBUG),
        ("evidence", ["log 12", "15", 15, True, -3, None, {}], [12, 15]),
        ("evidence", "12", []),
        ("checks", "1. Look\n2) Listen", ["Look", "Listen"]),
        ("checks", ["- Look", "Look", " ", 5], ["Look"]),
        ("enough_evidence", None, False),
        ("summary", "a\x1b[31m\u202eb\n c", "ab c"),
    ],
)
def test_what_a_model_writes_is_understood(name: str, value: object, expected: object) -> None:
    """Unknown words map to the neutral one, ids are found in text, lists lose marks and doubles."""
    assert getattr(parse({**GOOD, name: value}), name) == expected


@pytest.mark.parametrize("name", ["summary", "probable_cause", "checks"])
def test_what_matters_cannot_be_left_out(name: str) -> None:
    """A finding without summary, cause or checks is none."""
    with pytest.raises(pydantic.ValidationError):
        parse({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize(
    ("assessed", "worst", "settled"),
    [("INFO", "CRITICAL", "CRITICAL"), ("CRITICAL", "INFO", "CRITICAL"), ("INFO", "bogus", "INFO")],
)
def test_a_model_never_lowers_a_severity(assessed: str, worst: str, settled: str) -> None:
    """The assessed severity is raised to the logs' worst, and never lowered to it."""
    finding = parse({**GOOD, "severity_assessed": assessed})
    assert settle(finding, worst_severity=worst, log_ids=[12]).severity_assessed == settled


def test_evidence_that_is_not_among_the_logs_is_dropped() -> None:
    """Only ids that were asked about remain, in the model's order."""
    finding = parse({**GOOD, "evidence": [99, 15, 12]})
    assert settle(finding, worst_severity="ERROR", log_ids=[12, 15]).evidence == [15, 12]


def test_schema_bounds_every_string_and_list() -> None:
    """Grammar-constrained decoding ends only where each string and list has a bound; nothing refers elsewhere."""
    schema = ModelFinding.model_json_schema()
    assert "$defs" not in schema
    assert list(schema["required"]) == ["fits", *GOOD]
    for field in schema["properties"].values():
        for part in (field, field.get("items", {})):
            if part.get("type") == "string":
                assert "maxLength" in part or "enum" in part
            if part.get("type") == "array":
                assert "maxItems" in part
    assert schema["properties"]["category"]["enum"] == list(CATEGORIES)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, VALUES)))
def test_clamped_values_are_within_the_bounds_or_refused(data: dict[str, Any]) -> None:
    """Whatever a model sends, the result is a bounded finding or a validation error."""
    clamp(data)
    try:
        finding = parse(data)
    except pydantic.ValidationError:
        return
    Finding.model_validate(finding.model_dump())
    assert len(render(finding)) < 4_000


@pytest.mark.parametrize(("enough", "confidence"), [(True, "high"), (False, "low")])
def test_without_enough_evidence_nobody_is_sure(enough: bool, confidence: str) -> None:
    """Whatever the model says of itself."""
    finding = parse({**GOOD, "enough_evidence": enough})
    assert settle(finding, worst_severity="ERROR", log_ids=[12]).confidence == confidence
