"""Claude: Anthropic's messages API (https://docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from andon.explain.providers.backend import Access, Capabilities
from andon.explain.providers.hosted import HostedBackend

if TYPE_CHECKING:
    from pydantic_ai.models import Model

CLAUDE_URL = "https://api.anthropic.com"


class ClaudeBackend(HostedBackend):
    """One of Anthropic's models."""

    def __init__(self, access: Access) -> None:
        access.demand_extra()
        access.demand_key()
        self._headers: dict[str, str] = {}
        place = access.place("Anthropic", access.url(CLAUDE_URL).removesuffix("/v1"), "that your account may use")
        self._capabilities = Capabilities(output="tool", sees_schema=True, tools=True, images=True)
        super().__init__(access, place)

    def build(self) -> Model:
        from anthropic import AsyncAnthropic
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        client = AsyncAnthropic(
            base_url=self.place.url,
            api_key=self.key,
            # The library's newest version of the API takes a Bearer; the documented header, which gateways and the
            # version before know, is this one.
            default_headers={"x-api-key": self.key},
            http_client=self.open_client(),
            max_retries=0,
        )
        self._headers = {
            **client.auth_headers,
            "x-api-key": self.key,
            "anthropic-version": str(client.default_headers["anthropic-version"]),
        }
        model = AnthropicModel(self.model, provider=AnthropicProvider(anthropic_client=client))
        self._capabilities = replace(
            self._capabilities,
            # older models have no structured outputs: the finding is the argument of a tool there
            output="native" if model.profile.get("supports_json_schema_output") else "tool",
            temperature=not model.profile.get("anthropic_disallows_sampling_settings"),
        )
        return model

    def known(self) -> Capabilities:
        return self._capabilities

    async def check(self) -> None:
        await self.get(f"{self.place.url}/v1/models/{self.model}", self._headers, may_lack=self.gateway)
