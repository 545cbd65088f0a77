"""Alarm figures from single occurrences, by the book: what the figures that the store counts in SQL must agree with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from andon.core.models.history import Priority
from andon.insight.alarms.metrics import (
    FULL_DAYS,
    STALE_SECONDS,
    TEN_MINUTES,
    AlarmFigures,
    Chatter,
    Contributor,
    Flood,
    Stops,
    find_floods,
    rates,
)

#: An alarm chatters where it becomes active so often within so many seconds.
CHATTER_COUNT, CHATTER_SECONDS = 3, 60.0
#: An alarm that cleared by itself within these seconds was fleeting: nobody can react to it.
FLEETING_SECONDS = 10.0
_TOP = 10


class Occurrence(msgspec.Struct, frozen=True):
    """One time that an alarm became active.

    ``source`` is the alarm (code, or text where it has none) at its machine or host. ``ended`` is when it cleared: None
    while it is active, and where nobody reports clearing (then ``clears`` is False). ``stopped`` says that it held up
    production. ``acknowledged`` is when a person took note, None where nobody did or nobody reports it.
    """

    source: str
    started: float
    ended: float | None = None
    clears: bool = True
    priority: Priority = Priority.MEDIUM
    stopped: bool = False
    acknowledged: float | None = None
    log_id: int | None = None
    pattern_id: int | None = None


def figures(
    occurrences: Iterable[Occurrence], since: float, until: float, *, acknowledges: bool = False
) -> AlarmFigures:
    """The figures of ``since`` ≤ start < ``until``.

    ``acknowledges`` says that this site reports acknowledgements at all; without it they are not available.
    """
    alarms = sorted((one for one in occurrences if since <= one.started < until), key=lambda one: one.started)
    counts = Counter(int(one.started // TEN_MINUTES) for one in alarms)
    floods = _named_floods(counts, since, until, alarms)
    clears = any(one.clears for one in alarms)
    known = [one for one in alarms if one.clears]
    top = contributors(alarms, until)[:_TOP]
    acked = [one.acknowledged - one.started for one in alarms if one.acknowledged is not None]
    return AlarmFigures(
        since=since,
        until=until,
        alarms=len(alarms),
        provisional=until - since < FULL_DAYS * 86_400,
        rates=rates(counts, since, until),
        floods=floods,
        flood_share=sum(flood.end - flood.start for flood in floods) / max(until - since, 1.0) if alarms else None,
        top=top,
        top_share=sum(one.share for one in top) if alarms else None,
        chattering=chattering(alarms),
        fleeting=fleeting(known) if clears else None,
        stale=sum(_active(one, until) > STALE_SECONDS for one in known) if clears else None,
        standing=sum(one.ended is None for one in known) if clears else None,
        priorities=priority_mix(alarms),
        acknowledged=len(acked) if acknowledges and alarms else None,
        mean_ack_seconds=sum(acked) / len(acked) if acked and acknowledges else None,
        stops=stops(alarms, since, until),
        judged=bool(alarms),
    )


def _named_floods(counts: Mapping[int, int], since: float, until: float, alarms: Sequence[Occurrence]) -> list[Flood]:
    """The floods, each with the source that came first."""
    return [
        msgspec.structs.replace(
            flood,
            first=next((one.source for one in alarms if flood.start <= one.started < flood.end), None),
        )
        for flood in find_floods(counts, since, until)
    ]


def contributors(alarms: Sequence[Occurrence], until: float) -> list[Contributor]:
    """Every source with its share, the most frequent first."""
    counts = Counter(one.source for one in alarms)
    seconds: dict[str, float] = defaultdict(float)
    for one in alarms:
        if one.clears:
            seconds[one.source] += _active(one, until)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Contributor(source, count, count / len(alarms), seconds.get(source)) for source, count in ranked]


def chattering(
    alarms: Iterable[Occurrence], count: int = CHATTER_COUNT, within: float = CHATTER_SECONDS
) -> list[Chatter]:
    """The sources that became active ``count`` times or more within ``within`` seconds: the worst first, of these the most
    frequent."""
    starts: dict[str, list[float]] = defaultdict(list)
    for one in alarms:
        starts[one.source].append(one.started)
    found = []
    for source, times in starts.items():
        times.sort()
        most, oldest = 0, 0
        for newest, moment in enumerate(times):
            while moment - times[oldest] > within:
                oldest += 1
            most = max(most, newest - oldest + 1)
        if most >= count:
            found.append((-most, -len(times), source))
    return [Chatter(source, -most) for most, _, source in sorted(found)]


def fleeting(alarms: Iterable[Occurrence]) -> int:
    """How many cleared before anybody could have reacted, nobody having acknowledged them."""
    return sum(
        one.ended is not None and one.acknowledged is None and one.ended - one.started < FLEETING_SECONDS
        for one in alarms
    )


def priority_mix(alarms: Sequence[Occurrence]) -> dict[str, float] | None:
    """The share of each priority; None without alarms."""
    if not alarms:
        return None
    counts = Counter(one.priority for one in alarms)
    return {priority.value: counts[priority] / len(alarms) for priority in Priority}


def stops(alarms: Sequence[Occurrence], since: float, until: float) -> Stops | None:
    """What held up production; None where no alarm says so. Time between stops is calendar time, not running time."""
    stopping = [one for one in alarms if one.stopped]
    if not stopping:
        return None
    ended = [one.ended - one.started for one in stopping if one.ended is not None]
    return Stops(
        count=len(stopping),
        open=sum(one.clears and one.ended is None for one in stopping),
        mean_seconds=sum(ended) / len(ended) if ended else None,
        total_seconds=sum(_active(one, until) for one in stopping if one.clears) if ended else None,
        between_seconds=(until - since) / len(stopping),
    )


def _active(one: Occurrence, until: float) -> float:
    return max(0.0, (until if one.ended is None else one.ended) - one.started)
