"""Whether more alarms come than anybody can handle, since when, and which problem came first. Pure; unix seconds.

A flood begins with more than ten alarms in any ten minutes and ends with fewer than five. What belongs to one cascade
sets in shortly after what set in before it: a gap of :data:`GAP` ends it, at both ends. A problem that was alarming in
the ten minutes before did not set in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from andon.insight.alarms.metrics import FLOOD_BEGINS, FLOOD_ENDS, TEN_MINUTES
from andon.store.alarms import Activation

#: What follows later than this after the one before is no part of the same cascade, in seconds.
GAP = 120.0
#: A flood that ended is told of for so long.
TOLD_AFTER = 600.0
#: The share of a flood's alarms that must be of the cascade, for its start to be a likely one.
LIKELY_SHARE = 0.5


class Surge(NamedTuple):
    """A flood. ``keys`` are its problems in the order in which they set in, the likely start first where ``likely``.

    ``alarms`` are those of these problems; ``ended`` is None while it goes on.
    """

    since: float
    ended: float | None
    alarms: int
    keys: tuple[str, ...]
    likely: bool


class _Moment(NamedTuple):
    at: float
    key: str


def find(activations: Sequence[Activation], keys: Mapping[int, str], now: float) -> Surge | None:
    """The flood that goes on ``now``, or ended less than ten minutes ago; None where there is none.

    ``keys`` names the problem of each alarm; alarms that it leaves out do not count.
    """
    moments = _moments(activations, keys, now)
    found = _last(moments, now)
    if found is None:
        return None
    begin, ended = found
    if ended is not None and now - ended >= TOLD_AFTER:
        return None
    end = now if ended is None else ended
    first_seen: dict[str, float] = {}
    before: set[str] = set()
    counts: Counter[str] = Counter()
    for one in moments:
        if begin - TEN_MINUTES <= one.at < begin:
            before.add(one.key)
        elif begin <= one.at <= end:
            first_seen.setdefault(one.key, one.at)
            counts[one.key] += 1
    cascade = _cascade({key: at for key, at in first_seen.items() if key not in before})
    share = sum(counts[key] for key in cascade) / counts.total()
    likely = len(cascade) > 1 and share >= LIKELY_SHARE and first_seen[cascade[0]] < first_seen[cascade[1]]
    members = cascade if likely else tuple(sorted(first_seen, key=lambda key: (first_seen[key], key)))
    since = first_seen[members[0]]
    return Surge(since, ended, sum(counts[key] for key in members), members, likely)


def _moments(activations: Sequence[Activation], keys: Mapping[int, str], now: float) -> list[_Moment]:
    """Each alarm's times; of those after the first in ten minutes nobody kept the moment: they are spread evenly."""
    found: list[_Moment] = []
    for one in activations:
        if (key := keys.get(one.alarm_id)) is None or one.at > now:
            continue
        left = max(min(one.period + TEN_MINUTES, now) - one.at, 0.0)
        found += [_Moment(one.at + left * number / one.times, key) for number in range(one.times)]
    return sorted(found)


def _last(moments: Sequence[_Moment], now: float) -> tuple[float, float | None] | None:
    """Where the last flood began, and where it ended if it did."""
    begin: float | None = None
    ended: float | None = None
    flooding, oldest = False, 0
    for index, one in enumerate(moments):
        while one.at - moments[oldest].at >= TEN_MINUTES:
            oldest += 1
            # between two alarms their number falls: that may have been the end
            if flooding and index - oldest < FLOOD_ENDS:
                flooding, ended = False, moments[oldest - 1].at + TEN_MINUTES
        if not flooding and index - oldest + 1 > FLOOD_BEGINS:
            flooding, begin, ended = True, _burst(moments, oldest, index), None
    if begin is None:
        return None
    if flooding and len(moments) >= FLOOD_ENDS:
        over = moments[-FLOOD_ENDS].at + TEN_MINUTES
        ended = over if over <= now else None
    return begin, ended


def _burst(moments: Sequence[_Moment], oldest: int, index: int) -> float:
    """Where what came thick and fast up to ``index`` began."""
    while index > oldest and moments[index].at - moments[index - 1].at <= GAP:
        index -= 1
    return moments[index].at


def _cascade(set_in: Mapping[str, float]) -> tuple[str, ...]:
    """The problems that set in one after the other from the first on."""
    by_time: dict[float, list[str]] = defaultdict(list)
    for key, at in set_in.items():
        by_time[at].append(key)
    found: list[str] = []
    last = None
    for at in sorted(by_time):
        if last is not None and at - last > GAP:
            break
        found += sorted(by_time[at])
        last = at
    return tuple(found)
