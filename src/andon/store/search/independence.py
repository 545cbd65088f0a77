"""How many independent observations some logs are: a storm of a thousand logs is one event, not a thousand.

Logs that are read one by one count once for each host and short stretch of time, whatever they repeat. Hosts that log
in the same stretch may tell of one event: their number is divided by its index of dispersion (variance by mean), which
is 1 or less where hosts log independently of each other. Logs that are counted by the hour weigh less in hours that
held many times the usual number, and all together they are worth as many stretches as hours of such weights have:
Kish's effective sample size, (Σn)² / Σn².

Source of the formula: Kish, Survey Sampling, 1965.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from statistics import median

Pair = tuple[str, str]

#: A stretch is a hundredth of the time that is looked at, within these bounds (minutes).
_SHORTEST, _LONGEST, _STRETCHES = 1, 10, 100
_PER_HOUR = 60 // _LONGEST
#: An hour with more than so many times the usual number of logs is a storm.
_STORM = 3.0


def by_stretch(rows: Iterable[tuple[int, str, Iterable[Pair]]], minutes: int, hours: int) -> dict[Pair, float]:
    """How often each (field, value) was met independently; ``rows`` are (minute, host, pairs), all within ``hours``."""
    met: defaultdict[tuple[int, str], set[Pair]] = defaultdict(set)
    for minute, host, pairs in rows:
        met[minute // minutes, host].update(pairs)
    found: Counter[Pair] = Counter()
    for pairs in met.values():
        found.update(pairs)
    at_once = Counter(at for at, _ in met)
    mean = len(met) / max(len(at_once), hours * 60 // minutes, 1)
    dispersion = sum(hosts * hosts for hosts in at_once.values()) / len(met) - mean if met else 1.0
    return {pair: count / max(1.0, dispersion) for pair, count in found.items()}


def most(moments: float) -> float:
    """How many observations logs may be that are spread over so many hours: in one hour they may be one storm.

    >>> most(1), most(3)
    (1, 13)
    """
    return 1 + _PER_HOUR * (moments - 1)


def stretch(minutes: int) -> int:
    """The length of a stretch where a time of so many minutes is compared.

    >>> stretch(15), stretch(480), stretch(43_200)
    (1, 4, 10)
    """
    return max(_SHORTEST, min(_LONGEST, minutes // _STRETCHES))


def storms(hours: Mapping[int, int], most: int = 200) -> dict[int, float]:
    """The hours in which a storm raged, and the share of their logs that is too much; the ``most`` worst.

    >>> storms({1: 10, 2: 8, 3: 12, 4: 66})
    {4: 0.5}
    """
    counts = [count for count in hours.values() if count > 0]
    if not counts:
        return {}
    usual = _STORM * median(counts)
    worst = sorted(((count, hour) for hour, count in hours.items() if count > usual), reverse=True)[:most]
    return {hour: 1 - usual / count for count, hour in worst}


def worth(hours: Mapping[int, int], excess: Mapping[int, float]) -> float:
    """How many observations a log is worth, at most one, where ``excess`` of some hours' logs is too much.

    >>> worth({1: 60, 2: 60}, {}), worth({1: 1, 2: 1, 3: 1}, {})
    (0.1, 1.0)
    """
    weighed = [count * (1 - excess.get(hour, 0.0)) for hour, count in hours.items() if count > 0]
    squares = sum(one * one for one in weighed)
    return min(1.0, _PER_HOUR * sum(weighed) / squares) if squares else 1.0
