"""PagerDuty by its Events API v2: what is raised, acknowledged and over, with one key for all of one subject.

What is told without a state becomes a change event, which is shown and calls nobody: as an alert it would stay open.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

import msgspec

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Setup, unable
from andon.act.connectors.http import Client
from andon.act.connectors.messages import LINK_NAME, own_link
from andon.act.connectors.outgoing_text import defanged, plain
from andon.act.connectors.renewing import asked
from andon.core.errors import ActionError, ActionRefused, ConfigError
from andon.core.late_patterns import late
from andon.core.models.actions import (
    Body,
    Event,
    Message,
    Operation,
    Order,
    OutgoingRequest,
    Receipt,
    Rendered,
)
from andon.core.outgoing_http import table, text
from andon.core.settings.connectors.pagerduty_settings import PagerDutyTable
from andon.core.settings.connectors.target import Secret

if TYPE_CHECKING:
    import httpx2

#: Characters that the service keeps of a summary and of a key.
SUMMARY_MAX, KEY_MAX = 1_024, 255
#: Characters of all details: events are 512 KB at most.
DETAILS_MAX = 60_000
#: Seconds between two events: the service takes some 120 a minute.
PACE = 0.5
#: Digits and letters of an integration key.
KEY_LENGTH = 32
ACTIONS = {"raised": "trigger", "acknowledged": "acknowledge", "ended": "resolve"}
_SEVERITY = {"CRITICAL": "critical", "ERROR": "error", "WARNING": "warning", "INFO": "info", "DEBUG": "info"}
#: What begins a tag in mails, and a link or a mention in chats that the service passes texts on to.
_TAG = late(r"[<\uff1c](?=[a-z/!?@#])", re.IGNORECASE)
#: A subject that never was: the end of it is dropped by the service.
_NOBODY = "check/never-raised"


class PagerDutyConnector(Connector):
    """One service of PagerDuty."""

    kind: ClassVar[str] = "pagerduty"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.own = cast(PagerDutyTable, setup.named.table)
        where = f"[[pagerduty]] {self.name}"
        fallback = self.settings.pagerduty_routing_key
        self._key = Secret(self.own.routing_key, self.own.routing_key_file, fallback, what=f"{where}: the key")
        if not self._key.text:
            raise ConfigError(
                f"{where} has no routing_key: set routing_key, or routing_key_file, to the integration key of its "
                "Events API v2, or set ANDON_PAGERDUTY_ROUTING_KEY"
            )
        self._client = Client(
            self.name,
            self.own.url,
            timeout=self.own.timeout,
            words=_words,
            remedy=lambda status, said: _remedy(status, said, self._key),
            secret=self._key,
            headers={"Content-Type": "application/json"},
        )

    @property
    def address(self) -> str:
        """Where events go."""
        return self.own.url

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        """Messages and events: one alert however often they come, and a change twice does no harm."""
        return {Operation.MESSAGE: Ability(Again.SAFE), Operation.EVENT: Ability(Again.SAFE)}

    @property
    def pace(self) -> float:
        """Seconds between two events."""
        return PACE

    def render(self, order: Order) -> Rendered:
        """The exact request, without the integration key."""
        asked = order.arguments
        if not isinstance(asked, Message | Event):
            raise unable(self, order.operation)
        notes = ["The integration key is added when it is sent"]
        body: dict[str, Any]
        if asked.phase == "told":
            body, path = self._change(asked), "/v2/change/enqueue"
            notes.append("It has no state: PagerDuty shows it as a change and pages nobody")
        else:
            body, path = {"event_action": ACTIONS[asked.phase], "dedup_key": self._about(asked.about)}, "/v2/enqueue"
            if asked.phase == "raised":
                body |= self._alert(asked)
            else:
                notes.append("PagerDuty accepts no text with this, and drops it if no alert with this key is open")
        written = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return Rendered((OutgoingRequest("POST", f"{self.own.url}{path}", body=written),), tuple(notes))

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        """Send what was rendered, with the integration key before it."""
        request = rendered.requests[0]
        answer = await self._enqueue(request.url, request.body)
        return Receipt(ref=text(answer, "dedup_key") or "", words=text(answer, "message") or "")

    async def check(self) -> Sequence[Checked]:
        """Whether the service knows the integration key: it is told the end of what never began, which it drops."""
        found: list[Checked] = []
        if len(self._key.text) != KEY_LENGTH:
            said = f"the integration key has {len(self._key.text)} characters, and should have {KEY_LENGTH}"
            found.append(Checked(False, said, "copy the key of an integration of type Events API v2"))
        body = json.dumps({"event_action": "resolve", "dedup_key": self._about(_NOBODY)})
        try:
            await self._enqueue(f"{self.own.url}/v2/enqueue", body)
        except ActionError as error:
            return [*found, Checked(False, str(error))]
        return [*found, Checked(True, f"{self.own.url} accepts events with this integration key")]

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        await self._client.close()

    async def _enqueue(self, url: str, body: str) -> Any:
        async def tried() -> httpx2.Response:
            held = f'{{"routing_key":{json.dumps(self._key.text)},{body.removeprefix("{")}'
            return await self._client.request("POST", url, body=held)

        response = await asked(self._key, tried)
        answer = self._client.json(response, changed=True)
        if text(answer, "status") != "success":
            raise ActionRefused(
                f"{self.name} answered {response.status_code}: {self._client.said(response)}; check that url in its "
                "table is the address of the Events API v2, then retry"
            )
        return answer

    def _about(self, about: str) -> str:
        return f"{self.own.source}/{about}"[:KEY_MAX]

    def _alert(self, asked: Message | Event) -> dict[str, Any]:
        made = self._change(asked)
        made["payload"]["severity"] = _SEVERITY.get(asked.severity, "error")
        if isinstance(asked, Event) and asked.service:
            made["payload"]["component"] = _cut(_dead(defanged(asked.service)), KEY_MAX)
        made["client"] = "Andon"
        if self.settings.public_url:
            made["client_url"] = self.settings.public_url
        return made

    def _change(self, asked: Message | Event) -> dict[str, Any]:
        """What alerts and changes have in common."""
        payload: dict[str, Any] = {
            "summary": _cut(_dead(defanged(asked.title)), SUMMARY_MAX),
            "source": _cut(_dead(defanged(asked.host)), KEY_MAX) or self.own.source,
        }
        if isinstance(asked, Event):
            payload["timestamp"] = datetime.fromtimestamp(asked.at, UTC).isoformat(timespec="milliseconds")
        payload["custom_details"] = _details(asked.body, self.settings.public_url)
        made: dict[str, Any] = {"payload": payload}
        if link := own_link(asked.link, self.settings.public_url):
            made["links"] = [{"href": link, "text": LINK_NAME}]
        return made


def _details(body: Body, ours: str) -> dict[str, str]:
    """The sections of a body by their headings, together within DETAILS_MAX characters."""
    details: dict[str, str] = {}
    room = DETAILS_MAX
    for section in body:
        heading = _cut(_dead(defanged(section.heading)), 100) or "Message"
        told = _cut(_dead(plain((msgspec.structs.replace(section, heading=""),), ours)), room)
        room -= len(told)
        details[heading] = f"{details[heading]}\n\n{told}" if heading in details else told
        if room < 2:
            break
    return details


def _dead(written: str) -> str:
    return _TAG.sub("‹", written)


def _cut(written: str, most: int) -> str:
    return written if len(written) <= most else f"{written[: most - 1]}…"


def _words(answer: Any) -> str:
    """The service's own words in a refusal."""
    errors = answer.get("errors") if isinstance(answer, dict) else None
    listed = [one for one in errors if isinstance(one, str)] if isinstance(errors, list) else []
    inner = table(answer, "error")
    return "; ".join(filter(None, (text(answer, "message") or text(inner, "message"), *listed)))


def _remedy(status: int, said: str, key: Secret) -> str:
    if status == 400 and "routing" in said.lower():
        return (
            "; it does not know the integration key: copy it again from an integration of type Events API v2, and "
            f"{key.renewal}"
        )
    return ""
