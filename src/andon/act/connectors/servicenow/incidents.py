"""The connector of ServiceNow: tickets in the tables that the site allows, and events where it has Event Management."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast
from urllib.parse import quote, urlsplit

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Reader, Setup, unable
from andon.act.connectors.hooks import demand_allowed
from andon.act.connectors.http import WORDS_MAX
from andon.act.connectors.servicenow import checks, rendering
from andon.act.connectors.servicenow.instance import Instance, records, value
from andon.act.connectors.servicenow.ticket_lookup import readers
from andon.core.errors import ActionRefused, OutcomeUnknown
from andon.core.late_patterns import late
from andon.core.models.actions import (
    CloseTicket,
    Comment,
    Event,
    OpenTicket,
    Operation,
    Order,
    OutgoingRequest,
    Receipt,
    Rendered,
)
from andon.core.redact import clean
from andon.core.settings.connectors.servicenow_settings import ServiceNowTable

_SYS_ID = late(r"[0-9a-f]{32}\Z")
_INSERTED = late(r"(\d+) events? w")
#: Records that a search for one is shown at most: more than one says that the instance left the condition out.
_FEW = 5


class ServiceNowConnector(Connector):
    """One instance."""

    kind: ClassVar[str] = "servicenow"
    ref_example: ClassVar[str] = "INC0010001"
    needs: ClassVar[Mapping[Operation, str]] = {
        Operation.OPEN_TICKET: "tables, and no read_only,",
        Operation.COMMENT: "tables, and no read_only,",
        Operation.CLOSE_TICKET: "tables, and no read_only,",
        Operation.EVENT: "events = true, and no read_only,",
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.own = cast(ServiceNowTable, setup.named.table)
        self.instance = Instance(self.name, self.own, setup.settings)
        self._tables = tuple(self.own.tables)

    @property
    def address(self) -> str:
        """The instance."""
        return self.own.url

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        """Tickets where a table is allowed, events where the site has them."""
        able: dict[Operation, Ability] = {}
        if self._tables and not self.own.read_only:
            look = Ability(Again.LOOK, self.own.search_lag)
            able |= {Operation.OPEN_TICKET: look, Operation.COMMENT: look}
            able[Operation.CLOSE_TICKET] = Ability(Again.SAFE)
        if self.own.events and not self.own.read_only:
            able[Operation.EVENT] = Ability(Again.SAFE)
        return able

    @property
    def places(self) -> tuple[str, ...]:
        """The tables that tickets may be in."""
        return self._tables

    def places_of(self, operation: Operation) -> tuple[str, ...]:
        """An event is in none of them."""
        return () if operation is Operation.EVENT else self._tables

    def render(self, order: Order) -> Rendered:
        """The exact requests."""
        if order.operation not in self.abilities:
            raise unable(self, order.operation)
        asked, ours = order.arguments, self.settings.public_url
        if isinstance(asked, OpenTicket):
            return rendering.opening(self.own, self._of(asked.where), order.key, asked, ours)
        if isinstance(asked, Comment | CloseTicket):
            of, number = rendering.ticket_of(self._tables, asked.ticket)
            if isinstance(asked, Comment):
                return rendering.noting(self.own, of, order.key, asked, ours, number)
            return rendering.closing(self.own, of, asked, ours, number)
        if isinstance(asked, Event):
            return rendering.happening(self.own, asked, ours)
        raise unable(self, order.operation)

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        """Send what was rendered."""
        asked = order.arguments
        if isinstance(asked, OpenTicket):
            return await self._open(order.key, rendered.requests[0])
        if isinstance(asked, Event):
            return await self._tell(rendered.requests[0])
        if isinstance(asked, Comment | CloseTicket):
            return await self._change(order.key, asked, rendered)
        raise unable(self, order.operation)

    async def find(self, order: Order) -> Receipt | None:
        """The ticket with this order's key, or the one whose notes name it."""
        asked = order.arguments
        if isinstance(asked, OpenTicket):
            return await self._find_ticket(self._of(asked.where), order.key)
        if isinstance(asked, Comment):
            return await self._find_note(asked.ticket, order.key)
        return None

    def read_ref(self, said: str) -> str | None:
        """The number of a ticket, with its table before it where that is not the usual one."""
        try:
            of, number = rendering.ticket_of(self._tables, said)
        except ActionRefused:
            return None
        return rendering.ticket_ref(self._tables, of, number) if number[-1].isdigit() else None

    async def check(self) -> Sequence[Checked]:
        """Login, tables, what they require, how tickets are resolved, and events."""
        return await checks.examine(self.own, self.instance)

    def readers(self) -> Sequence[Reader]:
        """Tickets by their number and by words in them."""
        return readers(self.name, self._tables, self.instance)

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        await self.instance.close()

    def _of(self, where: str) -> str:
        of = where or (self._tables[0] if self._tables else "")
        if of not in self._tables:
            allowed = ", ".join(self._tables) or "none"
            raise ActionRefused(f"{self.name} may not write to {where!r:.60}; the settings allow: {allowed}")
        return of

    async def _open(self, key: str, request: OutgoingRequest) -> Receipt:
        """Make the ticket that was approved, whatever the settings say by now."""
        of, fields = _table_in(request), json.loads(request.body)
        demand_allowed(self.name, of, self._tables)
        made = await self._made(request)
        untaken = [name for name in rendering.site_fields(fields) if fields[name] and made.get(name) != fields[name]]
        said = ""
        if untaken:
            said = (
                f"the instance did not accept {', '.join(untaken)}: there is no such field or value, or no right to "
                "write it"
            )
        if made.get("correlation_id") != key:
            said = f"{said}; " if said else ""
            said += (
                "it did not store correlation_id, so this ticket cannot be found again: let the user write that field"
            )
        return self._receipt(of, made, said)

    async def _change(self, key: str, asked: Comment | CloseTicket, rendered: Rendered) -> Receipt:
        """Look the ticket up, then send the change to where it is."""
        of, number = rendering.ticket_of(self._tables, asked.ticket)
        look, change = rendered.requests
        demand_allowed(self.name, _table_in(look), self._tables)
        fields = json.loads(change.body)
        found = records(self.instance.client.json(await self.instance.ask(look.method, look.url)))
        there = self._the_one(found, of, number)
        closes = isinstance(asked, CloseTicket)
        if closes and there.get("state") in self.own.closed_states:
            return self._receipt(of, there, "it is already resolved")
        made = await self._made(_at(change, there["sys_id"]))
        said = ""
        if closes and made.get("state") != fields["state"]:
            raise ActionRefused(
                f"{self.name} reported success but left {number} in state {made.get('state')!r:.40}: the user may not "
                f"set the state, or {fields['state']} is not one of its states (close_state in the settings): resolve "
                "it there"
            )
        if not closes and rendering.mark(key) not in made.get(notes := next(iter(fields)), ""):
            said = f"it does not show the note: check that the user may write and read {notes}"
        return self._receipt(of, {**there, **made}, said)

    async def _made(self, request: OutgoingRequest) -> dict[str, str]:
        """The record that a request made or changed."""
        response = await self.instance.ask(request.method, request.url, body=request.body)
        found = records(self.instance.client.json(response, changed=True))
        if len(found) != 1 or not _SYS_ID.match(found[0].get("sys_id", "")):
            raise OutcomeUnknown(f"{self.name} answered {response.status_code} without the record it created")
        return found[0]

    async def _tell(self, request: OutgoingRequest) -> Receipt:
        try:
            response = await self.instance.ask(request.method, request.url, body=request.body)
        except ActionRefused as error:
            raise ActionRefused(
                f"{error}. Events need Event Management on the instance and the role evt_mgmt_integration; without "
                "them set events = false"
            ) from error
        said = _told(self.instance.client.json(response, changed=True))
        if (found := _INSERTED.search(said)) is not None and int(found[1]) == 0:
            raise ActionRefused(
                f"{self.name} accepted no event: {said}; look up the reason there (Event Management), then retry"
            )
        return Receipt(words=said)

    async def _find_ticket(self, of: str, key: str) -> Receipt | None:
        shown = ("sys_id", "number", "state", "correlation_id")
        found = await self.instance.rows(of, f"correlation_id={value(key)}", shown, limit=_FEW)
        ours = [row for row in found if row.get("correlation_id") == key and _SYS_ID.match(row.get("sys_id", ""))]
        if len(ours) < len(found):
            raise ActionRefused(
                f"{self.name} ignores the search of {of} for correlation_id, so a ticket could be opened twice: let "
                "the user read that field, then retry"
            )
        opened = [row for row in ours if row.get("state") not in self.own.closed_states]
        return self._receipt(of, (opened or ours)[0]) if ours else None

    async def _find_note(self, ticket: str, key: str) -> Receipt | None:
        of, number = rendering.ticket_of(self._tables, ticket)
        shown = ("sys_id", "number", "state", self.own.notes)
        found = await self.instance.rows(of, f"number={value(number)}", shown, limit=_FEW, display=True)
        there = self._the_one(found, of, number)
        if rendering.mark(key) not in there.get(self.own.notes, ""):
            return None
        return self._receipt(of, {**there, "state": ""})

    def _the_one(self, found: list[dict[str, str]], of: str, number: str) -> dict[str, str]:
        """The record with this number among those that a search showed."""
        for row in found:
            if row.get("number") == number and _SYS_ID.match(row.get("sys_id", "")):
                return row
        raise ActionRefused(f"{self.name} has no {number} in {of}, or the user may not read it: look it up there")

    def _receipt(self, of: str, row: Mapping[str, str], said: str = "") -> Receipt:
        number = row.get("number", "") or row["sys_id"]
        there = quote(f"{of}.do?sys_id={row['sys_id']}", safe="")
        return Receipt(
            ref=rendering.ticket_ref(self._tables, of, number),
            url=f"{self.own.url}/nav_to.do?uri={there}",
            words=said,
            closed=row.get("state") in self.own.closed_states,
        )


def _table_in(request: OutgoingRequest) -> str:
    """The table that a request is for."""
    return urlsplit(request.url).path.partition("/api/now/table/")[2].partition("/")[0]


def _at(change: OutgoingRequest, sys_id: str) -> OutgoingRequest:
    """A change with the record that it is for in its address; what stands in its text stays, braces as well."""
    return OutgoingRequest(change.method, change.url.replace("{sys_id}", sys_id), change.body)


def _told(answer: Any) -> str:
    """What the interface for events says that it did."""
    result = answer.get("result") if isinstance(answer, dict) else None
    held = result.values() if isinstance(result, dict) else (result,)
    return clean("; ".join(str(one) for one in held if one), WORDS_MAX)
