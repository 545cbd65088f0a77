"""Times as people write them, one reading of them for commands, the API and the model's tools."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.models import utc_text
from andon.core.times import Skipped, at, local, read_span, read_time

#: A Wednesday, in winter.
NOW = datetime(2025, 1, 15, 9, 30, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2025-01-15T02:00", "2025-01-15T01:00:00.000Z"),
        ("2025-01-15T02:00Z", "2025-01-15T02:00:00.000Z"),
        ("2025-01-15", "2025-01-14T23:00:00.000Z"),
        ("2h", "2025-01-15T06:30:00.000Z"),
        ("30 minutes ago", "2025-01-15T08:00:00.000Z"),
        ("now", "2025-01-15T08:30:00.000Z"),
    ],
)
def test_a_moment_is_read_in_the_sites_zone(text: str, stored: str) -> None:
    assert read_time(text, "Europe/Berlin", NOW) == stored


@pytest.mark.parametrize("text", ["soon", "", "99999w 3", "0001-01-01T00:00"])
def test_what_is_no_moment_says_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; write 2025-01-15, 2025-01-15T02:00"):
        read_time(text, "Europe/Berlin", NOW)


@pytest.mark.parametrize("zone", ["Europe/Berlin", ZoneInfo("Europe/Berlin")])
def test_a_time_that_the_clock_skips_is_refused(zone: str | ZoneInfo) -> None:
    with pytest.raises(Skipped, match=r"2025-03-30 02:30 does not exist in Europe/Berlin.*03:30 follows at once"):
        read_time("2025-03-30T02:30", zone, NOW)


@pytest.mark.parametrize(
    ("text", "hours"), [("30m", 0.5), ("8 h", 8), ("two days", 48), ("1w", 168), (" 90 minutes ", 1.5)]
)
def test_durations(text: str, hours: float) -> None:
    assert read_span(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "8", "h", "2h ago", "999999999w", "-2h", "1.5h"])
def test_what_is_no_duration_says_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write 30m, 8h or 2d"):
        read_span(text)


@given(st.text(max_size=30))
def test_any_text_is_a_stored_time_or_a_sentence(text: str) -> None:
    try:
        found = read_time(text, UTC, NOW)
    except ValueError as error:
        assert "write" in str(error)  # noqa: PT017 - either way
    else:
        assert found.endswith("Z")


@pytest.mark.parametrize(
    ("stored", "zone"),
    [("9999-12-31T23:59:59.000Z", "Europe/Berlin"), ("0001-01-01T00:00:00.000Z", "America/New_York")],
)
def test_where_a_zone_has_no_date_the_time_is_shown_in_utc(stored: str, zone: str) -> None:
    """A log with such a time stands in every listing: it must not end one."""
    shown = local(stored, zone)
    assert shown is not None
    assert (utc_text(shown), f"{shown:%Z}") == (stored, "UTC")
    assert at(shown.timestamp(), ZoneInfo(zone)).endswith(" UTC")
