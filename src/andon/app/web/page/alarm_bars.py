"""Alarms per ten minutes of the last eight hours, as the chart of Now."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from andon.app.web.page import charts
from andon.app.web.page.charts import Bars
from andon.core.times import clock, seconds
from andon.insight.alarms.metrics import FLOOD_BEGINS, TEN_MINUTES
from andon.insight.now.board import Board
from andon.insight.shifts.calendar import Shift

#: The axis ends here: what is higher is cut, and says its number.
_TOP = 30


def of(board: Board, shifts: Sequence[Shift], zone: ZoneInfo) -> Bars:
    """The chart of a board."""
    since = seconds(board.bars[0].at)
    until = since + TEN_MINUTES * len(board.bars)
    worst = max(board.bars, key=lambda bar: bar.alarms)
    at = f"{clock(seconds(worst.at), zone):%H:%M}"
    most = f"at most {worst.alarms:,}, from {at}" if worst.alarms else "none"
    return Bars(
        id="now-bars",
        label=f"Alarms per 10 minutes over the last 8 hours: {most}",
        since=since,
        step=TEN_MINUTES,
        values=[bar.alarms for bar in board.bars],
        until=until,
        ticks=charts.ticks(since, until, zone),
        marks=charts.marks(since, until, shifts, zone),
        top=_TOP,
        limit=FLOOD_BEGINS,
        limit_words="Flood: more than 10",
        rows=[(f"{clock(seconds(bar.at), zone):%H:%M}", bar.alarms) for bar in reversed(board.bars) if bar.alarms],
    )
