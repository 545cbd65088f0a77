"""What every provider behind an HTTP API has in common: its client, and asking whether it is there."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from andon.agent.backend import Capabilities, Choices
from andon.agent.failures import Place, from_status, hidden, message_in, unlike, unreachable
from andon.agent.http_client import CONNECT_TIMEOUT, ResponseTooLong, bounded_client, is_neighbour
from andon.errors import ConfigError, ModelMisconfigured

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.models import Model

#: Seconds for a question about the provider itself, such as whether it has the model.
CHECK_TIMEOUT = 8.0


def needs_extra(module: str, extra: str, provider: str) -> None:
    """Raises ConfigError where the library behind an optional extra is not installed. Imports nothing of it."""
    try:
        found = importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        found = False
    if not found:
        raise ConfigError(f"PROVIDER={provider} needs a library that is not installed: pip install 'andon[{extra}]'")


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


class HostedBackend:
    """A model behind an HTTP API; the base of the backends that differ in library, address and authentication.

    ``timeout`` (seconds) is for each read, ``pool`` the most connections. Subclasses build the model over
    :meth:`open_client`, and say in ``_probe`` what is asked to learn whether the provider would answer.
    """

    def __init__(self, *, provider: str, model: str, place: Place, timeout: float, pool: int, choices: Choices) -> None:
        self.provider = provider
        self.model = model
        self.place = place
        self._timeout = timeout
        self._pool = pool
        self._choices = choices
        self._client: httpx2.AsyncClient | None = None

    def build(self) -> Model:
        """The pydantic-ai model. Blocks while it imports: call it in a thread."""
        raise NotImplementedError

    def open_client(self, headers: Mapping[str, str] | None = None) -> httpx2.AsyncClient:
        """The client of this backend, which :meth:`close` closes."""
        self._client = bounded_client(
            timeout=self._timeout,
            pool=self._pool,
            trust_env=not is_neighbour(self.place.url),
            headers=headers,
        )
        return self._client

    async def capabilities(self) -> Capabilities:
        """What is known of the model by its name, with the site's own words put first."""
        return self._choices.over(self._known())

    def _known(self) -> Capabilities:
        raise NotImplementedError

    async def check(self) -> None:
        """Ask the provider about the model, which costs nothing. Raises ModelUnavailable or ModelMisconfigured."""
        await self._probe()

    async def _probe(self) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Nothing to begin: it runs elsewhere."""

    async def ready(self) -> bool:
        """Always: a hosted model need not be loaded."""
        return True

    def answered(self) -> None:
        """Nothing to note."""

    async def close(self) -> None:
        """Close the connections; idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _get(
        self, url: str, headers: Mapping[str, str], *, params: Mapping[str, str] | None = None, may_lack: bool = False
    ) -> Any:
        """The JSON at ``url``; None where the page does not exist and ``may_lack`` allows that. Raises ModelError."""
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
        if response.status_code in (404, 405) and may_lack:
            return None
        if response.status_code >= 300:
            detail = hidden(message_in(response.text[:4_000]), self.place)
            raise from_status(response.status_code, detail, self.place, retry_after=_seconds(response))
        try:
            return response.json()
        except ValueError as error:
            raise self._unlike("no JSON") from error

    def _unlike(self, what: str) -> ModelMisconfigured:
        return unlike(self.place, what)


def _seconds(response: httpx2.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None
