"""Logging in as an application: OAuth 2.0 client credentials (RFC 6749, section 4.4), with tokens that are renewed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from andon.act.connectors.http import Client
from andon.act.connectors.renewing import asked
from andon.core.errors import ActionRefused, TargetAway
from andon.core.outgoing_http import number, text
from andon.core.settings.connectors.target import Secret

if TYPE_CHECKING:
    import httpx2

#: A token is renewed so many seconds before it expires, and lives so long where the service does not say.
EARLY, LIFE = 60.0, 600.0


class ClientCredentials:
    """Tokens of one application, kept in memory only. Belongs to one event loop.

    ``needs`` is what to look for where the service refuses the application, as the end of a sentence.
    """

    def __init__(
        self,
        client: Client,
        url: str,
        client_id: str,
        secret: Secret,
        needs: str,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self._client, self._url, self._id, self._needs = client, url, client_id, needs
        self._secret = secret
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            **(more or {}),
        }
        self._token, self._until = "", 0.0
        self._renewing = asyncio.Lock()

    async def ask(self, tried: Callable[[str, bool], Awaitable[httpx2.Response]]) -> httpx2.Response:
        """What ``tried`` answers with a token. Told so, it returns an answer of 401: then it is tried once more with a
        new token, as a request that was refused so did nothing. Raises ActionRefused and TargetAway."""
        used = await self.token()
        response = await tried(used, True)
        if response.status_code != 401:
            return response
        if used == self._token:
            self._until = 0.0
        return await tried(await self.token(), False)

    async def token(self) -> str:
        """A token that is good for a while. Raises ActionRefused and TargetAway."""
        async with self._renewing:
            if time.monotonic() >= self._until:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            response = await asked(self._secret, lambda: self._asked(kind))
        except ActionRefused as error:
            raise ActionRefused(f"{error}; {self._needs}") from error
        answer = self._client.json(response)
        if (token := text(answer, "access_token")) is None:
            raise TargetAway(f"{self._client.name} gave no token to client_id {self._id}")
        life = number(answer, "expires_in") or LIFE
        self._token, self._until = token, time.monotonic() + max(life - EARLY, life / 2)
        self._client.hide(token)

    async def _asked(self, kind: Mapping[str, str]) -> httpx2.Response:
        body = urlencode({**self._form, "client_secret": self._secret.text})
        return await self._client.request("POST", self._url, body=body, headers=kind, reads=True)
