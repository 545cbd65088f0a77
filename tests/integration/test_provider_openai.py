"""OpenAI and those who speak its chat completions, against stand-ins over real sockets that hold us to their rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from andon.core.errors import ModelAnswerError, ModelBusy, ModelError, ModelMisconfigured, ModelUnavailable
from andon.core.settings.settings import Settings
from andon.explain.interfaces import Analyst
from support.patience import PATIENCE
from support.providers.asking import (
    FAILURES,
    PROSE,
    ask,
    check_answers,
    check_failure,
    checking,
    failing,
    red_square,
    using,
    wrong_key,
)
from support.providers.openai_api import AzureApi, CloudflareApi, CompatibleApi, DeepSeekApi, OpenAIApi
from support.providers.server import Answer, Api
from support.questions import question
from support.settings import settings_of

NAMES = ["OPEN_AI", "DEEPSEEK", "OPENAI_COMPATIBLE", "AZURE", "AZURE v1", "AZURE_AD", "AZURE_AD v1", "CLOUDFLARE_AZURE"]


def pair(name: str) -> tuple[Api, Settings]:
    """A stand-in for ``name``, and the config that fits it."""
    v1 = "/openai/v1" if name.endswith("v1") else ""
    name = name.removesuffix(" v1")
    api: Api
    settings: dict[str, Any] = {}
    if name == "OPEN_AI":
        api = OpenAIApi(model="gpt-4o-mini")
        settings = {"base_url": f"{api.url}/v1"}
    elif name == "DEEPSEEK":
        api = DeepSeekApi(model="deepseek-flash")
        settings = {"base_url": api.url}
    elif name == "OPENAI_COMPATIBLE":
        api = CompatibleApi(model="qwen3-8b")
        settings = {"base_url": f"{api.url}/v1/"}
    elif name == "CLOUDFLARE_AZURE":
        api = CloudflareApi(model="gpt-4o", gateway_token="cf-token-123")
        settings = {"base_url": f"{api.url}/v1", "azure_resource": "plant", "cloudflare_account": "account-1"}
        settings |= {"cloudflare_gateway": "gateway-1", "cloudflare_token": "cf-token-123"}
    else:
        api = AzureApi(model="gpt-4o", token="entra-token-123" if name == "AZURE_AD" else "")
        settings = {"azure_endpoint": api.url + v1, "azure_ad_token": api.token}
    config = settings_of(
        provider=name,
        model=api.model,
        api_key=api.key,
        model_deadline=PATIENCE,
        model_cold_deadline=PATIENCE,
        **settings,
    )
    return api, config


@pytest.fixture(params=NAMES)
def either(request: pytest.FixtureRequest) -> Iterator[tuple[Api, Settings]]:
    """Each of them in turn."""
    api, config = pair(request.param)
    with api:
        yield api, config


@pytest.fixture
def openai() -> Iterator[tuple[Api, Settings]]:
    """OpenAI alone."""
    api, config = pair("OPEN_AI")
    with api:
        yield api, config


def test_a_finding_a_repair_and_prose(either: tuple[Api, Settings]) -> None:
    """What every provider must do, with the number of requests that takes and no rule of its broken."""
    check_answers(*either)


def test_the_check_asks_nothing_that_costs(either: tuple[Api, Settings]) -> None:
    """`doctor` asks about the model and not the model."""
    api, config = either
    using(config, checking)
    assert (len(api.checks), len(api.requests)) == (1, 0)


@pytest.mark.parametrize(("answer", "kind", "words"), FAILURES, ids=["403", "429", "500", "503"])
def test_each_failure_says_who_acts(
    either: tuple[Api, Settings], answer: Answer, kind: type[ModelError], words: str
) -> None:
    """One request, the right error, a sentence, the wait that was asked for, no key."""
    check_failure(*either, answer, kind, words)


@pytest.mark.parametrize("name", ["OPEN_AI", "DEEPSEEK", "OPENAI_COMPATIBLE", "AZURE", "CLOUDFLARE_AZURE"])
def test_a_wrong_key_is_one_sentence_without_the_key(name: str) -> None:
    """Also where the provider repeats the key in its message; a check says the same from then on."""
    api, config = pair(name)
    with api:
        assert "rejected the credentials (401: " in str(wrong_key(api, config))
        with pytest.raises(ModelMisconfigured, match="rejected the credentials") as caught:
            using(config, checking)
        assert config.api_key.get_secret_value() not in repr(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_is_not_there(name: str) -> None:
    """The sentence says what to set."""
    api, config = pair(name)
    api.model = "another-model"
    with api:
        error = failing(config)
    assert type(error) is ModelMisconfigured
    assert f"does not have the model {config.model}: set MODEL" in str(error)


def test_a_refusal_of_everything_is_told_by_the_check_too() -> None:
    """A gateway cannot be asked about a deployment: what a question met stands for the next check."""
    api, config = pair("CLOUDFLARE_AZURE")
    api.model = "another-model"

    async def use(analyst: Analyst) -> None:
        await analyst.check()
        with pytest.raises(ModelMisconfigured):
            await analyst.explain(question())
        with pytest.raises(ModelMisconfigured, match="does not have the model gpt-4o"):
            await analyst.check()

    with api:
        using(config, use)


def test_an_account_without_credit_is_not_busy(openai: tuple[Api, Settings]) -> None:
    """OpenAI answers 429 for it; waiting does not help. With a time to come back it is only busy."""
    api, config = openai
    words = "You exceeded your current quota, please check your plan and billing details."
    api.script(Answer(status=429, error=words), Answer(status=429, error=words, headers={"Retry-After": "30"}))
    assert "requires payment" in str(failing(config))
    assert type(failing(config)) is ModelBusy


def test_an_identity_goes_before_a_key_that_is_set_too() -> None:
    """AZURE_AD sends the token alone: Azure refuses a request with both."""
    api = AzureApi(token="entra-token-1", model="gpt-4o")
    with api:
        config = settings_of(
            provider="AZURE_AD",
            model="gpt-4o",
            api_key="left-over",
            azure_ad_token="entra-token-1",
            azure_endpoint=api.url,
        )
        assert ask(config).finding is not None
        assert "api-key" not in api.requests[0].headers


def test_an_unknown_api_version_names_the_setting() -> None:
    """Azure says only that the resource was not found."""
    api, config = pair("AZURE")
    with api:
        error = failing(config.model_copy(update={"azure_api_version": "2020-01-01"}))
    assert "check ANDON_AZURE_ENDPOINT and ANDON_AZURE_API_VERSION" in str(error)


@pytest.mark.parametrize("name", ["OPEN_AI", "AZURE", "DEEPSEEK", "OPENAI_COMPATIBLE"])
def test_the_content_filter_is_an_answer_error(name: str) -> None:
    """A filtered answer is not asked for again, and says what can be done."""
    api, config = pair(name)
    with api:
        api.script(Answer(text="The spin", finish="content_filter"))
        error = failing(config)
        assert len(api.requests) == 1
    assert type(error) is ModelAnswerError
    assert "content filter" in str(error)
    assert error.tokens == 790


def test_a_filtered_question_is_an_answer_error() -> None:
    """Azure refuses the question itself with 400."""
    api, config = pair("AZURE")
    with api:
        blocked = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
        api.script(Answer(status=400, error=blocked, code="content_filter"))
        error = failing(config)
    assert type(error) is ModelAnswerError
    assert "content filter" in str(error)


def test_a_refusal_in_words_is_an_answer_error(openai: tuple[Api, Settings]) -> None:
    """OpenAI's models refuse in a field of its own."""
    api, config = openai
    api.script(Answer(refusal="I can't help with that."))
    assert "I can't help with that" in str(failing(config))
    assert len(api.requests) == 1


@pytest.mark.parametrize("name", ["OPEN_AI", "DEEPSEEK", "AZURE"])
def test_an_answer_that_ends_at_the_limit(name: str) -> None:
    """It is none; nothing is asked again, as it would end there again."""
    api, config = pair(name)
    with api:
        whole = json.dumps({"summary": "The cabinet fan of the spindle drive is blocked.", "probable_cause": "Dust on"})
        if name == "DEEPSEEK":
            api.script(Answer(text="", finish="length"))
        else:
            api.script(Answer(text=whole[:-1], finish="length"))
        words = "used up its 2048 tokens before it gave an answer: raise ANDON_MODEL_MAX_TOKENS"
        assert words in str(failing(config))
        assert len(api.requests) == 1


def test_a_reasoning_model_gets_no_temperature() -> None:
    """OpenAI's reasoning models refuse one, and think little for a short answer."""
    api = OpenAIApi(model="gpt-5.6-luna")
    with api:
        ask(settings_of(provider="OPEN_AI", model=api.model, api_key=api.key, base_url=f"{api.url}/v1"))
    assert api.violations == []
    assert "temperature" not in api.bodies[0]
    assert api.bodies[0]["reasoning_effort"] == "low"


def test_a_deployment_whose_model_is_not_known_learns_what_it_refuses() -> None:
    """An Azure deployment may have any name: the temperature it refuses is left out once and for all."""
    api, config = pair("AZURE")
    api.model = "prod"
    refused = Answer(status=400, error="Unsupported value: 'temperature' does not support 0.2")

    async def use(analyst: Analyst) -> None:
        await analyst.explain(question())
        await analyst.explain(question())

    with api:
        api.script(refused)
        using(config.model_copy(update={"model": "prod"}), use)
    assert ["temperature" in body for body in api.bodies] == [True, False, False]


@pytest.mark.parametrize(
    "message",
    [
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        "guided decoding is not enabled on this server",
        "failed to parse grammar",
        "Structured output is unavailable",
    ],
)
def test_a_server_without_schemas_is_asked_in_words(message: str) -> None:
    """One more request, which has to be granted; from then on none."""
    api = CompatibleApi(model="old")
    config = settings_of(provider="OPENAI_COMPATIBLE", model="old", api_key=api.key, base_url=f"{api.url}/v1")
    granted: list[bool] = []

    async def again() -> bool:
        granted.append(True)
        return True

    async def use(analyst: Analyst) -> list[Any]:
        return [(await analyst.explain(question(), again)).finding for _ in range(2)]

    with api:
        api.script(Answer(status=400, error=message))
        findings = using(config, use)
    assert all(finding is not None for finding in findings)
    assert ["response_format" in body for body in api.bodies] == [True, False, False]
    assert granted == [True]
    assert '"probable_cause"' in api.bodies[1]["messages"][0]["content"]


def test_a_further_request_that_is_not_granted_leaves_the_first_error() -> None:
    """The budget is the site's: the question fails with what the server said."""
    api = CompatibleApi(model="old", refuses=("response_format",))
    config = settings_of(provider="OPENAI_COMPATIBLE", model="old", api_key=api.key, base_url=f"{api.url}/v1")

    async def never() -> bool:
        return False

    with api:
        error = failing(config, again=never)
    assert "response_format is not supported by this server" in str(error)
    assert len(api.requests) == 1


@pytest.mark.parametrize(("output", "part"), [("native", "response_format"), ("tool", "tools"), ("prompted", None)])
def test_the_site_may_say_how_a_finding_is_asked_for(output: Any, part: str | None) -> None:
    """ANDON_MODEL_OUTPUT goes before what is known of the server."""
    api = CompatibleApi(model="m", key="")
    with api:
        explanation = ask(
            settings_of(provider="OPENAI_COMPATIBLE", model="m", base_url=f"{api.url}/v1", model_output=output)
        )
    assert explanation.finding is not None
    assert {"response_format", "tools"} & set(api.bodies[0]) == ({part} if part else set())


def test_not_enough_evidence_is_a_good_answer(openai: tuple[Api, Settings]) -> None:
    """It is kept as it is, ids that were not asked about left out."""
    from support.providers.server import FINDING

    api, config = openai
    api.script(Answer(finding={**FINDING, "enough_evidence": False, "evidence": [1, 999]}))
    finding = ask(config).finding
    assert finding is not None
    assert finding["enough_evidence"] is False
    assert finding["evidence"] == [1]
    assert len(api.requests) == 1


def test_a_tool_model_that_writes_its_finding_is_understood() -> None:
    """With a tool that may not be forced, some answer with the arguments as text."""
    from support.providers.server import FINDING

    api, config = pair("DEEPSEEK")
    with api:
        api.script(Answer(text=f"```json\n{json.dumps(FINDING)}\n```"))
        assert ask(config).finding is not None
        assert len(api.requests) == 1


def test_pictures_go_to_models_that_see(openai: tuple[Api, Settings]) -> None:
    """As data, never as an address; the words say that one is there."""
    api, config = openai
    ask(config, question(pictures=[red_square()]))
    content = api.bodies[0]["messages"][-1]["content"]
    assert [part["type"] for part in content] == ["text", "image_url"]
    assert content[1]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    assert "a picture, shown below" in content[0]["text"]
    assert api.violations == []


def test_models_that_do_not_see_are_told(openai: tuple[Api, Settings]) -> None:
    """No picture leaves the box, whatever the library's profile says."""
    api, config = openai
    blind = config.model_copy(update={"model_images": "no"})
    ask(blind, question(pictures=[red_square(), red_square()]))
    (body,) = api.bodies
    assert "image_url" not in json.dumps(body)
    assert "2 pictures that you cannot see" in body["messages"][-1]["content"]


def test_a_server_that_refuses_pictures_is_asked_without() -> None:
    """Once refused, none is sent again."""
    api = CompatibleApi(model="m", refuses=("image",))
    config = settings_of(
        provider="OPENAI_COMPATIBLE",
        model="m",
        api_key=api.key,
        base_url=f"{api.url}/v1",
        model_images=("yes"),
    )
    with api:
        assert ask(config, question(pictures=[red_square()])).finding is not None
    assert ["image_url" in json.dumps(body) for body in api.bodies] == [True, False]


def test_a_picture_that_the_provider_cannot_read_blinds_nobody(openai: tuple[Api, Settings]) -> None:
    """That question goes without it; the next one shows its own."""
    api, config = openai
    shown = question(pictures=[red_square()])

    async def twice(analyst: Analyst) -> None:
        await analyst.explain(shown)
        await analyst.explain(shown)

    api.script(Answer(status=400, error="Invalid image data: could not process the image"))
    using(config, twice)
    assert ["image_url" in json.dumps(body) for body in api.bodies] == [True, False, True]


def test_llama_cpp_answers_to_any_name() -> None:
    """Its list names a file; a check must not take that for another model."""
    api = CompatibleApi(model="/models/qwen.gguf", owned_by="llamacpp")
    with api:
        using(
            settings_of(provider="OPENAI_COMPATIBLE", model="qwen", api_key=api.key, base_url=f"{api.url}/v1"),
            checking,
        )


def test_nobody_there_is_away_and_names_the_setting() -> None:
    """A refused connection is one sentence."""
    api, config = pair("OPENAI_COMPATIBLE")
    api._server.server_close()
    error = failing(config)
    assert type(error) is ModelUnavailable
    assert "start it, or set ANDON_BASE_URL to its address" in str(error)


def test_the_machines_own_identity_is_asked_for_a_token_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ANDON_AZURE_AD_TOKEN the credential gives the token, which serves until it ends."""
    import time
    from types import SimpleNamespace

    import azure.identity

    api = AzureApi(model="gpt-4o", token="token-of-the-machine")
    scopes: list[str] = []

    class Credential:
        def __init__(self, **_: Any) -> None:
            self.closed = False

        def get_token(self, scope: str) -> Any:
            scopes.append(scope)
            return SimpleNamespace(token=api.token, expires_on=time.time() + 3600)

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", Credential)
    config = settings_of(provider="AZURE_AD", model="gpt-4o", azure_endpoint=api.url)

    async def use(analyst: Analyst) -> None:
        await analyst.check()
        await asyncio.gather(*(analyst.explain(question()) for _ in range(3)))

    with api:
        using(config, use)
    assert api.violations == []
    assert scopes == ["https://cognitiveservices.azure.com/.default"]


def test_a_machine_without_an_identity_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The credential's page of reasons becomes one sentence, from a question and from a check."""
    import azure.identity

    class Credential:
        def __init__(self, **_: Any) -> None:
            """Nothing to find."""

        def get_token(self, _: str) -> Any:
            raise azure.identity.CredentialUnavailableError(message="No credential.\nEnvironment: …\nAzureCli: …")

        def close(self) -> None:
            """Nothing open."""

    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", Credential)
    config = settings_of(provider="AZURE_AD", model="gpt-4o", azure_endpoint="http://127.0.0.1:9")
    for use in (checking, lambda analyst: analyst.explain(question())):
        with pytest.raises(ModelMisconfigured, match=r"gives this machine no token \(No credential.\): give it"):
            using(config, use)


def test_prose_survives_beside_the_key(openai: tuple[Api, Settings]) -> None:
    """The key is in no log line of a failing question."""
    import structlog

    api, config = openai
    with structlog.testing.capture_logs() as logs:
        api.script(Answer(status=500, error=f"cannot use {api.key}"), Answer(text=PROSE))
        error = failing(config)
        ask(config)
    assert api.key not in json.dumps(logs, default=repr) + str(error)
    assert "[redacted]" in str(error)
