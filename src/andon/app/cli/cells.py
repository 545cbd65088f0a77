"""What stands in a listing: texts on one line that steer no terminal, and moments."""

from __future__ import annotations

from typing import NamedTuple

from rich.text import Text

from andon.core.text import printable
from andon.core.times import local, stored

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
#: From how many seconds on a unit is told, how long it is, and its name.
_UNITS = ((2 * _DAY, _DAY, "d"), (_HOUR, _HOUR, "h"), (_MINUTE, _MINUTE, "min"), (1, 1, "s"))
#: Moments within so many seconds of the present are told by how long ago they were; others by their date.
_NEAR = 7 * _DAY


class When(NamedTuple):
    """A moment in a listing: a time in stored form or unix seconds, None for none, told in ``zone``.

    A terminal shows how long ago it was. Everything else gets its date and time with the zone, to the minute or, where
    ``exact``, to the millisecond; a wide terminal shows the time of day of an ``exact`` one as well.
    """

    moment: str | float | None
    zone: str
    exact: bool = False

    @property
    def stored(self) -> str | None:
        """It in stored form."""
        return stored(self.moment) if isinstance(self.moment, float | int) else self.moment

    def whole(self) -> str:
        """Its date and time with the zone."""
        return (shown_time if self.exact else short_time)(self.stored, self.zone)

    def clock(self, now: float) -> str:
        """Its time of day; with the date where that is another one than at ``now`` (unix seconds)."""
        moment = local(self.stored or "", self.zone)
        if moment is None or moment.date() != local(stored(now), self.zone).date():  # type: ignore[union-attr]
            return short_time(self.stored, self.zone)
        return f"{moment:%H:%M:%S}"

    def relative(self, now: float, *, wide: bool) -> str:
        """How long before or after ``now`` (unix seconds) it was; ``wide`` where there is room."""
        moment = local(self.stored or "", self.zone)
        if moment is None:
            return self.stored or ""
        past = now - moment.timestamp()
        if abs(past) >= _NEAR:
            return self.whole() if wide else short_time(self.stored, self.zone)
        shown = ago(past)
        if not (self.exact and wide):
            return shown
        if local(stored(now), self.zone).date() != moment.date():  # type: ignore[union-attr]  # we made it
            return self.whole()
        return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}, {shown}"


#: What stands in a table: a string is shown as it is, on one line; None is empty.
Cell = str | int | None | Text | When


def ago(seconds: float) -> str:
    """How long ago something was, in its largest unit; what is yet to come counts below zero.

    >>> [ago(seconds) for seconds in (0.2, 59, 200, 7200, 180_000, -0.5, -1800)]
    ['now', '59 s ago', '3 min ago', '2 h ago', '2 d ago', 'now', 'in 30 min']
    """
    length = abs(seconds)
    if length < 1:
        return "now"
    _, size, unit = next(one for one in _UNITS if length >= one[0])
    count = f"{int(length // size)} {unit}"
    return f"{count} ago" if seconds > 0 else f"in {count}"


def plain(text: str) -> Text:
    """``text`` as it is: no markup is read from it, and nothing in it steers the terminal."""
    return Text(printable(text))


def one_line(text: str) -> str:
    """``text`` with each run of white space as one blank."""
    return " ".join(text.split())


def shown_time(stored: str | None, zone: str) -> str:
    """A stored time in the site's zone, with the zone's name: ``2025-01-15 03:14:23.123 CET``."""
    found = local(stored or "", zone)
    if found is None:
        return stored or ""
    return f"{found:%Y-%m-%d %H:%M:%S}.{found.microsecond // 1000:03d} {found:%Z}"


def short_time(stored: str | None, zone: str) -> str:
    """A stored time in the site's zone to the minute, for listings with several: ``2025-01-15 03:14 CET``."""
    shown = shown_time(stored, zone)
    minute, _, rest = shown.rpartition(":")
    return f"{minute} {rest.partition(' ')[2]}" if rest.count(" ") == 1 else shown
