"""Several providers in a row, over real sockets: who is asked, when, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from andon.core.errors import ModelAnswerError, ModelMisconfigured, ModelUnavailable
from andon.core.models import Explanation
from andon.explain.model.fallback import REST_FIRST, FallbackAnalyst, build_analyst
from support.patience import PATIENCE
from support.providers.openai_api import CompatibleApi, OpenAIApi
from support.providers.server import Answer, Api
from support.questions import question
from support.settings import settings_of

DOWN = Answer(status=500, error="down")


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(use: Callable[[FallbackAnalyst, Clock, Api, Api], Awaitable[Any]]) -> Any:
    """``use`` with OPEN_AI first and a compatible server behind it."""

    async def main(first: Api, second: Api) -> Any:
        times = {"model_deadline": PATIENCE, "model_cold_deadline": PATIENCE}
        configs = [
            settings_of(provider="OPEN_AI", model=first.model, api_key=first.key, base_url=f"{first.url}/v1", **times),
            settings_of(
                provider="OPENAI_COMPATIBLE",
                model=second.model,
                api_key=second.key,
                base_url=f"{second.url}/v1",
                **times,
            ),
        ]
        clock = Clock()
        analyst = FallbackAnalyst([build_analyst(config) for config in configs], clock)  # type: ignore[misc]
        try:
            return await use(analyst, clock, first, second)
        finally:
            await analyst.close()
            await analyst.close()

    with OpenAIApi(model="gpt-4o") as first, CompatibleApi(model="qwen") as second:
        return asyncio.run(main(first, second))


def test_the_next_one_answers_and_is_named() -> None:
    """The explanation carries the provider and model that gave it, and the next question goes there too."""

    async def use(analyst: FallbackAnalyst, clock: Clock, first: Api, second: Api) -> Explanation:
        first.script(DOWN)
        assert analyst.provider != "OPENAI_COMPATIBLE"
        explanation = await analyst.explain(question())
        assert (analyst.provider, analyst.model) == ("OPENAI_COMPATIBLE", "qwen")
        return explanation

    explanation = run(use)
    assert (explanation.provider, explanation.model) == ("OPENAI_COMPATIBLE", "qwen")


def test_a_provider_that_is_away_costs_nothing_while_it_rests() -> None:
    """It is asked again after a rest that doubles, and goes first again once it answers."""

    async def use(analyst: FallbackAnalyst, clock: Clock, first: Api, second: Api) -> list[int]:
        first.script(DOWN, DOWN)
        seen = []
        for pause in (0.0, REST_FIRST - 1, 2.0, REST_FIRST, REST_FIRST + 1):
            clock.now += pause
            await analyst.explain(question())
            seen.append(len(first.requests))
        return [*seen, len(second.requests)]

    assert run(use) == [1, 1, 2, 2, 3, 4]


def test_a_pause_that_the_provider_asks_for_is_kept() -> None:
    """Retry-After says how long it rests."""

    async def use(analyst: FallbackAnalyst, clock: Clock, first: Api, second: Api) -> list[int]:
        first.script(Answer(status=429, headers={"Retry-After": "120"}))
        seen = []
        for pause in (0.0, 119.0, 2.0):
            clock.now += pause
            await analyst.explain(question())
            seen.append(len(first.requests))
        return seen

    assert run(use) == [1, 1, 2]


def test_a_misconfigured_provider_is_passed_over_too() -> None:
    """A key that was withdrawn does not stop the explanations."""

    async def use(analyst: FallbackAnalyst, clock: Clock, first: Api, second: Api) -> Explanation:
        first.script(Answer(status=401, error="revoked"))
        return await analyst.explain(question())

    assert run(use).provider == "OPENAI_COMPATIBLE"


def test_a_bad_answer_is_nobody_elses_business() -> None:
    """What a filter stopped is not asked elsewhere."""

    async def use(analyst: FallbackAnalyst, clock: Clock, first: Api, second: Api) -> int:
        first.script(Answer(text="x", finish="content_filter"))
        with pytest.raises(ModelAnswerError):
            await analyst.explain(question())
        return len(second.requests)

    assert run(use) == 0


def test_each_further_call_has_to_be_granted() -> None:
    """Without a grant the first one's error stands, and nobody else is asked."""

    async def use(analyst: FallbackAnalyst, clock: Clock, first: Api, second: Api) -> int:
        first.script(DOWN)

        async def never() -> bool:
            return False

        with pytest.raises(ModelUnavailable, match="down"):
            await analyst.explain(question(), never)
        return len(second.requests)

    assert run(use) == 0


def test_when_all_are_away_the_last_error_is_told_and_then_the_first() -> None:
    """While all of them rest no request is made at all."""

    async def use(analyst: FallbackAnalyst, clock: Clock, first: Api, second: Api) -> tuple[int, int]:
        first.script(DOWN)
        second.script(Answer(status=503, error="full"))
        with pytest.raises(ModelUnavailable, match="full"):
            await analyst.explain(question())
        with pytest.raises(ModelUnavailable, match=r"None of the providers in ANDON_FALLBACK answers.*down"):
            await analyst.explain(question())
        return len(first.requests), len(second.requests)

    assert run(use) == (1, 1)


def test_the_check_asks_in_the_same_order() -> None:
    """It passes where any of them would answer, and tells the first one's trouble where none would."""

    async def use(analyst: FallbackAnalyst, clock: Clock, first: Api, second: Api) -> None:
        first.key = "another"
        await analyst.check()
        assert (len(first.checks), len(second.checks)) == (1, 1)
        second.key = "another"
        with pytest.raises(ModelMisconfigured, match=r"OpenAI at .* rejected the credentials"):
            await analyst.check()

    run(use)
