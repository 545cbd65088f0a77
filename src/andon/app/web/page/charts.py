"""Bars over time as ``templates/charts.html`` writes them and ``static/charts.js`` draws them.

What needs the site's clock is made here: the words below the axis, the marks of shifts, and the table that tells the
same for those who see no picture.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from andon.core.times import clock
from andon.insight.alarms.rhythm import days
from andon.insight.shifts.calendar import Shift, workings_within

HOUR, DAY = 3600.0, 86_400.0
#: Shifts are marked by their names up to so long a span, the days beyond it.
_SHIFTS_MARKED = 3 * DAY
_TICKS = ((2 * HOUR, 10), (12 * HOUR, 60), (36 * HOUR, 120), (3 * DAY, 360))

#: A moment (unix seconds) and its words.
Mark = tuple[float, str]


@dataclass(frozen=True)
class Bars:
    """A chart: ``values`` from ``since`` (unix seconds) on, each over ``step`` seconds, up to ``until``.

    ``label`` says in words what the picture shows. ``top`` is where the axis ends, None for above the highest bar;
    what is higher is cut, and carries its number. ``limit`` draws a line with ``limit_words``, and hatches what is
    above. ``one`` and ``many`` are what is counted. ``range_href`` is where a drag over the picture leads, with
    ``{since}`` and ``{until}`` in it. ``names`` and ``rows`` are the table below.
    """

    id: str
    label: str
    since: float
    step: float
    values: Sequence[int]
    until: float
    ticks: Sequence[Mark]
    marks: Sequence[Mark] = ()
    top: int | None = None
    limit: int = 0
    limit_words: str = ""
    one: str = "alarm"
    many: str = "alarms"
    range_href: str = ""
    names: Sequence[str] = ("Time", "Alarms")
    rows: Sequence[Sequence[object]] = ()

    @property
    def attributes(self) -> dict[str, str]:
        """The element's ``data-`` attributes for ``charts.js``, times and lengths in seconds.

        ``values`` are the bars from ``from`` on, each ``step`` long, up to ``until``. ``top`` and ``every`` are the end
        of the other axis and its steps; a taller bar is cut and carries its number. ``ticks`` are
        ``[[at, "22:00"], …]``, words below; ``marks`` are ``[[at, "Night shift"], …]``, dotted lines. ``limit`` with
        ``limit-words`` is a dashed line, and bars above it are hatched (0: none). ``one`` and ``many`` are what the
        read-out counts, which stands in the panel's ``[data-read]``. ``range-href`` is where a drag or Enter leads.
        """
        top, every = nice(self.top or max(self.values, default=0))
        found = {
            "values": _short(list(self.values)),
            "from": f"{self.since:.0f}",
            "step": f"{self.step:.0f}",
            "until": f"{self.until:.0f}",
            "top": str(top),
            "every": str(every),
            "ticks": _short([(round(at), words) for at, words in self.ticks]),
            "marks": _short([(round(at), words) for at, words in self.marks if self.since < at < self.until]),
            "limit": str(self.limit),
            "limit-words": self.limit_words,
            "one": self.one,
            "many": self.many,
        }
        return found | ({"range-href": self.range_href} if self.range_href else {})


def nice(highest: float) -> tuple[int, int]:
    """Where an axis from 0 ends that holds ``highest``, and its steps: five at most, of 1, 2 or 5 times a power of ten.

    >>> [nice(highest) for highest in (0, 3, 7, 61, 5200)]
    [(4, 1), (4, 1), (8, 2), (80, 20), (6000, 2000)]
    """
    reach, scale = max(4, int(-(-highest // 1))), 1
    while True:
        for step in (scale, 2 * scale, 5 * scale):
            if reach <= 4 * step:
                return -(-reach // step) * step, step
        scale *= 10


def ticks(since: float, until: float, zone: ZoneInfo) -> list[Mark]:
    """Words below an axis: times of day, or days in the middle of theirs where the span is longer than three."""
    length = until - since
    minutes = next((step for most, step in _TICKS if length <= most), 0)
    if not minutes:
        return [((begin + end) / 2, _day(begin, zone)) for begin, end in days(since, until, zone)]
    found = []
    at = clock(since, zone).replace(minute=0, second=0, microsecond=0)
    at = at.replace(hour=at.hour - at.hour % max(1, minutes // 60))
    while at.timestamp() <= until:
        if at.timestamp() >= since:
            midnight = at.hour == at.minute == 0 and length > DAY
            found.append((at.timestamp(), _day(at.timestamp(), zone) if midnight else f"{at:%H:%M}"))
        at = _later(at, minutes, zone)
    return found


def marks(since: float, until: float, shifts: Sequence[Shift], zone: ZoneInfo) -> list[Mark]:
    """The beginnings of shifts with their names, of days without where the span is longer than three."""
    if until - since <= _SHIFTS_MARKED:
        found = workings_within(shifts, since, until, zone)
        return [(one.start, f"{one.name[:1].upper()}{one.name[1:]} shift") for one in found if since < one.start]
    return [(begin, "") for begin, _ in days(since, until, zone) if begin > since]


def _later(at: datetime, minutes: int, zone: ZoneInfo) -> datetime:
    """So much later on the wall's clock."""
    after = (at.replace(tzinfo=None) + timedelta(minutes=minutes)).replace(tzinfo=zone)
    return after if after.timestamp() > at.timestamp() else at + timedelta(minutes=minutes)


def _day(moment: float, zone: ZoneInfo) -> str:
    at = clock(moment, zone)
    return f"{at:%a} {at.day}"


def _short(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
