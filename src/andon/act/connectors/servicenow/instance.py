"""An instance of ServiceNow: its REST interfaces with a login, and what it makes of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from andon.act.connectors.client_credentials import ClientCredentials
from andon.act.connectors.http import Client
from andon.act.connectors.renewing import basic, bearer
from andon.core.errors import ConfigError, TargetAway
from andon.core.outgoing_http import entries, table, text
from andon.core.settings.connectors.servicenow_settings import ServiceNowTable
from andon.core.settings.connectors.target import Secret
from andon.core.settings.settings import Settings

if TYPE_CHECKING:
    import httpx2

JSON = {"Accept": "application/json", "Content-Type": "application/json"}
#: Beginnings of the words of an instance, and what to do then. The first that is in them counts.
_REMEDIES = (
    ("data policy exception", "; a data policy requires these fields: set them in `fields`"),
    (
        "aborted by business rule",
        "; the login is correct, but a business rule of the instance refuses this: ask its administrator",
    ),
    ("failed api level acl", "; this user may not use this API: have the role for it granted, then retry"),
    ("invalid table", "; there is no such table: correct `tables` in the settings"),
    ("does not represent any resource", "; this instance has no such API: correct `url` in the settings"),
    ("large rest payload", "; it is too large for the instance: propose it again with less"),
    ("no record found", "; there is no such record, or this user may not see it: look it up there, then retry"),
)


class Instance:
    """The requests to one instance. Belongs to one event loop; a token is kept in memory only."""

    def __init__(self, name: str, own: ServiceNowTable, settings: Settings) -> None:
        """Raises ConfigError where the password or the client secret is missing."""
        self.url = own.url
        self.name = name
        self._own = own
        where = f"[[servicenow]] {name}"
        if own.user:
            fallback = settings.servicenow_password
            secret = Secret(own.password, own.password_file, fallback, what=f"{where}: the password")
        else:
            fallback = settings.servicenow_client_secret
            secret = Secret(own.client_secret, own.client_secret_file, fallback, what=f"{where}: the client secret")
        if not secret.text:
            raise ConfigError(
                f"{where} has no {'password' if own.user else 'client secret'}: set it in the table or in a file that "
                "the table names, or set "
                f"{'ANDON_SERVICENOW_PASSWORD' if own.user else 'ANDON_SERVICENOW_CLIENT_SECRET'}"
            )
        self.client = Client(
            name,
            own.url,
            timeout=own.timeout,
            words=words,
            remedy=remedy,
            secret=secret,
            login=basic(own.user) if own.user else None,
            headers=JSON,
        )
        self._login = ClientCredentials(
            self.client,
            f"{own.url}/oauth_token.do",
            own.client_id,
            secret,
            "for client credentials, the instance needs the property "
            "glide.oauth.inbound.client.credential.grant_type.enabled and a user in the application's registry",
        )

    async def ask(
        self, method: str, url: str, *, body: str | None = None, reads: bool | None = None
    ) -> httpx2.Response:
        """The answer to a request that logs in. Raises what :meth:`Client.request` raises.

        A token that the instance no longer knows is renewed once: a request that it refused did nothing.
        """

        async def tried(login: str, renewable: bool) -> httpx2.Response:
            kept = (401,) if renewable else ()
            return await self.client.request(method, url, body=body, headers=bearer(login), reads=reads, returned=kept)

        if self._own.user:
            return await self.client.request(method, url, body=body, reads=reads)
        return await self._login.ask(tried)

    async def rows(
        self, of: str, query: str, fields: Sequence[str], *, limit: int, display: bool = False
    ) -> list[dict[str, str]]:
        """The records of a table that the instance holds to match ``query``: whoever asks compares them once more.

        The instance leaves out conditions on fields that it does not know or that this user may not read, and shows
        more records then.
        """
        url = table_url(self.url, of, query, fields, limit=limit, display=display)
        answer = self.client.json(await self.ask("GET", url))
        if not isinstance(answer, dict) or not isinstance(answer.get("result"), list):
            raise TargetAway(f"{self.name} answered a search of {of} with something that is not a list of records")
        return records(answer)

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        await self.client.close()


def table_url(
    base: str, of: str, query: str = "", fields: Sequence[str] = (), *, limit: int = 0, display: bool = False
) -> str:
    """The address of a table's records. Values in ``query`` are :func:`value` of what they are."""
    parameters = {
        "sysparm_query": query,
        "sysparm_fields": ",".join(fields),
        "sysparm_limit": str(limit or ""),
        "sysparm_display_value": "true" if display else "",
        "sysparm_exclude_reference_link": "true",
    }
    return f"{base}/api/now/table/{of}?{urlencode({name: held for name, held in parameters.items() if held})}"


def value(written: str) -> str:
    """``written`` as a value of a query: nothing in it is a condition of its own, or a script that the instance runs.

    >>> value("a^ORactive=true"), value("javascript:gs.now()")
    ('a ORactive=true', 'javascript gs.now()')
    """
    plain = " ".join(written.replace("^", " ").split())
    head, colon, rest = plain.partition(":")
    return f"{head} {rest}" if colon and head.casefold().endswith("javascript") else plain


def records(answer: Any) -> list[dict[str, str]]:
    """The records of an answer, one or many, with the values of references instead of their links."""
    found = [table(answer, "result")] if isinstance(table(answer, "result").get("sys_id"), str) else []
    return [{name: _plain(held) for name, held in row.items()} for row in found or entries(answer, "result")]


def _plain(held: Any) -> str:
    if isinstance(held, Mapping):
        held = held.get("display_value") or held.get("value") or ""
    return held if isinstance(held, str) else "" if held is None else str(held)


def words(answer: Any) -> str:
    """The instance's own words in a refusal: of its tables, or of its token service."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        return ": ".join(filter(None, (text(error, "message"), text(error, "detail"))))
    return ": ".join(filter(None, (text(answer, "error"), text(answer, "error_description"))))


def remedy(status: int, said: str) -> str:
    """What to do where the instance refuses with these words, "" where the usual advice holds."""
    if status == 401:
        return ""
    lowered = said.lower()
    return next((advice for sign, advice in _REMEDIES if sign in lowered), "")
