"""Labelled cases in code and in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from andon.core.models import Explanation, Rung
from andon.explain.trials.cases import Case, Expectation

ONE_FILE = """\
family: drives
tags: [factory]
cases:
  - id: drives-one
    tags: [siemens]
    records:
      - {hostname: line3, severity: ERROR, service: sinamics, message: "F30002 DC link overvoltage"}
    expect:
      category: [drive, electrical]
      component: [DC link]
      cause: [ramp, braking]
      first_check: [ramp]
      enough_evidence: true
"""


def write_cases(directory: Path, name: str = "one.yaml", text: str = ONE_FILE) -> Path:
    """A file of cases in ``directory``."""
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def case(identity: str = "drives-one", *, message: str = "F30002 overvoltage", **expect: Any) -> Case:
    """A case about one log; ``expect`` are fields of its expectation."""
    values: dict[str, Any] = {"enough_evidence": True, "category": ("drive",), **expect}
    return Case(
        id=identity,
        family="drives",
        tags=("factory",),
        records=({"hostname": "line3", "severity": "ERROR", "service": "sinamics", "message": message},),
        count=1,
        expect=Expectation(**values),
    )


def explanation(**changes: Any) -> Explanation:
    """An explanation with a right finding about :func:`case`; ``changes`` are other values of the finding."""
    finding: dict[str, Any] = {
        "summary": "The DC link of the drive has too high a voltage.",
        "category": "drive",
        "probable_cause": "The deceleration ramp is too short for the braking resistor.",
        "checks": ["Lengthen the ramp and look whether it stays away.", "Measure the braking resistor."],
        "severity_assessed": "ERROR",
        "confidence": "medium",
        "evidence": [1],
        "enough_evidence": True,
        **changes,
    }
    return Explanation(rung=Rung.MODEL, text="text", finding=finding, input_tokens=100, output_tokens=50, latency=0.2)
