"""Azure OpenAI: with a key, with a Microsoft Entra identity, and behind a Cloudflare AI gateway.

The rules are those of Microsoft's reference (https://learn.microsoft.com/azure/ai-services/openai/reference) and of
Cloudflare's (https://developers.cloudflare.com/ai-gateway/usage/providers/azureopenai/): a request names deployment and
API version in its address, but on an endpoint that ends in ``/openai/v1``, which takes neither.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

from andon.core.errors import ModelUnavailable
from andon.core.threads import in_daemon_thread
from andon.explain.providers.access import address, required
from andon.explain.providers.backend import Access, Capabilities
from andon.explain.providers.failures import Place, hidden, refused
from andon.explain.providers.hosted import HostedBackend
from andon.explain.providers.openai import openai_capabilities, strict_profile

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI
    from pydantic_ai.models import Model

CLOUDFLARE_URL = "https://gateway.ai.cloudflare.com/v1"
SCOPE = "https://cognitiveservices.azure.com/.default"
#: A token is fetched anew this many seconds before it ends.
TOKEN_MARGIN = 300.0
#: Seconds that fetching a token may take; `az` and a virtual machine's own address answer within a few.
TOKEN_TIMEOUT = 30.0


class EntraToken:
    """A Microsoft Entra token: the one the site set, or that of the machine's own identity, kept until it ends."""

    def __init__(self, static: str, place: Place) -> None:
        self._static = static
        self._place = place
        self._credential: Any = None
        self._token = ""
        self._until = 0.0
        self._fetching = asyncio.Lock()

    async def __call__(self) -> str:
        """The token for the next request. Raises refused where there is no identity, or ModelUnavailable."""
        if self._static:
            return self._static
        async with self._fetching:
            if time.time() >= self._until - TOKEN_MARGIN:
                try:
                    async with asyncio.timeout(TOKEN_TIMEOUT):
                        token = await in_daemon_thread(self._fetch, "entra-token")
                except TimeoutError as error:
                    raise ModelUnavailable(
                        f"Microsoft Entra gave no token within {TOKEN_TIMEOUT:g} s: Andon asks again later; check this "
                        "machine's access to login.microsoftonline.com."
                    ) from error
                self._token, self._until = token.token, float(token.expires_on)
            return self._token

    def _fetch(self) -> Any:
        from azure.core.exceptions import AzureError, ClientAuthenticationError
        from azure.identity import CredentialUnavailableError, DefaultAzureCredential

        if self._credential is None:
            self._credential = DefaultAzureCredential(exclude_interactive_browser_credential=True)
        try:
            return self._credential.get_token(SCOPE)
        except (CredentialUnavailableError, ClientAuthenticationError) as error:
            reason = hidden(str(error.message).partition("\n")[0], self._place)
            raise refused(
                f"Microsoft Entra gives this machine no token ({reason}): give it a managed identity, run `az login`, "
                "or set ANDON_AZURE_AD_TOKEN."
            ) from error
        except (AzureError, OSError) as error:
            raise ModelUnavailable(
                f"Microsoft Entra does not answer ({hidden(str(error), self._place)}): Andon asks again later."
            ) from error

    def close(self) -> None:
        """Close the credential's own connections; idempotent."""
        credential, self._credential = self._credential, None
        if credential is not None:
            credential.close()


def resource_of(endpoint: str) -> str:
    """The resource's address, also where somebody copied the target address of a deployment from Azure's portal.

    >>> resource_of("https://plant.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21")
    'https://plant.openai.azure.com'
    """
    given = endpoint.strip().strip("\"'")
    if (v1 := re.match(r"(.*/openai/v1)(?:/chat/completions)?/*\Z", given)) is not None:
        return v1[1]
    return re.sub(r"/openai(?:/deployments(?:/[^?]*)?)?/*(?:\?.*)?\Z", "", given)


class AzureBackend(HostedBackend):
    """A deployment of an Azure OpenAI resource, with a key (AZURE) or an identity (AZURE_AD)."""

    def __init__(self, access: Access) -> None:
        own = access.settings
        required(access.provider, {"ANDON_AZURE_ENDPOINT": own.azure_endpoint, access.model_setting: access.model})
        token = own.azure_ad_token.get_secret_value().strip()
        with_key = access.provider == "AZURE"
        if with_key:
            access.demand_key()
        elif not token:
            access.demand_extra()
        self.endpoint = address(resource_of(own.azure_endpoint), "ANDON_AZURE_ENDPOINT")
        self._version = ""
        if not self.endpoint.endswith("/v1"):
            required(access.provider, {"ANDON_AZURE_API_VERSION": own.azure_api_version})
            self._version = own.azure_api_version.strip()
        key = access.api_key if with_key else ""  # else the identity alone says who we are
        place = access.place(
            "Azure OpenAI",
            self.endpoint,
            when_away="check ANDON_AZURE_ENDPOINT and this machine's internet access (HTTPS_PROXY, firewall).",
            when_missing=f"set {access.model_setting} (or ANDON_AZURE_DEPLOYMENT) to the name of a deployment of this "
            "resource.",
            when_wrong="check ANDON_AZURE_ENDPOINT and ANDON_AZURE_API_VERSION.",
            key_setting=access.key_setting if with_key else "the identity's role (Cognitive Services OpenAI User)",
            api_key=key,
            secrets=(token,),
        )
        super().__init__(access, place)
        self.key = key
        self._entra = None if with_key else EntraToken(token, place)

    def connect(self) -> httpx2.AsyncClient:
        return self._client or self.open_client()

    def build(self) -> Model:
        from openai import AsyncAzureOpenAI, AsyncOpenAI

        http_client = self.connect()
        client: AsyncOpenAI
        if not self._version:
            client = AsyncOpenAI(
                base_url=self.endpoint, api_key=self._entra or self.key, http_client=http_client, max_retries=0
            )
        else:
            client = AsyncAzureOpenAI(
                azure_endpoint=self.endpoint,
                api_version=self._version,
                api_key=self.key or None,
                azure_ad_token_provider=self._entra,
                http_client=http_client,
                max_retries=0,
            )
        return _model(self.model, client)

    def known(self) -> Capabilities:
        return openai_capabilities(self.model)

    async def check(self) -> None:
        """Whether the resource knows us; which deployments it has is not told to those who only use them."""
        path, params = ("/openai/models", {"api-version": self._version}) if self._version else ("/models", {})
        headers = {"Authorization": f"Bearer {await self._entra()}"} if self._entra else {"api-key": self.key}
        await self.get(f"{self.endpoint}{path}", headers, params=params, may_lack=True)

    async def close(self) -> None:
        await super().close()
        if self._entra is not None:
            self._entra.close()


class CloudflareAzureBackend(HostedBackend):
    """A deployment of an Azure OpenAI resource behind a Cloudflare AI gateway."""

    def __init__(self, access: Access) -> None:
        own = access.settings
        account, gateway, resource = own.cloudflare_account, own.cloudflare_gateway, own.azure_resource
        token = own.cloudflare_token.get_secret_value().strip()
        required(
            access.provider,
            {
                "ANDON_CLOUDFLARE_ACCOUNT": account,
                "ANDON_CLOUDFLARE_GATEWAY": gateway,
                "ANDON_AZURE_RESOURCE": resource,
                access.model_setting: access.model,
                access.key_setting: access.api_key,
                "ANDON_AZURE_API_VERSION": own.azure_api_version,
            },
        )
        root = access.url(CLOUDFLARE_URL)
        self._version = own.azure_api_version.strip()
        place = access.place(
            "The Cloudflare gateway",
            f"{root}/{account}/{gateway}/azure-openai/{resource}/{access.model}",
            when_missing=f"set {access.model_setting} (or ANDON_AZURE_DEPLOYMENT) to the name of a deployment of "
            "ANDON_AZURE_RESOURCE.",
            when_wrong="check ANDON_CLOUDFLARE_ACCOUNT, ANDON_CLOUDFLARE_GATEWAY and ANDON_AZURE_API_VERSION.",
            key_setting=f"{access.key_setting}, ANDON_CLOUDFLARE_TOKEN",
            secrets=(token,),
        )
        super().__init__(access, place)
        self._headers = {"api-key": self.key}
        if token:
            self._headers["cf-aig-authorization"] = f"Bearer {token}"

    def connect(self) -> httpx2.AsyncClient:
        return self._client or self.open_client()

    def build(self) -> Model:
        from openai import AsyncOpenAI

        # The deployment stands in the gateway's own path: an AsyncAzureOpenAI would add a second one.
        client = AsyncOpenAI(
            base_url=self.place.url,
            api_key=self.key,
            default_query={"api-version": self._version},
            default_headers=self._headers,  # the library adds a Bearer of its own, as in Cloudflare's example
            http_client=self.connect(),
            max_retries=0,
        )
        return _model(self.model, client)

    def known(self) -> Capabilities:
        return openai_capabilities(self.model)

    async def check(self) -> None:
        """Whether the gateway lets us in; what lies behind it is only reached by a question."""
        await self.get(f"{self.place.url}/models", self._headers, params={"api-version": self._version}, may_lack=True)


def _model(deployment: str, client: AsyncOpenAI) -> Model:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles import merge_profile
    from pydantic_ai.providers.azure import AzureProvider

    # a plain client is no AsyncAzureOpenAI, and the provider takes it all the same
    provider = AzureProvider(openai_client=client)  # type: ignore[call-overload]
    profile = merge_profile(provider.model_profile(deployment), strict_profile())
    return OpenAIChatModel(deployment, provider=provider, profile=profile)
