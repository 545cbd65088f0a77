"""How good the alarms of a site are: the figures of ISA-18.2, from counts that the store keeps up."""

from __future__ import annotations

import time

import msgspec

from andon.insight.alarms import metrics
from andon.insight.alarms.metrics import TEN_MINUTES, AlarmFigures, Stops, Target
from andon.store import Connection, alarms
from andon.store.alarms import EVERYWHERE, AlarmCounts, AlarmFilter

#: What is said instead of any judgement where no alarm became active.
NOTHING = "no alarm events in this time: nothing to judge"
#: Of so many floods, the newest, it is looked up what came first.
FLOODS_NAMED = 5


class AlarmReport(msgspec.Struct, frozen=True):
    """The figures of a window, beside their targets, and how many alarms were shelved at its end."""

    figures: AlarmFigures
    targets: list[Target]
    shelved: int
    note: str | None = None


def find(
    connection: Connection,
    since: float,
    until: float,
    chosen: AlarmFilter = EVERYWHERE,
    *,
    named: int = FLOODS_NAMED,
) -> AlarmReport:
    """The figures of a window (unix seconds), widened to whole ten minutes, though not into the future.

    What came first is told of the ``named`` newest floods.
    """
    start, end = widened(since, until)
    return judged(connection, alarms.counts(connection, start, end, chosen), start, end, chosen, named=named)


def widened(since: float, until: float) -> tuple[float, float]:
    """A window in whole ten minutes, though not into the future."""
    return since - since % TEN_MINUTES, max(until, min(until + -until % TEN_MINUTES, time.time()))


def judged(
    connection: Connection,
    counts: AlarmCounts,
    start: float,
    until: float,
    chosen: AlarmFilter = EVERYWHERE,
    *,
    named: int = FLOODS_NAMED,
) -> AlarmReport:
    """The figures that these counts of a window make, as :func:`find`."""
    floods = metrics.find_floods(counts.periods, start, until)
    for at in range(max(0, len(floods) - max(0, named)), len(floods)):
        first = alarms.first_out(connection, floods[at].start, floods[at].end, chosen)
        floods[at] = msgspec.structs.replace(floods[at], first=first.source if first else None)
    figures = _figures(counts, start, until, floods)
    return AlarmReport(figures, metrics.targets(figures), counts.shelved, _note(figures))


def _figures(counts: AlarmCounts, since: float, until: float, floods: list[metrics.Flood]) -> AlarmFigures:
    total = sum(counts.periods.values())
    top = [metrics.Contributor(one.alarm.source, one.count, one.count / total, one.seconds) for one in counts.top]
    mix = {name: count / total for name, count in counts.priorities.items()} if total else None
    return AlarmFigures(
        since=since,
        until=until,
        alarms=total,
        provisional=until - since < metrics.FULL_DAYS * 86_400,
        rates=metrics.rates(counts.periods, since, until),
        floods=floods,
        flood_share=sum(flood.end - flood.start for flood in floods) / max(until - since, 1.0) if total else None,
        top=top,
        top_share=sum(one.share for one in top) if total else None,
        chattering=[metrics.Chatter(one.alarm.source, one.most) for one in counts.chattering],
        # of a time without alarms no 0 is known; what has been active since before it is
        fleeting=counts.fleeting if total else None,
        stale=counts.stale if total else counts.stale or None,
        standing=counts.standing if total else counts.standing or None,
        priorities=mix,
        acknowledged=counts.acknowledged if total else None,
        mean_ack_seconds=counts.ack_seconds,
        stops=_stops(counts, since, until),
        judged=total > 0,
    )


def _stops(counts: AlarmCounts, since: float, until: float) -> Stops | None:
    if not counts.stops:
        return None
    number = sum(one.count for one in counts.stops)
    lost = sum(one.lost for one in counts.stops)
    ended, seconds = sum(one.ended for one in counts.stops), sum(one.seconds for one in counts.stops)
    return Stops(
        count=number,
        open=sum(one.open for one in counts.stops),
        mean_seconds=seconds / ended if ended else None,
        total_seconds=lost if lost or ended else None,
        between_seconds=(until - since) / number if number else None,
    )


def _note(figures: AlarmFigures) -> str | None:
    if not figures.judged:
        return NOTHING
    if figures.provisional:
        days = (figures.until - figures.since) / 86_400
        return f"provisional: the targets are meant for 30 days of data, and this is {days:.1f}"
    return None
