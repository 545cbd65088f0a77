"""Lines of real loggers, and cases from public reports and vendors' formats, where they are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.outside_cases import CASES, EXPECTED, RECEIVED, ZONE, read_lines, taken, wrong

NOON = f"{RECEIVED:%Y-%m-%dT%H:%M}"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not CASES.is_dir(), reason="no cases from outside at hand"),
]
_OUTSIDE = read_lines(CASES / "outside.jsonl") if CASES.is_dir() else []


def test_lines_of_real_loggers_are_read_right(tmp_path: Path) -> None:
    """Severity, text, program, time and exception of every line are in its row."""
    lines = read_lines(CASES / "loggers.jsonl")
    got = taken(tmp_path, [one["line"] for one in lines])
    assert not got.rejects
    found = {
        f"{number} {one['logger']}": mistakes
        for number, one in enumerate(lines)
        if (mistakes := wrong(one["line"], one["right"], got.of(number)))
    }
    assert not found
    timeless = {one["logger"] for one, row in zip(lines, got.rows, strict=True) if row.timestamp.startswith(NOON)}
    assert timeless == {"winston-json", "pyjson-default"}


@pytest.mark.parametrize("case", _OUTSIDE, ids=[case["id"] for case in _OUTSIDE])
def test_cases_from_outside(case: dict[str, Any], tmp_path: Path) -> None:
    """Each case ends as it is expected to."""
    got = taken(tmp_path, case["messages"], ZONE)
    assert not got.rejects
    assert EXPECTED[case["id"]](got), (case["about"], case["expected"], got.count, got.alarms, got.seconds, got.rows)


def test_every_case_has_its_check() -> None:
    """No case from outside goes unchecked."""
    assert {case["id"] for case in _OUTSIDE} == set(EXPECTED)
