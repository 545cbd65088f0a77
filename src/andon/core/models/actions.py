"""What leaves the house: a closed catalogue of typed actions, and what becomes of each. No I/O.

An *order* says in our words what is to be done; a connector renders it into the exact requests that a person approves
and the outbox sends, byte for byte. Texts are plain: whoever renders them sees to it that nothing in them is markup.
Moments are unix seconds (UTC).
"""

from __future__ import annotations

import enum
import hashlib
from typing import Any, Literal, TypeAlias

import msgspec

from andon.core.models.terms import Moment

TITLE_MAX = 200
LINE_MAX = 1_000
SECTIONS_MAX, LINES_MAX = 20, 60
NAME_MAX = 100
FILE_MAX = 1_000_000
RECORDS_MAX = 500


class Operation(enum.StrEnum):
    """Everything that Andon can do to others, and nothing else."""

    OPEN_TICKET = "ticket.open"
    COMMENT = "ticket.comment"
    CLOSE_TICKET = "ticket.close"
    MESSAGE = "message"
    EVENT = "event"
    SAVE_ALERT = "alert.save"
    UPLOAD = "file.upload"
    PUBLISH = "records.publish"
    APPLY = "ontology.apply"
    CALL = "tool.call"


class ActionStatus(enum.StrEnum):
    """Where an action stands. ``unsure``: it was sent, it is not known whether it was done, and a person has to say."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    EXECUTING = "executing"
    UNSURE = "unsure"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    DECLINED = "declined"


#: What may still become something else by itself or by a person.
OPEN = (ActionStatus.PROPOSED, ActionStatus.APPROVED, ActionStatus.EXECUTING, ActionStatus.UNSURE)


class Section(msgspec.Struct, frozen=True):
    """A part of a text: lines below a heading (without one where it is empty), ``listed`` with a mark before each.

    Lines that are ``numbered`` are listed too: their order counts, and other lines may name their numbers.
    """

    heading: str = ""
    lines: tuple[str, ...] = ()
    listed: bool = False
    numbered: bool = False

    def mark(self, number: int, bullet: str = "- ") -> str:
        """What stands before the line of this number, from 1, in plain text."""
        return f"{number}. " if self.numbered else bullet if self.listed else ""


Body: TypeAlias = tuple[Section, ...]
#: What a message tells of its subject: it began, somebody has seen to it, it is over; or it tells no state at all.
Phase = Literal["raised", "acknowledged", "ended", "told"]


class _Typed(msgspec.Struct, frozen=True, kw_only=True, tag_field="operation"):
    """What each has."""


class OpenTicket(_Typed, frozen=True, kw_only=True, tag="ticket.open"):
    """A ticket about a problem. ``where`` is the project or table, the target's first one where it is empty."""

    title: str
    body: Body
    severity: str
    where: str = ""
    place: tuple[str, ...] = ()  # site, area, line, machine, as far as they are known


class Comment(_Typed, frozen=True, kw_only=True, tag="ticket.comment"):
    """More about what a ticket is about. ``ticket`` is what the service calls it."""

    ticket: str
    body: Body


class CloseTicket(_Typed, frozen=True, kw_only=True, tag="ticket.close"):
    """The end of what a ticket is about, with what fixed it."""

    ticket: str
    body: Body
    cause: str = ""


class Message(_Typed, frozen=True, kw_only=True, tag="message"):
    """A word to people. ``about`` is the same in all messages about one thing, so that a service can join them."""

    title: str
    body: Body
    severity: str
    about: str
    phase: Phase = "told"
    where: str = ""  # channel, topic or recipients, the target's first one where it is empty
    link: str = ""  # the page that shows more
    host: str = ""


class Event(_Typed, frozen=True, kw_only=True, tag="event"):
    """Something that happened, for a system that works on events."""

    title: str
    body: Body
    severity: str
    about: str
    host: str
    service: str
    at: Moment
    phase: Phase = "raised"
    where: str = ""  # index, table or source
    link: str = ""  # the page that shows more


class SaveAlert(_Typed, frozen=True, kw_only=True, tag="alert.save"):
    """A search that the service runs itself, and tells when it finds something."""

    name: str
    search: str
    every_minutes: int = 15
    description: str = ""


class Upload(_Typed, frozen=True, kw_only=True, tag="file.upload"):
    """A file for a dataset."""

    path: str
    text: str
    where: str = ""


class Publish(_Typed, frozen=True, kw_only=True, tag="records.publish"):
    """Rows for a stream."""

    rows: tuple[dict[str, Any], ...]
    where: str = ""


class Apply(_Typed, frozen=True, kw_only=True, tag="ontology.apply"):
    """An action of an ontology with its parameters."""

    action: str
    parameters: dict[str, Any]


class Call(_Typed, frozen=True, kw_only=True, tag="tool.call"):
    """A tool of an MCP server that the site listed as one that writes."""

    tool: str
    arguments: dict[str, Any]


Arguments: TypeAlias = (
    OpenTicket | Comment | CloseTicket | Message | Event | SaveAlert | Upload | Publish | Apply | Call
)


def operation_of(arguments: Arguments) -> Operation:
    """Which of the catalogue these are the arguments of."""
    return Operation(str(arguments.__struct_config__.tag))


class Order(msgspec.Struct, frozen=True):
    """What is to be done, in our words. ``key`` is the same for the same deed however often it is tried: 32 hex digits
    that travel along wherever a service has a place for them (label, correlation id, dedup key, message id)."""

    key: str
    arguments: Arguments

    @property
    def operation(self) -> Operation:
        """Which of the catalogue it is."""
        return operation_of(self.arguments)


class OutgoingRequest(msgspec.Struct, frozen=True):
    """One request as it goes out, but for the credentials, which are never stored or shown.

    What stands in ``{braces}`` in ``url`` or ``body`` and in ``filled`` is put in from the answers to the requests
    before it (an id that only the service knows). A mail has the method ``SMTP`` and its envelope in ``headers``.
    """

    method: str
    url: str
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = {}
    filled: tuple[str, ...] = ()


class Rendered(msgspec.Struct, frozen=True):
    """The exact requests of an action, in their order, and what the approval says beside them."""

    requests: tuple[OutgoingRequest, ...]
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the requests: what an approval is bound to."""
        return hashlib.sha256(msgspec.json.encode(self.requests)).hexdigest()


class Receipt(msgspec.Struct, frozen=True):
    """What the service said. ``ref`` is what it calls the thing made (a ticket's key), ``url`` where people see it."""

    ref: str = ""
    url: str = ""
    words: str = ""
    closed: bool = False  # found in a state in which it is over already


class Origin(enum.StrEnum):
    """Who proposed an action."""

    PERSON = "person"
    AGENT = "agent"
    RULE = "rule"
    FOLLOW_UP = "follow-up"  # of a ticket that was approved
    NOTICE = "notice"  # a message of [[notify]]


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """An action as it is stored. ``decided_by`` names the person, or the rule, route or ticket that approves it.

    ``problem_id`` is the problem that it is about, None where it is about none. ``follows`` is the action whose
    approval covers this one.
    """

    id: int
    created: Moment
    status: ActionStatus
    target: str
    operation: Operation
    key: str
    title: str
    problem_id: int | None
    origin: Origin
    proposed_by: str | None
    reason: str
    order: Order
    rendered: Rendered
    digest: str
    expires: Moment | None = None
    decided_at: Moment | None = None
    decided_by: str | None = None
    decision_note: str | None = None
    follows: int | None = None
    not_before: Moment = 0.0
    attempts: int = 0
    sent_at: Moment | None = None  # when the first request that changes something went out
    finished: Moment | None = None
    last_error: str | None = None
    receipt: Receipt | None = None


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket that Andon opened about a problem, or found open. ``told`` is up to when its logs were told of."""

    id: int
    problem_id: int
    target: str
    ref: str
    url: str
    opened: Moment
    action_id: int
    told: Moment
    closed: Moment | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a route of [[notify]], or a rule, knows of a thing: ``about`` names it, ``state`` says what became of it.

    ``since`` is when it began, ``told`` when it was told (0: not yet), ``escalated`` when others were told as well,
    ``acknowledged`` and ``ended`` when that was first seen of it. ``severity`` is that which was told. ``action_id`` is
    the message that told it.
    """

    route: str
    about: str
    state: str
    title: str = ""
    severity: str = ""
    since: Moment
    told: Moment = 0.0
    escalated: Moment | None = None
    acknowledged: Moment | None = None
    ended: Moment | None = None
    problem_id: int | None = None
    action_id: int | None = None
