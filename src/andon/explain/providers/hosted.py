"""What every provider behind an HTTP API has in common: its client, and asking whether it is there."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from andon.core.errors import ModelMisconfigured
from andon.explain.providers.backend import Access, Backend, Capabilities
from andon.explain.providers.failures import Place, from_status, hidden, message_in, unlike, unreachable
from andon.explain.providers.http_client import CONNECT_TIMEOUT, ResponseTooLong

if TYPE_CHECKING:
    import httpx2

#: Seconds for a question about the provider itself, such as whether it has the model.
CHECK_TIMEOUT = 8.0


class HostedBackend(Backend):
    """A model behind an HTTP API; the base of the backends that differ in library, address and authentication.

    Subclasses build the model over :meth:`open_client`, and say in :meth:`check` what is asked to learn whether the
    provider would answer.
    """

    def __init__(self, access: Access, place: Place) -> None:
        super().__init__(access, place)
        #: Whether something stands in place of the provider itself, which may have questions only.
        self.gateway = bool(access.base_url.strip())
        self.key = access.api_key

    async def capabilities(self) -> Capabilities:
        """What is known of the model by its name, with the site's own words put first."""
        return self.access.over(self.known())

    @abstractmethod
    def known(self) -> Capabilities:
        """What the model can do, as far as its name tells."""

    async def get(
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
