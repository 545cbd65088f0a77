"""When the site works: its shifts as configured, and the working that a person means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo

from andon.core.models.history import ShiftWindow
from andon.core.settings.settings import Settings
from andon.core.settings.site import WEEKDAYS
from andon.insight.shifts.calendar import Shift, last_before, window_at


class NoShift(ValueError):
    """No working is meant by this; ``about`` says which part of the question is wrong."""

    def __init__(self, about: Literal["shift", "day"], sentence: str) -> None:
        super().__init__(sentence)
        self.about = about


def site_shifts(settings: Settings) -> list[Shift]:
    """The shifts of ``andon.toml``, the usual three unless it names any."""
    return [
        Shift(one.name, one.start, one.end, frozenset(WEEKDAYS.index(day) for day in one.days))
        for one in settings.shifts
    ]


def working_of(
    shifts: Sequence[Shift],
    zone: ZoneInfo,
    now: float,
    *,
    name: str | None = None,
    day: str | None = None,
    at: float | None = None,
    last: bool = False,
) -> ShiftWindow:
    """The working that began on ``day``, or the one at work ``at`` a moment (``now`` unless given), or the last before.

    Of the shift ``name``, or of any; with ``last`` one that has ended. Raises NoShift with a sentence, also for one
    that has not begun ``now``.
    """
    chosen = [one for one in shifts if name is None or one.name.casefold() == name.casefold()]
    if not chosen:
        raise NoShift("shift", f"no shift is called {name!r}; there are {', '.join(one.name for one in shifts)}")
    if day is not None:
        if name is None:
            raise NoShift("day", "name the shift of that day too")
        found = _of_day(chosen, day, zone)
    else:
        moment = now if at is None else at
        working = None if last else window_at(chosen, moment, zone)
        before = working or last_before(chosen, moment, zone)
        if before is None:
            raise NoShift("shift", "no such shift worked then, nor in the week before: name it and its day")
        found = before
    if found.start > now:
        raise NoShift("day", f"shift {found.name} has not begun then: no report can be made of it")
    return found


def _of_day(chosen: Sequence[Shift], day: str, zone: ZoneInfo) -> ShiftWindow:
    try:
        on = date.fromisoformat(day.strip())
        found = next((window for one in chosen if (window := one.on(on, zone)) is not None), None)
    except (ValueError, OverflowError):
        raise NoShift("day", f"{day!r} is no day; write 2025-01-15") from None
    if found is None:
        raise NoShift("day", f"shift {chosen[0].name} does not work on {on:%A} {on}")
    return found
