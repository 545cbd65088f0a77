"""Measuring a model in the background: in gaps, within the budget, over restarts, and anew for other weights."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import ModelAnswerError, ModelError, ModelUnavailable
from andon.core.models import Explanation, Question, Standing
from andon.core.settings.settings import Settings
from andon.core.telemetry import Metrics
from andon.explain.admission import Admission, Budget
from andon.explain.trials.bank import trial_cases
from andon.explain.trials.examiner import RENEW, REST, Examiner
from andon.explain.trials.turns import BrokenOff, Turns
from andon.explain.trust import Trust
from andon.store import Store, prepare, trials
from andon.store.schema.dialect import run
from andon.testing import ScriptedAnalyst
from support.patience import LOOK_EVERY, LOOKS
from support.pipeline import log, pipeline, until
from support.settings import settings_of
from support.trial_models import answers, copier, oracle


class Model(ScriptedAnalyst):
    """A habit that answers for ever, behind the name of a local provider."""

    provider = "OLLAMA"

    def __init__(self, answer: Callable[[Question], Explanation], identity: str = "sha256:a") -> None:
        super().__init__()
        self.answer = answer
        self.digest = identity
        self.failure: ModelError | None = None

    async def explain(self, question: Question, again: Any = None, *, choose: bool = False) -> Explanation:
        self.script.append(self.failure or self.answer)
        return await super().explain(question, again, choose=choose)


@dataclass
class Site:
    """An examiner with what it stands on; waiting takes no time and is counted."""

    store: Store
    settings: Settings
    analysts: list[ScriptedAnalyst]
    waited: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trust, self.turns, self.metrics = Trust(self.settings), Turns(), Metrics()
        self.admission = Admission(Budget(self.store.read, self.store.write, self.settings))
        self.ahead = 0.0
        self.examiner = Examiner(
            self.settings, self.analysts, self.store.read, self.store.write, self.trust, self.admission, self.turns,
            self.metrics, pause=self.pause, clock=lambda: self.ahead,
        )  # fmt: skip

    async def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.ahead += seconds
        await asyncio.sleep(0)

    async def steps(self, until: Callable[[], object]) -> None:
        """Run until something is so."""
        task = asyncio.create_task(self.examiner.run())
        try:
            for _ in range(LOOKS):
                if until() or task.done():
                    break
                await asyncio.sleep(LOOK_EVERY)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert until()

    @property
    def standing(self) -> Standing:
        return self.trust.standing("OLLAMA", "scripted")

    @property
    def told(self) -> Any:
        return self.trust.describe().get(("OLLAMA", "scripted"))

    async def rows(self) -> list[tuple[str, str]]:
        query = "SELECT identity, outcome FROM trials WHERE case_id <> '' ORDER BY id"
        return [(row.identity, row.outcome) for row in await self.store.read(run, query)]


@asynccontextmanager
async def site(place: Path, *analysts: ScriptedAnalyst, **settings: Any) -> AsyncIterator[Site]:
    prepare(place / "agent.db", durability="normal")
    store = await Store.open(place / "agent.db")
    try:
        yield Site(store, settings_of(**{"model_trust": "measured", **settings}), list(analysts))
    finally:
        await store.close()


async def test_who_knows_the_labels_qualifies_after_the_first_batch_and_is_left_alone(tmp_path: Path) -> None:
    model = Model(answers(oracle))
    async with site(tmp_path, model) as one:
        await one.steps(lambda: one.standing is Standing.QUALIFIED)
        assert len(model.questions) == 24
        await one.steps(lambda: len(one.waited) > 40)
        assert len(model.questions) == 24
        assert (one.told.asked, one.told.testing, one.told.chooses) == (24, False, True)
        text = one.metrics.render()[0].decode()
        assert 'andon_model_standing{model="scripted",provider="OLLAMA",standing="qualified"} 1.0' in text
        assert 'andon_model_trials{model="scripted",provider="OLLAMA"} 24.0' in text


async def test_who_copies_is_unfit(tmp_path: Path) -> None:
    async with site(tmp_path, Model(answers(copier))) as one:
        await one.steps(lambda: one.standing is Standing.UNFIT)
        assert "right in 0 of 10" in one.told.reason


async def test_a_fallback_that_costs_money_is_asked_after_the_configured_one(tmp_path: Path) -> None:
    first, second = Model(answers(oracle)), Model(answers(oracle, provider="CLAUDE"), identity="")
    second.provider = "CLAUDE"
    async with site(tmp_path, first, second) as one:
        await one.steps(lambda: one.trust.standing("CLAUDE", "scripted") is Standing.QUALIFIED)
        assert (len(first.questions), len(second.questions)) == (24, 15)


@pytest.mark.parametrize(("trust", "standing"), [("always", Standing.QUALIFIED), ("advisory", Standing.ADVISORY)])
async def test_nobody_is_asked_where_nothing_is_measured(tmp_path: Path, trust: str, standing: Standing) -> None:
    model = Model(answers(oracle))
    async with site(tmp_path, model, model_trust=trust) as one:
        await one.steps(lambda: len(one.waited) > 3)
        assert model.questions == []
        assert one.standing is standing
        assert "is not measured" in one.told.reason


async def test_progress_survives_a_restart(tmp_path: Path) -> None:
    model = Model(answers(oracle))
    async with site(tmp_path, model) as one:
        await one.steps(lambda: len(model.questions) >= 7)
    async with site(tmp_path, again := Model(answers(oracle))) as one:
        before = len(await one.rows())
        assert before >= 6
        await one.examiner.renew()
        assert (one.told.asked, one.told.of) == (before, 24)
        await one.steps(lambda: one.standing is Standing.QUALIFIED)
        assert len(again.questions) == 24 - before


async def test_other_weights_behind_the_name_are_measured_anew(tmp_path: Path) -> None:
    model = Model(answers(oracle))
    async with site(tmp_path, model) as one:
        await one.steps(lambda: one.standing is Standing.QUALIFIED)
        model.digest = "sha256:b"
        model.answer = answers(copier)
        one.ahead += 2
        async with one.turns.real():  # looked at before a question
            assert (one.standing, one.told.changed, one.told.asked) == (Standing.ADVISORY, True, 0)
        await one.steps(lambda: one.standing is Standing.UNFIT)
        model.digest = "sha256:a"
        one.ahead += 120
        await one.steps(lambda: one.standing is Standing.QUALIFIED)
        assert len(model.questions) == 48, "what it was worth is known"


async def test_weights_that_cannot_be_told_now_are_those_of_before(tmp_path: Path) -> None:
    model = Model(answers(oracle))
    async with site(tmp_path, model) as one:
        await one.steps(lambda: one.standing is Standing.QUALIFIED)
    model.digest = ""
    async with site(tmp_path, model) as one:
        await one.examiner.recognise()
        await one.examiner.renew()
        assert (one.standing, one.told.identity) == (Standing.QUALIFIED, "sha256:a")


async def test_what_others_found_is_known_before_the_next_question(tmp_path: Path) -> None:
    model = Model(answers(oracle))
    async with site(tmp_path, model) as one:
        one.admission.budget.take = _nothing  # type: ignore[method-assign]
        await one.steps(lambda: one.waited)
        other = Site(one.store, one.settings, [model])
        await other.steps(lambda: other.standing is Standing.QUALIFIED)
        assert one.standing is Standing.ADVISORY
        one.ahead += 2
        assert one.turns.renew is not None
        await one.turns.renew()
        assert one.standing is Standing.QUALIFIED


async def _nothing(*, urgent: bool = False) -> str | None:
    return "used up"


async def test_a_tenth_of_the_time_and_within_the_budget(tmp_path: Path) -> None:
    model = Model(answers(oracle))

    async with site(tmp_path, model, budget_calls_hour=5) as one:
        asked: list[float] = []

        def answer(question: Question) -> Explanation:
            asked.append(one.examiner.clock())
            one.ahead += 3
            return answers(oracle)(question)

        model.answer = answer
        await one.steps(lambda: len(one.waited) > 40)
        assert len(model.questions) == 5
        assert all(3 * REST <= after - before - 3 < 3.9 * REST for before, after in itertools.pairwise(asked))
        assert max(one.waited) <= RENEW, "what others stored meanwhile is read"


async def test_what_says_nothing_of_the_model_is_not_stored(tmp_path: Path) -> None:
    model = Model(answers(oracle))
    async with site(tmp_path, model) as one:
        model.failure = ModelUnavailable("Ollama does not answer")
        await one.steps(lambda: len(one.waited) > 8)
        assert await one.rows() == []
        calls = len(model.questions)
        assert calls < 5, "left alone for longer each time"
        model.failure = None
        one.ahead += 3600
        await one.steps(lambda: len(model.questions) >= calls + 2)
        assert [outcome.split()[0] for _, outcome in await one.rows()][:1] == ["right"]


async def test_late_and_unusable_answers_are_wrong_ones(tmp_path: Path) -> None:
    late = ModelUnavailable("no answer within 60 s")
    late.late = True
    model = Model(answers(oracle))
    first, second, third, *_ = trial_cases()
    async with site(tmp_path, model) as one:
        model.failure = late
        await one.examiner.ask(model, first)
        model.failure = ModelAnswerError("an empty answer")
        await one.examiner.ask(model, second)
        assert [outcome for _, outcome in await one.rows()] == ["late", "unusable"]
        model.failure, model.outage = late, ModelUnavailable("away")
        with pytest.raises(ModelUnavailable):  # a provider that is away is not slow
            await one.examiner.ask(model, third)
        assert len(await one.rows()) == 2


async def test_real_questions_go_first(tmp_path: Path) -> None:
    model = Model(answers(oracle))
    async with site(tmp_path, model) as one:
        waits = "INSERT INTO analyses (reason, status, caller, tier, score, not_before, attempts, provisional) VALUES"
        await one.store.write(run, f"{waits} ('new', 'pending', FALSE, 0, 0, 0, 0, FALSE)")
        await one.steps(lambda: len(one.waited) > 3)
        assert model.questions == []
        await one.store.write(run, "UPDATE analyses SET reason = 'second'")
        await one.steps(lambda: model.questions)
        one.admission.breaker.trip("away")
        asked = len(model.questions)
        await one.steps(lambda: len(one.waited) > 12)
        assert len(model.questions) == asked


async def test_a_trial_is_broken_off_for_a_real_question_and_asked_again(tmp_path: Path) -> None:
    model = Model(answers(oracle))
    model.hold = asyncio.Event()
    async with site(tmp_path, model) as one:
        task = asyncio.create_task(one.examiner.run())
        for _ in range(LOOKS):
            if model.questions:
                break
            await asyncio.sleep(LOOK_EVERY)
        async with one.turns.real():
            await asyncio.sleep(LOOK_EVERY)
            assert await one.rows() == []
            assert len(model.questions) == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        model.hold.set()
        await one.steps(lambda: len(model.questions) >= 3)
        assert model.questions[0].template == model.questions[1].template


async def test_what_stands_behind_all_others_takes_turns_with_trials() -> None:
    turns, order = Turns(), []
    held = asyncio.Event()

    async def trial() -> None:
        order.append("trial begins")
        await held.wait()
        order.append("trial ends")

    async def second() -> None:
        async with turns.real(behind=True):
            await held.wait()
            order.append("second opinion")

    tasks = []
    for work in (second(), turns.background(trial), second()):
        tasks.append(asyncio.create_task(work))
        await asyncio.sleep(0)
    assert turns.free
    held.set()
    await asyncio.gather(*tasks)
    assert order == ["second opinion", "trial begins", "trial ends", "second opinion"]
    async with turns.real():
        with pytest.raises(BrokenOff):
            await turns.background(trial)


async def test_the_analyzer_says_when_a_question_is_real(tmp_path: Path) -> None:
    async with pipeline(tmp_path, ScriptedAnalyst()) as line:
        free: list[bool] = []

        async def before() -> None:
            free.append(line.analyzer.turns.free)

        line.analyzer.turns.before = before
        line.start()
        line.publish(log("F30005 power unit overload"))
        await until(lambda: free and line.analyzer.turns.free, "an answer")
        assert free == [False]


async def test_cancelling_the_examiner_is_no_break() -> None:
    turns = Turns()
    task = asyncio.create_task(turns.background(asyncio.Event().wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


VERDICT = (
    "INSERT INTO verdicts (analysis_id, verdict, created_at, rung, source, provider, model, prompt_version) "
    "VALUES (?, ?, '2026-01-01T00:00:00Z', ?, ?, ?, ?, ?)"
)


async def said(one: Site, *words: str, rule: str | None = None) -> None:
    of = ("playbook", rule, None, None, None) if rule else ("model", None, "OLLAMA", "scripted", "test")
    for number, word in enumerate(words):
        await one.store.write(run, VERDICT, (number, word, *of))
    await one.examiner.renew()


async def test_verdicts_take_trust_away_and_give_it_to_the_undecided(tmp_path: Path) -> None:
    async with site(tmp_path, Model(answers(oracle))) as one:
        await one.steps(lambda: one.standing is Standing.QUALIFIED)
        await said(one, "wrong", "wrong")
        assert one.standing is Standing.QUALIFIED
        await said(one, "wrong")
        assert (one.standing, one.told.wrong) == (Standing.ADVISORY, 3)
        assert one.told.reason == "technicians found 3 of its newest answers wrong and 0 helpful"
        await said(one, *["helpful"] * 18)
        assert (one.standing, one.told.helpful) == (Standing.QUALIFIED, 18)


async def test_helpful_answers_lift_an_undecided_model_and_never_an_unfit_one(tmp_path: Path) -> None:
    async with site(tmp_path, Model(answers(copier))) as one:
        await one.steps(lambda: one.standing is Standing.UNFIT)
        await said(one, *["helpful"] * 9)
        assert one.standing is Standing.UNFIT
    async with site(tmp_path, Model(answers(copier), "sha256:b")) as one:
        await one.examiner.recognise()
        for number, case in enumerate(one.case.id for one in trial_cases()):
            outcome = "right" if number % 3 else "wrong"
            answer = trials.Trial(case_id=case, outcome=outcome, answered_at="2026-01-01T00:00:00Z")
            who = trials.Candidate("OLLAMA", "scripted", "test", "sha256:b")
            await one.store.write(trials.add, who, answer)
        await one.store.write(run, "DELETE FROM verdicts")
        await said(one, *["helpful"] * 4)
        assert (one.standing, one.told.testing) == (Standing.ADVISORY, False)
        await said(one, "helpful")
        assert one.standing is Standing.QUALIFIED
        await said(one, "wrong")
        assert one.standing is Standing.ADVISORY


async def test_a_rule_that_was_wrong_here_is_doubted(tmp_path: Path) -> None:
    async with site(tmp_path) as one:
        await said(one, "wrong", rule="drive-overload")
        assert not one.trust.doubts("drive-overload")
        await said(one, "wrong", rule="drive-overload")
        await said(one, "wrong", "wrong", rule="general")
        assert one.trust.doubts("drive-overload")
        assert not one.trust.doubts("general")
        await said(one, "helpful", "helpful", rule="drive-overload")
        assert not one.trust.doubts("drive-overload")
