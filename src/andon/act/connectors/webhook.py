"""Webhooks: JSON of our own form, signed as the specification Standard Webhooks says.

The signature is HMAC-SHA256 over ``id.timestamp.body``, so that nobody who listens can change a message, send one of
his own or send an old one again; the id is the order's key, by which a receiver knows one that comes twice.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Setup, unable
from andon.act.connectors.hooks import demand_url, follow, marked_url, reached, secrets_in, words_in
from andon.act.connectors.http import Client
from andon.act.connectors.messages import Text, fitted, notes_on, text_of
from andon.act.connectors.renewing import asked
from andon.core.errors import ConfigError
from andon.core.models.actions import Event, Message, Operation, Order, OutgoingRequest, Receipt, Rendered
from andon.core.settings.connectors.hook import hook_secret
from andon.core.settings.connectors.target import Secret
from andon.core.settings.connectors.webhook_settings import WebhookTable

#: Bytes of a message at most. Receivers commonly take 256 KiB to 1 MiB.
SIZE_MAX = 200_000
#: The version of the form of what is sent; it grows when a receiver would have to change.
FORM = 1
#: What begins a secret that is written as the specification has it.
_PREFIX = "whsec_"


class WebhookConnector(Connector):
    """One receiver."""

    kind = "webhook"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        table = cast(WebhookTable, setup.named.table)
        what = f"[[webhook]] {self.name}"
        self._url = hook_secret(table, what)
        self._key = Secret(table.secret, table.secret_file, self.settings.webhook_secret, what=f"{what}: secret")
        signing_key(self._key)
        self._headers = {name: value.get_secret_value() for name, value in table.headers.items()}
        self._client = Client(
            self.name,
            self._url.text,
            timeout=table.timeout,
            words=words_in,
            secrets=(*secrets_in(self._url.text), *self._headers.values()),
            headers=self._headers,
        )

    @property
    def address(self) -> str:
        """The host, and a mark of the path, which may be a secret."""
        return marked_url(self._url.text)

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        """Messages and events. A receiver leaves out what it has by its ``Idempotency-Key``."""
        return {Operation.MESSAGE: Ability(Again.SAFE), Operation.EVENT: Ability(Again.SAFE)}

    def render(self, order: Order) -> Rendered:
        """One POST of JSON; the signature is made when it is sent, for it holds the time."""
        arguments = order.arguments
        if not isinstance(arguments, Message | Event):
            raise unable(self, order.operation)
        text = text_of(arguments, self.settings.public_url)
        text = fitted(order, text, lambda one: len(_body(order, arguments, one)), SIZE_MAX, self.name)
        request = OutgoingRequest(
            "POST",
            self.address,
            body=_body(order, arguments, text).decode(),
            headers={"Idempotency-Key": order.key, "Webhook-Id": order.key},
        )
        unsigned = () if self._key.text else ("It is not signed: no secret is configured.",)
        return Rendered((request,), notes=(*notes_on(text), *unsigned))

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        """POST it, signed now."""
        (request,) = rendered.requests

        async def tried() -> Receipt:
            return await asked(self._key, lambda: self._send(order.key, request))

        return await asked(self._url, tried)

    async def _send(self, key: str, request: OutgoingRequest) -> Receipt:
        follow(self._client, self._url, secrets_in)
        demand_url(self.name, request, self.address)
        body = request.body.encode()
        headers = {**request.headers, "Content-Type": request.content_type}
        headers |= signature(signing_key(self._key), key, int(time.time()), body)
        response = await self._client.request("POST", self._url.text, body=body, headers=headers)
        return Receipt(words=f"{response.status_code} {self._client.said(response)}".strip())

    async def check(self) -> Sequence[Checked]:
        """Whether something answers there. What it would do with a message shows only when one is sent."""
        found = [await reached(self._client, self._url.text, self.address)]
        if not self._key.text:
            remedy = 'write secret = "whsec_…" in its table, and have the receiver verify the signature'
            found.append(
                Checked(None, "messages are not signed: a receiver cannot verify where they come from", remedy)
            )
        return found

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()


def signing_key(of: Secret) -> bytes:
    """The key in a secret: that behind ``whsec_`` in base64, or else the secret's own bytes. Raises ConfigError."""
    secret = of.text
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ConfigError(f"{of.what}: the part after whsec_ is not base64") from None


def signature(key: bytes, name: str, moment: int, body: bytes) -> dict[str, str]:
    """The headers that tell when ``body`` was sent, and that it was us; without the latter where there is no key."""
    headers = {"Webhook-Timestamp": str(moment)}
    if key:
        made = hmac.digest(key, b"%s.%d." % (name.encode(), moment) + body, "sha256")
        headers["Webhook-Signature"] = f"v1,{base64.b64encode(made).decode()}"
    return headers


def _body(order: Order, arguments: Message | Event, text: Text) -> bytes:
    """The JSON of a message or an event: each text once in its parts, and once as a whole."""
    told = {
        "form": FORM,
        "id": order.key,
        "type": order.operation.value,
        "phase": arguments.phase,
        "severity": arguments.severity,
        "about": arguments.about,
        "host": arguments.host,
        "title": text.title,
        "text": text.plain(),
        "sections": text.sections,
        "link": text.link,
    }
    if isinstance(arguments, Event):
        told |= {"service": arguments.service, "at": arguments.at}
    return msgspec.json.encode(told)
