"""The eight figures of the screen Figures: each with its value, what that is worth in a word, and its target. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from andon.app.web.page.rendering import duration
from andon.insight.alarms.metrics import FLOOD_BEGINS, AlarmFigures

#: ``good`` and ``over`` beside a target; ``plain`` where there is none; ``unknown`` where nothing can be computed.
Verdict = Literal["good", "over", "plain", "unknown"]

_NOTHING = "no alarm in this time"


class Tile(NamedTuple):
    """A figure: ``unit`` stands small behind the value, ``words`` are the verdict, ``target`` stands below it."""

    name: str
    value: str
    unit: str
    verdict: Verdict
    words: str
    target: str


def tiles(figures: AlarmFigures, ack_seconds: float | None) -> list[Tile]:
    """The eight, in the order of the screen."""
    rates = figures.rates
    chattering = len(figures.chattering) if figures.judged else None
    unclear = _NOTHING if not figures.judged else "no clear events from this source"
    return [
        _average(rates.average),
        _tile("Peak in 10 min", rates.peak, "target: 10 or fewer", most=FLOOD_BEGINS),
        _share("Time in flood", figures.flood_share, "target: below 1 %", below=0.01),
        _share("Periods over 10 alarms", rates.above_limit, "target: below 1 %", below=0.01),
        _share("Share of top 10 alarms", figures.top_share, "target: 5 % or less", most=0.05),
        _tile("Chattering alarms", chattering, "target: 0", most=0),
        _tile("Active over 24 h", figures.stale, "target: below 5 alarms", most=4, why=unclear),
        _acknowledging(ack_seconds, figures),
    ]


def _average(value: float | None) -> Tile:
    name, target = "Average per 10 min", "target: 1 alarm, limit: 2"
    if value is None:
        return _unknown(name, _NOTHING, target)
    if value > 2:
        return Tile(name, f"{value:,.1f}", "", "over", "Over the limit", target)
    return Tile(name, f"{value:.1f}", "", "good", "Within target" if value <= 1 else "Under the limit", target)


def _tile(name: str, value: int | None, target: str, *, most: int, why: str = _NOTHING) -> Tile:
    if value is None:
        return _unknown(name, why, target)
    return Tile(name, f"{value:,}", "", *_held(value <= most), target)


def _share(name: str, value: float | None, target: str, *, below: float = 2.0, most: float = 1.0) -> Tile:
    if value is None:
        return _unknown(name, _NOTHING, target)
    shown = f"{100 * value:.0f}" if value >= 0.1 or value == 0 else f"{100 * value:.1f}"
    return Tile(name, shown, "%", *_held(value < below and value <= most), target)


def _acknowledging(value: float | None, figures: AlarmFigures) -> Tile:
    name, target = "Time to acknowledge", "median"
    if value is None:
        why = "no alarm was acknowledged" if figures.judged else _NOTHING
        return _unknown(name, why, target)
    number, _, unit = duration(value).partition(" ")
    rest = f" {value % 60:.0f} s" if 60 <= value < 600 and value % 60 >= 1 else ""
    return Tile(name, number, unit + rest, "plain", "No target", target)


def _held(good: bool) -> tuple[Verdict, str]:
    return ("good", "Within target") if good else ("over", "Over target")


def _unknown(name: str, why: str, target: str) -> Tile:
    return Tile(name, "Not available", "", "unknown", why, target)
