"""When a shift works: wall-clock times of a site become moments, also in the nights when the clock is changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from andon.core.models.history import ShiftWindow

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


def _around(shifts: Sequence[Shift], at: float, zone: ZoneInfo, days: int) -> list[ShiftWindow]:
    today = datetime.fromtimestamp(at, zone).date()
    windows: list[ShiftWindow] = []
    for shift in shifts:
        for offset in range(-days, 2):
            try:
                window = shift.on(today + timedelta(days=offset), zone)
            except OverflowError:  # at the end of the calendar
                continue
            if window is not None:
                windows.append(window)
    return windows
