"""What is frequent, new, rising and silent, what sets off what: from the counts, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from andon.core.errors import NotFound, QueryTooSlow
from andon.core.models.history import Place
from andon.core.settings.database_url import Database
from andon.core.times import seconds
from andon.core.written_times import read_time
from andon.insight.shifts.calendar import Shift
from andon.insight.trends import breakdown, trends
from andon.store import Visitor, change, counts, problems
from andon.store.counts import counts as stored_trends
from andon.store.schema.dialect import run
from support.store_data import opened
from support.weeks import DAY0, at, fill, logs, week

pytest_plugins = ["support.databases"]

SHIFTS = [Shift("early", time(6), time(14)), Shift("late", time(14), time(22)), Shift("night", time(22), time(6))]


ASKED = trends.Asked(at(7 * 24).timestamp(), at(8 * 24).timestamp(), at(0).timestamp())


@pytest.fixture(params=[True, False], ids=["indexed", "fresh"])
def site(request: pytest.FixtureRequest, database: Database) -> tuple[Database, dict[str, int]]:
    """The week and the day, counted by the indexer or not yet."""
    records = sorted(logs(*week()), key=lambda record: record.timestamp)
    return database, fill(database, records, indexed=request.param)


def found(site: tuple[Database, dict[str, int]], kind: trends.Kind) -> trends.Trends:
    with Visitor(site[0]) as visitor:
        return visitor.read(trends.find, kind, ASKED)


def test_the_most_frequent(site: tuple[Database, dict[str, int]]) -> None:
    """Counts, shares of all and rates of the day, the most first; the same whether or not all is indexed."""
    top = found(site, "top")
    assert [(row.template.split()[-1], row.count) for row in top.rows] == [
        ("rises", 120), ("burst", 100), ("steady", 48), ("fresh", 7),
    ]  # fmt: skip
    assert (top.logs, top.problems) == (275, 4)
    assert top.rows[0].share == pytest.approx(120 / 275)
    assert top.rows[0].per_hour == pytest.approx(5)


def test_what_is_new(site: tuple[Database, dict[str, int]]) -> None:
    """Only what nobody saw before."""
    assert [row.template.split()[-1] for row in found(site, "new").rows] == ["fresh"]


def test_what_rises(site: tuple[Database, dict[str, int]]) -> None:
    """What became more frequent beyond chance; a burst is no rise where bursts are usual, a steady rate neither."""
    rising = found(site, "rising")
    assert [row.template.split()[-1] for row in rising.rows] == ["rises", "fresh"]
    rises, fresh = rising.rows
    assert (rises.count, rises.before) == (120, 42)
    assert rises.ratio == pytest.approx(20, rel=0.01)
    assert rises.p is not None
    assert rises.p < 1e-6
    assert (fresh.before, fresh.ratio) == (0, None)
    assert rising.baseline == "2025-01-06T00:06:00.000Z"  # before its first log there is nothing to compare with


def test_what_fell_silent(site: tuple[Database, dict[str, int]]) -> None:
    """What was regular and is not there at all, with what was to be expected."""
    quiet = found(site, "quiet")
    assert [row.template.split()[-1] for row in quiet.rows] == ["fell"]
    assert quiet.rows[0].expected == pytest.approx(24, rel=0.01)
    assert quiet.rows[0].last_seen.startswith("2025-01-12T23:12")


def test_merged_patterns_are_one_problem(new_database: Callable[[], Database]) -> None:
    """Their counts add up, and neither is new, rising or silent by itself."""
    database = new_database()
    ids = fill(database, logs(*((n, "a" if n < 168 else "b") for n in range(192))))
    with Visitor(database) as visitor:
        assert [row.pattern_id for row in visitor.read(trends.find, "quiet", ASKED).rows] == [ids["a"]]
        assert [row.pattern_id for row in visitor.read(trends.find, "new", ASKED).rows] == [ids["b"]]
    change(database, problems.merge, ids["b"], ids["a"])
    with Visitor(database) as visitor:
        assert visitor.read(trends.find, "quiet", ASKED).rows == []
        assert visitor.read(trends.find, "new", ASKED).rows == []
        top = visitor.read(trends.find, "top", ASKED)
        assert [(row.pattern_id, row.count) for row in top.rows] == [(ids["a"], 24)]
        assert (
            visitor.read(
                breakdown.timeline, "day", at(0).timestamp(), at(192).timestamp(), ZoneInfo("UTC"), ids["b"]
            ).total
            == 192
        )


def test_parts_of_the_site(new_database: Callable[[], Database]) -> None:
    """A host by its minutes, a line by whole days; of an unknown one there is nothing."""
    database = new_database()
    records = [
        *logs(*((n + 0.5, "a") for n in range(40)), hostname="press-1", line="L1"),
        *logs(*((n + 0.5, "b") for n in range(40)), hostname="oven-1", line="L2"),
    ]
    for number, record in enumerate(records):
        record.sequence = record.stored_ns = number + 1
    ids = fill(database, records)
    asked = trends.Asked(at(10).timestamp(), at(20).timestamp(), at(0).timestamp())
    with Visitor(database) as visitor:

        def top(field: str, glob: str) -> list[tuple[int, int]]:
            chosen = visitor.read(trends.find, "top", asked._replace(place=Place(field, glob)))
            return [(row.pattern_id, row.count) for row in chosen.rows]

        assert top("hostname", "press-*") == [(ids["a"], 10)]
        assert top("hostname", "*-1") == [(ids["a"], 10), (ids["b"], 10)]
        assert top("line", "L2") == [(ids["b"], 24)]
        assert top("line", "L9") == []
        assert top("hostname", "[p]ress-1") == []


def test_first_out(new_database: Callable[[], Database]) -> None:
    """What set in first in a flood, ties said; what was going on before did not set it off."""
    database = new_database()
    hum = [(n / 12, "hum") for n in range(24)]
    flood = [(1.2 + n / 600, "effect") for n in range(30)]
    ids = fill(database, logs(*sorted([*hum, (1.18, "cause"), (1.182, "twin"), *flood])))
    with Visitor(database) as visitor:
        (one,) = visitor.read(trends.first_out, at(0).timestamp(), at(2).timestamp())
        assert visitor.read(trends.first_out, at(0).timestamp(), at(1).timestamp()) == []
    assert [(named.pattern_id, named.minutes) for named in one.first] == [(ids["cause"], 0), (ids["twin"], 0)]
    assert [(named.pattern_id, named.minutes) for named in one.then] == [(ids["effect"], 2)]
    assert one.start == "2025-01-06T01:10:00.000Z"


def test_what_follows_what(new_database: Callable[[], Database]) -> None:
    """The direction, both counts and the lag; what comes at any time follows nothing."""
    database = new_database()
    rows = [(n * 3 + 0.5, "cause") for n in range(16)] + [(n * 3 + 0.55, "effect") for n in range(14)]
    rows += [(n * 1.7 + 0.9, "other") for n in range(28)]
    ids = fill(database, logs(*sorted(rows)))
    with Visitor(database) as visitor:
        (pair,) = visitor.read(trends.together, at(0).timestamp(), at(48).timestamp())
        assert visitor.read(trends.together, at(0).timestamp(), at(48).timestamp(), about=ids["other"]) == []
    assert (pair.first_id, pair.second_id) == (ids["cause"], ids["effect"])
    assert (pair.count, pair.of_first, pair.of_second, pair.lag) == (14, 16, 14, 3)
    assert pair.lift > 10


def test_too_many_minutes_are_refused(new_database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence instead of a long wait."""
    database = new_database()
    fill(database, logs(*((n / 60, "a") for n in range(50))))
    monkeypatch.setattr(stored_trends, "MINUTES_MAX", 49)
    with Visitor(database) as visitor, pytest.raises(QueryTooSlow, match="shorter"):
        visitor.read(trends.together, at(0).timestamp(), at(48).timestamp())


@pytest.mark.parametrize("indexed", [True, False])
def test_a_problem_by_place_shift_and_time(new_database: Callable[[], Database], indexed: bool) -> None:
    """Machines and hosts, shifts with their rates, and the time from one occurrence to the next."""
    database = new_database()
    records = logs(*((n * 2 + m / 60, "a") for n in range(24) for m in range(3)), machine="press-1")
    ids = fill(database, records, indexed=indexed)
    with Visitor(database) as visitor:
        found = visitor.read(
            breakdown.breakdown, ids["a"], at(0).timestamp(), at(48).timestamp(), SHIFTS, ZoneInfo("UTC")
        )
        with pytest.raises(NotFound):
            visitor.read(breakdown.breakdown, 99, 0, 1, SHIFTS, ZoneInfo("UTC"))
    assert (found.logs, found.occurrences, found.minutes_between) == (72, 24, 120)
    assert [(one.name, one.count, one.per_hour) for one in found.shifts] == [
        ("early", 24, 1.5), ("late", 24, 1.5), ("night", 24, 1.5),
    ]  # fmt: skip
    assert [(one.value, one.count) for one in found.machine] == ([("press-1", 72)] if indexed else [])
    assert found.line == []


def test_shifts_in_the_night_of_the_change() -> None:
    """The night in which the clock is put forward is an hour shorter; between shifts belongs to none."""
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime(2025, 3, 29, 22, tzinfo=zone).timestamp()
    minutes = {int(begin // 60): 14, int(begin // 60) + 8 * 60: 2}
    rows = breakdown.by_shift(minutes, begin, begin + 10 * 3600, [SHIFTS[2]], zone)
    assert [(row.name, row.count, row.per_hour) for row in rows] == [
        ("night", 14, 2.0),
        ("(none)", 2, pytest.approx(2 / 3)),
    ]


def test_timelines(new_database: Callable[[], Database]) -> None:
    """Every step has a point; days are those of the site, and one of them has 23 hours."""
    database = new_database()
    zone = ZoneInfo("Europe/Berlin")
    since = datetime(2025, 3, 29, tzinfo=zone)
    begin = (since - DAY0).total_seconds() / 3600
    ids = fill(database, logs(*((begin + n + 0.5, "a") for n in range(71))))
    until = since + timedelta(days=3)
    with Visitor(database) as visitor:

        def line(step: breakdown.Step, hours: float, pattern: int | None = None) -> breakdown.Timeline:
            end = min(until.timestamp(), since.timestamp() + hours * 3600)
            return visitor.read(breakdown.timeline, step, since.timestamp(), end, zone, pattern)

        days = line("day", 72)
        assert [(point.start, point.count) for point in days.points] == [
            ("2025-03-28T23:00:00.000Z", 24), ("2025-03-29T23:00:00.000Z", 23), ("2025-03-30T22:00:00.000Z", 24),
        ]  # fmt: skip
        assert [point.count for point in line("hour", 5).points] == [1] * 5
        assert line("hour", 5, ids["a"]) == line("hour", 5)
        minutes = line("minute", 1)
        assert len(minutes.points) == 60
        assert minutes.points[30].count == minutes.total == 1
        assert line("minute", 1, ids["a"]) == minutes
        with pytest.raises(ValueError, match="longer step"):
            line("minute", 71)


@pytest.mark.parametrize(
    ("text", "zone", "told"),
    [
        ("2025-03-30T02:30", "Europe/Berlin", "does not exist in Europe/Berlin"),
        ("whenever", "UTC", "is not a time"),
        ("99999999999w", "UTC", "is not a time"),
        ("0001-01-01", "Asia/Tokyo", "is not a time"),
    ],
)
def test_times_that_are_none(text: str, zone: str, told: str) -> None:
    """Each has its sentence; so has an hour that the clock skips."""
    with pytest.raises(ValueError, match=told):
        read_time(text, zone)


def test_times() -> None:
    """With a zone, of the site, the first of two in autumn, and ages."""
    assert read_time("2025-10-26T02:30", "Europe/Berlin") == "2025-10-26T00:30:00.000Z"
    assert read_time("2025-03-30T02:30+01:00", "Europe/Berlin") == "2025-03-30T01:30:00.000Z"
    assert read_time("90m", "UTC", DAY0) == "2025-01-05T22:30:00.000Z"
    assert seconds(read_time("2025-01-06", "UTC")) == DAY0.timestamp()


def test_a_place_is_one() -> None:
    """Several cannot be told from counts that are kept for each."""
    assert trends.place_of(host=None, line=None) is None
    assert trends.place_of(host="a*") == Place("hostname", "a*")
    with pytest.raises(ValueError, match="name one of them"):
        trends.place_of(host="a", line="b")


def test_a_question_has_a_deadline(new_database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads for too long is stopped with advice, in both databases, and the next question is answered."""
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT COUNT(*) FROM n"
    )

    async def work() -> None:
        async with opened(new_database()) as store:
            with monkeypatch.context() as patched:
                patched.setattr("andon.store.engine.deadline.DEADLINE", 0.2)
                with pytest.raises(QueryTooSlow, match="shorter time"):
                    await store.ask(lambda connection: run(connection, endless).scalar())
            assert await store.ask(problems.listing) == []
            assert await store.read(counts.sizes)

    asyncio.run(work())
