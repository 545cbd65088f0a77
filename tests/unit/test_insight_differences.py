"""What ``andon diff`` tells of counts: what explains a problem, not what it is called."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from andon.core.models.history import Comparison, FieldCounts
from andon.insight.differences.differences import DiffResult, find

UTC = ZoneInfo("UTC")
FIRMWARE = FieldCounts({"2.1.4": 41, "2.0.9": 7}, {"2.1.4": 285, "2.0.9": 1715}, 48, 2000)


def found(*, by_time: bool = False, **fields: FieldCounts) -> DiffResult:
    """48 logs beside 2,000."""
    compared = Comparison(48, 2000, {"firmware": FIRMWARE, **fields}, {}, exact=True)
    return find(compared, None if by_time else [], UTC)


@pytest.mark.parametrize("name", ["alarm_code", "drive.fault_code", "ErrorCode"])
def test_a_problem_is_not_told_its_own_code(name: str) -> None:
    """The code that all of its logs have and no others made it a problem of its own."""
    own = FieldCounts({"SV0401": 48}, {"F30005": 2000}, 48, 2000)
    assert [one.field for one in found(**{name: own}).differences] == ["firmware"]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("alarm_code", FieldCounts({"SV0401": 48}, {"F30005": 1990, "SV0401": 10}, 48, 2000)),
        ("alarm_code", FieldCounts({"SV0401": 40, "SV0402": 8}, {"F30005": 2000}, 48, 2000)),
        ("recipe", FieldCounts({"SV0401": 48}, {"F30005": 2000}, 48, 2000)),
    ],
)
def test_other_codes_are_told(name: str, counts: FieldCounts) -> None:
    """What other logs have too, or only some of these, or what is no code, may explain something."""
    assert name in {one.field for one in found(**{name: counts}).differences}


def test_a_time_is_told_its_code() -> None:
    """Where two times are compared, a code that only one of them has is news."""
    own = FieldCounts({"SV0401": 48}, {"F30005": 2000}, 48, 2000)
    assert "alarm_code" in {one.field for one in found(by_time=True, alarm_code=own).differences}
