"""``tests/quick.txt`` names tests that there are: a name that is left over stops ``make quick`` before its first test."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_what_make_quick_leaves_out_is_a_test_of_the_unit_tests() -> None:
    lines = [line.partition("#")[0].strip() for line in (TESTS / "quick.txt").read_text(encoding="utf-8").splitlines()]
    listed = [line for line in lines if line and not line.startswith("[")]
    known = {
        name
        for path in (TESTS / "unit").rglob("test_*.py")
        for name in re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert sorted(set(listed) - known) == []
    assert len(set(listed)) == len(listed)
