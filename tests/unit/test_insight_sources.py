"""Who reports, and whose silence is more than chance explains: on both databases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import pytest

from andon.core.models import LogRecord
from andon.core.settings.database_url import Database
from andon.core.times import stored
from andon.insight import sources
from andon.insight.sources.sources import Habit
from andon.store import Visitor
from support.store_data import a_log
from support.weeks import DAY0, fill

pytest_plugins = ["support.databases"]

HOUR = 3600.0
START = DAY0.timestamp()
NOW = START + 21 * 24 * HOUR


def every(host: str, minutes: Iterable[float], **place: str) -> Iterator[tuple[float, str, dict[str, str]]]:
    """A log of ``host`` at these minutes after the start."""
    for minute in minutes:
        yield START + minute * 60, host, place


def plant() -> list[LogRecord]:
    """Three weeks of five hosts with habits of their own, and a new one."""
    last = 21 * 24 * 60
    weeks = range(0, last, 10)
    rows = [
        *every("steady", (m for m in weeks if m % 60 == 0 or m > last - 7.2 * 24 * 60)),
        *every("fell", (m for m in weeks if m > last - 4 * 24 * 60 and m < last - 130), area="Hall 1", line="Paint"),
        *every("works-by-day", (m for m in weeks if m % 1440 < 8 * 60 and m % 20 == 0)),
        *every("seldom", range(0, last - 600, 24 * 60)),
        *every("away", range(0, 10 * 24 * 60, 60)),
        *every("new", range(last - 20, last, 10)),
    ]
    return [
        a_log(number, f"p-{host}", timestamp=stored(at), hostname=host, **place)
        for number, (at, host, place) in enumerate(sorted(rows, key=lambda row: row[0]), 1)
    ]


def test_only_a_silence_beyond_chance_is_told(database: Database) -> None:
    """A regular host that stopped is silent; one that rests at night, logs seldom or is gone for long is not.

    Nobody was silent while Andon did not listen: after a stop each source gets as long as it usually may take.
    """
    fill(database, plant())
    with Visitor(database) as visitor:
        found = {one.host: one for one in visitor.read(sources.find, NOW)}
        then = NOW + 9 * HOUR
        known = visitor.read(sources.habits, then)
        back = visitor.read(sources.find, then, known, then - 60)
        later = visitor.read(sources.find, then, known, NOW)
    assert sorted(found) == ["away", "fell", "new", "seldom", "steady", "works-by-day"]
    silent = [one for one in found.values() if one.silent_since is not None]
    assert [(one.host, one.area, one.line) for one in silent] == [("fell", "Hall 1", "Paint")]
    assert NOW - 140 * 60 <= silent[0].last_seen == silent[0].silent_since <= NOW - 129 * 60
    assert [one.host for one in found.values() if one.gone] == ["away"]
    assert found["steady"].usual_gap == pytest.approx(600, rel=0.2)
    assert found["seldom"].usual_gap is None
    assert NOW - found["new"].last_seen < 660
    assert [one.host for one in back if one.silent_since] == []
    assert [one.host for one in later if one.silent_since] == ["fell", "steady"]


def test_nothing_stored_is_no_source(database: Database) -> None:
    """An empty database has none, and does not fail."""
    fill(database, [])
    with Visitor(database) as visitor:
        assert visitor.read(sources.find, NOW) == []


def test_a_silence_that_came_often_is_usual() -> None:
    """Weekends that all look alike are no news, an outage as long as one of them is as little; a longer one is."""
    habit = Habit(720, 1000, [62, 62, 62], 28.0, 0, (None, None, None, None))
    assert habit.chance(50 * HOUR) == 1.0
    assert habit.chance(63 * HOUR) < 1e-9
    assert habit.chance(1200) > 0.05


def test_who_was_only_heard_of_later_did_not_fall_silent(database: Database) -> None:
    """Logs that were imported tell of a past in which nobody listened."""
    imported = [msgspec.structs.replace(one, notes="imported") for one in plant()]
    fill(database, imported)
    with Visitor(database) as visitor:
        found = {one.host: one for one in visitor.read(sources.find, NOW)}
    assert {one.silent_since for one in found.values()} == {None}
