"""OpenAI, DeepSeek, and other servers that speak OpenAI's chat completions (vLLM, llama.cpp, LM Studio, gateways).

What differs, from each one's documentation: OpenAI's reasoning models take no temperature and call the limit
``max_completion_tokens``; DeepSeek has no ``json_schema`` on this API, so a finding is asked for as a tool call, and
knows ``max_tokens`` only, as most other servers do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from andon.core.outgoing_http import entries
from andon.explain.providers.access import required
from andon.explain.providers.backend import Access, Capabilities, ChatApi
from andon.explain.providers.failures import lacks
from andon.explain.providers.hosted import HostedBackend

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI
    from pydantic_ai.models import Model
    from pydantic_ai.profiles import ModelProfile

OPENAI_URL = "https://api.openai.com/v1"
DEEPSEEK_URL = "https://api.deepseek.com"

#: OpenAI's models that reason by default: https://platform.openai.com/docs/guides/reasoning
_REASONING = re.compile(r"(?:.*/)?(?:o\d|gpt-(?:[5-9]|\d\d)|codex)", re.IGNORECASE)
#: OpenAI's models that see no pictures, among those with a name of OpenAI's.
_BLIND = re.compile(r"(?:.*/)?(?:gpt-3|gpt-4(?:-\d|$)|gpt-oss|o1-mini|o1-preview|o3-mini)", re.IGNORECASE)
_OPENAI = re.compile(r"(?:.*/)?(?:gpt-|o\d|chatgpt)", re.IGNORECASE)
#: In place of the tags between which the library looks for thoughts: ours are taken out by strip_thinking.
NO_TAGS = ("\x02thoughts\x02", "\x03thoughts\x03")


def openai_capabilities(model: str) -> Capabilities:
    """What OpenAI's model of this name can do, as far as names tell."""
    reasons = _REASONING.match(model) is not None
    return Capabilities(
        sees_schema=True,
        strict=True,
        tools=True,
        images=_OPENAI.match(model) is not None and not _BLIND.match(model),
        temperature=not reasons,
        effort="low" if reasons else None,
    )


class OpenAIBackend(HostedBackend):
    """OpenAI itself, or a gateway that stands for it."""

    def __init__(self, access: Access) -> None:
        access.demand_key()
        place = access.place("OpenAI", access.url(OPENAI_URL), "your project may use")
        super().__init__(access, place)

    def connect(self) -> httpx2.AsyncClient:
        return self._client or self.open_client()

    def build(self) -> Model:
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.profiles import merge_profile
        from pydantic_ai.providers.openai import OpenAIProvider

        provider = OpenAIProvider(openai_client=_client(self, self.place.url, self.key))
        profile = merge_profile(provider.model_profile(self.model), strict_profile())
        return OpenAIChatModel(self.model, provider=provider, profile=profile)

    def known(self) -> Capabilities:
        return openai_capabilities(self.model)

    async def check(self) -> None:
        authorization = {"Authorization": f"Bearer {self.key}"}
        await self.get(f"{self.place.url}/models/{self.model}", authorization, may_lack=self.gateway)


class DeepSeekBackend(HostedBackend):
    """DeepSeek's own service."""

    def __init__(self, access: Access) -> None:
        access.demand_key()
        place = access.place("DeepSeek", access.url(DEEPSEEK_URL), "that DeepSeek lists")
        super().__init__(access, place)

    def connect(self) -> httpx2.AsyncClient:
        return self._client or self.open_client()

    def build(self) -> Model:
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.deepseek import DeepSeekProvider

        return OpenAIChatModel(
            self.model, provider=DeepSeekProvider(openai_client=_client(self, self.place.url, self.key))
        )

    def known(self) -> Capabilities:
        return Capabilities(output="tool", sees_schema=True, tools=True)

    async def check(self) -> None:
        await _demand_listed(self)


class CompatibleBackend(HostedBackend):
    """Any other server with OpenAI's chat completions; a key is sent where one is set."""

    def __init__(self, access: Access) -> None:
        setting = access.address_setting
        required(access.provider, {setting: access.base_url, access.model_setting: access.model})
        url = re.sub(r"/chat/completions\Z", "", access.url(""))
        place = access.place(
            "The model server",
            url,
            when_away=f"start it, or set {setting} to its address.",
            when_missing=f"set {access.model_setting} to one that {url}/models lists.",
            when_wrong=f"check {setting}; it often ends in /v1.",
        )
        super().__init__(access, place)

    def connect(self) -> httpx2.AsyncClient:
        return self._client or self.open_client()

    def chat(self) -> ChatApi:
        headers = {"Authorization": f"Bearer {self.key or 'none'}"}
        return ChatApi(url=f"{self.place.url}/chat/completions", headers=headers)

    def build(self) -> Model:
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        client = _client(self, self.place.url, self.key or "none")
        profile = plain_profile(openai_supports_reasoning=False, supports_json_object_output=False)
        provider = OpenAICompatibleProvider("compatible", openai_client=client, profile=profile)
        return OpenAIChatModel(self.model, provider=provider)

    def known(self) -> Capabilities:
        # A schema constrains what these servers write; whether the model is shown it differs, so we show it.
        return Capabilities(output="native")

    async def check(self) -> None:
        await _demand_listed(self)


async def _demand_listed(backend: HostedBackend) -> None:
    """Raises ModelMisconfigured where the server lists models and ours is none of them, as :func:`get_json` else."""
    authorization = {"Authorization": f"Bearer {backend.key}"} if backend.key else {}
    models = entries(await backend.get(f"{backend.place.url}/models", authorization, may_lack=True), "data")
    listed = [str(one.get("id", "")) for one in models]
    # llama.cpp has one model and does not look at the name in a request
    any_name = any(one.get("owned_by") == "llamacpp" for one in models)
    if listed and backend.model not in listed and not any_name:
        raise lacks(backend.place, listed)


def _client(backend: HostedBackend, url: str, key: str) -> AsyncOpenAI:
    from openai import AsyncOpenAI

    return AsyncOpenAI(base_url=url, api_key=key, http_client=backend.connect(), max_retries=0)


def strict_profile() -> ModelProfile:
    """Schemas in the part of JSON schema that OpenAI and Azure both document for strict schemas.

    It has no bounds of texts, and Azure's none of lists
    (https://learn.microsoft.com/azure/ai-services/openai/how-to/structured-outputs): they are told in words. One such
    word more, and the whole request is refused.
    """
    from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer, OpenAIModelProfile

    class StrictSchema(OpenAIJsonSchemaTransformer):
        """The library's, which knows of the texts, and the lists."""

        def transform(self, schema: dict[str, Any]) -> dict[str, Any]:
            schema = super().transform(schema)
            if self.strict is True:
                bounds = [f"{name}={schema.pop(name)}" for name in ("minItems", "maxItems") if name in schema]
                said = schema.get("description", "")
                if bounds:
                    schema["description"] = f"{said} ({', '.join(bounds)})".strip()
            return schema

    return OpenAIModelProfile(json_schema_transformer=StrictSchema)


def plain_profile(**more: Any) -> ModelProfile:
    """What servers take that only speak OpenAI's protocol: the oldest name of the limit, nothing that only OpenAI has.

    Thoughts in the text are taken out by strip_thinking, which knows every form of them.
    """
    from pydantic_ai.profiles.openai import OpenAIModelProfile

    profile = OpenAIModelProfile(
        openai_chat_supports_max_completion_tokens=False,
        openai_chat_send_back_thinking_parts=False,
        supports_json_schema_output=True,
        thinking_tags=NO_TAGS,
    )
    profile.update(more)  # type: ignore[typeddict-item]  # keys of the same profile
    return profile
