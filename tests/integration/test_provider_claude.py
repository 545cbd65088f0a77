"""Claude against a stand-in over real sockets that holds us to Anthropic's rules."""

from __future__ import annotations

from typing import Any

import pytest

from andon.agent.providers import ProviderConfig
from andon.errors import ModelAnswerError, ModelBusy, ModelError, ModelMisconfigured
from support.providers.anthropic_api import AnthropicApi
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
from support.providers.server import Answer
from support.questions import question

MODEL = "claude-haiku-5-5"


def config_of(api: AnthropicApi, **settings: Any) -> ProviderConfig:
    """The config that fits a stand-in."""
    values: dict[str, Any] = {"deadline": 20.0, "cold_start_deadline": 20.0, **settings}
    return ProviderConfig(provider="CLAUDE", model=api.model, api_key=api.key, base_url=api.url, **values)


@pytest.mark.parametrize(
    ("model", "settings"),
    [(MODEL, {}), ("claude-haiku-4-5", {}), ("claude-3-haiku-20240307", {"has_formats": False})],
)
def test_a_finding_a_repair_and_prose(model: str, settings: dict[str, Any]) -> None:
    """With structured outputs where the model has them, else as the arguments of a tool."""
    with AnthropicApi(model=model, **settings) as api:
        check_answers(api, config_of(api))
    assert ("tools" in api.bodies[0]) == bool(settings)


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-5-5"])
def test_models_that_refuse_a_temperature_get_none(model: str) -> None:
    """As far as the library knows them by name."""
    with AnthropicApi(model=model, takes_temperature=False) as api:
        assert ask(config_of(api)).finding is not None
    assert api.violations == []


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [*FAILURES, (Answer(status=529, error="Overloaded"), ModelBusy, "is busy (529: Overloaded)")],
    ids=["403", "429", "500", "503", "529"],
)
def test_each_failure_says_who_acts(answer: Answer, kind: type[ModelError], words: str) -> None:
    """One request, the right error, a sentence, the wait that was asked for, no key."""
    with AnthropicApi(model=MODEL) as api:
        check_failure(api, config_of(api), answer, kind, words)


def test_a_wrong_key_is_one_sentence() -> None:
    """From a question and from a check."""
    with AnthropicApi(model=MODEL) as api:
        config = config_of(api)
        assert "refuses our credentials (401: " in str(wrong_key(api, config))
        with pytest.raises(ModelMisconfigured, match="check API_KEY"):
            using(config, checking)


def test_a_model_that_is_not_there() -> None:
    """From a question and from a check."""
    with AnthropicApi(model=MODEL) as api:
        config = config_of(api)
        api.model = "another"
        assert f"does not have the model {MODEL}: set MODEL" in str(failing(config))
        with pytest.raises(ModelMisconfigured, match="does not have the model"):
            using(config, checking)


def test_the_check_costs_nothing() -> None:
    """It asks about the model."""
    with AnthropicApi(model=MODEL) as api:
        using(config_of(api), checking)
        assert [request.path for request in api.checks] == [f"/v1/models/{MODEL}"]


def test_a_refusal_is_an_answer_error() -> None:
    """It is not asked for again, and says what can be done."""
    with AnthropicApi(model=MODEL) as api:
        api.script(Answer(finish="refusal"))
        error = failing(config_of(api))
        assert len(api.requests) == 1
    assert type(error) is ModelAnswerError
    assert "content filter" in str(error)


def test_an_answer_that_ends_at_the_limit() -> None:
    """Nothing readable: the sentence names the setting, and no second request is made."""
    with AnthropicApi(model=MODEL) as api:
        api.script(Answer(text='{"summ', finish="max_tokens"))
        error = failing(config_of(api))
        assert len(api.requests) == 1
    assert "raise ANDON_MODEL_MAX_TOKENS" in str(error)


def test_pictures_are_sent_as_data() -> None:
    """Every current model of Anthropic's sees."""
    with AnthropicApi(model=MODEL) as api:
        ask(config_of(api), question(pictures=[red_square()]))
    blocks = api.bodies[0]["messages"][0]["content"]
    assert sorted(block["type"] for block in blocks) == ["image", "text"]
    assert api.violations == []
