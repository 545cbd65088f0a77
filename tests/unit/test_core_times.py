"""Times as they are kept and told."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from andon.core.models import utc_text
from andon.core.times import at, local


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
