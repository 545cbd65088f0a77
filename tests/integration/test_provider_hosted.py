"""Claude and Gemini against stand-ins over real sockets that hold us to Anthropic's and Google's rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from andon.core.errors import ModelAnswerError, ModelBusy, ModelError, ModelMisconfigured
from andon.core.settings.settings import Settings
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
from support.providers.gemini_api import GeminiApi
from support.providers.server import Answer, Api
from support.questions import question
from support.settings import settings_of


@dataclass(frozen=True)
class Vendor:
    """What differs: the stand-in, a model of today, and the provider's own words."""

    name: str
    stand_in: Callable[..., Api]
    model: str
    #: The page about a model, before its name.
    page: str
    wrong_key: str
    #: How it says that its filter stopped the answer, or the question.
    filtered: tuple[str, ...]
    #: How it says that the limit of tokens was reached.
    limit: str
    #: The kinds of the parts of a question's content.
    parts: Callable[[Any], list[str]]
    answers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


CLAUDE = Vendor(
    "CLAUDE",
    AnthropicApi,
    "claude-haiku-5-5",
    "/v1/models/",
    "rejected the credentials (401: ",
    ("refusal",),
    "max_tokens",
    lambda body: [block["type"] for block in body["messages"][0]["content"]],
    # with structured outputs where the model has them, else as the arguments of a tool
    [("claude-haiku-5-5", {}), ("claude-haiku-4-5", {}), ("claude-3-haiku-20240307", {"has_formats": False})],
)
GEMINI = Vendor(
    "GEMINI",
    GeminiApi,
    "gemini-3.8-flash",
    "/v1beta/models/",
    "rejected the credentials (400: API key not valid",  # Google calls it a bad request
    ("SAFETY", "blocked"),
    "MAX_TOKENS",
    lambda body: ["image" if "inlineData" in part else "text" for part in body["contents"][0]["parts"]],
    [("gemini-3.8-flash", {}), ("gemini-2.5-flash", {}), ("gemini-2.0-flash", {})],
)
VENDORS = [CLAUDE, GEMINI]
each = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)


def config_of(vendor: Vendor, api: Api, **settings: Any) -> Settings:
    """The config that fits a stand-in."""
    values: dict[str, Any] = {"model_deadline": 20.0, "model_cold_deadline": 20.0, **settings}
    return settings_of(provider=vendor.name, model=api.model, api_key=api.key, base_url=api.url, **values)


@pytest.mark.parametrize(
    ("vendor", "model", "settings"),
    [(vendor, model, settings) for vendor in VENDORS for model, settings in vendor.answers],
    ids=[model for vendor in VENDORS for model, _ in vendor.answers],
)
def test_a_finding_a_repair_and_prose(vendor: Vendor, model: str, settings: dict[str, Any]) -> None:
    """The answer is bound by a schema, or is the arguments of a tool where a model has nothing else."""
    with vendor.stand_in(model=model, **settings) as api:
        check_answers(api, config_of(vendor, api))
    body = api.bodies[0]
    assert ("tools" in body) == bool(settings)
    assert vendor is CLAUDE or "responseJsonSchema" in body["generationConfig"]


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-5-5"])
def test_models_that_refuse_a_temperature_get_none(model: str) -> None:
    """As far as the library knows them by name."""
    with AnthropicApi(model=model, takes_temperature=False) as api:
        assert ask(config_of(CLAUDE, api)).finding is not None
    assert api.violations == []


@each
@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [*FAILURES, (Answer(status=529, error="Overloaded"), ModelBusy, "is busy (529: Overloaded)")],
    ids=["403", "429", "500", "503", "529"],
)
def test_each_failure_says_who_acts(vendor: Vendor, answer: Answer, kind: type[ModelError], words: str) -> None:
    """One request, the right error, a sentence, the wait that was asked for, no key."""
    with vendor.stand_in(model=vendor.model) as api:
        check_failure(api, config_of(vendor, api), answer, kind, words)


@each
def test_a_wrong_key_is_one_sentence(vendor: Vendor) -> None:
    """From a question and from a check."""
    with vendor.stand_in(model=vendor.model) as api:
        config = config_of(vendor, api)
        assert vendor.wrong_key in str(wrong_key(api, config))
        with pytest.raises(ModelMisconfigured, match="check API_KEY"):
            using(config, checking)


@each
def test_a_model_that_is_not_there(vendor: Vendor) -> None:
    """From a question and from a check."""
    with vendor.stand_in(model=vendor.model) as api:
        config = config_of(vendor, api)
        api.model = "another"
        assert f"does not have the model {vendor.model}: set MODEL" in str(failing(config))
        with pytest.raises(ModelMisconfigured, match="does not have the model"):
            using(config, checking)


@each
def test_the_check_costs_nothing(vendor: Vendor) -> None:
    """It asks about the model."""
    with vendor.stand_in(model=vendor.model) as api:
        using(config_of(vendor, api), checking)
        assert [request.path for request in api.checks] == [vendor.page + vendor.model]
        assert api.requests == []


@pytest.mark.parametrize(
    ("vendor", "finish"),
    [(vendor, finish) for vendor in VENDORS for finish in vendor.filtered],
    ids=[finish for vendor in VENDORS for finish in vendor.filtered],
)
def test_the_content_filter_is_an_answer_error(vendor: Vendor, finish: str) -> None:
    """Whether it stops the answer or the question; it is not asked again."""
    with vendor.stand_in(model=vendor.model) as api:
        api.script(Answer(finish=finish))
        error = failing(config_of(vendor, api))
        assert len(api.requests) == 1
    assert type(error) is ModelAnswerError
    assert "content filter" in str(error)


@each
def test_an_answer_that_ends_at_the_limit(vendor: Vendor) -> None:
    """Nothing readable: the sentence names the setting, and no second request is made."""
    with vendor.stand_in(model=vendor.model) as api:
        api.script(Answer(text='{"summ', finish=vendor.limit))
        error = failing(config_of(vendor, api))
        assert len(api.requests) == 1
    assert "raise ANDON_MODEL_MAX_TOKENS" in str(error)


@each
def test_pictures_are_sent_as_data(vendor: Vendor) -> None:
    """Every current model of theirs sees."""
    with vendor.stand_in(model=vendor.model) as api:
        ask(config_of(vendor, api), question(pictures=[red_square()]))
    assert sorted(vendor.parts(api.bodies[0])) == ["image", "text"]
    assert api.violations == []


def test_a_form_that_the_model_does_not_know_is_one_sentence() -> None:
    """The library refuses it before anything is sent."""
    with AnthropicApi(model="claude-3-haiku-20240307") as api:
        error = failing(config_of(CLAUDE, api, model_output=("native")))
        assert api.requests == []
    assert type(error) is ModelMisconfigured
    assert "set ANDON_MODEL_OUTPUT to auto" in str(error)
