"""What the page of a problem reads and writes in the store: the whole of it, its alarms, its steps; on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from andon.core.errors import NotFound
from andon.core.models import Explanation, Rung
from andon.core.settings.database_url import Database
from andon.store import Store, Visitor, alarms, problems, queue
from support.alarm_logs import T0, cleared, raised, store_events
from support.store_data import NOW, a_log, an_answer, opened

pytest_plugins = ["support.databases"]


def tried(database: Database, work: Callable[[Store], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with opened(database) as store:
            await work(store)

    asyncio.run(whole())


def checked(*checks: str, rung: Rung = Rung.PLAYBOOK) -> Explanation:
    return Explanation(rung=rung, text=" ".join(checks), finding={"summary": "it fell", "checks": list(checks)})


async def answered(store: Store, explanation: Explanation) -> None:
    job = await store.write(queue.claim, "me", 60, NOW)
    assert job is not None
    await store.write(queue.finish, job, explanation, NOW)


def test_a_problem_is_found_by_number_and_by_words(database: Database) -> None:
    """Signs that mean something to the database are only themselves; what is merged is not offered."""

    async def work(store: Store) -> None:
        texts = ("motor too hot", "motor 100% loaded", "door_open")
        await store.record([a_log(n, f"p{n}", template=text) for n, text in enumerate(texts, 1)], [])

        async def found(words: str, but: int = 0) -> list[int]:
            return [one.id for one in await store.read(problems.look_up, words, 10, but=but)]

        assert sorted(await found("MOTOR")) == [1, 2]
        assert await found("motor", but=1) == [2]
        assert await found("100%") == [2]
        assert await found("r_o") == [3]
        assert await found("hot motor") == [1]
        assert await found("3") == [3]
        assert await found("  ") == []
        await store.write(problems.merge, 2, 1)
        assert await found("motor") == [1]
        whole = await store.read(problems.whole, 1)
        assert (whole.members, whole.count, whole.host_count, whole.hosts) == ([1, 2], 2, 1, [("plc-01", 2)])
        assert [log.id for log in await store.read(problems.newest_logs, 1, 5)] == [2, 1]
        leaving = await store.read(problems.parts_of, 1)
        assert {child: [one.id for one in several] for child, several in leaving.items()} == {2: [2]}
        with pytest.raises(NotFound):
            await store.read(problems.whole, 99)

    tried(database, work)


def test_what_leaves_with_a_part_that_others_joined(database: Database) -> None:
    """3 joined 2 and 2 joined 1: splitting 2 takes 3 along, splitting 3 only itself."""

    async def work(store: Store) -> None:
        await store.record([a_log(n, f"p{n}") for n in (1, 2, 3)], [])
        await store.write(problems.merge, 3, 2)
        await store.write(problems.merge, 2, 1)
        leaving = await store.read(problems.parts_of, 1)
        assert {child: [one.id for one in several] for child, several in leaving.items()} == {3: [3], 2: [2, 3]}

    tried(database, work)


def test_the_steps_behind_a_confirmed_fix_can_be_ticked(database: Database) -> None:
    """The fix first, then those of the answer before it; a new answer begins without ticks."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        await answered(store, checked("fuse", "cable"))
        await store.write(problems.tick, 1, 1, "Ada", done=True, now=NOW)
        assert [(one.step, one.text, one.author) for one in await store.read(problems.ticks_of, 1)] == [
            (1, "cable", "Ada")
        ]
        await store.write(problems.resolve, 1, "tightened X2", None, "Bo", NOW)
        assert await store.read(problems.ticks_of, 1) == []
        for step, text in enumerate(("tightened X2", "fuse", "cable")):
            standing = await store.write(problems.tick, 1, step, None, done=True, now=NOW)
            assert standing[-1].text == text
        with pytest.raises(NotFound):
            await store.write(problems.tick, 1, 3, None, done=True, now=NOW)
        before = await store.read(problems.answer_before, 1)
        assert before is not None
        assert before.text == "fuse cable"

    tried(database, work)


def test_a_tick_belongs_to_the_words_of_its_step(database: Database) -> None:
    """An answer for now and the final one are the same row with other steps."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        job = await store.write(queue.claim, "me", 60, NOW)
        assert job is not None
        await store.write(queue.show_meanwhile, job, checked("look", "listen"))
        await store.write(problems.tick, 1, 0, "Ada", done=True, now=NOW)
        await store.write(queue.finish, job, checked("fuse", "listen", rung=Rung.MODEL), NOW)
        assert await store.read(problems.ticks_of, 1) == []
        assert [one.text for one in await store.write(problems.tick, 1, 0, None, done=True, now=NOW)] == ["fuse"]

    tried(database, work)


def test_an_answer_that_says_the_same_keeps_its_ticks(database: Database) -> None:
    """Asked again, and nothing changed: what was checked stays checked, and can be taken back."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        await answered(store, checked("fuse", "cable"))
        await store.write(problems.tick, 1, 1, "Ada", done=True, now=NOW)
        await store.write(problems.reanalyze, 1)
        await answered(store, checked("fuse", "cable"))
        assert [one.text for one in await store.read(problems.ticks_of, 1)] == ["cable"]
        assert await store.write(problems.tick, 1, 1, "Bo", done=False, now=NOW) == []

    tried(database, work)


def test_an_answer_without_steps_has_none_to_tick(database: Database) -> None:
    """Nor has a problem that shows nothing yet."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        assert await store.read(problems.ticks_of, 1) == []
        await answered(store, an_answer())
        with pytest.raises(NotFound):
            await store.write(problems.tick, 1, 0, None, done=True, now=NOW)

    tried(database, work)


def test_the_alarms_of_a_problem_with_their_times(database: Database) -> None:
    """When they came, how long until they were over, and whether one chatters."""
    events = [raised(0), cleared(60, pattern="p2"), raised(700), cleared(1000, pattern="p2"), raised(7300, "E2")]
    events += [raised(7200 + n, "E3", host="press-2", pattern="p3", context={"state": None}) for n in range(3)]
    store_events(database, events)
    with Visitor(database) as visitor:
        known = visitor.read(alarms.of_patterns, [1])
        assert {one.code for one in known.entries} == {"E1", "E2"}
        ids = [one.id for one in known.entries]
        assert known.stated == frozenset(ids)
        started = visitor.read(alarms.starts, ids, T0 - 1, T0 + 7300)
        assert sorted(at - T0 for at in started) == [0, 700]
        lasted = visitor.read(alarms.time_to_clear, ids, T0 - 1)
        assert lasted is not None
        assert (lasted.mean, lasted.times) == (180.0, 2)
        assert visitor.read(alarms.time_to_clear, ids, T0 + 7000) is None
        others = [one.id for one in visitor.read(alarms.of_patterns, [3]).entries]
        assert visitor.read(alarms.chatters, others, T0 + 7260)
        assert not visitor.read(alarms.chatters, others, T0 + 20_000)
        assert not visitor.read(alarms.chatters, ids, T0 + 7260)
