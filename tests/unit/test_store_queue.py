"""The queue of analyses: order, leases, what is shown when, and who is answered."""

from __future__ import annotations

import asyncio
import functools

from sqlalchemy import Connection, update

from andon.core.models import Explanation, PendingAnalysis, Rung, Spent
from andon.core.settings.database_url import Database
from andon.store import AnalysisPolicy, Store, Visitor, counts, queue, search
from andon.store.schema.tables import patterns
from support.store_data import NOW, Clock, a_log, an_answer, analysis_of, opened, query

pytest_plugins = ["support.databases"]


def _merge(target: int | None, connection: Connection) -> None:
    connection.execute(update(patterns).where(patterns.c.id == 2).values(merged_into=target))


async def _claimed(store: Store, owner: str = "me", lease: float = 60, now: float = NOW) -> PendingAnalysis:
    job = await store.write(queue.claim, owner, lease, now)
    assert job is not None
    return job


def test_a_job_asks_about_the_newest_logs_of_its_pattern(database: Database) -> None:
    """Five logs, newest first, the hosts with the most logs first, at most twenty."""

    async def work() -> None:
        async with opened(database) as store:
            batch = [a_log(i, hostname=f"h{i:02d}") for i in range(1, 31)]
            await store.record([*batch, a_log(31, hostname="h30", severity="CRITICAL"), a_log(32, "p2")], [])
            job = await _claimed(store)
            question = job.question
            assert (job.fingerprint, job.log_id, job.attempts, job.reason) == ("p1", 1, 1, "new")
            assert [log.id for log in question.logs] == [31, 30, 29, 28, 27]
            assert (question.hosts[0], len(question.hosts)) == ("h30", 20)
            assert (question.count, question.worst_severity) == (31, "CRITICAL")
            assert (question.first_seen, question.last_seen) == (batch[0].timestamp, "2025-01-15T02:14:31.123Z")

    asyncio.run(work())


def test_a_new_critical_goes_before_callers_and_a_thousand_warnings(database: Database) -> None:
    """Then the waiting caller, then severity, then age."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(i, f"w{i}", severity="WARNING") for i in range(1, 1001)], [])
            await store.record([a_log(1001, "asked", severity="ERROR", reply_to="inbox")], [])
            await store.record([a_log(1002, "error", severity="ERROR")], [])
            await store.record([a_log(1003, "critical", severity="CRITICAL")], [])
            order = [(await _claimed(store)).fingerprint for _ in range(5)]
            assert order == ["critical", "asked", "error", "w1", "w2"]
            await store.write(queue.prioritise, [500])
            assert (await _claimed(store)).fingerprint == "w500"

    asyncio.run(work())


def test_a_waiting_problem_that_gets_worse_moves_up(database: Database) -> None:
    """One row still: its place follows the worst log, and a caller who comes later counts."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, "a"), a_log(2, "b", severity="INFO"), a_log(3, "c", severity="INFO")], [])
            await store.record([a_log(4, "b", severity="CRITICAL"), a_log(5, "c", reply_to="inbox")], [])
            assert [(await _claimed(store)).fingerprint for _ in range(3)] == ["b", "c", "a"]
            assert await store.write(queue.claim, "me", 60, NOW) is None

    asyncio.run(work())


def test_a_lease_that_ran_out_is_claimed_again(database: Database) -> None:
    """Each claim is an attempt; before the end of the lease nobody else gets the row."""
    clock = Clock()

    async def work() -> None:
        async with opened(database, clock=clock) as store:
            await store.record([a_log(1)], [])
            assert (await _claimed(store, "a", 10, now=clock.now)).attempts == 1
            clock.now += 9
            assert await store.write(queue.claim, "b", 10, clock.now) is None
            clock.now += 1
            assert (await _claimed(store, "b", 10, now=clock.now)).attempts == 2
            assert await store.write(queue.release, "a") == 0
            assert await store.write(queue.release, "b") == 1
            assert (await _claimed(store, "c", now=clock.now)).attempts == 3

    asyncio.run(work())


def test_the_tokens_that_an_answer_took_are_counted_with_it(database: Database) -> None:
    """Those of an answer that is shown and of an opinion below it; rules take none."""

    def told(text: str, read: int | None, written: int | None) -> Explanation:
        answer = an_answer(text)
        answer.input_tokens, answer.output_tokens = read, written
        return answer

    async def work() -> Spent:
        async with opened(database) as store:
            await store.record([a_log(1), a_log(2, "p2"), a_log(3, "p3")], [])
            await store.write(queue.finish, await _claimed(store), told("the cable", 600, 40), NOW)
            await store.write(
                queue.finish, await _claimed(store), an_answer("a rule", Rung.PLAYBOOK), NOW, told("below", 7, None)
            )
            await store.write(queue.finish, await _claimed(store), an_answer("a rule", Rung.PLAYBOOK), NOW, True)
            await store.write(queue.finish_second, await _claimed(store), told("below", 20, 1), NOW)
            return await store.read(queue.spent, NOW - 60)

    assert asyncio.run(work()) == Spent(0, 600 + 40 + 7 + 20 + 1)


def test_a_final_explanation_appears_on_every_log_of_the_pattern(database: Database) -> None:
    """Those before and those after, in the view too; the counters know the rung."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1), a_log(2)], [])
            assert await analysis_of(store, 1) is None
            stored = await store.write(queue.finish, await _claimed(store), an_answer("it is the cable"), NOW)
            assert (stored.status, stored.rung, stored.provisional) == ("done", "model", False)
            assert stored.finding == {"summary": "it is the cable"}
            assert stored.finished_at is not None
            await store.record([a_log(3)], [])
            assert await analysis_of(store, 3) == stored
            assert await store.write(queue.claim, "me", 60, NOW) is None
            found = await store.read(counts.sizes)
            assert (found.pending, found.analyses_by_rung) == (0, {"model": 1})

    asyncio.run(work())
    assert query(database, "SELECT id, analysis FROM agent_logs ORDER BY id") == [
        (i, "it is the cable") for i in (1, 2, 3)
    ]


def test_a_postponed_row_shows_a_provisional_answer_and_is_due_later(database: Database) -> None:
    """Only the first provisional answer is attached; the final one replaces it in the same row."""
    clock = Clock()

    async def work() -> None:
        async with opened(database, clock=clock) as store:
            await store.record([a_log(1)], [])
            first = await store.write(
                queue.postpone,
                await _claimed(store, now=clock.now),
                "model away",
                clock.now + 30,
                an_answer("playbook", Rung.PLAYBOOK),
            )
            assert first is not None
            assert (first.provisional, first.status, first.text) == (True, "pending", "playbook")
            assert await store.write(queue.claim, "me", 60, clock.now) is None
            log = await store.read(search.log_or_none, 1)
            assert log is not None
            assert (log.analysis, log.provisional, log.analysis_status) == ("playbook", True, "pending")
            clock.now += 30
            job = await _claimed(store, now=clock.now)
            assert job.provisional
            assert await store.write(queue.postpone, job, "still away", clock.now + 1, an_answer("other")) is None
            assert await store.write(queue.postpone, job, "still away", clock.now + 1, None) is None
            clock.now += 1
            final = await store.write(queue.finish, await _claimed(store, now=clock.now), an_answer("model"), clock.now)
            assert (final.id, final.text, final.provisional) == (first.id, "model", False)
            assert (await store.read(counts.sizes)).analyses_by_rung == {"model": 1}

    asyncio.run(work())


def test_a_failed_row_shows_its_fallback_and_keeps_the_reason(database: Database) -> None:
    """It is final: not claimed again, counted as failed, listed with the error."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1)], [])
            stored = await store.write(
                queue.fail, await _claimed(store), "answer unusable", an_answer("rule 7", Rung.PLAYBOOK), NOW
            )
            assert (stored.status, stored.text, stored.provisional) == ("failed", "rule 7", False)
            assert await store.write(queue.claim, "me", 60, NOW) is None
            assert (await store.read(counts.sizes)).failed == 1
            assert (await store.record([a_log(2)], [])).explained == {1}
            with Visitor(database) as visitor:
                (entry,) = visitor.read(queue.entries, "failed")
                assert (entry.last_error, entry.attempts, entry.text) == ("answer unusable", 1, "rule 7")

    asyncio.run(work())


def test_who_lost_the_lease_does_not_overwrite_a_final_result(database: Database) -> None:
    """Late finish, postpone and fail return or leave what the other stored."""
    clock = Clock()

    async def work() -> None:
        async with opened(database, clock=clock) as store:
            await store.record([a_log(1)], [])
            late = await _claimed(store, "a", 10, now=clock.now)
            clock.now += 11
            other = await _claimed(store, "b", 100, now=clock.now)
            assert await store.write(queue.postpone, late, "slow", clock.now, None) is None
            assert await store.write(queue.claim, "c", 10, clock.now) is None
            fallback = await store.write(queue.fail, late, "slow", an_answer("rule", Rung.PLAYBOOK), clock.now)
            assert (fallback.status, fallback.provisional) == ("leased", True)
            final = await store.write(queue.finish, other, an_answer("from b"), clock.now)
            assert await store.write(queue.finish, late, an_answer("from a"), clock.now) == final
            assert await store.write(queue.fail, late, "slow", an_answer("rule"), clock.now) == final
            assert await store.write(queue.postpone, late, "slow", clock.now, an_answer("rule")) is None
            shown = await analysis_of(store, 1)
            assert shown is not None
            assert shown.text == "from b"
            assert (await store.read(counts.sizes)).failed == 0

    asyncio.run(work())


def test_a_failed_renewal_leaves_the_older_explanation(database: Database) -> None:
    """An explanation is made anew; what comes of it replaces the old text only when it is final and no failure."""

    async def work() -> None:
        always = AnalysisPolicy(renew_after=0.001, renew_interval=0)
        clock = Clock()
        async with opened(database, policy=always, clock=clock) as store:
            await store.record([a_log(1)], [])
            await store.write(queue.finish, await _claimed(store, now=clock.now), an_answer("old"), clock.now)
            clock.now += 1
            assert (await store.record([a_log(2)], [])).queued == 1
            job = await _claimed(store, now=clock.now)
            assert job.reason == "age"
            await store.write(queue.postpone, job, "away", clock.now, an_answer("rule"))
            await store.write(queue.fail, await _claimed(store, now=clock.now), "bad", an_answer("rule"), clock.now)
            shown = await analysis_of(store, 2)
            assert shown is not None
            assert shown.text == "old"
            await store.record([a_log(3)], [])
            await store.write(queue.finish, await _claimed(store, now=clock.now), an_answer("new text"), clock.now)
            shown = await analysis_of(store, 1)
            assert shown is not None
            assert shown.text == "new text"

    asyncio.run(work())


def test_a_merged_pattern_shows_the_explanation_of_the_one_it_was_merged_into(database: Database) -> None:
    """Its own comes back when the merge is undone."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, "a"), a_log(2, "b")], [])
            await store.write(queue.finish, await _claimed(store), an_answer("of a"), NOW)
            await store.write(queue.finish, await _claimed(store), an_answer("of b"), NOW)
            for target, text in ((1, "of a"), (None, "of b")):
                await store.write(functools.partial(_merge, target))
                shown = await analysis_of(store, 2)
                assert shown is not None
                assert shown.text == text
                assert query(database, "SELECT analysis FROM agent_logs WHERE id = 2") == [(text,)]

    asyncio.run(work())


def test_a_row_whose_logs_are_gone_is_closed_and_the_next_one_claimed(database: Database) -> None:
    """No job is handed out without a log to ask about."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, "a"), a_log(2, "b")], [])
            await store.write(lambda connection: connection.exec_driver_sql("DELETE FROM logs WHERE id = 1"))
            assert (await _claimed(store)).fingerprint == "b"
            assert (await store.read(counts.sizes)).failed == 1

    asyncio.run(work())


def test_durable_callers_are_found_when_their_log_is_explained(database: Database) -> None:
    """Oldest first, once; those that waited too long with whatever is shown."""
    clock = Clock()

    async def work() -> None:
        async with opened(database, clock=clock) as store:
            await store.record([a_log(1, reply_to="inbox.1"), a_log(2), a_log(3, "p2", reply_to="inbox.3")], [])
            await store.record([a_log(1, reply_to="inbox.1")], [])
            job = await _claimed(store, now=clock.now)
            assert await store.read(queue.explained_waiters, 10, clock.now) == []
            await store.write(queue.postpone, job, "away", clock.now, an_answer("for now"))
            assert await store.read(queue.explained_waiters, 10, clock.now) == []
            assert await store.read(queue.overdue_waiters, 5, 10, clock.now) == []
            clock.now += 5
            overdue = [
                (w.reply_to, log.id, a and a.text)
                for w, log, a in await store.read(queue.overdue_waiters, 5, 10, clock.now)
            ]
            assert overdue == [("inbox.1", 1, "for now"), ("inbox.3", 3, None)]
            assert len(await store.read(queue.overdue_waiters, 5, 1, clock.now)) == 1
            for _ in range(2):
                await store.write(queue.finish, await _claimed(store, now=clock.now), an_answer(), clock.now)
            await store.record([a_log(4, reply_to="inbox.4")], [])
            ready = await store.read(queue.explained_waiters, 10, clock.now)
            assert [(w.reply_to, w.log_id, log.id) for w, log, _ in ready] == [
                ("inbox.1", 1, 1),
                ("inbox.3", 3, 3),
                ("inbox.4", 4, 4),
            ]
            assert len(await store.read(queue.explained_waiters, 2, clock.now)) == 2
            await store.write(queue.remove_waiters, [w for w, _, _ in ready[:2]])
            assert [w.reply_to for w, _, _ in await store.read(queue.explained_waiters, 10, clock.now)] == ["inbox.4"]
            assert [w.reply_to for w, _, _ in await store.read(queue.overdue_waiters, 0, 10, clock.now)] == ["inbox.4"]

    asyncio.run(work())


def test_the_queue_survives_a_restart(database: Database) -> None:
    """Pending and leased rows, callers and attempts."""

    async def before() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, reply_to="inbox"), a_log(2, "p2")], [])
            await _claimed(store, "host-1", 3600)

    async def after() -> None:
        async with opened(database) as store:
            assert await store.write(queue.release, "host-1") == 1
            job = await _claimed(store)
            assert (job.fingerprint, job.attempts) == ("p1", 2)
            await store.write(queue.finish, job, an_answer(), NOW)
            assert len(await store.read(queue.explained_waiters, 1, NOW)) == 1

    asyncio.run(before())
    asyncio.run(after())


def test_rows_without_any_text_can_be_claimed_before_they_are_due(database: Database) -> None:
    """Those that show a provisional answer, and those that somebody holds, are left alone."""
    clock = Clock()

    async def work() -> None:
        async with opened(database, clock=clock) as store:
            await store.record([a_log(1, "shown"), a_log(2, "bare"), a_log(3, "held")], [])
            await store.write(
                queue.postpone, await _claimed(store, now=clock.now), "away", clock.now, an_answer("for now")
            )
            bare = await store.write(queue.claim, "me", 60, clock.now, unanswered=True)
            assert bare is not None
            assert await store.write(queue.postpone, bare, "away", clock.now + 3600, None) is None
            held = await store.write(queue.claim, "other", 10, clock.now, unanswered=True)
            assert held is not None
            assert [bare.fingerprint, held.fingerprint] == ["bare", "bare"]
            third = await store.write(queue.claim, "other", 10, clock.now, unanswered=True)
            assert third is not None
            assert third.fingerprint == "held"
            assert await store.write(queue.claim, "me", 60, clock.now, unanswered=True) is None
            clock.now += 10
            assert await store.write(queue.claim, "me", 60, clock.now, unanswered=True) is not None

    asyncio.run(work())


def test_an_attempt_that_does_not_count_is_taken_back(database: Database) -> None:
    """And a job from before is still told from the one that holds the row."""
    clock = Clock()

    async def work() -> None:
        async with opened(database, clock=clock) as store:
            await store.record([a_log(1)], [])
            late = await _claimed(store, "a", 10, now=clock.now)
            clock.now += 10
            await store.write(
                queue.postpone, await _claimed(store, "b", now=clock.now), "model away", clock.now, None, counted=False
            )
            assert await store.write(queue.postpone, late, "late", clock.now + 3600, None) is None
            fallback = await store.write(queue.fail, late, "late", an_answer("rule"), clock.now)
            assert (fallback.status, fallback.provisional) == ("pending", True)
            job = await _claimed(store, "c", now=clock.now)
            assert job.attempts == 2
            await store.write(queue.postpone, job, "odd answer", clock.now, None)
            assert (await _claimed(store, "c", now=clock.now)).attempts == 3

    asyncio.run(work())
