"""Rates that changed, silences, and problems that follow one another, each with its chance of being an accident.

Pure functions. Logs come in bursts, so counts are not taken for Poisson's: the test of two rates divides them by the
dispersion that the hours of the baseline show (quasi-Poisson). Silence is judged by how many hours had any log at all.
What follows what is judged by occurrences: minutes with a log after some minutes without.

Sources: Przyborowski & Wilenski 1940 (two Poisson rates by the binomial distribution); McCullagh & Nelder, Generalized
Linear Models (dispersion); Press et al., Numerical Recipes 6.4 (incomplete beta function); Holm 1979.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from statistics import median

import msgspec

#: An occurrence begins with the first log after this many minutes without any.
SILENCE_MINUTES = 10
#: What comes within so many minutes after something else follows it.
FOLLOWS_WITHIN = 10
#: What is there so large a share of the time anyway tells nothing by coming after something.
_SELDOM = 0.5
_EPSILON = 1e-15
_TINY = 1e-300
_ROUNDS = 5_000


class Follows(msgspec.Struct, frozen=True):
    """Of ``of_first`` occurrences of ``first``, ``count`` were followed by ``second``, which occurred ``of_second``
    times; by chance it would have been ``expected``.

    ``lag`` is the median in minutes, 0 for the same minute. ``p`` is the chance of as many by accident.
    """

    first: int
    second: int
    count: int
    of_first: int
    of_second: int
    expected: float
    lag: float
    p: float

    @property
    def lift(self) -> float:
        """How many times more often than by chance."""
        return self.count / self.expected


def dispersion(count: int, squares: int, periods: float) -> float:
    """Variance over mean of counts by period (at least 1), from their sum and sum of squares; 1 where none occurred.

    >>> dispersion(10, 10, 10), round(dispersion(10, 100, 10), 3)
    (1.0, 10.0)
    """
    if count <= 0 or periods < 2:
        return 1.0
    mean = count / periods
    variance = (squares - periods * mean * mean) / (periods - 1)
    return max(1.0, variance / mean)


def rate_chance(count: float, time: float, before: float, time_before: float, spread: float = 1.0) -> float:
    """The chance of at least ``count`` in ``time`` where the rate was that of both times together, one-sided.

    ``spread`` is the dispersion of the counts.

    >>> round(rate_chance(3, 1, 0, 3), 6)  # all three in a quarter of the time: 1/4 cubed
    0.015625
    """
    if count <= 0:
        return 1.0
    return _incomplete_beta(count / spread, before / spread + 1, time / (time + time_before))


def silence_chance(active: float, periods: float, silent: float) -> float:
    """The chance of ``silent`` periods without any where ``active`` of ``periods`` had some.

    >>> silence_chance(1, 1, 2)
    0.25
    """
    return (1 - active / (periods + 1)) ** silent if silent > 0 else 1.0


def holm(chances: Sequence[float], tested: int) -> list[float]:
    """The chances corrected for ``tested`` questions by Holm's step-down method, in the given order.

    >>> holm([0.01, 0.04, 0.03], 3)
    [0.03, 0.06, 0.06]
    """
    corrected = [1.0] * len(chances)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(chances)), key=lambda i: chances[i])):
        highest = max(highest, min(1.0, chances[index] * (tested - rank)))
        corrected[index] = highest
    return corrected


def occurrences(minutes: Sequence[int], silence: int = SILENCE_MINUTES) -> list[int]:
    """The minutes (of those given, in order) before which there was none for ``silence`` minutes.

    >>> occurrences([0, 1, 2, 12, 23])
    [0, 23]
    """
    return [minute for index, minute in enumerate(minutes) if not index or minute - minutes[index - 1] > silence]


def between(starts: Sequence[int]) -> float | None:
    """The mean number of minutes from one occurrence to the next; None for fewer than two."""
    return (starts[-1] - starts[0]) / (len(starts) - 1) if len(starts) > 1 else None


def following(
    starts: Mapping[int, Sequence[int]],
    length: int,
    *,
    within: int = FOLLOWS_WITHIN,
    least: int = 3,
    alpha: float = 0.01,
    limit: int = 20,
    about: int | None = None,
) -> list[Follows]:
    """Which of these follows which more often than chance explains, the most telling first.

    ``starts`` are the minutes of the occurrences of each, in order, over ``length`` minutes. Something follows where it
    occurs in the same minute or at most ``within`` later, ``least`` times or more; what occurs nearly always is left
    out. Of two that follow each other the more frequent direction is told. The chances are corrected for all pairs that
    were there to be found. With ``about`` only pairs with this one are looked for.
    """
    most = _SELDOM * length / (within + 1)
    frequent = {one: minutes for one, minutes in starts.items() if least <= len(minutes) <= most}
    found: list[Follows] = []
    near = frequent if about is None else _near(frequent, frequent.get(about, ()), within)
    for (first, second), lags in _lags(near, within).items():
        if about is not None and about not in (first, second):
            continue
        row = _follows(first, second, lags, len(frequent[first]), len(frequent[second]), length, within)
        if row.count >= least and row.count > row.expected:
            found.append(row)
    pairs = (len(frequent) if about is None else 2) * max(0, len(frequent) - 1)
    chances = holm([row.p for row in found], pairs)
    kept = [msgspec.structs.replace(row, p=p) for row, p in zip(found, chances, strict=True) if p < alpha]
    return sorted(_one_direction(kept), key=lambda row: (row.p, -row.lift, row.first, row.second))[:limit]


def _near(starts: Mapping[int, Sequence[int]], minutes: Sequence[int], within: int) -> dict[int, list[int]]:
    """What of ``starts`` is at most ``within`` before or after any of ``minutes``."""
    around = {near for minute in minutes for near in range(minute - within, minute + within + 1)}
    return {one: [minute for minute in own if minute in around] for one, own in starts.items()}


def _lags(starts: Mapping[int, Sequence[int]], within: int) -> dict[tuple[int, int], list[int]]:
    """For each pair (first, second): the minutes to the next of the second, of each of the first that has one soon."""
    events = sorted((minute, one) for one, minutes in starts.items() for minute in minutes)
    lags: dict[tuple[int, int], list[int]] = defaultdict(list)
    begin = 0
    for minute, one in events:
        while events[begin][0] < minute:
            begin += 1
        met = {one}
        for later, other in islice(events, begin, None):
            if later > minute + within:
                break
            if other not in met:
                met.add(other)
                lags[one, other].append(later - minute)
    return lags


def _follows(
    first: int, second: int, lags: Sequence[int], of_first: int, of_second: int, length: int, within: int
) -> Follows:
    by_chance = -math.expm1(-of_second * (within + 1) / max(length, 1))
    p = _incomplete_beta(len(lags), of_first - len(lags) + 1, by_chance)
    return Follows(first, second, len(lags), of_first, of_second, of_first * by_chance, median(lags), p)


def _one_direction(rows: Iterable[Follows]) -> list[Follows]:
    """Of two directions of the same pair the one with more, then the less likely, then the smaller id first."""
    best_last = sorted(rows, key=lambda row: (-row.count / row.of_first, row.p, row.first), reverse=True)
    return list({frozenset((row.first, row.second)): row for row in best_last}.values())


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function: for whole numbers the chance of at least a of a + b - 1 hits.

    >>> round(_incomplete_beta(1, 2, 0.5), 6)  # at least one head of two coins
    0.75
    """
    if x <= 0 or b <= 0:
        return 0.0 if x <= 0 else 1.0
    if x >= 1:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    front = math.exp(log_front) if log_front > -700 else 0.0
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, _safe(1 - (a + b) * x / (a + 1))
    d = 1 / d
    value = d
    for m in range(1, _ROUNDS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _safe(1 + term * d)
            c = _safe(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < _EPSILON * 10:
            break
    return value


def _safe(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
