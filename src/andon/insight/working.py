"""When the site works: its shifts as configured."""

from __future__ import annotations

from andon.config import Settings
from andon.patterns.shifts import Shift
from andon.site_settings import WEEKDAYS


def site_shifts(settings: Settings) -> list[Shift]:
    """The shifts of ``andon.toml``, the usual three unless it names any."""
    return [
        Shift(one.name, one.start, one.end, frozenset(WEEKDAYS.index(day) for day in one.days))
        for one in settings.shifts
    ]
