"""ntfy: messages to the phones that listen to a topic, at ntfy.sh or on a server of the site's own.

Texts are published as plain text; a click on one opens our own page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Setup, unable
from andon.act.connectors.hooks import ANY, demand_allowed, demand_url, failed, words_in
from andon.act.connectors.http import Client
from andon.act.connectors.messages import Text, fitted, notes_on, text_of
from andon.act.connectors.renewing import basic, bearer
from andon.core.errors import ActionError, ActionRefused
from andon.core.models.actions import Message, Operation, Order, OutgoingRequest, Receipt, Rendered
from andon.core.outgoing_http import table as table_at
from andon.core.outgoing_http import text as text_at
from andon.core.settings.connectors.ntfy_settings import NtfyTable
from andon.core.settings.connectors.target import Secret

#: Bytes of a text that a server takes as one (4,096; what is longer becomes a file), and of all the JSON around it.
TEXT_MAX, JSON_MAX = 4_000, 8_000
#: Characters of a title, which phones show in one line or two.
TITLE_MAX = 250
#: Topics whose rights a check looks at: each costs a request of those that a server allows.
TOPICS_CHECKED = 20
_PRIORITY = {"CRITICAL": 5, "ERROR": 4, "WARNING": 3}
#: Names of the signs that phones show before the title.
_SIGNS = {"CRITICAL": "rotating_light", "ERROR": "warning", "WARNING": "warning"}


class NtfyConnector(Connector):
    """One server and its topics."""

    kind = "ntfy"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        table = cast(NtfyTable, setup.named.table)
        what = f"[[ntfy]] {self.name}"
        self._base = table.url
        self._topics = tuple(table.topics)
        if table.user:
            secret = Secret(table.password, table.password_file, what=f"{what}: password")
        else:
            secret = Secret(table.token, table.token_file, self.settings.ntfy_token, what=f"{what}: token")
        self._logs_in = bool(secret.text)
        self._client = Client(
            self.name,
            self._base,
            timeout=table.timeout,
            words=words_in,
            secret=secret if self._logs_in else None,
            login=basic(table.user) if table.user else bearer,
        )

    @property
    def address(self) -> str:
        """The server."""
        return self._base

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        """Messages; the server knows none by a key, so one of which no answer came is sent again."""
        return {Operation.MESSAGE: Ability(Again.TWICE)}

    @property
    def places(self) -> tuple[str, ...]:
        """The topics."""
        return self._topics

    def render(self, order: Order) -> Rendered:
        """One POST of JSON."""
        message = order.arguments
        if not isinstance(message, Message):
            raise unable(self, order.operation)
        topic = message.where or self._topics[0]
        if topic not in self._topics:
            raise ActionRefused(f"{self.name} does not write to {topic!r:.80}; topics are: {', '.join(self._topics)}")
        text = text_of(message, self.settings.public_url)

        def share(one: Text) -> float:
            """How much of what may be it takes; at most 1."""
            size = len(one.plain().encode()) / TEXT_MAX
            return max(size, len(_body(one, message, topic)) / JSON_MAX)

        text = fitted(order, text, share, 1, self.name)
        request = OutgoingRequest("POST", f"{self._base}/", body=_body(text, message, topic).decode())
        return Rendered((request,), notes=notes_on(text))

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        """POST it. The answer is the message as the server took it."""
        (request,) = rendered.requests
        demand_url(self.name, request, f"{self._base}/")
        demand_allowed(self.name, msgspec.json.decode(request.body)["topic"], self._topics)
        headers = {"Content-Type": request.content_type}
        response = await self._client.request("POST", request.url, body=request.body.encode(), headers=headers)
        try:
            answer: Any = response.json()
        except ValueError:
            answer = None
        if text_at(answer, "event") != "message":
            raise ActionRefused(f"{self.name}: {self._base} does not answer like ntfy: correct url in its table")
        return Receipt(ref=text_at(answer, "id") or "", words="published")

    async def check(self) -> Sequence[Checked]:
        """Whether the server is healthy, takes the login, and lets it write to each topic. Nothing is published."""
        try:
            found = [await self._check_server(), *([await self._check_login()] if self._logs_in else [])]
            return [*found, *[await self._check_topic(topic) for topic in self._topics[:TOPICS_CHECKED]]]
        except ActionError as error:
            return [failed(error, "correct url in its table")]

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def _check_server(self) -> Checked:
        answer = self._client.json(await self._client.request("GET", f"{self._base}/v1/health"))
        if isinstance(answer, dict) and answer.get("healthy") is True:
            return Checked(True, f"{self._base} is healthy")
        return Checked(False, f"{self._base} says that it is not healthy", "see the server's own log")

    async def _check_login(self) -> Checked:
        answer = self._client.json(await self._client.request("GET", f"{self._base}/v1/account"))
        who = text_at(answer, "username") or "nobody"
        left = table_at(answer, "stats").get("messages_remaining")
        if left == 0:
            return Checked(False, f"logged in as {who}, who has reached the daily limit", "raise its limit")
        return Checked(True, f"logged in as {who}")

    async def _check_topic(self, topic: str) -> Checked:
        """Whether we may write to a topic: a priority that does not exist is refused once the right was looked at."""
        body = msgspec.json.encode({"topic": topic, "message": "a check, to be ignored", "priority": 99})
        response = await self._client.request("POST", f"{self._base}/", body=body, reads=True, returned=ANY)
        if response.status_code == 400:
            return Checked(True, f"it may write to {topic}")
        told = f"{topic}: {self._base} answered {response.status_code}: {self._client.said(response)}"
        if response.status_code in (401, 403):
            return Checked(False, told, f"grant this login the right to write to {topic}, or log in with a token")
        return Checked(None, f"whether it may write to {topic} cannot be checked: {told}")


def _body(text: Text, message: Message, topic: str) -> bytes:
    title = text.title if len(text.title) <= TITLE_MAX else f"{text.title[: TITLE_MAX - 1]}…"
    made: dict[str, Any] = {"topic": topic, "title": title, "message": msgspec.structs.replace(text, link="").plain()}
    if not made["message"]:
        made["message"] = title or "-"
    made["priority"] = _PRIORITY.get(message.severity, 3) if message.phase in ("raised", "told") else 3
    sign = {"ended": "white_check_mark", "acknowledged": "eyes"}.get(message.phase, _SIGNS.get(message.severity, ""))
    made["tags"] = [sign] if sign else []
    made["markdown"] = False
    if text.link:
        made["click"] = text.link
    return msgspec.json.encode(made)
