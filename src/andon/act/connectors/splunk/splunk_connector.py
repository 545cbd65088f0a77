"""The connector: what it renders, sends and offers to look up."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urlencode

import msgspec

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Reader, Setup, unable
from andon.act.connectors.hooks import demand_allowed
from andon.act.connectors.http import Client
from andon.act.connectors.messages import own_link
from andon.act.connectors.outgoing_text import defanged, plain
from andon.act.connectors.renewing import basic, bearer
from andon.act.connectors.splunk import spl, splunk_checks
from andon.act.connectors.splunk.splunk_searches import FORM, Searches
from andon.core.errors import ActionRefused, ConfigError, OutcomeUnknown
from andon.core.late_patterns import late
from andon.core.models.actions import Event, Operation, Order, OutgoingRequest, Receipt, Rendered, SaveAlert
from andon.core.outgoing_http import entries, table, text
from andon.core.settings.connectors.splunk_settings import SplunkTable
from andon.core.settings.connectors.target import Secret

#: Splunk cuts an event at 10,000 bytes (TRUNCATE) unless its source type says otherwise: an event stays below it.
EVENT_MAX = 9_500
_TEXT_MAX = 7_000
#: The answers of the HTTP event collector that need somebody: what each asks for.
_HEC_REMEDY = {
    1: "the token is disabled: enable it in Splunk (Settings, Data inputs, HTTP Event Collector)",
    2: "the token is missing: set hec_token",
    3: "the token is not valid: set only its value, without the word Splunk",
    7: "the token may not write to this index, or there is no such index: correct indexes here, or those of the token "
    "in Splunk",
    10: "the token requires a channel, but the header did not arrive: a proxy in between may drop headers",
    14: "the collector's acknowledgement is switched off",
}
_UNKNOWN_TOKEN = 4
_CODE = late(r"\(code (\d{1,3})\)")
_DAY = 24 * 60


class SplunkConnector(Connector):
    """A Splunk at its management address, at the address of its event collector, or both."""

    kind: ClassVar[str] = "splunk"
    needs: ClassVar[Mapping[Operation, str]] = {
        Operation.EVENT: "hec_url and hec_token",
        Operation.SAVE_ALERT: "alerts = true",
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        table_ = setup.named.table
        assert isinstance(table_, SplunkTable)  # noqa: S101 - the registry pairs them
        self.table = table_
        self.rest = self._rest_client() if table_.url else None
        self.hec = self._hec_client() if table_.hec_url else None
        self.searches: Searches | None = None
        way: Literal["oneshot", "export", "off"] = table_.searches
        if self.rest is not None and way != "off":
            self.searches = Searches(self.rest, way, tuple(table_.search_indexes))

    @property
    def address(self) -> str:
        return self.table.url or self.table.hec_url

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        able: dict[Operation, Ability] = {}
        if self.hec is not None:
            able[Operation.EVENT] = Ability(Again.TWICE)
        if self.table.alerts:
            # a second one of the same name is refused, and what stands there says whose it is
            able[Operation.SAVE_ALERT] = Ability(Again.SAFE)
        return able

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(self.table.indexes)

    def places_of(self, operation: Operation) -> tuple[str, ...]:
        return self.places if operation is Operation.EVENT else ()

    def render(self, order: Order) -> Rendered:
        arguments = order.arguments
        if order.operation not in self.abilities:
            raise unable(self, order.operation)
        if isinstance(arguments, Event):
            return self._event(order.key, arguments)
        if isinstance(arguments, SaveAlert):
            return self._alert(order.key, arguments)
        raise unable(self, order.operation)

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        (request,) = rendered.requests
        if isinstance(order.arguments, Event):
            return await self._send_event(request)
        if isinstance(order.arguments, SaveAlert):
            return await self._save(order.key, order.arguments, request)
        raise unable(self, order.operation)

    async def check(self) -> Sequence[Checked]:
        return await splunk_checks.check(self.table, self.rest, self.hec)

    def readers(self) -> Sequence[Reader]:
        return () if self.searches is None else self.searches.readers(self.name)

    async def close(self) -> None:
        for client in (self.rest, self.hec):
            if client is not None:
                await client.close()

    def _event(self, key: str, event: Event) -> Rendered:
        if event.where and event.where not in self.table.indexes:
            raise ActionRefused(
                f"{self.name} may not write to the index {event.where!r:.60}; the settings allow: "
                f"{', '.join(self.table.indexes) or 'none'}"
            )
        index = event.where or next(iter(self.table.indexes), "")
        told = plain(event.body, self.settings.public_url)
        notes = []
        while True:
            body = _encoded(self._payload(key, event, index, told))
            if len(body.encode()) <= EVENT_MAX:
                break
            notes = ["The text is truncated: Splunk keeps 10,000 bytes of an event."]
            told = f"{told[: min(_TEXT_MAX, len(told) * 9 // 10)].rstrip(' …')} …"
        return Rendered(
            (
                OutgoingRequest(
                    "POST",
                    f"{self.table.hec_url}/services/collector/event",
                    body,
                    headers={"X-Splunk-Request-Channel": str(uuid.UUID(key))},
                ),
            ),
            tuple(notes),
        )

    def _payload(self, key: str, event: Event, index: str, told: str) -> dict[str, Any]:
        whole: dict[str, Any] = {
            "time": round(event.at, 3),
            "host": defanged(event.host),
            "source": self.table.source,
            "sourcetype": self.table.sourcetype,
            "index": index,
        }
        whole = {name: value for name, value in whole.items() if value != ""}
        whole["event"] = {
            "title": defanged(event.title),
            "severity": event.severity,
            "phase": event.phase,
            "service": defanged(event.service),
            "about": event.about,
            "text": told,
            "andon_key": key,
        }
        if link := own_link(event.link, self.settings.public_url):
            whole["event"]["link"] = link
        return whole

    def _alert(self, key: str, alert: SaveAlert) -> Rendered:
        if not (name := " ".join(alert.name.split())) or "/" in name:
            raise ActionRefused("the alert needs a name, without a slash in it")
        search = spl.read_only(alert.search, tuple(self.table.search_indexes))
        form = {
            "name": name,
            "search": search,
            "description": f"{defanged(alert.description)} (andon-{key})".strip(),
            "is_scheduled": "1",
            "cron_schedule": cron(alert.every_minutes),
            # a minute behind, in which events arrive at the index
            "dispatch.earliest_time": f"-{alert.every_minutes + 1}m@m",
            "dispatch.latest_time": "-1m@m",
            "alert_type": "number of events",
            "alert_comparator": "greater than",
            "alert_threshold": "0",
            "alert.track": "1",
            "alert.digest_mode": "1",
            "output_mode": "json",
        }
        url = f"{self._saved()}?output_mode=json"
        notes = (
            f"Search: {search}",
            f"It runs every {alert.every_minutes} minutes over the last {alert.every_minutes} minutes, and fires if it "
            "finds anything.",
        )
        return Rendered((OutgoingRequest("POST", url, urlencode(form), FORM),), notes)

    def _saved(self) -> str:
        return f"{self.table.url}/servicesNS/{quote(self.table.owner)}/{quote(self.table.app)}/saved/searches"

    async def _send_event(self, request: OutgoingRequest) -> Receipt:
        client = _open(self.hec, self.name)
        if index := msgspec.json.decode(request.body).get("index"):
            demand_allowed(self.name, index, self.table.indexes)
        response = await client.request(
            request.method,
            request.url,
            body=request.body,
            headers={"Content-Type": request.content_type, **request.headers},
        )
        answer = client.json(response, changed=True)
        code = answer.get("code") if isinstance(answer, dict) else None
        if code != 0:
            raise OutcomeUnknown(f"{self.name} answered 200 and {client.said(response) or 'nothing known'}")
        taken = "taken" if "ackId" not in answer else f"accepted for indexing as {answer['ackId']}"
        return Receipt(words=f"{text(answer, 'text') or 'Success'}: {taken}")

    async def _save(self, key: str, alert: SaveAlert, request: OutgoingRequest) -> Receipt:
        client = _open(self.rest, self.name)
        response = await client.request(
            request.method,
            request.url,
            body=request.body,
            headers={"Content-Type": request.content_type},
            returned=(409,),
        )
        name = " ".join(alert.name.split())
        if response.status_code == 409 and not await self._ours(client, name, key):
            raise ActionRefused(
                f"{self.name} answered 409: {client.said(response)}; another alert has this name: choose a different "
                "name"
            )
        return Receipt(ref=name, words="saved" if response.status_code != 409 else "it was already saved")

    async def _ours(self, client: Client, name: str, key: str) -> bool:
        """Whether the alert of this name is the one that an earlier try of ours made."""
        url = f"{self._saved()}/{quote(name, safe='')}"
        answer = client.json(await client.request("GET", url, params={"output_mode": "json"}))
        found = entries(answer, "entry")
        return any(f"andon-{key}" in str(table(one, "content").get("description")) for one in found)

    def _rest_client(self) -> Client:
        known = self.table
        token = Secret(known.token, known.token_file, self.settings.splunk_token, what=f"[[splunk]] {self.name}: token")
        if known.user:
            what = f"[[splunk]] {self.name}: password"
            token = Secret(known.password, known.password_file, self.settings.splunk_password, what=what)
            if not token.text:
                raise ConfigError(
                    f"[[splunk]] {self.name} names the user {known.user} but no password: set password, password_file "
                    "or ANDON_SPLUNK_PASSWORD"
                )
        elif not token.text:
            raise ConfigError(
                f"[[splunk]] {self.name} has a url but no login: set token, token_file or ANDON_SPLUNK_TOKEN, or user "
                "and password"
            )
        return Client(
            self.name,
            known.url,
            timeout=known.timeout,
            words=rest_words,
            secret=token,
            login=basic(known.user) if known.user else bearer,
        )

    def _hec_client(self) -> Client:
        known = self.table
        what = f"[[splunk]] {self.name}: hec_token"
        token = Secret(known.hec_token, known.hec_token_file, self.settings.splunk_hec_token, what=what)
        if not token.text:
            raise ConfigError(
                f"[[splunk]] {self.name} has a hec_url but no token for it: set hec_token, hec_token_file or "
                "ANDON_SPLUNK_HEC_TOKEN"
            )
        return Client(
            self.name,
            known.hec_url,
            timeout=known.timeout,
            words=hec_words,
            remedy=lambda _, said: hec_remedy(said, token),
            secret=token,
            login=lambda secret: {"Authorization": f"Splunk {secret}"},
        )


def cron(minutes: int) -> str:
    """How often as Splunk's schedule. Raises ActionRefused for what no schedule says.

    >>> cron(15), cron(60), cron(120), cron(1440)
    ('*/15 * * * *', '0 * * * *', '0 */2 * * *', '0 0 * * *')
    """
    if minutes > 0 and 60 % minutes == 0 and minutes < 60:
        return f"*/{minutes} * * * *"
    if minutes > 0 and minutes % 60 == 0 and _DAY % minutes == 0:
        hours = minutes // 60
        return "0 0 * * *" if hours == 24 else f"0 {'*' if hours == 1 else f'*/{hours}'} * * *"
    raise ActionRefused(
        f"an alert every {minutes} minutes cannot be scheduled: choose minutes that divide an hour or a day evenly, "
        "such as 5, 15, 60 or 240"
    )


def rest_words(answer: Any) -> str:
    """What Splunk says in ``messages``."""
    return "; ".join(filter(None, (text(one, "text") for one in entries(answer, "messages"))))


def hec_words(answer: Any) -> str:
    """What the HTTP event collector says, with its code."""
    said = text(answer, "text")
    return "" if said is None else f"{said} (code {answer.get('code')})"


def hec_remedy(said: str, token: Secret) -> str:
    """What an answer of the event collector asks for, by the code in its words."""
    found = _CODE.search(said)
    known = _HEC_REMEDY.get(int(found[1])) if found is not None else None
    if found is not None and int(found[1]) == _UNKNOWN_TOKEN:
        known = f"Splunk does not know {token.called}: {token.renewal}"
    return "" if known is None else f"; {known}"


def _encoded(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


def _open(client: Client | None, name: str) -> Client:
    if client is None:
        raise ActionRefused(f"{name} no longer has an address for that: decline it, or set the address again")
    return client
