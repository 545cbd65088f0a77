"""Alarm figures: the standard's definitions at their boundaries, and a turbine's real status log."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.models.history import Priority
from andon.insight.alarms import metrics
from support import alarm_oracle
from support.alarm_oracle import Occurrence

KELMARSH = Path(__file__).parents[3] / "shared" / "data" / "factory" / "kelmarsh_1_status_excerpt.csv"
DAY = 86_400.0


def burst(count: int, start: float, source: str = "a", apart: float = 1.0) -> list[Occurrence]:
    return [Occurrence(source, start + n * apart, clears=False) for n in range(count)]


def test_ten_alarms_in_ten_minutes_are_no_flood_and_eleven_are() -> None:
    """Exactly ten is the boundary: a flood needs more."""
    assert alarm_oracle.figures(burst(10, 600), 0, DAY).floods == []
    (flood,) = alarm_oracle.figures(burst(11, 600), 0, DAY).floods
    assert (flood.start, flood.end, flood.alarms, flood.first) == (600, 1200, 11, "a")


def test_a_flood_goes_on_while_five_come_and_ends_with_four() -> None:
    """Begins above ten, ends below five: between them it lasts."""
    several = burst(11, 600) + burst(5, 1200) + burst(4, 1800) + burst(11, 4200)
    floods = alarm_oracle.figures(several, 0, DAY).floods
    assert [(flood.start, flood.end, flood.alarms) for flood in floods] == [(600, 1800, 16), (4200, 4800, 11)]


def test_silence_ends_a_flood() -> None:
    """Ten minutes without any alarm are below five."""
    floods = alarm_oracle.figures(burst(12, 600) + burst(12, 1800), 0, DAY).floods
    assert [(flood.start, flood.end) for flood in floods] == [(600, 1200), (1800, 2400)]


def test_what_came_first_in_a_flood_is_named() -> None:
    """First-out: the source of the first alarm, not of most."""
    (flood,) = alarm_oracle.figures([Occurrence("pump", 600.5), *burst(20, 601)], 0, DAY).floods
    assert flood.first == "pump"


def test_chattering_is_three_within_a_minute() -> None:
    """Three starts 60 s apart from first to last chatter; 61 s do not, and two never."""
    assert [c.source for c in alarm_oracle.chattering(burst(3, 0, apart=30))] == ["a"]
    assert alarm_oracle.chattering(burst(3, 0, apart=30.5)) == []
    assert alarm_oracle.chattering(burst(2, 0)) == []


def test_without_clear_events_nothing_is_said_about_standing_alarms() -> None:
    """Not available is not zero."""
    figures = alarm_oracle.figures(burst(5, 0), 0, 90 * DAY)
    assert (figures.stale, figures.fleeting, figures.standing, figures.acknowledged) == (None, None, None, None)
    assert figures.stops is None
    assert not figures.provisional
    shown = {row.name: row for row in metrics.targets(figures)}
    assert shown["Stale (active for 24 h)"].value == "not available"
    assert shown["Stale (active for 24 h)"].good is None


def test_standing_stale_and_fleeting() -> None:
    """Open for more than a day is stale; cleared within seconds and never acknowledged is fleeting."""
    several = [
        Occurrence("open", 0),
        Occurrence("long", 0, ended=DAY + 1),
        Occurrence("day", 0, ended=DAY),
        Occurrence("blink", 0, ended=9),
        Occurrence("seen", 0, ended=9, acknowledged=5),
    ]
    figures = alarm_oracle.figures(several, 0, 2 * DAY, acknowledges=True)
    assert (figures.standing, figures.stale, figures.fleeting) == (1, 2, 1)
    assert (figures.acknowledged, figures.mean_ack_seconds) == (1, 5)


def test_no_alarms_at_all() -> None:
    """Of an empty window nothing is known, and nothing of it is good."""
    figures = alarm_oracle.figures([], 0, DAY, acknowledges=True)
    assert not figures.judged
    assert (figures.rates.average, figures.rates.peak, figures.flood_share, figures.acknowledged) == (None,) * 4
    assert {(row.value, row.good) for row in metrics.targets(figures)} == {("not available", None)}


@given(st.lists(st.floats(0, 2 * DAY), max_size=200))
def test_a_flood_never_holds_more_alarms_than_there_are(starts: list[float]) -> None:
    """Floods lie within the window, do not overlap, and count each alarm once."""
    figures = alarm_oracle.figures([Occurrence("a", at) for at in starts], 0, DAY)
    inside = sum(at < DAY for at in starts)
    assert sum(flood.alarms for flood in figures.floods) <= figures.alarms == inside
    ends = [flood.end for flood in figures.floods]
    assert all(end <= flood.start for end, flood in zip(ends, figures.floods[1:], strict=False))
    assert 0 <= (figures.flood_share or 0) <= 1


@pytest.mark.shared
@pytest.mark.skipif(not KELMARSH.exists(), reason="the turbine's status log is not on this machine")
def test_a_turbines_status_log() -> None:
    """Known answers: 37 alarms, 10 in the worst ten minutes, code 5720 chatters, 13 stale, 10 stops of 43.1 h."""

    def moment(text: str) -> float:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    lines = [line for line in KELMARSH.read_text("utf-8").splitlines() if not line.startswith("#")]
    several = [
        Occurrence(
            source=row["Code"],
            started=moment(row["Timestamp start"]),
            ended=None if row["Timestamp end"] == "-" else moment(row["Timestamp end"]),
            priority=Priority.HIGH if row["Status"] == "Stop" else Priority.LOW,
            stopped=row["Status"] == "Stop",
        )
        for row in csv.DictReader(lines)
        if row["Status"] in ("Stop", "Warning")
    ]
    figures = alarm_oracle.figures(several, moment("2016-01-01"), moment("2016-05-01"))
    assert figures.alarms == 37
    assert figures.rates.peak == 10
    assert figures.floods == []
    assert [c.source for c in figures.chattering] == ["5720"]
    assert {c.source for c in alarm_oracle.chattering(several, within=600)} == {"5720", "3000"}
    assert figures.stale == 13
    assert (figures.top[0].source, round(100 * figures.top[0].share)) == ("5720", 32)
    assert figures.stops is not None
    assert figures.stops.count == 10
    assert figures.stops.mean_seconds is not None
    assert round(figures.stops.mean_seconds / 3600, 1) == 43.1
