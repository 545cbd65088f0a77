"""Asking cases: what is counted, what is asked again, and when the rest is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from andon.app.evals.running import GIVE_UP_AFTER, WAIT_MAX, Asked, Runner, Status
from andon.core.errors import ModelAnswerError, ModelBusy, ModelError, ModelMisconfigured, ModelUnavailable
from andon.core.models import Explanation, Question
from andon.explain.trials.cases import Case
from support.eval_cases import case, explanation
from support.patience import PATIENCE


class Scripted:
    """Answers as scripted, one entry for each call; right answers from then on."""

    def __init__(self, *script: ModelError | None) -> None:
        self.script = list(script)
        self.calls = 0
        self.running = 0
        self.peak = 0
        self.waits: list[float] = []

    async def ask(self, question: Question) -> Explanation:
        self.calls += 1
        self.running += 1
        self.peak = max(self.peak, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        error = self.script.pop(0) if self.script else None
        if error is not None:
            raise error
        return explanation()

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def run(self, cases: Sequence[Case], concurrency: int = 1) -> list[Asked]:
        return asyncio.run(Runner(self.ask, concurrency=concurrency, wait=self.wait).run(cases))


def many(number: int) -> list[Case]:
    """So many cases."""
    return [case(f"case-{index}") for index in range(number)]


def test_every_case_is_asked_once_and_in_order() -> None:
    """Whatever the concurrency, results stand in the order of the cases."""
    model = Scripted()
    rows = model.run(many(20), concurrency=4)
    assert [row.case.id for row in rows] == [f"case-{index}" for index in range(20)]
    assert {row.status for row in rows} == {Status.ANSWERED}
    assert model.calls == 20
    assert model.peak == 4


def test_an_unusable_answer_is_no_infrastructure_error() -> None:
    """The provider answered: the case counts."""
    rows = Scripted(ModelAnswerError("empty"), ModelUnavailable("away")).run(many(3))
    assert [row.status for row in rows] == [Status.UNUSABLE, Status.INFRASTRUCTURE, Status.ANSWERED]
    assert [row.error for row in rows] == ["empty", "away", None]


def test_a_provider_that_is_away_is_left_alone_after_a_while() -> None:
    """The rest is skipped, not failed one by one."""
    model = Scripted(*[ModelUnavailable("away")] * 100)
    rows = model.run(many(50))
    assert model.calls == GIVE_UP_AFTER
    assert sum(row.status is Status.SKIPPED for row in rows) == 50 - GIVE_UP_AFTER


def test_an_answer_in_between_starts_the_count_anew() -> None:
    """Single failures do not end a long run."""
    script: list[ModelError | None] = [ModelUnavailable("away")] * (GIVE_UP_AFTER - 1)
    rows = Scripted(*script, None, *script).run(many(40))
    assert not any(row.status is Status.SKIPPED for row in rows)


def test_a_refused_configuration_ends_the_run_at_once() -> None:
    """No further call would go better."""
    model = Scripted(ModelMisconfigured("the key is refused"))
    rows = model.run(many(5))
    assert model.calls == 1
    assert [row.status for row in rows] == [Status.INFRASTRUCTURE, *[Status.SKIPPED] * 4]


def test_a_busy_provider_is_asked_again_after_what_it_asks_for() -> None:
    """Its wish is obeyed within a bound, and the case counts as answered."""
    model = Scripted(ModelBusy("busy", retry_after=7), ModelBusy("busy", retry_after=9_999), ModelBusy("busy"))
    rows = model.run(many(1))
    assert rows[0].status is Status.ANSWERED
    assert model.waits == [7, WAIT_MAX, 4.0]


def test_a_provider_that_stays_busy_is_an_infrastructure_error() -> None:
    """Patience ends."""
    rows = Scripted(*[ModelBusy("busy")] * 100).run(many(1))
    assert rows[0].status is Status.INFRASTRUCTURE


def test_a_mistake_in_the_program_is_not_swallowed() -> None:
    """Only errors of the model are part of the measurement."""

    async def broken(question: Question) -> Explanation:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(Runner(broken).run(many(1)))
    assert isinstance(raised.value.exceptions[0], ZeroDivisionError)


async def test_cancelling_ends_the_calls() -> None:
    """Nothing goes on behind the caller's back."""
    ended: list[str] = []

    async def slow(question: Question) -> Explanation:
        try:
            await asyncio.sleep(3_600)
        finally:
            ended.append("ended")
        return explanation()

    task = asyncio.create_task(Runner(slow, concurrency=3).run(many(9)))
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert len(ended) == 3


def test_a_stop_ends_the_calls_and_keeps_what_there_is() -> None:
    """Answers that came stay; the call in flight and the rest are skipped."""
    asked: list[int] = []

    async def second_hangs(question: Question) -> Explanation:
        asked.append(1)
        if len(asked) == 2:
            runner.stop()
            await asyncio.sleep(3_600)
        return explanation()

    runner = Runner(second_hangs)

    async def main() -> list[Asked]:
        async with asyncio.timeout(PATIENCE):
            return await runner.run(many(5))

    rows = asyncio.run(main())
    assert [row.status for row in rows] == [Status.ANSWERED, *[Status.SKIPPED] * 4]
