"""Tickets at ACME's desk, which takes them as plain text in JSON and finds them by a key of ours."""

import json
from typing import Annotated

from pydantic import Field

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Reader, Setup, unable
from andon.act.connectors.http import Client
from andon.act.connectors.outgoing_text import defanged, plain
from andon.core.errors import ActionError, ConfigError
from andon.core.models.actions import Comment, OpenTicket, Operation, Order, OutgoingRequest, Receipt, Rendered
from andon.core.settings.connectors.target import base_url


class AcmeDesk(Connector):
    kind = "acme"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        table = setup.named.table
        try:
            self.url = base_url(str(table.options.get("url", "")))
        except ValueError as error:
            raise ConfigError(f"[[connectors]] {self.name}, url of its options: {error}") from None
        token = table.secret.get_secret_value()
        self.client = Client(
            self.name,
            self.url,
            timeout=table.timeout,
            words=lambda said: str(said.get("error", "")),
            secrets=(token,),
            headers={"Authorization": f"Bearer {token}"},
        )

    @property
    def address(self) -> str:
        return self.url

    @property
    def abilities(self) -> dict[Operation, Ability]:
        return {Operation.OPEN_TICKET: Ability(Again.LOOK, settled=5.0), Operation.COMMENT: Ability(Again.TWICE)}

    def render(self, order: Order) -> Rendered:
        wanted, ours = order.arguments, self.settings.public_url
        if isinstance(wanted, OpenTicket):
            where = f"{self.url}/tickets"
            body = {"title": defanged(wanted.title), "text": plain(wanted.body, ours), "key": order.key}
        elif isinstance(wanted, Comment):
            where = f"{self.url}/tickets/{int(wanted.ticket)}/notes"
            body = {"text": plain(wanted.body, ours)}
        else:
            raise unable(self, order.operation)
        return Rendered((OutgoingRequest("POST", where, json.dumps(body, ensure_ascii=False)),))

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        (wanted,) = rendered.requests
        headers = {"Content-Type": wanted.content_type}
        response = await self.client.request(wanted.method, wanted.url, body=wanted.body, headers=headers)
        return self._receipt(self.client.json(response, changed=True))

    async def find(self, order: Order) -> Receipt | None:
        found = await self._tickets({"key": order.key})
        return self._receipt(found[0]) if found else None

    async def check(self) -> list[Checked]:
        try:
            response = await self.client.request("GET", f"{self.url}/me")
            me = self.client.json(response)
        except ActionError as error:
            return [Checked(False, str(error), "correct url or secret in its table")]
        if not me.get("writes"):
            return [Checked(False, f"{me.get('name')} may not open tickets", "have it granted at ACME's desk")]
        return [Checked(True, f"answers at {self.url}, as {me.get('name')}")]

    def readers(self) -> list[Reader]:
        return [Reader(f"{self.name}_tickets", self.look, f"Search the tickets of {self.name} by words.")]

    async def look(self, text: Annotated[str, Field(max_length=200, description="Words of a ticket.")]) -> str:
        return "\n".join(json.dumps(one) for one in await self._tickets({"text": text}))

    async def close(self) -> None:
        await self.client.close()

    async def _tickets(self, wanted: dict[str, str]) -> list[dict]:
        return self.client.json(await self.client.request("GET", f"{self.url}/tickets", params=wanted))

    def _receipt(self, made: dict) -> Receipt:
        return Receipt(
            ref=str(made["id"]), url=f"{self.url}/tickets/{made['id']}", closed=made.get("state") == "closed"
        )
