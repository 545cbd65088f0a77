"""Alarms over time and by hour: bars, days, weekdays, also in the night when the clock is changed; shares of problems."""

from __future__ import annotations

import itertools
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from andon.app.web.page import charts
from andon.app.web.page.screens.figure_tiles import tiles
from andon.app.web.page.screens.figure_words import flood_words, span_words
from andon.core.settings.database_url import Database
from andon.insight.alarms import alarm_overview, rhythm
from andon.insight.alarms.metrics import Flood
from andon.store import Visitor, alarms, change
from andon.store.alarms import ProblemShare
from support.alarm_logs import T0, Event, cleared, raised, store_events

pytest_plugins = ["support.databases"]
BERLIN = ZoneInfo("Europe/Berlin")
UTC = ZoneInfo("UTC")
DAY = 86_400.0


def period(at: float) -> int:
    return int(at // 600)


def test_bars_are_ten_minutes_or_the_worst_of_half_an_hour() -> None:
    """Up to three days each bar is ten minutes; beyond, the worst of three."""
    counts = {period(T0): 3, period(T0 + 1200): 7, period(T0 + 1800): 2}
    short = rhythm.course(counts, T0, T0 + 3600)
    assert (short.step, short.values) == (600.0, [3, 0, 7, 2, 0, 0])
    long = rhythm.course(counts, T0 + 600, T0 + 4 * DAY)
    assert (long.since, long.step, long.values[:3], len(long.values)) == (T0, 1800.0, [7, 2, 0], 192)


def test_hours_are_those_of_the_sites_clock() -> None:
    """Of a week each hour once; an hour that the window does not hold is not known, never 0; means over several weeks."""
    counts = {period(T0 + 600): 5, period(T0 + 7 * DAY + 600): 2}
    week = rhythm.by_hour({period(T0 + 600): 5}, [Flood(T0, T0 + 600, 5, None)], T0, T0 + 3 * 3600, BERLIN)
    assert [(one.weekday, one.hour, one.alarms, one.flood, one.step) for one in week[:3]] == [
        (2, 0, None, False, -1), (2, 1, 5.0, True, 1), (2, 2, 0.0, False, 0)
    ]  # fmt: skip
    two = {(one.weekday, one.hour): one for one in rhythm.by_hour(counts, [], T0, T0 + 14 * DAY, UTC)}
    assert two[2, 0].alarms == 3.5
    assert len(two) == 168
    assert [rhythm.Hour(0, 0, n, False).step for n in (0, 0.4, 1, 6, 7, 12, 13, 30, 31)] == [0, 0, 1, 1, 2, 2, 3, 3, 4]
    assert [one.alarms for one in rhythm.blocks(week)][:2] == [5.0, None]


def test_days_in_the_night_of_the_clock_change() -> None:
    """The last Sunday of March has 23 hours, and every moment is in one day."""
    start = datetime(2025, 3, 29, 12, tzinfo=BERLIN).timestamp()
    spans = rhythm.days(start, start + 2 * DAY, BERLIN)
    assert [round((end - begin) / 3600) for begin, end in spans] == [12, 23, 13]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    ticks = charts.ticks(start, start + 10 * 3600 + DAY, BERLIN)
    assert "Sun 30" in [words for _, words in ticks]
    assert len({at for at, _ in ticks}) == len(ticks)


def test_what_problems_make_up() -> None:
    """Added up in the order of what is asked for; what nobody knows the length of counts nothing there."""
    shares = [
        ProblemShare(n, n, "", f"problem {n}", "", None, "ERROR", 1, count, seconds)
        for n, count, seconds in ((1, 6, None), (2, 3, 30.0), (3, 1, 90.0))
    ]
    by_count = alarm_overview.ranked(shares, "count")
    assert [(one.share.pattern_id, one.added_up) for one in by_count] == [(1, 0.6), (2, 0.9), (3, 1.0)]
    by_minutes = alarm_overview.ranked(shares, "minutes")
    assert [(one.share.pattern_id, one.added_up) for one in by_minutes] == [(3, 0.75), (2, 1.0), (1, 1.0)]
    assert [one.added_up for one in alarm_overview.ranked(shares[:1], "minutes")] == [None]


def test_an_overview_of_a_database(database: Database) -> None:
    """Alarms of one problem at several machines stand together; the window begins where the data does."""
    events: list[Event] = []
    for n in range(12):
        events += [raised(n, f"A{n}", host=f"press-{n}"), cleared(120 + n, f"A{n}", host=f"press-{n}")]
    events += [raised(90_000, "B", pattern="p2", message="guard open")]
    store_events(database, events)
    with Visitor(database) as visitor:
        found = visitor.read(alarm_overview.find, T0 - 30 * DAY, T0 + 5 * DAY, UTC)
    assert (found.since, round(found.days), found.provisional) == (T0, 5, True)
    assert [(one.share.places, one.share.count, one.share.seconds) for one in found.problems] == [
        (12, 12, 12 * 120.0), (1, 1, None)
    ]  # fmt: skip
    assert [flood.alarms for flood in found.report.figures.floods] == [12]
    assert found.course.values[0] == 12
    assert (found.by_day[0].alarms, found.by_day[0].worst, found.by_day[1].alarms) == (12, 12, 1)
    assert found.ack_seconds is None
    change(database, lambda connection: alarms.acknowledge(connection, 13, "Meier", "seen", now=T0 + 90_100))
    with Visitor(database) as visitor:
        assert visitor.read(alarms.median_acknowledgement, T0, T0 + 5 * DAY) == 100.0
        (deed,) = visitor.read(alarms.deeds, "2000-01-01", "2999-01-01")
    assert (deed.did, deed.by, deed.text, deed.pattern_id, deed.alarm_id) == ("acknowledged", "Meier", "seen", 2, 13)
    words = {one.name: (one.value, one.words) for one in tiles(found.report.figures, found.ack_seconds)}
    assert words["Peak in 10 min"] == ("12", "Over target")
    assert words["Time to acknowledge"] == ("Not available", "no alarm was acknowledged")
    assert span_words(found, None, None, UTC) == "15 to 20 Jan 2025, all areas. Provisional: 5 of 30 days."
    assert flood_words(found, UTC) == "Each bar: the worst 10 minutes of half an hour. 1 flood: Wed 00:00"


def test_what_is_not_known_is_not_zero(tmp_path: Path) -> None:
    """Without an alarm nothing is within its target; without a clear nothing is known of what stays active."""
    store_events(tmp_path / "agent.db", [raised(0)])
    with Visitor(tmp_path / "agent.db") as visitor:
        some = visitor.read(alarm_overview.find, T0, T0 + DAY, UTC)
        none = visitor.read(alarm_overview.find, T0 + DAY, T0 + 2 * DAY, UTC)
    by_name = {one.name: one for one in tiles(some.report.figures, 200.0)}
    assert by_name["Active over 24 h"][1:5] == ("Not available", "", "unknown", "no clear events from this source")
    assert by_name["Time to acknowledge"][1:5] == ("3", "min 20 s", "plain", "No target")
    assert {one.verdict for one in tiles(none.report.figures, None)} == {"unknown"}
    assert (none.problems, none.course.values[0]) == ([], 0)
