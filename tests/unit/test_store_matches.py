"""What the journal asks of the store: records by what they say of an alarm, those that came, and how many there are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from andon.core.models import LogQuery
from andon.core.settings.database_url import Database
from andon.store import Store, alarms, problems, search
from support.store_data import Clock, a_log, opened

pytest_plugins = ["support.databases"]

BEGIN, END = 1_736_900_000.0, 1_736_990_000.0
STATES = ({"alarm_code": "F7", "state": "active"}, {"alarm_code": "F7", "state": "cleared"}, {"lot": 3}, None)


def rows(count: int) -> list[Any]:
    """Records of three severities, two lines and four states, a few in each minute from 02:14 on."""
    return [
        a_log(
            n,
            f"p{n % 2}",
            timestamp=f"2025-01-15T{2 + n // 240:02d}:{n // 4 % 60:02d}:{n % 60:02d}.123Z",
            severity=("INFO", "WARNING", "ERROR")[n % 3],
            line=f"L{n % 2}",
            context=None if (said := STATES[n % 4]) is None else json.dumps(said),
        )
        for n in range(1, count + 1)
    ]


async def filled(store: Store, clock: Clock, count: int, *, indexed: bool = True) -> None:
    """Record, and index once nobody else can be recording still."""
    await store.record(rows(count), [])
    clock.now += 60
    while indexed and (await store.index(500))[1]:
        pass


async def test_records_are_found_by_what_they_say_of_an_alarm(database: Database) -> None:
    """By the fields of their contexts, whatever else is asked for."""
    clock = Clock()
    async with opened(database, clock=clock) as store:
        await filled(store, clock, 40)
        for state, expected in (("raised", 10), ("cleared", 10), ("acknowledged", 0), ("event", 20)):
            found = await store.read(search.find, LogQuery(state=state, limit=100))
            assert [alarms.state_of(one.context, one.timestamp).word for one in found] == [state] * expected
        both = await store.read(search.find, LogQuery(state="raised", line="L0", limit=100))
        assert {one.line for one in both} == {"L0"}


async def test_only_what_came_since_is_read(database: Database) -> None:
    """By id, with the same filters, whether or not it is indexed."""
    clock = Clock()
    async with opened(database, clock=clock) as store:
        await filled(store, clock, 20, indexed=False)
        last = await store.read(search.newest_id)
        asked = LogQuery(above=last - 6, severity="WARNING", limit=3)
        found = await store.read(search.find, asked)
        assert [one.id for one in found] == sorted((one.id for one in found), reverse=True)
        assert len(found) == 3
        assert await store.read(search.count_above, asked) == 4
        words = await store.read(search.find, LogQuery(above=last - 2, text="fault", state="event", limit=9))
        assert {one.id for one in words} <= {last - 1, last}


async def test_lists_carry_beginnings_only(database: Database) -> None:
    """A long message is cut by the database, and so is one that had to be looked at as a whole."""
    async with opened(database, clock=Clock()) as store:
        await store.record([a_log(1, message="word " * 10_000, context=json.dumps({"x": "y" * 20_000}))], [])
        (plain,) = await store.read(search.find, LogQuery(cut=50))
        (looked,) = await store.read(search.find, LogQuery(cut=50, text="word"))
        assert plain.message == looked.message == ("word " * 10_000)[:50]
        assert plain.context is None
        assert (plain.timestamp, plain.hostname, plain.severity) == (looked.timestamp, looked.hostname, looked.severity)


@pytest.mark.parametrize("step", [5, 60])
@pytest.mark.parametrize("indexed", [True, False])
async def test_all_ways_of_counting_agree(database: Database, step: int, *, indexed: bool) -> None:
    """What the recorder, the indexer and the logs themselves tell is the same, by minutes and by hours."""
    clock = Clock()
    async with opened(database, clock=clock) as store:
        await filled(store, clock, 400, indexed=indexed)
        everything = await store.read(search.find, LogQuery(limit=1_000))
        ways: list[tuple[LogQuery, Callable[[Any], bool]]] = [
            (LogQuery(), lambda _: True),
            (LogQuery(severity="WARNING"), lambda one: one.severity in ("WARNING", "ERROR")),
            (LogQuery(severity="ERROR"), lambda one: one.severity == "ERROR"),
            (LogQuery(line="L1"), lambda one: one.line == "L1"),
            (LogQuery(line="L*", severity="ERROR"), lambda one: one.severity == "ERROR"),
            (LogQuery(pattern_id=everything[0].pattern_id), lambda one: one.pattern_id == everything[0].pattern_id),
        ]
        for query, fits in ways:
            expected = search.of_rows([one.timestamp for one in everything if fits(one)], step)
            found = await store.read(search.tally, query, BEGIN, END, step)
            assert (found.matches, found.more) == (expected.matches, False), query
            assert found.steps is not None
            assert {at: n for at, n in found.steps.items() if n} == dict(expected.steps or {}), query


async def test_what_is_too_much_to_look_at_is_said_to_be_more(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one field the indexer's counts still tell when they were; of several filters nothing does."""
    monkeypatch.setattr("andon.store.search.matches.LOOKED_MAX", 100)
    monkeypatch.setattr("andon.store.search.matches.COUNTED_MAX", 50)
    clock = Clock()
    async with opened(database, clock=clock) as store:
        await filled(store, clock, 400)
        plain = await store.read(search.tally, LogQuery(), BEGIN, END, 60)
        assert (plain.matches, plain.more) == (50, True)
        one = await store.read(search.tally, LogQuery(line="L1"), BEGIN, END, 60)
        assert (one.matches, one.more) == (50, True)
        assert one.steps is not None
        assert sum(one.steps.values()) == 200
        several = await store.read(search.tally, LogQuery(line="L1", severity="WARNING"), BEGIN, END, 60)
        assert several.more
        assert several.steps is None


async def test_problems_have_titles(database: Database) -> None:
    """By any of their patterns: the text of the one that stands for it."""
    clock = Clock()
    async with opened(database, clock=clock) as store:
        await filled(store, clock, 4)
        found = await store.read(problems.titles, [1, 2, 99])
        assert set(found) == {1, 2}
        assert all(title.startswith("fault <*> of p") for _, title in found.values())


@pytest.mark.parametrize(
    ("context", "word"),
    [
        (None, "event"),
        ("no JSON", "event"),
        ("[1]", "event"),
        ('{"alarm": {"state": "active", "code": "A1"}}', "raised"),
        ('{"alarm_code": "A1", "state": "acknowledged"}', "acknowledged"),
        ('{"started_at": "2025-01-15T02:00:00Z", "ended_at": "2025-01-15T02:01:00Z", "alarm_code": 7}', "cleared"),
        ('{"a": 1}', "event"),
        (json.dumps({"alarm_code": "A1", "state": "active", "x": "y" * 70_000}), "event"),
    ],
)
def test_a_record_says_one_of_four_things(context: str | None, word: str) -> None:
    """Also where its context cannot be read."""
    assert alarms.state_of(context, "2025-01-15T02:14:23.123Z").word == word
