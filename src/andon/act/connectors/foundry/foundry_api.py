"""Foundry's API as one login sees it: tokens that are renewed, and its own words for what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from andon.act.connectors.client_credentials import ClientCredentials
from andon.act.connectors.http import Client
from andon.act.connectors.renewing import bearer
from andon.core.errors import ActionError, ActionRefused, ConfigError
from andon.core.outgoing_http import table, text
from andon.core.settings.connectors.foundry_settings import FoundryTable
from andon.core.settings.connectors.target import Secret
from andon.core.settings.settings import Settings

if TYPE_CHECKING:
    import httpx2

#: What errors of Foundry ask for, by their names.
_REMEDIES = {
    "DatasetNotFound": "correct datasets, or have this user granted the right to see it",
    "BranchNotFound": "correct branch: it must exist before Andon can write to it",
    "StreamNotFound": "correct streams and branch, or have this user granted the right to see it",
    "ActionTypeNotFound": "correct the action's name: it is the API name in the Ontology Manager",
    "OntologyNotFound": "correct ontology, or have this user granted the right to see it",
    "RecordDoesNotMatchStreamSchema": "give the stream the schema in docs/connectors.md#foundry",
    "ApiUsageDenied": "have the application granted the scope that this needs",
}


class Foundry:
    """Requests to one Foundry. Belongs to one event loop; a fetched token is kept in memory only."""

    def __init__(self, name: str, own: FoundryTable, settings: Settings) -> None:
        """Raises ConfigError where a login is missing."""
        self._own = own
        where = f"[[foundry]] {name}"
        if own.client_id:
            fallback = settings.foundry_client_secret
            what = f"{where}: the client secret"
            secret = Secret(own.client_secret, own.client_secret_file, fallback, what=what)
        else:
            secret = Secret(own.token, own.token_file, settings.foundry_token, what=f"{where}: the token")
        if not secret.text:
            raise ConfigError(
                f"{where} has no login: set token, token_file or ANDON_FOUNDRY_TOKEN, or client_id with client_secret"
            )
        self.client = Client(
            name,
            own.url,
            timeout=own.timeout,
            words=words,
            remedy=remedy,
            judge=self._never_again,
            secret=secret,
            login=None if own.client_id else bearer,
            headers={"Accept": "application/json"},
        )
        self._login: ClientCredentials | None = None
        if own.client_id:
            self._login = ClientCredentials(
                self.client,
                f"{own.url}/multipass/api/oauth2/token",
                own.client_id,
                secret,
                "the application needs the client credentials grant, and its service user the right to the project",
                {"scope": " ".join(own.scopes)} if own.scopes else None,
            )

    async def ask(
        self,
        method: str,
        url: str,
        *,
        body: str | None = None,
        content_type: str = "application/json",
        reads: bool | None = None,
        returned: tuple[int, ...] = (),
    ) -> httpx2.Response:
        """The answer to a request with the login. Raises what :meth:`Client.request` raises.

        A token of an application that is no longer known is renewed once: what was refused so did nothing.
        """
        kind = {} if body is None else {"Content-Type": content_type}

        async def tried(token: str, renewable: bool) -> httpx2.Response:
            headers = {**kind, **bearer(token)}
            kept = (*returned, 401) if renewable else returned
            return await self.client.request(method, url, body=body, headers=headers, reads=reads, returned=kept)

        if self._login is None:
            return await self.client.request(method, url, body=body, headers=kind, reads=reads, returned=returned)
        return await self._login.ask(tried)

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        await self.client.close()

    def _never_again(self, response: httpx2.Response, _only_reads: bool) -> ActionError | None:
        """What it means that Foundry has no room and asks not to be asked again."""
        hint = response.headers.get("qos-retry-hint", "").strip().lower()
        if response.status_code not in (429, 503) or hint != "do-not-retry":
            return None
        told = f"{self.client.name} answered {response.status_code}: {self.client.said(response)}"
        return ActionRefused(f"{told}; it asks not to be retried automatically: retry it later by hand")


def words(answer: Any) -> str:
    """What Foundry says went wrong: its name, what it is about, and the number that its support asks for."""
    name = text(answer, "errorName")
    if name is None:  # of the login
        return " ".join(filter(None, (text(answer, "error"), text(answer, "error_description"))))
    about = ", ".join(f"{key} {value}" for key, value in table(answer, "parameters").items())
    told = text(answer, "errorDescription")
    said = f"{name} ({told})" if told else name
    instance = text(answer, "errorInstanceId")
    return said + (f": {about}" if about else "") + (f" [{instance}]" if instance else "")


def remedy(_status: int, said: str) -> str:
    """What an error asks for, by its name; "" where that is not known."""
    name = said.split(" ", 1)[0].rstrip(":")
    if name.endswith("PermissionDenied"):
        return "; have this user granted the right to write there (Editor of the project), then retry"
    return f"; {_REMEDIES[name]}" if name in _REMEDIES else ""
