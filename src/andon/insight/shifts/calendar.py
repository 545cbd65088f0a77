"""When a site's shifts work, also in the nights when the clock is changed, and the working that a person means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from andon.core.models.history import ShiftWindow
from andon.core.settings.settings import Settings
from andon.core.settings.site import WEEKDAYS
from andon.core.times import clock
from andon.core.written_times import read_day

#: Windows are looked for this many days around a moment: a shift lasts less than one, and days may be left out.
_DAYS_AROUND = 8


class Shift(msgspec.Struct, frozen=True):
    """A shift as the site writes it: wall-clock start and end (an end at or before the start is the next day's).

    ``days`` are the weekdays on which it starts, 0 for Monday.
    """

    name: str
    start: time
    end: time
    days: frozenset[int] = frozenset(range(7))

    def on(self, day: date, zone: ZoneInfo) -> ShiftWindow | None:
        """Its working that starts on ``day``, None where it does not work then."""
        if day.weekday() not in self.days:
            return None
        last = day if self.end > self.start else day + timedelta(days=1)
        return ShiftWindow(self.name, moment(day, self.start, zone), moment(last, self.end, zone))


@lru_cache(maxsize=4096)
def moment(day: date, clock: time, zone: ZoneInfo) -> float:
    """The moment (unix seconds) at which a clock on the site's wall shows ``clock`` on ``day``.

    A time that the clock skips in spring means as long after midnight as ever (02:30 becomes 03:30); one that it shows
    twice in autumn is the first of the two.
    """
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC).timestamp()


def window_at(shifts: Sequence[Shift], at: float, zone: ZoneInfo) -> ShiftWindow | None:
    """The working that holds the moment ``at``; the first of ``shifts`` where several do; None between shifts."""
    return next((one for one in _around(shifts, at, zone, 1) if one.start <= at < one.end), None)


def last_before(shifts: Sequence[Shift], at: float, zone: ZoneInfo) -> ShiftWindow | None:
    """The working that ended last at or before ``at``; None where none did within a week."""
    ended = [window for window in _around(shifts, at, zone, _DAYS_AROUND) if window.end <= at]
    return max(ended, key=lambda window: (window.end, window.start), default=None)


def previous(shifts: Sequence[Shift], window: ShiftWindow, zone: ZoneInfo) -> ShiftWindow | None:
    """The working of the same shift before ``window``'s; None where there was none within a week."""
    same = [shift for shift in shifts if shift.name == window.name]
    before = [one for one in _around(same, window.start, zone, _DAYS_AROUND) if one.start < window.start]
    return max(before, key=lambda one: one.start, default=None)


def workings_within(shifts: Sequence[Shift], since: float, until: float, zone: ZoneInfo) -> list[ShiftWindow]:
    """Every working that meets a span (unix seconds), the first to begin first."""
    days = int((until - since) // 86_400) + 2
    found = _around(shifts, since, zone, 1, ahead=days)
    return sorted((one for one in found if one.start < until and one.end > since), key=lambda one: (one.start, one.end))


def _around(shifts: Sequence[Shift], at: float, zone: ZoneInfo, days: int, ahead: int = 1) -> list[ShiftWindow]:
    today = clock(at, zone).date()
    windows: list[ShiftWindow] = []
    for shift in shifts:
        for offset in range(-days, ahead + 1):
            try:
                window = shift.on(today + timedelta(days=offset), zone)
            except OverflowError:  # at the end of the calendar
                continue
            if window is not None:
                windows.append(window)
    return windows


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
        found = _of_day(chosen, day, zone, now)
    else:
        then = now if at is None else at
        before = (None if last else window_at(chosen, then, zone)) or last_before(chosen, then, zone)
        if before is None:
            raise NoShift("shift", "no such shift worked then, nor in the week before: name it and its day")
        found = before
    if found.start > now:
        raise NoShift("day", f"shift {found.name} has not begun then: no report can be made of it")
    return found


def _of_day(chosen: Sequence[Shift], day: str, zone: ZoneInfo, now: float) -> ShiftWindow:
    try:
        on = read_day(day, zone, datetime.fromtimestamp(now, UTC))
    except ValueError as error:
        raise NoShift("day", str(error)) from None
    try:
        found = next((window for one in chosen if (window := one.on(on, zone)) is not None), None)
    except (ValueError, OverflowError):  # a day at the end of the calendar
        raise NoShift("day", f"{day!r} is outside the calendar: write a day such as 2025-01-15") from None
    if found is None:
        raise NoShift("day", f"shift {chosen[0].name} does not work on {on:%A} {on}")
    return found
