"""Microsoft Teams, by the webhook of a workflow: an Adaptive Card whose texts are plain.

All text stands in TextRun nodes, in which Markdown is not read (it is in TextBlock). The workflow answers 202 as soon
as it is started; whether it posted the card is seen in its own run history alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Setup, unable
from andon.act.connectors.hooks import demand_url, follow, reached, secrets_in, words_in
from andon.act.connectors.http import Client, is_page
from andon.act.connectors.messages import LINK_NAME, Text, fitted, notes_on, text_of
from andon.act.connectors.renewing import asked
from andon.core.errors import ActionRefused
from andon.core.models.actions import Message, Operation, Order, OutgoingRequest, Receipt, Rendered
from andon.core.settings.connectors.hook import hook_secret
from andon.core.settings.connectors.teams_settings import TeamsTable

#: Bytes of a card with all around it. Teams takes about 28 KB, and a workflow adds its own to that.
SIZE_MAX = 24_000
#: The version of Adaptive Cards that every client of Teams shows.
VERSION = "1.4"
#: What begins a function or a template in a card.
_LIVE = (("{{", "{ {"), ("${", "$ {"))
_STYLES = {"CRITICAL": "attention", "ERROR": "attention", "WARNING": "warning"}
#: The hosts of the connectors that came before workflows.
_RETIRED = (".webhook.office.com", "outlook.office.com", "outlook.office365.com")
_REMEDIES = {
    "WorkflowTriggerIsNotEnabled": "the workflow is switched off: switch it on in Power Automate",
    "WorkflowNotFound": "the workflow no longer exists: create a new one",
    "AuthorizationFailed": "the signature in the address is wrong: copy the whole address of the workflow again",
    "DirectApiAuthorizationRequired": 'let "anyone" start the workflow: its trigger asks for a login now',
    "MisMatchingOAuthClaims": 'let "anyone" start the workflow: its trigger asks for a login now',
    "TriggerInputSchemaMismatch": "the workflow expects something else: create it from the template for webhook alerts",
}
#: Those after which there is another address.
_RENEWED = ("WorkflowNotFound", "AuthorizationFailed")


class TeamsConnector(Connector):
    """One workflow."""

    kind = "teams"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        table = cast(TeamsTable, setup.named.table)
        self._url = hook_secret(table, f"[[teams]] {self.name}", self.settings.teams_url, "ANDON_TEAMS_URL")
        self._client = Client(
            self.name,
            self._url.text,
            timeout=table.timeout,
            words=words_in,
            remedy=self._remedy,
            secrets=_secrets(self._url.text),
        )

    @property
    def address(self) -> str:
        """The workflow; the signature behind it, which is the secret, is left out."""
        parts = urlsplit(self._url.text)
        return f"{parts.scheme}://{parts.netloc}{parts.path}{'?…' if parts.query else ''}"

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        """Messages; a workflow knows none by a key, so one of which no answer came is sent again."""
        return {Operation.MESSAGE: Ability(Again.TWICE)}

    @property
    def pace(self) -> float:
        """Four a second are taken; more make the workflow itself wait."""
        return 0.25

    def render(self, order: Order) -> Rendered:
        """One POST of a card."""
        message = order.arguments
        if not isinstance(message, Message):
            raise unable(self, order.operation)
        if message.where:
            raise ActionRefused(f"{self.name}: a workflow posts to its own channel: leave the channel empty")
        text = text_of(message, self.settings.public_url)
        text = fitted(order, text, lambda one: len(_body(one, message)), SIZE_MAX, self.name)
        request = OutgoingRequest("POST", self.address, body=_body(text, message).decode())
        return Rendered((request,), notes=notes_on(text))

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        """POST it; 202 says that the workflow has it."""
        (request,) = rendered.requests
        return await asked(self._url, lambda: self._send(request))

    async def _send(self, request: OutgoingRequest) -> Receipt:
        follow(self._client, self._url, _secrets)
        demand_url(self.name, request, self.address)
        headers = {"Content-Type": request.content_type}
        response = await self._client.request("POST", self._url.text, body=request.body.encode(), headers=headers)
        if is_page(response):
            raise ActionRefused(
                f"{self.name}: {self.address} answers with a web page, so it is not a workflow: set url to the address "
                "of a workflow, then propose it again"
            )
        run = response.headers.get("x-ms-workflow-run-id", "")
        told = "the workflow has received it; its run history shows whether the card was posted"
        return Receipt(ref=run[:100], words=f"{response.status_code}: {told}")

    async def check(self) -> Sequence[Checked]:
        """Whether something answers there; whether the workflow posts shows only when something is sent."""
        host = urlsplit(self._url.text).hostname or ""
        if host.endswith(_RETIRED):
            remedy = (
                'create a workflow from the template "Send webhook alerts to a channel", and set url to its address'
            )
            return [Checked(False, f"{host} is a connector of Office 365, which Microsoft has retired", remedy)]
        return [await reached(self._client, self._url.text, self.address)]

    def _remedy(self, _status: int, said: str) -> str:
        """What has to be done about what Azure says, as the end of a sentence."""
        for code, remedy in _REMEDIES.items():
            if code in said:
                return f"; {remedy}{f': {self._url.renewal}' if code in _RENEWED else ''}"
        return ""

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()


def card(text: Text, message: Message) -> dict[str, Any]:
    """A message as an Adaptive Card, in which nothing but our own link can be pressed."""
    style = "good" if message.phase == "ended" else _STYLES.get(message.severity, "default")
    style = "default" if message.phase == "acknowledged" else style
    title = _paragraph(text.title or "-", weight="Bolder", size="Medium")
    body: list[dict[str, Any]] = [{"type": "Container", "style": style, "bleed": True, "items": [title]}]
    for section in text.sections:
        if section.heading:
            body.append(_paragraph(section.heading, weight="Bolder"))
        for number, line in enumerate(section.lines, 1):
            body.append({**_paragraph(f"{section.mark(number, '• ')}{line}"), "spacing": "Small"})
    if text.more:
        body.append(_paragraph(text.more))
    made: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "fallbackText": _dead(text.title),
        "msteams": {"width": "Full"},
        "body": body,
    }
    if text.link:
        made["actions"] = [{"type": "Action.OpenUrl", "title": LINK_NAME, "url": text.link}]
    return made


def _paragraph(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": _dead(text), **style}]}


def _dead(text: str) -> str:
    """``text`` without the beginnings of functions, which clients fill in also where they read no Markdown."""
    for live, dead in _LIVE:
        while live in text:
            text = text.replace(live, dead)
    return text


def _body(text: Text, message: Message) -> bytes:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card(text, message),
    }
    return msgspec.json.encode({"type": "message", "attachments": [attachment]})


def _secrets(url: str) -> tuple[str, ...]:
    """The signature, and whatever else stands behind the path."""
    parts = urlsplit(url)
    return (url, *(one for one in secrets_in(url) if one in parts.query))
