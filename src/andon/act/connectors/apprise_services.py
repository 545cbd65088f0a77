"""Services that the library Apprise knows: chat, push, SMS and more than a hundred others (extra ``apprise``).

The library is imported and works in threads that live as long as one message takes. It is told that the text is
plain, but knows not of every service that it reads marks in a text, so they are dead before it gets them.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, cast
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Setup, unable
from andon.act.connectors.hooks import demand_url, marked_url, secrets_in
from andon.act.connectors.http import WORDS_MAX
from andon.act.connectors.messages import fitted, notes_on, text_of
from andon.act.connectors.renewing import fresh
from andon.core import extras
from andon.core.errors import ActionRefused, ConfigError, OutcomeUnknown, TargetAway
from andon.core.models.actions import Message, Operation, Order, OutgoingRequest, Receipt, Rendered
from andon.core.redact import clean
from andon.core.settings.connectors.apprise_settings import AppriseTable, is_address
from andon.core.settings.connectors.target import Secret
from andon.core.threads import in_daemon_thread

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

#: Characters of a text at most; the library cuts or splits it further for each service.
TEXT_MAX = 4_000
URLS_MAX = 20
_NONE = SecretStr("")
#: Seconds for what the library does beside the requests, each of which it bounds itself.
_LEEWAY = 5.0
_STATUS = re.compile(r"\berror\s*=\s*(\d{3})\b")
#: Answers of services that have not done it and may later.
_LATER = frozenset({408, 425, 429, 503})
_TYPES = {"CRITICAL": "failure", "ERROR": "failure", "WARNING": "warning"}
#: Signs of the notations of chats, and what stands for them: it looks much the same and means nothing.
_SIGNS = str.maketrans({"<": "‹", ">": "›", "*": "∗", "`": "ˋ", "|": "¦", "~": "∼", "\\": "∖"})
_MENTION = re.compile(r"(?<![^\W_])@(?=\w)")
_EDGE = re.compile(r"(?<!\w)_+|_+(?!\w)|__+")
_LINE_START = re.compile(r"^(\s*)(#)", re.MULTILINE)


class Outcome(NamedTuple):
    """What became of a message at one service."""

    service: str
    done: bool
    words: str


class AppriseConnector(Connector):
    """The services of one table, which get each message together."""

    kind = "apprise"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._table = cast(AppriseTable, setup.named.table)
        what = f"[[apprise]] {self.name}"
        extras.require("apprise", what)
        path = self._table.urls_file
        self._held = None if path is None else Secret(_NONE, path, what=f"{what}: urls")
        _demand_addresses(self._urls, self._held)

    @property
    def _urls(self) -> tuple[str, ...]:
        """The addresses of the table, or those that its file holds now."""
        if self._held is None:
            return tuple(one.get_secret_value().strip() for one in self._table.urls)
        lines = (line.strip() for line in self._held.text.splitlines())
        return tuple(line for line in lines if line and not line.startswith("#"))

    @property
    def address(self) -> str:
        """The kinds of services, each with a mark of the rest of its address, which holds its login."""
        marks = (marked_url(url).rpartition("…")[2] for url in self._urls)
        return ", ".join(f"{_scheme(url)}://…{mark}" for url, mark in zip(self._urls, marks, strict=True))

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        """Messages; few of these services know one by a key, so one of which no answer came is sent again."""
        return {Operation.MESSAGE: Ability(Again.TWICE)}

    def render(self, order: Order) -> Rendered:
        """What the library is called with."""
        message = order.arguments
        if not isinstance(message, Message):
            raise unable(self, order.operation)
        if message.where:
            raise ActionRefused(f"{self.name}: its urls define where it goes: leave the channel empty")
        text = fitted(
            order, text_of(message, self.settings.public_url), lambda one: len(one.plain()), TEXT_MAX, self.name
        )
        kind = _TYPES.get(message.severity, "info")
        called = {
            "title": dead(text.title) or "-",
            "body": "\n\n".join(filter(None, (dead(msgspec.structs.replace(text, link="").plain()) or "-", text.link))),
            "notify_type": {"ended": "success", "acknowledged": "info"}.get(message.phase, kind),
            "body_format": "text",
        }
        body = msgspec.json.encode(called).decode()
        return Rendered((OutgoingRequest("APPRISE", self.address, body=body),), notes=notes_on(text))

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        """Send it to each service. Done where one of them took it; the receipt names the others."""
        (request,) = rendered.requests
        if self._held is not None:
            await fresh(self._held)
            _demand_addresses(self._urls, self._held)
        demand_url(self.name, request, self.address)
        called = msgspec.json.decode(request.body, type=dict[str, str])
        outcomes = await self._in_threads(called)
        told = "; ".join(f"{one.service}: {'taken' if one.done else one.words}" for one in outcomes)
        if any(one.done for one in outcomes):
            return Receipt(words=told[: 2 * WORDS_MAX])
        kinds = {_meaning(one.words) for one in outcomes}
        if kinds == {"refused"}:
            renewal = "correct urls in its table and restart" if self._held is None else f"correct {self._held.path}"
            raise ActionRefused(f"{self.name}: {told}; {renewal}, then retry")
        if "unknown" in kinds:
            raise OutcomeUnknown(f"{self.name}: {told}")
        raise TargetAway(f"{self.name}: {told}")

    async def check(self) -> Sequence[Checked]:
        """Whether the library understands each address; whether a service takes messages shows when one is sent."""
        return await in_daemon_thread(self._understood, "andon-apprise")

    async def _in_threads(self, called: dict[str, str]) -> list[Outcome]:
        async def one(url: str) -> Outcome:
            return await in_daemon_thread(lambda: self._deliver(url, called), "andon-apprise")

        within = 2 * self._table.timeout + _LEEWAY
        try:
            async with asyncio.timeout(within):
                return await asyncio.gather(*(one(url) for url in self._urls))
        except TimeoutError as error:
            raise OutcomeUnknown(f"{self.name} did not finish within {within:g} s") from error

    def _deliver(self, url: str, called: dict[str, str]) -> Outcome:
        """One message to one service, in this thread: the library's pools of threads would stay."""
        import apprise

        caller = apprise.Apprise(asset=_asset())
        service = _service(url)
        if service is None:
            return Outcome(_scheme(url), False, _NOT_UNDERSTOOD)
        service.redirects = False
        service.socket_connect_timeout = service.socket_read_timeout = self._table.timeout
        caller.add(service)
        result = caller.notify(
            title=called["title"],
            body=called["body"],
            notify_type=called["notify_type"],
            body_format=called["body_format"],
        )
        said = "; ".join(entry.message for entry in result.logs())
        for secret in sorted({piece for each in self._urls for piece in _secrets(each)}, key=len, reverse=True):
            said = said.replace(secret, "[redacted]")
        told = clean(" ".join(said.split()), WORDS_MAX) or "it was not accepted, and the library does not say why"
        return Outcome(_scheme(url), bool(result), told)

    def _understood(self) -> list[Checked]:
        found = []
        for url in self._urls:
            service = _service(url)
            if service is None:
                remedy = "see the library's list of services for the form of the address"
                found.append(Checked(False, f"{_scheme(url)}://…: {_NOT_UNDERSTOOD}", remedy))
            else:
                found.append(Checked(True, f"{_scheme(url)}:// is understood ({service.service_name})"))
        return found


_NOT_UNDERSTOOD = "the library does not understand this address"


def dead(text: str) -> str:
    """``text`` in which no chat finds anything to format, link or mention.

    >>> dead("*now* [see](x) @all <b> DB10.DBX_4 _so_")
    '∗now∗ [see] (x) (at)all ‹b› DB10.DBX_4 ＿so＿'
    """
    text = _MENTION.sub("(at)", text.translate(_SIGNS)).replace("](", "] (").replace("][", "] [")
    text = _EDGE.sub(lambda found: "＿" * len(found[0]), text)
    return _LINE_START.sub(r"\1＃", text)


def _service(url: str) -> NotifyBase | None:
    import apprise

    return apprise.Apprise.instantiate(url, asset=_asset())


@functools.cache
def _asset() -> AppriseAsset:
    """How the library works for us: in the thread that calls it, without pictures, redirects and files."""
    import apprise

    own_log = logging.getLogger("apprise")  # it tells addresses, and what matters of it stands in each result
    own_log.addHandler(logging.NullHandler())
    own_log.propagate = False
    own_log.setLevel(logging.INFO)  # whatever ours shows: the results are made of it
    return apprise.AppriseAsset(
        app_id="Andon",
        app_desc="Andon",
        app_url="",
        async_mode=False,
        service_timeout=0,
        http_redirects=False,
        image_url_mask="",
        image_url_logo="",
        image_path_mask=False,
        storage_mode="memory",
        result_log_disk_size=0,
        interpret_emojis=False,
        allow_templates=False,
    )


def _meaning(words: str) -> Literal["refused", "later", "unknown"]:
    """What the library's words mean: it logs a service's status, or that the connection failed."""
    if words == _NOT_UNDERSTOOD:
        return "refused"
    statuses = [int(one) for one in _STATUS.findall(words)]
    if not statuses:
        return "unknown"
    if any(one in _LATER for one in statuses):
        return "later"
    return "refused" if all(300 <= one < 500 for one in statuses) else "unknown"


def _demand_addresses(urls: Sequence[str], held: Secret | None) -> None:
    """Raises ConfigError where a file holds something else than addresses."""
    if held is not None and not (0 < len(urls) <= URLS_MAX and all(map(is_address, urls))):
        raise ConfigError(f"{held.what}: {held.path} must contain 1 to {URLS_MAX} Apprise addresses, one per line")


def _secrets(url: str) -> tuple[str, ...]:
    """What of an address is not told. Many services have their token where others have a host."""
    parts = [one for one in re.split("[:@]", urlsplit(url).netloc) if len(one) >= 8 and "." not in one]
    return (*secrets_in(url), *parts)


def _scheme(url: str) -> str:
    return clean(url.partition("://")[0].lower(), 30)
