"""Second opinions in the store: behind everything, below what is shown and nowhere else, gone with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from andon.core.models import PendingAnalysis, Rung, SecondOpinion
from andon.core.settings.database_url import Database
from andon.store import AnalysisPolicy, Rule, Store, counts, problems, queue
from andon.store.problems import verdicts
from andon.store.retention.delete import needed
from support.store_data import NOW, a_log, an_answer, analysis_of, opened, query

pytest_plugins = ["support.databases"]

RULE = an_answer("the playbook", Rung.PLAYBOOK)
OPEN = "SELECT reason, tier, second_of, status FROM analyses WHERE finished_at IS NULL ORDER BY id"


async def claimed(store: Store, **how: bool) -> PendingAnalysis:
    job = await store.write(queue.claim, "me", 60, NOW, **how)
    assert job is not None
    return job


async def ruled(store: Store) -> None:
    """The next row gets its final answer, and a second opinion waits."""
    await store.write(queue.finish, await claimed(store), RULE, NOW, second=True)


async def below(store: Store, log_id: int) -> SecondOpinion | None:
    shown = await analysis_of(store, log_id)
    assert shown is not None
    return (await store.read(problems.shown_below, [shown.id])).get(shown.id)


def tried(database: Database, work: Callable[[Store], Awaitable[None]], policy: AnalysisPolicy | None = None) -> None:
    async def whole() -> None:
        async with opened(database, policy=policy or AnalysisPolicy()) as store:
            await work(store)

    asyncio.run(whole())


def test_a_second_opinion_waits_behind_everything_and_is_shown_below(database: Database) -> None:
    """It is about the same problem, nobody counts it as waiting, and no log shows it in place of the answer."""

    async def work(store: Store) -> None:
        await store.record([a_log(1, severity="CRITICAL")], [])
        await ruled(store)
        await store.record([a_log(2, "p2", severity="DEBUG")], [])
        assert (await store.read(counts.sizes)).pending == 1
        assert await store.write(queue.claim, "me", 60, NOW, unanswered=True) is not None  # p2, which stays leased
        assert await store.write(queue.claim, "me", 60, NOW, seconds=False) is None
        job = await claimed(store)
        assert (job.reason, job.second_of, job.pattern_id, job.provisional) == ("second", 1, 1, True)
        assert [log.id for log in job.question.logs] == [1]
        await store.write(queue.finish_second, job, an_answer("the model"), NOW)
        shown = await analysis_of(store, 1)
        assert (shown and shown.text) == "the playbook"
        opinion = await below(store, 1)
        assert opinion is not None
        assert (opinion.text, opinion.model, opinion.finding) == ("the model", "m", {"summary": "the model"})
        assert (await store.read(counts.sizes)).analyses_by_rung == {"playbook": 1}
        entries = await store.read(queue.history_of, 1)
        assert [(one.reason, one.second_of) for one in entries] == [("second", 1), ("new", None)]

    tried(database, work)


def test_what_shows_something_else_has_no_use_for_it(database: Database) -> None:
    """A fix closes the row that waits; an answer that comes all the same is not taken."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        await ruled(store)
        job = await claimed(store)
        await store.write(problems.resolve, 1, "cleaned the fan", None, None, NOW)
        await store.write(queue.finish_second, job, an_answer("the model"), NOW)
        assert await store.write(queue.claim, "me", 60, NOW) is None
        assert await below(store, 1) is None

    tried(database, work)
    assert query(database, OPEN) == []


def test_merged_problems_keep_the_second_opinion_of_what_they_show(database: Database) -> None:
    """Whether it waits or is there; that of the other one is closed. A split leaves each with its own."""

    async def work(store: Store) -> None:
        await store.record([a_log(1), a_log(2, "p2")], [])
        await ruled(store)
        await ruled(store)
        await store.write(problems.merge, 2, 1)
        job = await claimed(store)
        assert (job.pattern_id, job.second_of, len(job.question.logs)) == (1, 1, 2)
        await store.write(queue.finish_second, job, an_answer("the model"), NOW)
        assert await store.write(queue.claim, "me", 60, NOW) is None
        assert await below(store, 2) == await below(store, 1) is not None
        await store.write(problems.split, 2)
        assert await below(store, 1) is not None
        assert await below(store, 2) is None

    tried(database, work)


def test_asking_again_makes_a_question_of_it(database: Database) -> None:
    """The row that waits becomes the next question, ahead of others; one that is being asked stays what it is."""

    async def work(store: Store) -> None:
        await store.record([a_log(1), a_log(2, "p2")], [])
        await ruled(store)
        assert await store.write(problems.reanalyze, 1) == 3
        job = await claimed(store)
        assert (job.reason, job.second_of, job.id) == ("asked", None, 3)
        await store.write(queue.finish, job, an_answer("anew", Rung.PLAYBOOK), NOW, second=True)
        await ruled(store)
        second = await claimed(store)  # that of the problem somebody asked about goes first
        assert (second.second_of, second.pattern_id) == (3, 1)
        assert await store.write(problems.reanalyze, 1) not in (second.id, 3)

    tried(database, work)


def test_a_log_with_an_answer_of_its_own_has_a_second_opinion_of_its_own(database: Database) -> None:
    """With an analysis for every log the question is about that log alone."""

    async def work(store: Store) -> None:
        await store.record([a_log(1), a_log(2)], [])
        await ruled(store)
        await ruled(store)
        job = await claimed(store)
        assert ([log.id for log in job.question.logs], job.second_of, job.log_id) == ([1], 1, 1)
        await store.write(queue.finish_second, job, an_answer("the model"), NOW)
        assert await below(store, 1) is not None
        assert await below(store, 2) is None
        assert [(row.log_id, row.reason) for row in await store.read(queue.listing)] == [(2, "second")]

    tried(database, work, AnalysisPolicy(Rule("every")))


def test_what_came_to_nothing_is_said_and_never_shown(database: Database) -> None:
    """Put off, refused, given up: the answer above stays; a process that stops gives the row back."""

    async def work(store: Store) -> None:
        await store.record([a_log(1), a_log(2, "p2")], [])
        await ruled(store)
        await ruled(store)
        job = await claimed(store)
        assert await store.write(queue.postpone, job, "away", NOW, RULE) is None
        assert await store.write(queue.release, "me", counted=False) == 0
        job = await claimed(store)
        assert await store.write(queue.release, "me", counted=False) == 1
        job = await claimed(store)
        await store.write(queue.end_second, job, "it loops", an_answer("loop loop"))
        job = await claimed(store)
        await store.write(queue.end_second, job, "no answer after 3 attempts")
        assert await below(store, 1) is None
        found = {row.status: row.last_error for row in await store.read(queue.history_of, 1)}
        assert found == {"refused": "it loops", "done": None}
        assert [row.template for row in await store.read(queue.listing, failed=True)] == ["fault <*> of p2"]

    tried(database, work)
    said = query(database, "SELECT text, rung, finding FROM analyses WHERE status = 'refused'")
    assert said == [(None, None, '{"summary":"loop loop"}')]


def test_retention_keeps_what_a_second_opinion_cites(database: Database) -> None:
    """As it does for what stands above it; a row that only waits keeps no log."""

    async def work(store: Store) -> None:
        await store.record([a_log(1), a_log(2)], [])
        await ruled(store)
        assert await store.read(needed, {1: 1, 2: 1}) == set()
        answer = an_answer("the model")
        answer.finding = {"evidence": [2]}
        await store.write(queue.finish_second, await claimed(store), answer, NOW)
        assert await store.read(needed, {1: 1, 2: 1}) == {2}

    tried(database, work)


def test_the_last_word_of_a_person_on_an_explanation_counts(database: Database) -> None:
    """Until it is taken back; a confirmed fix that says the same is a word too."""

    async def work(store: Store) -> None:
        await store.record([a_log(1)], [])
        rule = an_answer("Check the fan of the cabinet.", Rung.PLAYBOOK)
        rule.source, rule.finding = "drive-hot", None
        await store.write(queue.finish, await claimed(store), rule, NOW, second=True)
        await store.write(queue.finish_second, await claimed(store), an_answer("Check the cable."), NOW)
        await store.write(verdicts.judge, 1, "wrong", "ann", None, NOW)
        await store.write(verdicts.judge, 1, "helpful", "ann", "it was the fan", NOW + 1)
        await store.write(verdicts.judge, 1, "wrong", "bob", None, NOW + 2)
        await store.write(verdicts.judge, 1, "wrong", None, None, NOW + 3, second=True)
        said = await store.read(verdicts.of_problem, 1)
        assert [(one.author, one.verdict, one.second) for one in said] == [
            (None, "wrong", True),
            ("bob", "wrong", False),
            ("ann", "helpful", False),
        ]
        await store.write(verdicts.take_back, 1, "bob", NOW + 4)
        fix = await store.write(problems.resolve, 1, "Cleaned the cabinet fan", None, "eve", NOW + 5)
        helpful = ["confirmed by fix 1", "it was the fan"]
        assert [one.note for one in await store.read(verdicts.of_problem, 1) if one.verdict == "helpful"] == helpful
        await store.write(problems.revoke, 1, fix.id, NOW + 6)
        assert [one.note for one in await store.read(verdicts.of_problem, 1)] == [None, "it was the fan"]

    tried(database, work)
