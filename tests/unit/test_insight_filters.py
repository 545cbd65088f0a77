"""What people write to choose logs and times: commands and HTTP read it the same way."""

from __future__ import annotations

from typing import Any

import pytest

from andon.insight.filters import DAY, WrongFilter, compared, log_query

NOTHING: dict[str, Any] = {"since": None, "until": None, "severity": None, "text": None, "field": None}


@pytest.mark.parametrize(
    ("given", "about"),
    [
        ({"since": "whenever"}, "since"),
        ({"until": "whenever"}, "until"),
        ({"since": "2025-02-01", "until": "2025-01-01"}, "since"),
        ({"severity": "loud"}, "severity"),
        ({"text": "x" * 1001}, "text"),
        ({"field": ["firmware=2", "firmware"]}, "field"),
    ],
)
def test_a_mistake_names_the_filter(given: dict[str, Any], about: str) -> None:
    """So that a command can name its option and a request its parameter."""
    with pytest.raises(WrongFilter) as told:
        log_query("Europe/Berlin", **{**NOTHING, **given})
    assert told.value.about == about


def test_filters_are_normalised() -> None:
    """Times in stored form, severities in capitals, fields without blanks."""
    query = log_query(
        "Europe/Berlin", **{**NOTHING, "since": "2025-01-15T02:14", "severity": "error", "field": [" a = b "]}, limit=7
    )
    assert (query.since, query.severity, query.fields) == ("2025-01-15T01:14:00.000Z", "ERROR", (("a", "b"),))
    assert query.limit == 7


def test_usual_times_of_differences() -> None:
    """A problem is looked at over 30 days; a time of 8 hours beside a week, a longer one beside as much."""
    problem = compared(1, None, "2025-01-31", None, "UTC")
    assert not problem.by_time
    assert problem.inside[1] - problem.inside[0] == 30 * DAY
    shift = compared(None, None, "2025-01-31", None, "UTC")
    assert shift.by_time
    assert (shift.inside[1] - shift.inside[0], shift.inside[0] - shift.before[0]) == (DAY / 3, 7 * DAY)
    month = compared(None, "2025-01-01", "2025-01-31", None, "UTC")
    assert month.inside[0] - month.before[0] == 30 * DAY
    with pytest.raises(WrongFilter) as told:
        compared(1, "2025-01-01", "2025-01-31", "2025-01-02", "UTC")
    assert told.value.about == "baseline"
