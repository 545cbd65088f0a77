"""Gemini against a stand-in over real sockets that holds us to Google's rules."""

from __future__ import annotations

from typing import Any

import pytest

from andon.agent.providers import ProviderConfig
from andon.errors import ModelAnswerError, ModelError, ModelMisconfigured
from support.providers.asking import (
    FAILURES,
    ask,
    check_answers,
    check_failure,
    checking,
    failing,
    red_square,
    using,
    wrong_key,
)
from support.providers.gemini_api import GeminiApi
from support.providers.server import Answer
from support.questions import question

MODEL = "gemini-3.8-flash"


def config_of(api: GeminiApi, **settings: Any) -> ProviderConfig:
    """The config that fits a stand-in."""
    values: dict[str, Any] = {"deadline": 20.0, "cold_start_deadline": 20.0, **settings}
    return ProviderConfig(provider="GEMINI", model=api.model, api_key=api.key, base_url=api.url, **values)


@pytest.mark.parametrize("model", [MODEL, "gemini-2.5-flash", "gemini-2.0-flash"])
def test_a_finding_a_repair_and_prose(model: str) -> None:
    """The answer is bound by a JSON schema in one call."""
    with GeminiApi(model=model) as api:
        check_answers(api, config_of(api))
    assert "responseJsonSchema" in api.bodies[0]["generationConfig"]


@pytest.mark.parametrize(("answer", "kind", "words"), FAILURES, ids=["403", "429", "500", "503"])
def test_each_failure_says_who_acts(answer: Answer, kind: type[ModelError], words: str) -> None:
    """One request, the right error, a sentence, the wait that was asked for, no key."""
    with GeminiApi(model=MODEL) as api:
        check_failure(api, config_of(api), answer, kind, words)


def test_a_wrong_key_is_one_sentence() -> None:
    """Google calls it a bad request; it is a bad key all the same."""
    with GeminiApi(model=MODEL) as api:
        config = config_of(api)
        assert "refuses our credentials (400: API key not valid" in str(wrong_key(api, config))
        with pytest.raises(ModelMisconfigured, match="check API_KEY"):
            using(config, checking)


def test_a_model_that_is_not_there() -> None:
    """From a question and from a check."""
    with GeminiApi(model=MODEL) as api:
        config = config_of(api)
        api.model = "another"
        assert f"does not have the model {MODEL}: set MODEL" in str(failing(config))
        with pytest.raises(ModelMisconfigured, match="does not have the model"):
            using(config, checking)


def test_the_check_costs_nothing() -> None:
    """It asks about the model."""
    with GeminiApi(model=MODEL) as api:
        using(config_of(api), checking)
        assert [request.path for request in api.checks] == [f"/v1beta/models/{MODEL}"]


@pytest.mark.parametrize("finish", ["SAFETY", "blocked"])
def test_the_content_filter_is_an_answer_error(finish: str) -> None:
    """Whether it stops the answer or the question; it is not asked again."""
    with GeminiApi(model=MODEL) as api:
        api.script(Answer(finish=finish))
        error = failing(config_of(api))
        assert len(api.requests) == 1
    assert type(error) is ModelAnswerError
    assert "content filter" in str(error)


def test_an_answer_that_ends_at_the_limit() -> None:
    """Nothing readable: the sentence names the setting, and no second request is made."""
    with GeminiApi(model=MODEL) as api:
        api.script(Answer(text='{"summ', finish="MAX_TOKENS"))
        error = failing(config_of(api))
        assert len(api.requests) == 1
    assert "raise ANDON_MODEL_MAX_TOKENS" in str(error)


def test_pictures_are_sent_as_data() -> None:
    """Gemini's models see."""
    with GeminiApi(model=MODEL) as api:
        ask(config_of(api), question(pictures=[red_square()]))
    parts = api.bodies[0]["contents"][0]["parts"]
    assert [sorted(part) for part in parts] == [["text"], ["inlineData"]]
    assert api.violations == []
