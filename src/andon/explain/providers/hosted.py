"""What every provider behind an HTTP API has in common: its client, and asking whether it is there."""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from andon.core.errors import ConfigError, ModelMisconfigured
from andon.explain.providers.backend import Capabilities, Choices
from andon.explain.providers.failures import Place, from_status, hidden, message_in, unlike, unreachable
from andon.explain.providers.http_client import CONNECT_TIMEOUT, ResponseTooLong, bounded_client, is_neighbour

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.models import Model

#: Seconds for a question about the provider itself, such as whether it has the model.
CHECK_TIMEOUT = 8.0


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a model behind an HTTP API is reached: what every provider of that kind is configured with.

    ``base_url`` is empty for the provider's own address. ``timeout`` (seconds) is for each read, ``pool`` the most
    connections. ``key_setting``, ``address_setting`` and ``model_setting`` are what messages call key, address and
    model. Its repr shows no key.
    """

    model: str
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    timeout: float
    pool: int
    choices: Choices = field(default_factory=Choices)
    key_setting: str = "API_KEY"
    address_setting: str = "ANDON_BASE_URL"
    model_setting: str = "MODEL"

    def url(self, default: str) -> str:
        """The address, ``default`` where none is set. Raises ConfigError where what is set is none."""
        return address(self.base_url or default, self.address_setting)

    def place(self, name: str, url: str, lists: str) -> Place:
        """A service on the internet, called ``name``, that tells ``lists`` which models there are."""
        return Place(
            name=name,
            url=url,
            model=self.model,
            when_away="check this box's way to the internet (HTTPS_PROXY, firewall).",
            when_missing=f"set {self.model_setting} to one {lists}.",
            when_wrong=f"check {self.address_setting}, and HTTPS_PROXY where a proxy stands between.",
            key_setting=self.key_setting,
            api_key=self.api_key,
        )

    def demand_key(self, provider: str) -> None:
        """Raises ConfigError where ``provider`` has no key."""
        required(provider, {self.key_setting: self.api_key})


def required(provider: str, settings: Mapping[str, str]) -> None:
    """Raises ConfigError that names the settings (by environment name) which ``provider`` needs and which are empty."""
    missing = [name for name, value in settings.items() if not value.strip()]
    if missing:
        listed = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
        them = "it" if len(missing) == 1 else "them"
        raise ConfigError(f"PROVIDER={provider} needs {listed}: set {them} and start again.")


def address(text: str, setting: str) -> str:
    """An API's address without a slash at its end. Raises ConfigError where ``text`` is none.

    >>> address(" https://api.plant.example/v1/ ", "ANDON_BASE_URL")
    'https://api.plant.example/v1'
    """
    given = text.strip().strip("\"'").rstrip("/")
    try:
        parts = urlsplit(given)
        usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or re.search(r"[\s\x00-\x1f]", given):
        raise ConfigError(f"{setting} is {text!r}, which is not an address: write https://host/path.")
    if parts.username or parts.password:
        raise ConfigError(f"{setting} holds a user or password: put the key into API_KEY and leave it out there.")
    return given


class HostedBackend(ABC):
    """A model behind an HTTP API; the base of the backends that differ in library, address and authentication.

    Subclasses build the model over :meth:`open_client`, and say in :meth:`check` what is asked to learn whether the
    provider would answer.
    """

    def __init__(self, provider: str, access: Access, place: Place) -> None:
        self.provider = provider
        self.model = place.model
        self.place = place
        self._access = access
        #: Whether something stands in place of the provider itself, which may have questions only.
        self._gateway = bool(access.base_url.strip())
        self._key = access.api_key
        self._client: httpx2.AsyncClient | None = None

    @abstractmethod
    def build(self) -> Model:
        """The pydantic-ai model. Blocks while it imports: call it in a thread."""

    def open_client(self, headers: Mapping[str, str] | None = None) -> httpx2.AsyncClient:
        """The client of this backend, which :meth:`close` closes."""
        self._client = bounded_client(
            timeout=self._access.timeout,
            pool=self._access.pool,
            trust_env=not is_neighbour(self.place.url),
            headers=headers,
        )
        return self._client

    async def capabilities(self) -> Capabilities:
        """What is known of the model by its name, with the site's own words put first."""
        return self._access.choices.over(self._known())

    @abstractmethod
    def _known(self) -> Capabilities:
        """What the model can do, as far as its name tells."""

    @abstractmethod
    async def check(self) -> None:
        """Ask the provider about the model, which costs nothing. Raises ModelUnavailable or ModelMisconfigured."""

    def start(self) -> None:  # noqa: B027 - the rule, not a part that is missing
        """Nothing to begin: it runs elsewhere."""

    async def ready(self) -> bool:
        """Always: a hosted model need not be loaded."""
        return True

    def answered(self) -> None:  # noqa: B027 - the rule, not a part that is missing
        """Nothing to note."""

    async def close(self) -> None:
        """Close the connections; idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _get(
        self, url: str, headers: Mapping[str, str], *, params: Mapping[str, str] | None = None, may_lack: bool = False
    ) -> Any:
        """The JSON at ``url``; None where the page does not exist and ``may_lack`` allows that. Raises ModelError.

        A page that says that it is the model which does not exist is there.
        """
        import httpx2

        if self._client is None:
            raise unreachable(self.place, "the client is closed")
        try:
            # the client's timeout is for each read: a server that drips needs the outer one
            async with asyncio.timeout(CHECK_TIMEOUT):
                response = await self._client.get(
                    url, headers=dict(headers), params=dict(params or {}), timeout=CONNECT_TIMEOUT
                )
        except TimeoutError as error:
            raise unreachable(self.place, f"no answer within {CHECK_TIMEOUT:g} s") from error
        except (httpx2.HTTPError, OSError) as error:
            raise unreachable(self.place, str(error) or type(error).__name__) from error
        except ResponseTooLong as error:
            raise self._unlike("a page without end") from error
        detail = "" if response.status_code < 300 else hidden(message_in(response.text[:4_000]), self.place)
        if response.status_code in (404, 405) and may_lack and not self._denies_model(detail):
            return None
        if response.status_code >= 300:
            raise from_status(response.status_code, detail, self.place, retry_after=_seconds(response))
        try:
            return response.json()
        except ValueError as error:
            raise self._unlike("no JSON") from error

    def _denies_model(self, detail: str) -> bool:
        """Whether a 404 is about the model and not about the path, which has its name in it."""
        return self.model in detail.replace(f"/models/{self.model}", "")

    def _unlike(self, what: str) -> ModelMisconfigured:
        return unlike(self.place, what)


def _seconds(response: httpx2.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None
