"""Jira's REST API as far as it is used: version 3 of Cloud, version 2 of Data Center, where they differ."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import msgspec

from andon.act.connectors.http import Client, retry_after
from andon.act.connectors.renewing import basic, bearer
from andon.core.errors import ActionError, ActionRefused, ConfigError, TargetAway
from andon.core.models.actions import OutgoingRequest
from andon.core.outgoing_http import entries, table, text
from andon.core.redact import clean
from andon.core.settings.connectors.jira_settings import JiraTable
from andon.core.settings.connectors.target import Secret

if TYPE_CHECKING:
    import httpx2

#: An issue's key: its project and its number.
ISSUE_KEY = re.compile(r"([A-Z][A-Z0-9_]{1,99})-(\d{1,18})\Z")
#: The property of a comment that holds the key of the order it was made for; people do not see it.
PROPERTY = "andon"
#: Comments among which that of an earlier try is looked for: the newest.
_COMMENTS = 50
#: Whose words say that a password or token was not taken, although the answer is no 401: such a request is answered as
#: one of nobody, for whom there is little to see.
_LOGIN_REASON = "x-seraph-loginreason"
_NOT_TAKEN = ("FAILED", "DENIED", "OUT_OF_SERVICE")
_PROJECT = (
    "correct projects in this [[jira]] table and restart, or have the user granted the right to create issues there, "
    "then propose it again"
)


class Found(NamedTuple):
    """An issue as a search or a look finds it."""

    key: str
    summary: str
    status: str
    is_done: bool
    fields: Mapping[str, Any]


class Transition(NamedTuple):
    """A step of the workflow that an issue can take now."""

    id: str
    name: str
    leads_to: str


class Rest:
    """Requests to one Jira. Raises ActionRefused, TargetAway and OutcomeUnknown as :class:`Client` does."""

    def __init__(self, name: str, settings: JiraTable, secret: Secret) -> None:
        self.name = name
        self.is_cloud = settings.is_cloud
        self.projects = settings.projects
        self.root = f"{settings.url}/rest/api/{3 if self.is_cloud else 2}"
        if not secret.text.isprintable():
            raise ConfigError(f"[[jira]] {name}: the token contains characters that a token cannot have: copy it again")
        self._secret = secret
        self._client = Client(
            name,
            settings.url,
            timeout=settings.timeout,
            words=words,
            secret=secret,
            login=basic(settings.user) if settings.user else bearer,
            headers={"Accept": "application/json"},
            judge=self._judge,
        )

    async def get(self, path: str, **params: str) -> Any:
        """What is at ``path`` below the API."""
        response = await self._client.request("GET", f"{self.root}/{path}", params=params or None)
        self._demand_known(response)
        return self._client.json(response)

    async def server(self) -> Any:
        """What Jira says of itself: to anybody, unless something before it demands a login."""
        try:
            return self._client.json(await self._client.request("GET", f"{self.root}/serverInfo", anonymous=True))
        except ActionRefused:
            return await self.get("serverInfo")

    async def send(self, request: OutgoingRequest) -> Any:
        """The answer to a request that changes something; None where it is empty."""
        headers = {**request.headers, "Content-Type": request.content_type}
        response = await self._client.request(request.method, request.url, body=request.body.encode(), headers=headers)
        return self._client.json(response, changed=True) if response.content else None

    async def search(self, jql: str, fields: Sequence[str], most: int) -> list[Found]:
        """The first issues that ``jql`` finds, in its order."""
        asked: dict[str, Any] = {"jql": jql, "maxResults": most, "fields": list(fields)}
        path = "search/jql" if self.is_cloud else "search"  # Cloud's old search answers 410, and Server has no other
        response = await self._client.request(
            "POST",
            f"{self.root}/{path}",
            body=msgspec.json.encode(asked),
            headers={"Content-Type": "application/json"},
            reads=True,
        )
        self._demand_known(response)
        found = map(_found, entries(self._client.json(response), "issues"))
        return [one for one in found if ISSUE_KEY.match(one.key)]

    async def issue(self, key: str, fields: Sequence[str]) -> Found:
        """One issue."""
        return _found(await self.get(f"issue/{quote(key, safe='')}", fields=",".join(fields)))

    async def transitions(self, key: str) -> list[Transition]:
        """The steps that an issue can take now."""
        listed = entries(await self.get(f"issue/{quote(key, safe='')}/transitions"), "transitions")
        return [
            Transition(str(one.get("id", "")), name_in(one, "name"), name_in(table(one, "to"), "name"))
            for one in listed
        ]

    async def has_comment(self, key: str, order_key: str) -> bool:
        """Whether an issue has the comment that was made for an order. Asked of the database, which is never late."""
        answer = await self.get(
            f"issue/{quote(key, safe='')}/comment",
            orderBy="-created",
            maxResults=str(_COMMENTS),
            expand="properties",
        )
        return any(
            one.get("key") == PROPERTY and text(table(one, "value"), "key") == order_key
            for comment in entries(answer, "comments")
            for one in entries(comment, "properties")
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _demand_known(self, response: httpx2.Response) -> None:
        """Raises ActionRefused where Jira answered nobody instead of us."""
        if (reason := _refused_login(response)) is not None:
            raise ActionRefused(
                f"{self.name} answers as if there were no login ({reason}); it does not accept {self._secret.called}: "
                f"{self._secret.renewal}"
            )

    def _judge(self, response: httpx2.Response, only_reads: bool) -> ActionError | None:
        """What Jira says otherwise than others do."""
        status, said = response.status_code, self._client.said(response)
        if status == 429:
            why = response.headers.get("ratelimit-reason", "")[:60]
            told = ": ".join(filter(None, (f"{self.name} answered 429", why, said)))
            return TargetAway(told, retry_after=retry_after(response.headers))
        if status == 409 and not only_reads:  # somebody else changes the issue at this moment
            return TargetAway(f"{self.name} answered 409: {said or 'another change was made at the same time'}")
        if (reason := _refused_login(response)) is not None and status in (400, 401, 403, 404):
            remedy = f"it does not accept {self._secret.called}: {self._secret.renewal}"
            if "basic auth" in said.lower():  # Data Center's default from version 11 on
                remedy = "create a personal access token in Jira, set token to it, and remove user"
            elif "DENIED" in reason:
                remedy = "it requires a CAPTCHA after too many failed logins: log in once in a browser as this user"
            return ActionRefused(
                f"{self.name} answered {status} ({reason}): {said.rstrip('.') or 'no login'}; {remedy}"
            )
        if status == 400 and (fields := table(_json(response), "errors")) and not only_reads:
            closes = response.request.url.path.endswith("/transitions")
            advice = _end_remedy(fields) if closes else _field_remedy(fields)
            return ActionRefused(f"{self.name} answered 400: {said.rstrip('.')}; {advice}")
        if status == 400 and "project" in said.lower() and not only_reads:
            return ActionRefused(f"{self.name} answered 400: {said.rstrip('.')}; {_PROJECT}")
        return None


def words(answer: Any) -> str:
    """Jira's own words in the JSON of a refusal: its messages, and what it says of single fields."""
    if not isinstance(answer, dict):
        return ""
    listed = answer.get("errorMessages")
    said = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    said += [f"{name}: {told}" for name, told in table(answer, "errors").items() if isinstance(told, str)]
    return "; ".join(said) or text(answer, "message") or text(answer, "error") or ""


def quoted(value: str) -> str:
    """A text as a literal of JQL.

    >>> quoted('a "b"')
    '"a \\\\"b\\\\""'
    """
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def name_in(answer: Any, key: str) -> str:
    """What Jira calls something, as it may be shown: short, and without what is invisible."""
    return clean(" ".join((text(answer, key) or "").split()), 100)


def _found(issue: Any) -> Found:
    fields = table(issue, "fields")
    status = table(fields, "status")
    return Found(
        text(issue, "key") or "",
        text(fields, "summary") or "",
        name_in(status, "name"),
        text(table(status, "statusCategory"), "key") == "done",
        fields,
    )


def _refused_login(response: httpx2.Response) -> str | None:
    """What Jira says of a login that it did not take; None where it took it."""
    reason = response.headers.get(_LOGIN_REASON, "")
    if any(one in reason for one in _NOT_TAKEN):
        return str(reason)[:100]
    return "anonymous" if response.headers.get("x-ausername", "").lower() == "anonymous" else None


def _json(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def _end_remedy(fields: Mapping[str, Any]) -> str:
    return (
        f"for later tickets, set {', '.join(fields)} to an accepted value in close_fields of this [[jira]] table; move "
        "this one in Jira by hand"
    )


def _field_remedy(fields: Mapping[str, Any]) -> str:
    if "project" in fields:
        return _PROJECT
    screen = [name for name, told in fields.items() if "screen" in str(told)]
    if screen:
        return (
            f"add {', '.join(screen)} to the screen for creating such issues, or remove it from the settings, then "
            "propose it again"
        )
    return f"set {', '.join(fields)} to an accepted value in fields of this [[jira]] table, then propose it again"
