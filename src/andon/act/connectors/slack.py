"""Slack: by an incoming webhook, which belongs to one channel, or as a bot with a token and a list of channels.

What is told stands in rich text, whose nodes are plain: no mention, link or emoji is read from them. Slack also shows
``text`` in notifications, and reads control sequences from it, so there they are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Setup, unable
from andon.act.connectors.hooks import ANY, demand_allowed, demand_url, failed, follow
from andon.act.connectors.http import Client, is_page
from andon.act.connectors.messages import LINK_NAME, Text, fitted, notes_on, text_of
from andon.act.connectors.renewing import asked, bearer
from andon.core.errors import ActionError, ActionRefused, ConfigError, OutcomeUnknown, TargetAway
from andon.core.models.actions import Message, Operation, Order, OutgoingRequest, Receipt, Rendered
from andon.core.outgoing_http import text as text_at
from andon.core.settings.connectors.hook import hook_secret
from andon.core.settings.connectors.slack_settings import SlackTable
from andon.core.settings.connectors.target import Secret

#: Characters of a header block, of all of a message as we send it, and of what notifications show.
HEADER_MAX, TEXT_MAX, NOTICE_MAX = 150, 10_000, 300
#: What has to be done, by Slack's own words for what is wrong.
REMEDIES = {
    "invalid_token": "the webhook no longer exists: create a new one",
    "no_service": "the webhook no longer exists or is switched off: create a new one",
    "no_service_id": "the webhook no longer exists or is switched off: create a new one",
    "no_active_hooks": "the webhook is switched off: switch it on, or create a new one",
    "no_team": "the workspace no longer exists: create a webhook in another one",
    "team_disabled": "the workspace is switched off",
    "channel_not_found": "there is no such channel, or the bot may not see it: correct channels, or invite the bot",
    "channel_is_archived": "unarchive the channel, or create a webhook for another one",
    "is_archived": "unarchive the channel, or correct channels",
    "not_in_channel": "invite the bot into the channel (/invite @its-name), or give it the scope chat:write.public",
    "action_prohibited": "an administrator has forbidden it: ask an administrator of the workspace",
    "restricted_action": "an administrator has forbidden it: ask an administrator of the workspace",
    "posting_to_general_channel_denied": "posting to the general channel is restricted: use another one",
    "invalid_auth": "the token is wrong: a bot token begins with xoxb-",
    "not_authed": "the token is missing: a bot token begins with xoxb-",
    "account_inactive": "the bot or its workspace no longer exists: install the app again",
    "token_revoked": "the token was revoked: install the app again",
    "token_expired": "the token has expired: install the app again",
    "missing_scope": "give the bot the scope, and install the app again",
    "msg_too_long": "it is too long for Slack",
}
#: Those after which there is another token or address.
_RENEWED = frozenset(
    {
        "invalid_token",
        "no_service",
        "no_service_id",
        "no_active_hooks",
        "no_team",
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
    }
)
#: Slack's words for a moment's weakness: of some it is known that nothing was done.
_AWAY, _UNKNOWN = frozenset({"ratelimited", "service_unavailable"}), frozenset({"fatal_error", "internal_error"})
#: What a valid webhook says of a message without anything in it.
_EMPTY = frozenset({"no_text", "missing_text_or_fallback_or_attachments", "invalid_payload"})
#: What begins a mention, a command or a link: parted in rich text too, where it means nothing.
_CONTROL = re.compile(r"<(?=[!@#a-zA-Z])")
_HALF_ESCAPE = re.compile(r"&[a-z]{0,3}\Z")


class SlackConnector(Connector):
    """One webhook, or one bot."""

    kind = "slack"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        table = cast(SlackTable, setup.named.table)
        what = f"[[slack]] {self.name}"
        self._channels = tuple(table.channels)
        self._is_bot = bool(self._channels)
        if self._is_bot:
            self._secret = Secret(table.token, table.token_file, self.settings.slack_token, what=f"{what}: token")
            if not self._secret.text:
                raise ConfigError(f"{what} has channels but no token: set token, token_file or ANDON_SLACK_TOKEN")
        else:
            self._secret = hook_secret(table, what, self.settings.slack_url, "ANDON_SLACK_URL")
        self._api = table.api
        self._client = Client(
            self.name,
            self._url,
            timeout=table.timeout,
            words=_words,
            remedy=lambda _, said: self._remedy(said),
            secret=self._secret,
            login=bearer if self._is_bot else None,
            secrets=() if self._is_bot else _secrets(self._url),
        )

    @property
    def _url(self) -> str:
        """That of Slack's interface, or the webhook's as it is now."""
        return self._api if self._is_bot else self._secret.text

    @property
    def address(self) -> str:
        """Slack, and which webhook: its last part, which is the secret, is left out."""
        if self._is_bot:
            return self._api
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc}{parts.path.rpartition('/')[0]}/…"

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        """Messages; Slack knows none by a key, so one of which no answer came is sent again."""
        return {Operation.MESSAGE: Ability(Again.TWICE)}

    @property
    def places(self) -> tuple[str, ...]:
        """The bot's channels; a webhook has the one that it was made for."""
        return self._channels

    @property
    def pace(self) -> float:
        """A message a second, as Slack wants it."""
        return 1.0

    def render(self, order: Order) -> Rendered:
        """One POST of blocks."""
        message = order.arguments
        if not isinstance(message, Message):
            raise unable(self, order.operation)
        if message.where and message.where not in self._channels:
            listed = ", ".join(self._channels) or "only the webhook's own: leave it empty"
            raise ActionRefused(f"{self.name} does not write to {message.where!r:.60}; channels are: {listed}")
        text = text_of(message, self.settings.public_url)
        text = fitted(order, text, lambda one: sum(map(len, (one.title, one.plain()))), TEXT_MAX, self.name)
        body: dict[str, Any] = {"text": _cut(escaped(text.title or "-"), NOTICE_MAX), "blocks": blocks(text)}
        if self._channels:
            body = {"channel": message.where or self._channels[0], **body}
        body |= {"unfurl_links": False, "unfurl_media": False}
        url = f"{self._url}/chat.postMessage" if self._is_bot else self.address
        request = OutgoingRequest(
            "POST", url, body=msgspec.json.encode(body).decode(), content_type="application/json; charset=utf-8"
        )
        return Rendered((request,), notes=notes_on(text))

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        """POST it. A bot is answered 200 whatever came of it, so the answer is read."""
        (request,) = rendered.requests
        return await asked(self._secret, lambda: self._send(request))

    async def _send(self, request: OutgoingRequest) -> Receipt:
        if not self._is_bot:
            follow(self._client, self._secret, _secrets)
        url = f"{self._url}/chat.postMessage" if self._is_bot else self._url
        demand_url(self.name, request, url if self._is_bot else self.address)
        if self._is_bot:
            demand_allowed(self.name, msgspec.json.decode(request.body)["channel"], self._channels)
        headers = {"Content-Type": request.content_type}
        response = await self._client.request("POST", url, body=request.body.encode(), headers=headers)
        if not self._is_bot:
            if is_page(response):
                raise ActionRefused(
                    f"{self.name}: {self.address} answers with a web page, so it is not a Slack webhook: set url to "
                    "the address of an incoming webhook, then propose it again"
                )
            return Receipt(words=self._client.said(response))
        answer = self._client.json(response, changed=True)
        self._demand_ok(answer)
        return Receipt(ref=text_at(answer, "ts") or "", words="ok")

    async def check(self) -> Sequence[Checked]:
        """Whether the webhook exists, asked with a message that has nothing in it and so is never shown; or whether the
        bot's token is right, what it may do, and whether it sees its channels."""
        try:
            return await self._check_bot() if self._is_bot else [await self._check_hook()]
        except ActionError as error:
            return [failed(error, "correct its table")]

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def _check_hook(self) -> Checked:
        response = await self._client.request("POST", self._url, body=b"{}", reads=True, returned=ANY)
        said = self._client.said(response)
        if response.status_code == 400 and said in _EMPTY:
            return Checked(True, f"{self.address}: the webhook exists")
        told = f"{self.address} answered {response.status_code} {said}".strip()
        return Checked(False, told, REMEDIES.get(said, "set url to the address of an incoming Slack webhook"))

    async def _check_bot(self) -> list[Checked]:
        response = await self._client.request("POST", f"{self._url}/auth.test", reads=True)
        answer = self._client.json(response)
        self._demand_ok(answer)
        found = [Checked(True, f"logged in as {text_at(answer, 'user')} at {text_at(answer, 'team')}")]
        scopes = response.headers.get("x-oauth-scopes")
        if scopes is not None and "chat:write" not in [one.strip() for one in scopes.split(",")]:
            found.append(
                Checked(False, "the bot may not write: it needs the scope chat:write", REMEDIES["missing_scope"])
            )
        looked_up = [channel for channel in self._channels if not channel.startswith("#")]  # by its ID alone
        return [*found, *[await self._check_channel(channel) for channel in looked_up]]

    async def _check_channel(self, channel: str) -> Checked:
        url = f"{self._url}/conversations.info"
        answer = self._client.json(await self._client.request("GET", url, params={"channel": channel}))
        error = text_at(answer, "error")
        if error == "missing_scope":
            return Checked(None, f"whether {channel} exists cannot be checked without the scope channels:read")
        if error is not None:
            return Checked(False, f"{channel}: {error}", REMEDIES.get(error, "correct channels"))
        there = answer.get("channel") if isinstance(answer, dict) else None
        if isinstance(there, dict) and there.get("is_archived"):
            return Checked(False, f"{channel} is archived", REMEDIES["is_archived"])
        return Checked(True, f"{channel} exists")

    def _remedy(self, word: str) -> str:
        """What has to be done about one of Slack's words, as the end of a sentence; "" where it is not known."""
        if word not in REMEDIES:
            return "; correct in its table what that names and restart, then propose it again"
        return f"; {REMEDIES[word]}{f': {self._secret.renewal}' if word in _RENEWED else ''}"

    def _demand_ok(self, answer: Any) -> None:
        """Raises what an answer of the Web API says that does not begin with ``ok``."""
        if isinstance(answer, dict) and answer.get("ok") is True:
            return
        error = text_at(answer, "error") or "something that is not a Slack answer"
        told = f"{self.name} answered: {error}"
        if (needed := text_at(answer, "needed")) is not None:
            told += f" (needed: {needed})"
        if error in _AWAY:
            raise TargetAway(told)
        if error in _UNKNOWN:
            raise OutcomeUnknown(told)
        raise ActionRefused(f"{told}{self._remedy(error)}")


def blocks(text: Text) -> list[dict[str, Any]]:
    """A message as Slack's blocks: a header of plain text, rich text of plain nodes, and the one link as a node."""
    elements: list[dict[str, Any]] = []
    paragraphs: list[dict[str, Any]] = [_node(text.title, bold=True)] if len(text.title) > HEADER_MAX else []
    for section in text.sections:
        if section.heading:
            paragraphs.append(_node(section.heading, bold=True))
        if (section.listed or section.numbered) and section.lines:
            items = [_section([_node(line)]) for line in section.lines]
            style = "ordered" if section.numbered else "bullet"
            elements += [*_ended(paragraphs), {"type": "rich_text_list", "style": style, "elements": items}]
            paragraphs = []
        else:
            paragraphs += [_node(line) for line in section.lines]
    if text.more:
        paragraphs.append(_node(text.more))
    if text.link:
        paragraphs.append({"type": "link", "url": text.link, "text": LINK_NAME})
    elements += _ended(paragraphs)
    title = {"type": "plain_text", "text": _cut(escaped(text.title or "-"), HEADER_MAX), "emoji": False}
    made: list[dict[str, Any]] = [{"type": "header", "text": title}]
    return made + ([{"type": "rich_text", "elements": elements}] if elements else [])


def _ended(paragraphs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Paragraphs as one section, each at the end of its line; none where there are none."""
    line_end = {"type": "text", "text": "\n"}
    return [_section([node for one in paragraphs for node in (one, line_end)])] if paragraphs else []


def escaped(text: str) -> str:
    """``text`` without what Slack reads as control sequences.

    >>> escaped("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": nodes}


def _node(text: str, *, bold: bool = False) -> dict[str, Any]:
    plain = {"type": "text", "text": _CONTROL.sub("< ", text)}
    return {**plain, "style": {"bold": True}} if bold else plain


def _cut(text: str, most: int) -> str:
    """The beginning of an escaped text; half an escape is none."""
    return text if len(text) <= most else _HALF_ESCAPE.sub("", text[: most - 1]) + "…"


def _words(answer: Any) -> str:
    return text_at(answer, "error") or ""


def _secrets(url: str) -> tuple[str, ...]:
    return url, url.rpartition("/")[2]
