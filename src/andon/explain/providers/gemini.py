"""Gemini: Google's generative language API (https://ai.google.dev/api/generate-content)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from andon.explain.providers.backend import Access, Capabilities
from andon.explain.providers.hosted import HostedBackend

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.models import Model

GEMINI_URL = "https://generativelanguage.googleapis.com"


class GeminiBackend(HostedBackend):
    """One of Google's models, with a key of Google AI Studio."""

    def __init__(self, access: Access) -> None:
        access.demand_extra()
        access.demand_key()
        url, model = access.url(GEMINI_URL).removesuffix("/v1beta"), access.model.removeprefix("models/")
        super().__init__(access, access.place("Gemini", url, "that Google AI Studio lists", model=model))

    def connect(self) -> httpx2.AsyncClient:
        return self._client or self.open_client()

    def build(self) -> Model:
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        provider = GoogleProvider(api_key=self.key, base_url=self.place.url, http_client=self.connect())
        return GoogleModel(self.model, provider=provider)

    def known(self) -> Capabilities:
        thinks = not self.model.startswith(("gemini-1", "gemini-2.0"))
        return Capabilities(
            sees_schema=True,
            tools=True,
            images=True,
            # Google advises against a low temperature from Gemini 3 on: answers may loop.
            temperature=self.model.startswith(("gemini-1", "gemini-2")),
            effort="low" if thinks else None,
        )

    async def check(self) -> None:
        url = f"{self.place.url}/v1beta/models/{self.model}"
        await self.get(url, {"x-goog-api-key": self.key}, may_lack=self.gateway)
