"""Alarm figures after ANSI/ISA-18.2 and IEC 62682: rates, floods, nuisance alarms, priorities, and how good they are.

Pure functions over the counts that the store keeps. What is not known is None, never 0: without clear events nothing
is stale or fleeting *that we know of*, and without any alarm nothing says whether alarms are good or nobody sends them.

Sources: ISA-18.2-2016, Table 7 (targets, as cited in public guides: 1 to 2 alarms in 10 minutes, at most 10 in the
worst, under 1 % of the time in flood, top ten 1 to 5 % of the load, under 5 stale, no chattering, priorities about
80/15/5); floods begin above 10 and end below 5 in ten minutes; chattering is three or more in a minute.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from andon.core.models import Moment

TEN_MINUTES = 600.0
#: A flood begins with more alarms than this in ten minutes, and ends with fewer than that.
FLOOD_BEGINS, FLOOD_ENDS = 10, 5
#: An alarm that is active this long is stale.
STALE_SECONDS = 24 * 3600.0
#: Figures over less than this are provisional.
FULL_DAYS = 30.0


class Flood(msgspec.Struct, frozen=True):
    """A time with more alarms than anybody can handle. ``first`` is the source that came first (first-out)."""

    start: Moment
    end: Moment
    alarms: int
    first: str | None


class Contributor(msgspec.Struct, frozen=True):
    """What one source contributes: how often, its share of all, and how many seconds it was active (None: unknown)."""

    source: str
    count: int
    share: float
    seconds: float | None


class Chatter(msgspec.Struct, frozen=True):
    """A source that became active ``most`` times within the window of chattering."""

    source: str
    most: int


class Rates(msgspec.Struct, frozen=True):
    """How many alarms came in ten minutes: over all, in the worst, and the share of ten minutes above the limit.

    All None where none came.
    """

    average: float | None
    peak: int | None
    peak_start: Moment | None
    above_limit: float | None


class Stops(msgspec.Struct, frozen=True):
    """What held up production. ``mean_seconds`` is over those that ended; ``between_seconds`` is calendar time."""

    count: int
    open: int
    mean_seconds: float | None
    total_seconds: float | None
    between_seconds: float | None


class AlarmFigures(msgspec.Struct, frozen=True):
    """All figures of one window (unix seconds). None is "not available"; ``provisional`` is under thirty days.

    ``judged`` is False where no alarm became active in the window: there is nothing to judge.
    """

    since: Moment
    until: Moment
    alarms: int
    provisional: bool
    rates: Rates
    floods: list[Flood]
    flood_share: float | None
    top: list[Contributor]
    top_share: float | None
    chattering: list[Chatter]
    fleeting: int | None
    stale: int | None
    standing: int | None
    priorities: dict[str, float] | None
    acknowledged: int | None
    mean_ack_seconds: float | None
    stops: Stops | None
    judged: bool = True


class Target(msgspec.Struct, frozen=True):
    """A figure beside what it should be: ``good`` is None where the figure is not available."""

    name: str
    value: str
    target: str
    good: bool | None


def rates(counts: Mapping[int, int], since: float, until: float) -> Rates:
    """Rates of ``counts``: alarms by number of the ten minutes since 1970. Partly covered ones count."""
    if not counts:
        return Rates(None, None, None, None)
    periods = max((until - since) / TEN_MINUTES, 1.0)
    worst = max(counts, key=lambda period: (counts[period], -period))
    above = sum(count > FLOOD_BEGINS for count in counts.values())
    return Rates(
        average=sum(counts.values()) / periods,
        peak=counts[worst],
        peak_start=worst * TEN_MINUTES,
        above_limit=min(above / periods, 1.0),
    )


def find_floods(counts: Mapping[int, int], since: float, until: float) -> list[Flood]:
    """The floods of a window, from counts for ten minutes; what came first in each is not told."""
    runs: list[list[int]] = []
    flooding = False
    for period in sorted(counts):
        if flooding and period == runs[-1][-1] + 1 and counts[period] >= FLOOD_ENDS:
            runs[-1].append(period)
        elif flooding := counts[period] > FLOOD_BEGINS:
            runs.append([period])
    return [
        Flood(
            max(run[0] * TEN_MINUTES, since), min((run[-1] + 1) * TEN_MINUTES, until), sum(counts[p] for p in run), None
        )
        for run in runs
    ]


def targets(f: AlarmFigures) -> list[Target]:
    """The figures beside the standard's targets, in the standard's order; without any alarm none of them is good."""

    def row(name: str, value: float | None, target: str, good: bool, shown: str = "{:,.0f}") -> Target:
        if value is None:
            return Target(name, "not available", target, None)
        return Target(name, shown.format(value), target, good if f.judged or not good else None)

    def percent(value: float | None) -> float | None:
        return None if value is None else 100 * value

    share, rates = "{:.1f} %", f.rates
    chattering = len(f.chattering) if f.judged else None
    rows = [
        row("Alarms in 10 min, average", rates.average, "≤ 1, at most 2", (rates.average or 0) <= 2, "{:.2f}"),
        row("Alarms in 10 min, worst", rates.peak, "≤ 10", (rates.peak or 0) <= FLOOD_BEGINS),
        row("10 min with more than 10", percent(rates.above_limit), "< 1 %", (rates.above_limit or 0) < 0.01, share),
        row("Time in flood", percent(f.flood_share), "< 1 %", (f.flood_share or 0) < 0.01, share),
        row("Top ten's share", percent(f.top_share), "≤ 5 %", (f.top_share or 0) <= 0.05, share),
        row("Chattering", chattering, "0", not f.chattering),
        row("Fleeting", f.fleeting, "0", not f.fleeting),
        row("Stale (active for 24 h)", f.stale, "< 5", (f.stale or 0) < 5),
    ]
    if f.priorities is not None:
        mix = f.priorities
        shown = " / ".join(f"{100 * mix[p]:.0f}" for p in ("low", "medium", "high"))
        rows.append(Target("Low / medium / high, %", shown, "80 / 15 / 5", mix["high"] <= 0.1 and mix["low"] >= 0.6))
    return rows
