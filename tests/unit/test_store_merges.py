"""Merging and splitting: one problem shares counts, explanations and the queue; people have the last word."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from andon.core.errors import NotFound, StoreError
from andon.core.models import Merge, PendingAnalysis, Rung
from andon.core.settings.database_url import Database
from andon.store import Store, Visitor, change, counts, problems, queue
from support.store_data import NOW, a_log, an_answer, analysis_of, opened, query

pytest_plugins = ["support.databases"]


def joined(child: str, parent: str = "a") -> Merge:
    """A merge with evidence."""
    return Merge(child, parent, 2, ("left", "right"))


async def claimed(store: Store) -> PendingAnalysis:
    """The next job."""
    job = await store.write(queue.claim, "me", 60, NOW)
    assert job is not None
    return job


async def shown(store: Store, log_id: int) -> str | None:
    """What a log shows."""
    found = await analysis_of(store, log_id)
    return None if found is None else found.text


def open_rows(path: Path) -> list[tuple[object, ...]]:
    """The queue."""
    return query(path, "SELECT id, pattern_id, status FROM analyses WHERE finished_at IS NULL ORDER BY id")


def test_a_pattern_that_joins_a_waiting_problem_asks_for_nothing(database: Database) -> None:
    """One question about the whole family: newest logs, counts, hosts and worst severity of all of it."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, "a"), a_log(2, "b", hostname="plc-02", severity="CRITICAL")], [])
            done = await store.record([a_log(3, "c"), a_log(4, "a")], [], [joined("b"), joined("c")])
            assert (done.queued, done.pattern_ids, done.moved) == (0, [1, 1], {2: 1, 3: 1})
            again = await store.record([a_log(5, "b")], [], [joined("b"), joined("c", "b"), joined("x")])
            assert (again.pattern_ids, again.moved) == ([1], {})
            question = (await claimed(store)).question
            assert [log.id for log in question.logs] == [5, 4, 3, 2, 1]
            assert (question.count, question.hosts, question.worst_severity) == (5, ["plc-01", "plc-02"], "CRITICAL")
            assert await store.write(queue.claim, "me", 60, NOW) is None

    asyncio.run(work())
    assert query(database, "SELECT id, merged_into FROM patterns ORDER BY id") == [(1, None), (2, 1), (3, 1)]
    assert query(database, "SELECT child_id, parent_id, words FROM merges") == [
        (2, 1, '["left","right"]'),
        (3, 1, '["left","right"]'),
    ]
    with Visitor(database) as visitor:
        (summary,) = visitor.read(problems.listing)
        assert (summary.id, summary.count, summary.hosts, summary.merged) == (1, 5, 2, [2, 3])
        assert (summary.worst_severity, summary.status) == ("CRITICAL", "leased")
        assert [m.child_id for m in visitor.read(problems.merges_of, 2)] == [3, 2]
        assert [(h.hostname, h.count) for h in visitor.read(problems.hosts_of, 3)] == [("plc-01", 4), ("plc-02", 1)]
        assert visitor.read(problems.summary, 2).merged_into == 1


def test_an_explanation_is_taken_over_by_the_problem_that_is_joined(database: Database) -> None:
    """The younger pattern was explained first: the older one's question is not asked any more."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, "a"), a_log(2, "b", severity="CRITICAL", reply_to="inbox")], [])
            await store.write(queue.finish, await claimed(store), an_answer("of b"), NOW)
            done = await store.record([a_log(3, "a", reply_to="inbox")], [], [joined("b")])
            assert (done.queued, done.explained) == (0, {1})
            assert [await shown(store, log_id) for log_id in (1, 2, 3)] == ["of b"] * 3
            assert len(await store.read(queue.explained_waiters, 10, NOW)) == 2
            assert (await store.record([a_log(4, "a")], [])).queued == 0

    asyncio.run(work())
    assert open_rows(database) == []


def test_an_answer_in_hand_counts_although_its_row_was_closed(database: Database) -> None:
    """The model was asked about the child while it joined: the answer explains the whole problem, once."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, "b")], [])
            job = await claimed(store)
            await store.record([a_log(2, "a")], [])
            other = await claimed(store)
            await store.record([a_log(3, "b")], [], [Merge("a", "b", 0, ())])
            late = await store.write(queue.finish, other, an_answer("for both"), NOW)
            assert (late.pattern_id, late.text) == (1, "for both")
            same = await store.write(queue.finish, job, an_answer("too late"), NOW)
            assert (same.id, same.pattern_id, same.text) == (late.id, 1, "for both")
            assert [await shown(store, log_id) for log_id in (1, 2, 3)] == ["for both"] * 3
            found = await store.read(counts.sizes)
            assert (found.pending, found.analyses_by_rung) == (0, {"model": 1})

    asyncio.run(work())


def test_a_provisional_text_moves_with_the_question(database: Database) -> None:
    """A waiting child that joins an older problem keeps what it showed and stays provisional."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, "a"), a_log(2, "b", severity="CRITICAL")], [])
            await store.write(queue.postpone, await claimed(store), "away", NOW, an_answer("meanwhile", Rung.PLAYBOOK))
            await store.record([], [], [joined("b")])
            found = await analysis_of(store, 1)
            assert found is not None
            assert (found.text, found.provisional, found.status) == ("meanwhile", True, "pending")
            assert await store.read(queue.explained_waiters, 10, NOW) == []
            await store.write(queue.finish, await claimed(store), an_answer("final"), NOW)
            assert [await shown(store, log_id) for log_id in (1, 2)] == ["final"] * 2
            assert (await store.read(counts.sizes)).analyses_by_rung == {"model": 1}

    asyncio.run(work())
    assert open_rows(database) == []


def test_a_split_pattern_is_asked_about_and_never_merged_again(database: Database) -> None:
    """It takes along what was merged into it; the running service sees the change and does not undo it."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, "a"), a_log(2, "b"), a_log(3, "c")], [], [joined("c", "b")])
            before = (await store.record([], [], [joined("b")])).regrouped
            await store.write(queue.finish, await claimed(store), an_answer("of all"), NOW)
            assert change(database, problems.split, 2) == 1
            assert [await shown(store, log_id) for log_id in (1, 2, 3)] == ["of all", None, None]
            done = await store.record([a_log(4, "b")], [], [joined("b"), joined("c")])
            assert (done.queued, done.pattern_ids, done.moved) == (0, [2], {})
            assert done.regrouped != before
            assert await store.read(problems.separated) == [("a", "b")]
            assert await store.read(problems.known_patterns) == [
                (1, "a", "fault <*> of a", None, 1),
                (2, "b", "fault <*> of b", None, 2),
                (3, "c", "fault <*> of c", "b", 1),
            ]
            job = await claimed(store)
            assert (job.pattern_id, job.reason, job.question.count) == (2, "split", 3)
            await store.write(queue.finish, job, an_answer("of b and c"), NOW)
            assert change(database, problems.merge, 3, 1) == 1
            assert await shown(store, 3) == "of all"
            assert await store.read(problems.separated) == []
            change(database, problems.split, 2)
            assert await shown(store, 2) == "of b and c"

    asyncio.run(work())
    assert open_rows(database) == []


def test_a_problem_that_showed_a_split_patterns_explanation_is_asked_about(database: Database) -> None:
    """What it shows is another's; it stays until its own is there."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, "a"), a_log(2, "b", severity="CRITICAL")], [])
            await store.write(queue.finish, await claimed(store), an_answer("of b"), NOW)
            await store.record([], [], [joined("b")])
            change(database, problems.split, 2)
            job = await claimed(store)
            assert (job.pattern_id, job.reason) == (1, "split")
            assert [await shown(store, log_id) for log_id in (1, 2)] == ["of b"] * 2
            await store.write(queue.finish, job, an_answer("of a"), NOW)
            assert [await shown(store, log_id) for log_id in (1, 2)] == ["of a", "of b"]

    asyncio.run(work())


def test_a_confirmed_fix_is_shown_at_once_and_for_ever(database: Database) -> None:
    """By the whole problem, past and future logs, with no question; the model's late answer does not replace it."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, "a"), a_log(2, "b")], [], [joined("b")])
            job = await claimed(store)
            fix = change(database, problems.resolve, 2, "Replaced the cable. ", "Chafed", "Ines", NOW)
            assert (fix.pattern_id, fix.fix, fix.cause, fix.author) == (2, "Replaced the cable.", "Chafed", "Ines")
            told = await store.write(queue.finish, job, an_answer("guess"), NOW)
            assert (told.rung, told.pattern_id) == ("resolution", 1)
            done = await store.record([a_log(3, "a", severity="CRITICAL", hostname="new", reply_to="inbox")], [])
            assert (done.queued, done.explained) == (0, {1})
            texts = {await shown(store, log_id) for log_id in (1, 2, 3)}
            assert texts == {
                f"Confirmed fix: Replaced the cable.\nCause: Chafed\n(Confirmed by Ines on {fix.created_at[:10]}.)"
            }
            assert await store.read(problems.resolution_of, 1) == await store.read(problems.resolution_of, 2) == fix
            assert await store.read(problems.fixed_patterns) == [("b", "fault <*> of b", fix)]
            newer = change(database, problems.resolve, 1, "Other cable", None, None, NOW)
            assert await store.read(problems.resolution_of, 2) == newer
            assert (await store.read(counts.sizes)).pending == 0

    asyncio.run(work())
    with Visitor(database) as visitor:
        assert [r.fix for r in visitor.read(problems.fixes_of, 2)] == ["Other cable", "Replaced the cable."]
        assert visitor.read(problems.summary, 1).rung == "resolution"
        superseded = next(entry for entry in visitor.read(queue.history_of, 1) if entry.rung is None)
        assert (superseded.status, superseded.last_error) == ("done", "superseded: resolution 1")


def test_asking_again_goes_first_and_keeps_what_is_shown(database: Database) -> None:
    """A second request moves up the same row."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, "a")], [])
            await store.write(queue.finish, await claimed(store), an_answer("old"), NOW)
            await store.record([a_log(n, f"w{n}", severity="CRITICAL") for n in range(2, 5)], [])
            asked = change(database, problems.reanalyze, 1)
            assert change(database, problems.reanalyze, 1) == asked
            assert await shown(store, 1) == "old"
            with Visitor(database) as visitor:
                first = next(entry for entry in visitor.read(queue.listing) if entry.id == asked)
                assert (first.reason, first.caller, first.tier, first.template) == ("asked", True, 1, "fault <*> of a")
                assert len(visitor.read(queue.listing, limit=2)) == 2

    asyncio.run(work())


def test_what_cannot_be_done_is_refused_in_one_sentence(database: Database) -> None:
    """Unknown patterns, a pattern that is not merged, a merge with itself, an empty fix."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, "a")], [])

    asyncio.run(work())
    for wrong in (
        lambda: change(database, problems.merge, 1, 9),
        lambda: change(database, problems.split, 9),
        lambda: change(database, problems.resolve, 9, "x", None, None, NOW),
        lambda: change(database, problems.reanalyze, 9),
    ):
        with pytest.raises(NotFound, match="no problem 9 in"):
            wrong()
    with pytest.raises(StoreError, match="not merged into another"):
        change(database, problems.split, 1)
    with pytest.raises(StoreError, match="into itself"):
        change(database, problems.merge, 1, 1)
    with pytest.raises(StoreError, match="needs a text"):
        change(database, problems.resolve, 1, "  ", None, None, NOW)
    with Visitor(database) as visitor, pytest.raises(NotFound, match="no problem 9"):
        visitor.read(problems.hosts_of, 9)


def test_spending_is_remembered_over_restarts(database: Database) -> None:
    """By the minute; what is older than the moment asked for is not counted."""

    async def work() -> None:
        async with opened(database) as store:
            await store.write(queue.spend, 1, 0, NOW)
            await store.write(queue.spend, 0, 250, NOW)
        async with opened(database) as store:
            found = await store.read(queue.spent, NOW - 3600)
            assert (found.calls, found.tokens) == (1, 250)
            assert (await store.read(queue.spent, NOW + 60)).calls == 0

    asyncio.run(work())
