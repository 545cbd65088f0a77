"""Jira Cloud and Data Center: issues, comments and the end of issues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from andon.act.connectors import jira_check, jira_readers, jira_texts
from andon.act.connectors.connector import Ability, Again, Checked, Connector, Reader, Setup, unable
from andon.act.connectors.filling import filled
from andon.act.connectors.hooks import demand_allowed
from andon.act.connectors.jira_rest import ISSUE_KEY, PROPERTY, Rest, Transition, quoted
from andon.core.errors import ActionRefused, ConfigError, OutcomeUnknown
from andon.core.models.actions import (
    Body,
    CloseTicket,
    Comment,
    OpenTicket,
    Operation,
    Order,
    OutgoingRequest,
    Receipt,
    Rendered,
    Section,
)
from andon.core.outgoing_http import text
from andon.core.settings.connectors.jira_settings import JiraTable
from andon.core.settings.connectors.target import Secret

#: Issues among which that of an earlier try is looked for: the key is in no other's labels.
_FOUND = 5
#: What stands in the request for the id of a transition, before the name of the transition.
_STEP = "id of the transition "


class JiraConnector(Connector):
    """One Jira. Comments and closing look at the issue before they change it, so that they may be sent again."""

    kind = "jira"
    ref_example = "OPS-1482"
    needs: ClassVar[Mapping[Operation, str]] = {Operation.CLOSE_TICKET: "close_transition"}

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        if not isinstance(setup.named.table, JiraTable):
            raise ConfigError(f"{self.name} is not a [[jira]] table")
        self._table = setup.named.table
        what = f"[[jira]] {self.name}: token"
        secret = Secret(self._table.token, self._table.token_file, self.settings.jira_token, what=what)
        if not secret.text:
            raise ConfigError(f"{what} is missing: set token or token_file in the table, or ANDON_JIRA_TOKEN")
        self._rest = Rest(self.name, self._table, secret)

    @property
    def address(self) -> str:
        """Where it is."""
        return self._table.url

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        """A new issue is known again by its label, once the search finds it."""
        able = {
            Operation.OPEN_TICKET: Ability(Again.LOOK, self._table.search_lag),
            Operation.COMMENT: Ability(Again.SAFE),
        }
        if self._table.close_transition:
            able[Operation.CLOSE_TICKET] = Ability(Again.SAFE)
        return able

    @property
    def places(self) -> tuple[str, ...]:
        """The projects."""
        return tuple(self._table.projects)

    def render(self, order: Order) -> Rendered:
        """One request for an issue or a comment, two for the end of one."""
        wanted = order.arguments
        if isinstance(wanted, OpenTicket):
            return self._render_issue(order.key, wanted)
        if isinstance(wanted, Comment):
            return Rendered((self._comment(wanted.ticket, order.key, wanted.body),))
        if isinstance(wanted, CloseTicket) and self._table.close_transition:
            return self._render_end(order.key, wanted)
        raise unable(self, order.operation)

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        """Raises as :class:`Connector` says."""
        wanted = order.arguments
        if isinstance(wanted, OpenTicket):
            project = msgspec.json.decode(rendered.requests[0].body)["fields"]["project"]["key"]
            demand_allowed(self.name, project, self.places)
            made = await self._rest.send(rendered.requests[0])
            key = text(made, "key") or ""
            if ISSUE_KEY.match(key) is None:
                raise OutcomeUnknown(f"{self.name} accepted the issue but did not return its key")
            return self._receipt(key)
        if isinstance(wanted, Comment):
            self._issue(wanted.ticket)
            await self._send_once(wanted.ticket, order.key, rendered.requests[0])
            return self._receipt(wanted.ticket)
        if isinstance(wanted, CloseTicket):
            return await self._end(wanted.ticket, order.key, *rendered.requests)
        raise unable(self, order.operation)

    async def find(self, order: Order) -> Receipt | None:
        """The issue with the order's label, the comment with its property, the issue that is closed with it."""
        wanted = order.arguments
        if isinstance(wanted, OpenTicket):
            label = _label(order.key)
            jql = f"project in ({self._projects()}) AND labels = {quoted(label)} ORDER BY created ASC"
            found = await self._rest.search(jql, ("summary", "status", "labels"), _FOUND)
            mine = [one for one in found if label in (one.fields.get("labels") or ())]
            mine.sort(key=lambda one: one.is_done)  # the first that is still open
            return self._receipt(mine[0].key, closed=mine[0].is_done) if mine else None
        if isinstance(wanted, Comment | CloseTicket):
            if not await self._rest.has_comment(self._issue(wanted.ticket), order.key):
                return None
            done = isinstance(wanted, CloseTicket) and (await self._rest.issue(wanted.ticket, ("status",))).is_done
            return self._receipt(wanted.ticket, closed=done) if done or isinstance(wanted, Comment) else None
        return None

    def read_ref(self, said: str) -> str | None:
        """The key of an issue, or what is behind ``/browse/`` in its address."""
        for base in filter(None, (self._table.page, self._table.url)):
            if said.startswith(there := f"{base}/browse/"):
                said = said.removeprefix(there).partition("?")[0]
        key = said.upper()
        return key if key.isascii() and ISSUE_KEY.match(key) else None

    async def check(self) -> Sequence[Checked]:
        """Address, login, rights, projects, types, fields, transitions."""
        return await jira_check.check(self._rest, self._table)

    def readers(self) -> Sequence[Reader]:
        """Look-ups of one issue by its key and of issues by words."""
        return jira_readers.readers(self._rest)

    async def close(self) -> None:
        """Close its connections."""
        await self._rest.close()

    def _render_issue(self, key: str, wanted: OpenTicket) -> Rendered:
        project = wanted.where or self.places[0]
        if project not in self.places:
            raise ActionRefused(
                f"{self.name} may not write to {project!r:.60}; the settings allow: {', '.join(self.places)}"
            )
        fields: dict[str, Any] = {
            "project": {"key": project},
            "issuetype": {"name": self._table.issue_type},
            "summary": jira_texts.summary(wanted.title) or "no title",
            "description": self._text(wanted.body),
            "labels": [*self._table.labels, _label(key)],
        }
        priorities = {str(severity): name for severity, name in self._table.priorities.items()}
        if priority := priorities.get(wanted.severity):
            fields["priority"] = {"name": priority}
        note = (
            f"A new issue ({self._table.issue_type}) in project {project}. Andon uses the last label to find this "
            "issue again."
        )
        return Rendered((self._request("issue", {"fields": fields | self._table.fields}),), (note,))

    def _render_end(self, key: str, wanted: CloseTicket) -> Rendered:
        cause = (Section("Cause", (wanted.cause,)),) if wanted.cause else ()
        step = f"{_STEP}{self._table.close_transition}"
        body: dict[str, Any] = {"transition": {"id": f"{{{step}}}"}}  # first: what is filled stands before all texts
        if self._table.close_fields:
            body["fields"] = self._table.close_fields
        end = self._request(f"issue/{self._issue(wanted.ticket)}/transitions", body)
        return Rendered(
            (self._comment(wanted.ticket, key, (*cause, *wanted.body)), msgspec.structs.replace(end, filled=(step,))),
            (
                f"Andon first asks Jira which transitions {wanted.ticket} has; an issue that is already done is not "
                "moved.",
            ),
        )

    def _comment(self, ticket: str, key: str, body: Body) -> OutgoingRequest:
        properties: list[dict[str, Any]] = [{"key": PROPERTY, "value": {"key": key}}]
        if self._table.internal_comments:
            properties.append({"key": "sd.public.comment", "value": {"internal": True}})
        made = {"body": self._text(body), "properties": properties}
        return self._request(f"issue/{self._issue(ticket)}/comment", made)

    def _request(self, path: str, body: Mapping[str, Any]) -> OutgoingRequest:
        return OutgoingRequest("POST", f"{self._rest.root}/{path}", msgspec.json.encode(body).decode())

    def _text(self, body: Body) -> Any:
        ours = self.settings.public_url
        if self._rest.is_cloud:
            return jira_texts.document(body, ours)
        make = jira_texts.wiki if self._table.markup == "wiki" else jira_texts.plain_text
        return make(body, ours)

    def _issue(self, ticket: str) -> str:
        """The key of an issue in one of our projects. Raises ActionRefused for any other."""
        found = ISSUE_KEY.match(ticket)
        if found is None or found[1] not in self.places:
            raise ActionRefused(
                f"{self.name} has no issue {ticket!r:.60} that it may write to; the settings allow the projects "
                f"{', '.join(self.places)}"
            )
        return ticket

    async def _send_once(self, ticket: str, key: str, comment: OutgoingRequest) -> None:
        """The comment, unless an earlier try made it."""
        try:
            made = await self._rest.has_comment(ticket, key)
        except ActionRefused:  # what keeps us from looking keeps us from writing too, and is told better there
            made = False
        if not made:
            await self._rest.send(comment)

    async def _end(self, ticket: str, key: str, comment: OutgoingRequest, end: OutgoingRequest) -> Receipt:
        """Comment and move, as far as that is not done yet. Nothing is said where it cannot be moved."""
        self._issue(ticket)
        if (await self._rest.issue(ticket, ("status",))).is_done:
            await self._send_once(ticket, key, comment)
            return self._receipt(ticket, "It was already done.", closed=True)
        step = self._step(await self._rest.transitions(ticket), ticket, end.filled[0].removeprefix(_STEP))
        await self._send_once(ticket, key, comment)
        await self._rest.send(filled(end, {end.filled[0]: step.id}))
        return self._receipt(ticket, step.leads_to, closed=True)

    def _step(self, steps: Sequence[Transition], ticket: str, approved: str) -> Transition:
        """The transition that was approved, by its name or by that of the status it leads to, in any case."""
        wanted = approved.casefold()
        if wanted != (now := self._table.close_transition).casefold():
            raise ActionRefused(
                f"{self.name}: the transition {approved} was approved for {ticket}, but close_transition is now "
                f"{now or 'empty'}: set it to {approved} again, then retry, or move {ticket} in Jira by hand"
            )
        for names in ([one.name for one in steps], [one.leads_to for one in steps]):
            for name, step in zip(names, steps, strict=True):
                if name.casefold() == wanted and step.id:
                    return step
        listed = ", ".join(f"{one.name} (to {one.leads_to})" for one in steps) or "none that this user may use"
        raise ActionRefused(
            f"{self.name}: {ticket} has no transition {approved} now; it has: {listed:.300}: move {ticket} in Jira by "
            "hand, or to a status that has this transition, then retry; for later tickets, set close_transition to one "
            "of its transitions"
        )

    def _projects(self) -> str:
        return ", ".join(map(quoted, self.places))

    def _receipt(self, key: str, words: str = "", *, closed: bool = False) -> Receipt:
        return Receipt(key, f"{self._table.page or self._table.url}/browse/{key}", words, closed)


def _label(key: str) -> str:
    return f"andon-{key}"
