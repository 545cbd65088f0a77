"""Actions as people and programs are told of them, listed or with their exact requests; and the connected systems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from andon.act.connectors.connector import Connector
from andon.core.models import Moment
from andon.core.models.actions import (
    Action,
    ActionStatus,
    Arguments,
    Event,
    Operation,
    Origin,
    OutgoingRequest,
    Receipt,
)
from andon.core.moments import text_of

if TYPE_CHECKING:
    from andon.act.target_lane import TargetState

#: What each operation is to people: something they may want done.
DOES = {
    Operation.OPEN_TICKET: "Open a ticket",
    Operation.COMMENT: "Comment on a ticket",
    Operation.CLOSE_TICKET: "Close a ticket",
    Operation.MESSAGE: "Send a message",
    Operation.EVENT: "Send an event",
    Operation.SAVE_ALERT: "Save an alert",
    Operation.UPLOAD: "Upload a file",
    Operation.PUBLISH: "Publish rows",
    Operation.APPLY: "Apply an action of the ontology",
    Operation.CALL: "Call a tool",
}
_TO = (Operation.MESSAGE, Operation.EVENT, Operation.UPLOAD, Operation.PUBLISH)
#: Where an action stands, for people.
STANDS = {
    ActionStatus.PROPOSED: "waits for approval",
    ActionStatus.APPROVED: "approved, not sent yet",
    ActionStatus.EXECUTING: "being sent",
    ActionStatus.UNSURE: "nobody knows whether it was done",
    ActionStatus.DONE: "done",
    ActionStatus.FAILED: "failed",
    ActionStatus.EXPIRED: "expired",
    ActionStatus.DECLINED: "declined",
}
#: Of one that was sent, and of which no answer came yet.
SENT = "sent, no answer yet"
#: What a person has to say something about, the most urgent first; what Andon has in hand; and what is over.
ASKS = (ActionStatus.UNSURE, ActionStatus.PROPOSED)
IN_HAND = (ActionStatus.EXECUTING, ActionStatus.APPROVED)
OVER = (ActionStatus.DONE, ActionStatus.FAILED, ActionStatus.EXPIRED, ActionStatus.DECLINED)
#: Fields of an order that are told in other places, or mean nothing to people.
_ELSEWHERE = ("title", "body", "about", "phase", "at")


class ActionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An action in a list. ``digest`` is the SHA-256 of its requests, to which the approval is bound.

    ``decided_by`` is the person, or the rule, route or earlier approval that decided; ``follows`` is the action whose
    approval covers this one. ``last_error`` is in the words of the service.
    """

    id: int
    created: Moment
    status: ActionStatus
    target: str
    operation: Operation
    title: str
    problem_id: int | None
    origin: Origin
    proposed_by: str | None
    reason: str
    digest: str
    expires: Moment | None
    decided_at: Moment | None
    decided_by: str | None
    decision_note: str | None
    follows: int | None
    attempts: int
    next_try: Moment | None
    sent_at: Moment | None
    finished: Moment | None
    last_error: str | None
    receipt: Receipt | None


class ActionShown(ActionEntry, frozen=True, kw_only=True):
    """The same with all that is sent: ``order`` in our words, ``requests`` byte for byte but for credentials.

    What stands in ``{braces}`` in a request and in its ``filled`` is known only when it is sent, and put in then.
    ``notes`` say what the approval covers beside them. ``key`` is the same for the same deed however often it is tried.
    """

    key: str
    order: dict[str, Any]
    requests: list[OutgoingRequest]
    notes: list[str]


class TargetEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A connected system: what it does, and the ``places`` (projects, tables, channels) that may be named there.

    ``waiting`` actions wait for approval, ``queued`` ones to be sent, ``unsure`` ones for a person's word. ``trouble``
    is why nothing gets there at the moment, ``away_since`` since when, ``next_try`` when it is tried again.
    ``last_done`` is when something was done there last, since the service started.
    """

    name: str
    kind: str
    address: str
    does: list[Operation]
    places: list[str]
    waiting: int
    queued: int
    unsure: int
    last_done: Moment | None
    away_since: Moment | None
    next_try: Moment | None
    trouble: str | None


def entry(action: Action) -> ActionEntry:
    """An action as a list has it."""
    return ActionEntry(**_entry_values(action))


def shown(action: Action) -> ActionShown:
    """An action with all that leaves the house."""
    order = msgspec.to_builtins(action.order.arguments)
    if isinstance(action.order.arguments, Event):
        order["at"] = text_of(action.order.arguments.at)
    rendered = action.rendered
    requests, notes = list(rendered.requests), list(rendered.notes)
    return ActionShown(**_entry_values(action), key=action.key, order=order, requests=requests, notes=notes)


def _entry_values(action: Action) -> dict[str, Any]:
    values = {name: getattr(action, name) for name in ActionEntry.__struct_fields__ if name != "next_try"}
    later = action.status in IN_HAND and action.not_before > 0
    return values | {"next_try": action.not_before if later else None}


def target_entries(
    connectors: Mapping[str, Connector],
    counts: Mapping[str, Mapping[str, int]],
    states: Iterable[TargetState] = (),
    unusable: Iterable[tuple[str, str, str]] = (),
) -> list[TargetEntry]:
    """The connected systems in the order of the settings; ``counts`` is what the store counted of open actions.

    ``states`` is how the outbox of a running service finds them. ``unusable`` are those that are set up wrongly: name,
    kind and reason; they come last.
    """
    known = {one.name: one for one in states}
    found = []
    for name, connector in connectors.items():
        state = known.get(name)
        entry = _target(name, connector.kind, connector.address, counts, None if state is None else state.trouble)
        found.append(
            msgspec.structs.replace(
                entry,
                does=sorted(connector.abilities, key=list(Operation).index),
                places=list(connector.places),
                last_done=state.last_done if state else None,
                away_since=state.away_since if state else None,
                next_try=state.next_try if state else None,
            )
        )
    return found + [_target(name, kind, "", counts, reason) for name, kind, reason in unusable]


def _target(
    name: str, kind: str, address: str, counts: Mapping[str, Mapping[str, int]], trouble: str | None
) -> TargetEntry:
    of = counts.get(name, {})
    return TargetEntry(
        name=name,
        kind=kind,
        address=address,
        does=[],
        places=[],
        waiting=of.get(ActionStatus.PROPOSED, 0),
        queued=sum(of.get(status, 0) for status in IN_HAND),
        unsure=of.get(ActionStatus.UNSURE, 0),
        last_done=None,
        away_since=None,
        next_try=None,
        trouble=trouble,
    )


def stands(action: Action | ActionEntry) -> str:
    """Where it stands, for people."""
    unanswered = action.status is ActionStatus.APPROVED and action.sent_at is not None
    return SENT if unanswered else STANDS[action.status]


def does(action: Action | ActionEntry) -> str:
    """What it does, and where: ``Open a ticket at jira``."""
    return f"{DOES[action.operation]} {'to' if action.operation in _TO else 'at'} {action.target}"


def proposer(action: Action | ActionEntry) -> str:
    """Who proposed it, for people."""
    by = action.proposed_by
    if action.origin is Origin.AGENT:
        return "the model"
    if action.origin is Origin.FOLLOW_UP:
        return f"Andon, covered by action {action.follows}" if action.follows else "Andon"
    return by or {Origin.RULE: "a rule", Origin.NOTICE: "a route"}.get(action.origin, "somebody without a name")


def question(action: Action) -> str:
    """What a person is asked about an action that nobody is sure of."""
    what = {
        Operation.OPEN_TICKET: "Was this ticket opened?",
        Operation.COMMENT: "Is this comment there?",
        Operation.CLOSE_TICKET: "Was this ticket closed?",
    }.get(action.operation, "Was this done?")
    return f"{what} Look into {action.target}, and say what you found."


def facts_of(arguments: Arguments) -> list[tuple[str, str]]:
    """What an order says beside its title and its text: names of fields in words, and values as text."""
    found = []
    for name in arguments.__struct_fields__:
        held = getattr(arguments, name)
        if name in _ELSEWHERE or held in ("", (), {}):
            continue
        if name == "place":
            text = ", ".join(held)
        elif isinstance(held, str | int):
            text = str(held)
        elif name == "rows":
            text = "\n".join(msgspec.json.encode(row).decode() for row in held)
        else:
            text = msgspec.json.format(msgspec.json.encode(held), indent=2).decode()
        found.append((name.replace("_", " "), text))
    return found
