"""What the screen Actions shows: what a person is asked, what is being sent, what is over; the connected systems."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
from fastapi import HTTPException, Request

from andon.act import follow_ups
from andon.act.connectors.connector import Connector
from andon.app.action_entries import (
    ASKS,
    DOES,
    IN_HAND,
    OVER,
    TargetEntry,
    does,
    facts_of,
    proposer,
    question,
    stands,
)
from andon.app.background.changes import Topic
from andon.app.targets import connected_targets
from andon.app.web.page.backend import Backend
from andon.app.web.page.live import Elements
from andon.app.web.page.rendering import rendered
from andon.app.web.people import Person, Role, person_of
from andon.core.errors import NotFound
from andon.core.models import ID_MAX
from andon.core.models.actions import Action, ActionStatus, OutgoingRequest, Section
from andon.core.text import shown_size
from andon.core.times import stored
from andon.store import Connection, actions, audit
from andon.store.retention import AuditEntry

#: What changes this screen.
TOPICS: tuple[Topic, ...] = ("work", "answers")
#: Rows of the lists: more are counted, or one press away.
ASKED, SENDING, FINISHED = 50, 10, 15
#: Deeds of the audit that are told of one action.
DEEDS = 30
#: Characters of a request's body that are shown; all of it is one press away.
BODY_MAX = 60_000
#: What the audit calls what was done about an action, for people.
DEED_WORDS = {
    "action.propose": "Proposed",
    "action.approve": "Approved",
    "action.decline": "Declined",
    "action.retry": "Sent again",
    "action.settle": "Confirmed as done",
    "action.expire": "Expired",
    "action.done": "Done",
    "action.fail": "Failed",
    "action.unsure": "No answer",
}
#: What the templates say things with.
WORDS: dict[str, Any] = {"does": does, "words": DOES, "stands": stands, "proposer": proposer, "ask_of": question}
PANELS = ("unsure", "asks", "sending", "over", "systems", "action")


@dataclass(frozen=True)
class Lists:
    """The actions of the screen as the database holds them; ``more`` says that there are older ones that are over.

    ``deeds`` is what the audit has of the chosen one; ``counts`` are those that are not over, by system and status.
    """

    asks: list[Action]
    sending: list[Action]
    over: list[Action]
    more: bool
    chosen: Action | None
    deeds: list[AuditEntry]
    counts: dict[str, dict[str, int]]


@dataclass(frozen=True)
class View:
    """The screen as one person sees it at one moment (``now``, unix seconds).

    What is over is listed from before the action ``before`` on, the newest first.
    """

    backend: Backend
    lists: Lists
    targets: list[TargetEntry]
    person: Person
    now: float
    before: int | None

    @property
    def role(self) -> Role:
        """The least role of who approves."""
        return Role.named(self.backend.settings.approve_role)

    @property
    def may_decide(self) -> bool:
        """Whether this person approves and declines."""
        return self.person.role >= self.role

    @property
    def unsure(self) -> int:
        """How many actions wait for a person to say whether they were done."""
        return self._count(ActionStatus.UNSURE)

    @property
    def waiting(self) -> int:
        """How many wait for approval."""
        return self._count(ActionStatus.PROPOSED)

    @property
    def queued(self) -> int:
        """How many are approved and not done."""
        return self._count(*IN_HAND)

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """The connected systems by name."""
        return self.backend.proposals.connectors

    def places(self, target: TargetEntry) -> str:
        """Where a system writes to, as the end of a sentence; "" where there is nothing to choose."""
        usual = self.connectors[target.name].usual if target.name in self.connectors else ""
        if not target.places:
            return ""
        return f"to {', '.join((usual, *target.places))}" if usual else f"at {', '.join(target.places)}"

    def _count(self, *statuses: ActionStatus) -> int:
        return sum(of.get(status, 0) for of in self.lists.counts.values() for status in statuses)

    @cached_property
    def action(self) -> Shown | None:
        """The action that is looked at; None where there is none."""
        return None if self.lists.chosen is None else Shown(self.lists.chosen, self)


@dataclass(frozen=True)
class Body:
    """A request's body: to the letter, as far as it is shown, and indented where it is JSON.

    In ``exact`` lines end as they do on a page; ``crlf`` says that they end in CR LF.
    """

    exact: str
    cut: bool
    crlf: bool
    size: str
    indented: str


@dataclass(frozen=True)
class Shown:
    """One action, with everything that leaves the house."""

    of: Action
    view: View

    @property
    def target(self) -> TargetEntry | None:
        """The system that it is for; None where it is connected no more."""
        return next((one for one in self.view.targets if one.name == self.of.target), None)

    @property
    def where(self) -> str:
        """The place there: project, table, channel; of a mail all who get it, as its envelope names them."""
        named = getattr(self.of.order.arguments, "where", "") or getattr(self.of.order.arguments, "ticket", "")
        recipients = next((one.headers["RCPT TO"] for one in self.of.rendered.requests if one.method == "SMTP"), "")
        if recipients:
            return f"{named} ({recipients})" if named else recipients
        connector = self.view.connectors.get(self.of.target)
        return str(named or (connector.choices(self.of.operation)[0] if connector else ""))

    @property
    def question(self) -> str:
        """What a person is asked, where nobody is sure."""
        return question(self.of) if self.of.status is ActionStatus.UNSURE else ""

    @property
    def sections(self) -> tuple[Section, ...]:
        """Its text."""
        return tuple(getattr(self.of.order.arguments, "body", ()))

    @property
    def later(self) -> str:
        """What its approval covers beside its requests, later; "" where that is nothing."""
        return next(filter(None, map(follow_ups.told, self.of.rendered.notes)), "")

    @property
    def notes(self) -> list[str]:
        """What else there is to know before one approves it."""
        return [note for note in self.of.rendered.notes if follow_ups.told(note) is None]

    @cached_property
    def facts(self) -> list[tuple[str, str]]:
        """What the order says beside."""
        return [(name, text) for name, text in facts_of(self.of.order.arguments) if name != "where"]

    @property
    def link(self) -> str:
        """The address of what was made, where it is one of the web."""
        url = self.of.receipt.url if self.of.receipt else ""
        return url if url.startswith(("https://", "http://")) else ""

    @property
    def deeds(self) -> list[tuple[AuditEntry, str]]:
        """What was done about it, when and by whom, with the words for it."""
        return [(one, DEED_WORDS.get(one.action, one.action)) for one in self.view.lists.deeds]

    def body(self, request: OutgoingRequest) -> Body:
        """How a request's body is shown."""
        text = request.body
        exact = text[:BODY_MAX].replace("\r\n", "\n")
        size = shown_size(len(text.encode()))
        return Body(exact, len(text) > BODY_MAX, "\r\n" in text, size, _indented(text))


def _indented(text: str) -> str:
    if len(text) > BODY_MAX:
        return ""
    try:
        return msgspec.json.format(text, indent=2)
    except (msgspec.DecodeError, RecursionError):  # no JSON
        return ""


def read(connection: Connection, chosen: int, before: int | None, *, first: bool) -> Lists:
    """The lists, and the action that is looked at: ``chosen``, or (0 and ``first``) the first that asks a person."""
    asks = [one for status in ASKS for one in actions.listing(connection, ASKED, statuses=[status])]
    over = actions.listing(connection, FINISHED + 1, statuses=OVER, before_id=before)
    looked = actions.action(connection, chosen) if chosen else asks[0] if first and asks else None
    deeds = [] if looked is None else audit.about(connection, f"action {looked.id}", _began(looked), DEEDS)
    return Lists(
        asks=asks,
        sending=[one for status in IN_HAND for one in actions.listing(connection, SENDING, statuses=[status])],
        over=over[:FINISHED],
        more=len(over) > FINISHED,
        chosen=looked,
        deeds=deeds,
        counts=actions.counts(connection),
    )


def _began(action: Action) -> str:
    """Before it was written down: the audit's clock is read a moment after the action's, or a second before."""
    return stored(action.created - 2.0)


async def look(
    request: Request, backend: Backend, chosen: int = 0, before: int | None = None, *, first: bool = False
) -> View:
    """Read the screen for whoever asks. Raises HTTPException (404) for an action that is not there."""
    missing = HTTPException(404, f"There is no action {chosen}. Its number is wrong, or it was deleted.")
    if not 0 <= chosen <= ID_MAX or (before is not None and not 0 < before <= ID_MAX):
        raise missing
    try:
        lists = await backend.ask(read, chosen, before, first=first)
    except NotFound:
        raise missing from None
    targets = await connected_targets(backend, lists.counts)
    return View(backend, lists, targets, person_of(request), time.time(), before)


def elements(request: Request, view: View) -> Elements:
    """The parts of the screen that change while one looks, by their ids."""
    return {f"actions-{name}": part(request, view, name) for name in PANELS}


def part(request: Request, view: View, name: str, **values: object) -> str:
    """One part of the screen."""
    return rendered(request, view.backend, f"actions/{name}.html", view=view, **WORDS, **values)
