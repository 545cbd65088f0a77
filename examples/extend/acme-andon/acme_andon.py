"""The models of ACME's gateway, which speaks OpenAI's protocol and wants to know the plant."""

from andon.core.errors import ConfigError
from andon.explain.providers.backend import Access, Capabilities
from andon.explain.providers.hosted import HostedBackend


class AcmeBackend(HostedBackend):
    def __init__(self, access: Access) -> None:
        access.demand_key()
        self.plant = str(access.options.get("plant", ""))
        if not self.plant:
            raise ConfigError("PROVIDER=ACME needs plant in [provider_options.acme]: set it and start again.")
        url = access.url("https://models.acme.example/v1")
        super().__init__(access, access.place("ACME", url, "that ACME lists", model=access.model or "acme-small"))

    def build(self):
        from openai import AsyncOpenAI
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        http = self.open_client({"X-Acme-Plant": self.plant})
        client = AsyncOpenAI(base_url=self.place.url, api_key=self.key, http_client=http, max_retries=0)
        return OpenAIChatModel(self.model, provider=OpenAIProvider(openai_client=client))

    def known(self) -> Capabilities:
        return Capabilities(output="prompted")

    async def check(self) -> None:
        await self.get(f"{self.place.url}/models", {"Authorization": f"Bearer {self.key}"}, may_lack=True)
