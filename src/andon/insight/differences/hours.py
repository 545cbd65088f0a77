"""When it happens: the shift and the stretch of the day in which the logs in question came, beside when others came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from andon.core.models.history import FieldCounts, Observations
from andon.core.times import clock
from andon.insight.differences.lift import chance

#: What comes in all hours alike is not told by the hours, however others are spread.
_ALPHA = 0.05
_DAY = 24
_LONGEST_STRETCH = 12
_HOURS_MAX = 20_000


def by_name(hours: Mapping[int, tuple[int, int]], name: Callable[[float], str | None]) -> FieldCounts:
    """The logs by the names of their hours (shifts, say); only names under which more came than an even spread gives.

    ``hours`` counts the logs in question and the others by the hour (unix). An hour is one observation, however many
    logs it holds.
    """
    inside, outside, met, beside, all_hours = (Counter[str]() for _ in range(5))
    for hour in _span(hours):
        called = name(hour * 3600.0)
        if called is None:
            continue
        here, there = hours.get(hour, (0, 0))
        inside[called] += here
        outside[called] += there
        met[called] += here > 0
        beside[called] += there > 0
        all_hours[called] += 1
    kept = {one for one in met if _more_than_even(met[one], met.total(), all_hours[one], all_hours.total())}
    return FieldCounts(
        {one: inside[one] for one in kept},
        +outside,
        inside.total(),
        outside.total(),
        len(all_hours) - len(kept),
        Observations(met, beside, met.total(), beside.total()),
    )


def of_the_day(hours: Mapping[int, tuple[int, int]], zone: ZoneInfo) -> FieldCounts:
    """The same by the hour of the day, as one stretch: the one in which most came beside the others."""
    by_hour = by_name(hours, lambda at: f"{clock(at, zone):%H}")
    seen = by_hour.independent
    if seen is None or not seen.inside_total or not seen.outside_total:
        return by_hour
    excess = [
        seen.inside.get(f"{hour:02d}", 0) / seen.inside_total - seen.outside.get(f"{hour:02d}", 0) / seen.outside_total
        for hour in range(_DAY)
    ]
    stretches = [(first, length) for first in range(_DAY) for length in range(1, _LONGEST_STRETCH + 1)]
    first, length = max(stretches, key=lambda one: (sum(excess[(one[0] + n) % _DAY] for n in range(one[1])), -one[1]))
    names = [f"{(first + n) % _DAY:02d}" for n in range(length)]
    called = f"{first:02d}:00" if length == 1 else f"{first:02d}:00 to {(first + length) % _DAY:02d}:00"

    def value(at: float) -> str:
        return called if f"{clock(at, zone):%H}" in names else ""

    return by_name(hours, value)._replace(others=_DAY - 1)


def _span(hours: Mapping[int, tuple[int, int]]) -> range:
    """All hours from the first that held a log to the last, as far as that can be walked."""
    if not hours:
        return range(0)
    first, last = min(hours), max(hours)
    return range(max(first, last - _HOURS_MAX), last + 1)


def _more_than_even(met: int, of_met: int, hours: int, of_hours: int) -> bool:
    even = hours / of_hours
    return met > even * of_met and chance(met, of_met, hours, of_hours) < _ALPHA
