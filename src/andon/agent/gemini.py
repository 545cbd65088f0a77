"""Gemini: Google's generative language API (https://ai.google.dev/api/generate-content)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from andon.agent.backend import Capabilities, Choices
from andon.agent.failures import Place
from andon.agent.hosted import HostedBackend, address, needs_extra, required

if TYPE_CHECKING:
    from pydantic_ai.models import Model

GEMINI_URL = "https://generativelanguage.googleapis.com"


class GeminiBackend(HostedBackend):
    """One of Google's models, with a key of Google AI Studio."""

    def __init__(
        self,
        *,
        model: str,
        base_url: str,
        api_key: str,
        timeout: float,
        pool: int,
        choices: Choices,
        key_setting: str = "API_KEY",
    ) -> None:
        needs_extra("google.genai", "gemini", "GEMINI")
        required("GEMINI", {key_setting: api_key})
        self._key = api_key
        place = Place(
            name="Gemini",
            url=address(base_url or GEMINI_URL, "ANDON_BASE_URL").removesuffix("/v1beta"),
            model=model,
            when_away="check this box's way to the internet (HTTPS_PROXY, firewall).",
            when_missing="set MODEL to one that Google AI Studio lists.",
            when_wrong="check ANDON_BASE_URL.",
            key_setting=key_setting,
            api_key=api_key,
        )
        super().__init__(
            provider="GEMINI",
            model=model.removeprefix("models/"),
            place=place,
            timeout=timeout,
            pool=pool,
            choices=choices,
        )

    def build(self) -> Model:
        """The pydantic-ai model and the client under it."""
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        provider = GoogleProvider(api_key=self._key, base_url=self.place.url, http_client=self.open_client())
        return GoogleModel(self.model, provider=provider)

    def _known(self) -> Capabilities:
        thinks = not self.model.startswith(("gemini-1", "gemini-2.0"))
        return Capabilities(
            output="native",
            sees_schema=True,
            tools=True,
            images=True,
            # Google advises against a low temperature from Gemini 3 on: answers may loop.
            temperature=self.model.startswith(("gemini-1", "gemini-2")),
            effort="low" if thinks else None,
        )

    async def _probe(self) -> None:
        await self._get(f"{self.place.url}/v1beta/models/{self.model}", {"x-goog-api-key": self._key})
