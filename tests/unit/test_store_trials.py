"""What models answered to labelled cases, the weights behind their names, and verdicts, in both databases."""

from __future__ import annotations

import asyncio

from andon.core.settings.database_url import Database
from andon.store import Store, trials
from andon.store.schema.dialect import run
from andon.store.trials import Candidate, Tally, Trial
from support.store_data import NOW, a_log, opened

pytest_plugins = ["support.databases"]

FIRST = Candidate("OLLAMA", "small:1b", "4", "sha256:a")
OTHER = Candidate("OLLAMA", "small:1b", "4", "sha256:b")
VERDICT = (
    "INSERT INTO verdicts (analysis_id, verdict, created_at, rung, source, provider, model, prompt_version, revoked_at) "
    "VALUES (1, ?, ?, ?, ?, 'OLLAMA', 'small:1b', '4', ?)"
)


def answer(case: str, outcome: str = "right") -> Trial:
    return Trial(case_id=case, outcome=outcome, answered_at="2026-01-01T00:00:00.000Z", input_tokens=9, seconds=1.5)


async def said(
    store: Store, word: str, *, at: str = "2026-01-02", rule: str | None = None, revoked: bool = False
) -> None:
    rung = "model" if rule is None else "playbook"
    await store.write(run, VERDICT, (word, f"{at}T00:00:00.000Z", rung, rule, at if revoked else None))


def test_the_first_answer_to_a_case_stands(database: Database) -> None:
    async def work() -> None:
        async with opened(database) as store:
            for one in (answer("a"), answer("b", "wrong"), answer("a", "wrong")):
                await store.write(trials.add, FIRST, one)
            await store.write(trials.add, OTHER, answer("a", "obeyed"))
            assert await store.read(trials.of, FIRST) == [answer("a"), answer("b", "wrong")]
            await store.write(trials.forget, FIRST)
            assert await store.read(trials.of, FIRST) == []
            assert await store.read(trials.of, OTHER) == [answer("a", "obeyed")]
            assert await store.read(trials.last_model, "OLLAMA") == "small:1b"
            assert await store.read(trials.last_model, "CLAUDE") == ""

    asyncio.run(work())


def test_the_weights_that_were_met_last_are_those_of_now(database: Database) -> None:
    async def work() -> None:
        async with opened(database) as store:
            name = (FIRST.provider, FIRST.model, FIRST.prompt_version)
            assert await store.read(trials.identities, *name) == []
            for who, day in ((FIRST, 1), (OTHER, 2), (FIRST, 3)):
                await store.write(trials.meet, who, f"2026-01-0{day}T00:00:00.000Z")
            assert await store.read(trials.identities, *name) == ["sha256:a", "sha256:b"]
            assert await store.read(trials.of, FIRST) == []

    asyncio.run(work())


def test_verdicts_are_counted_by_model_and_by_rule(database: Database) -> None:
    async def work() -> None:
        async with opened(database) as store:
            for _ in range(25):
                await said(store, "helpful", at="2026-01-01")
            await said(store, "wrong")
            await said(store, "wrong", revoked=True)
            await said(store, "wrong", rule="drive-overload")
            await said(store, "wrong", rule="general")
            assert await store.read(trials.verdicts_on_model, FIRST) == Tally(19, 1)
            assert await store.read(trials.verdicts_on_model, FIRST, "2026-01-02") == Tally(0, 1)
            assert await store.read(trials.verdicts_on_rules) == {"drive-overload": Tally(0, 1)}

    asyncio.run(work())


def test_it_is_idle_while_nothing_but_second_opinions_waits(database: Database) -> None:
    async def work() -> None:
        async with opened(database) as store:
            assert await store.read(trials.idle, NOW)
            await store.record([a_log(1)], [])
            assert not await store.read(trials.idle, NOW)
            await store.write(run, "UPDATE analyses SET reason = 'second'")
            assert await store.read(trials.idle, NOW)

    asyncio.run(work())
