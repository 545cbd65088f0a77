"""Proposals: what is to leave the house is checked here, whoever wants it, and rendered as it would go out.

The catalogue is closed (:class:`andon.core.models.actions.Operation`); every text is bounded and redacted, whatever it
came from; places must be on the target's list; a problem gets one open ticket at a target.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from andon.act import follow_ups
from andon.act.connectors.connector import Connector, unable
from andon.act.connectors.outgoing_text import defanged
from andon.act.outgoing_values import without_secrets
from andon.core.errors import ActionRefused
from andon.core.lengths import read_seconds
from andon.core.models.actions import (
    LINE_MAX,
    LINES_MAX,
    NAME_MAX,
    SECTIONS_MAX,
    TITLE_MAX,
    Action,
    ActionStatus,
    Arguments,
    CloseTicket,
    Comment,
    Operation,
    Order,
    Origin,
    Publish,
    Section,
    operation_of,
)
from andon.core.redact import clean, one_numbering
from andon.core.settings.settings import Settings
from andon.core.text import counted
from andon.store import Connection, actions, problems
from andon.store.actions import NewAction

T = TypeVar("T", bound=msgspec.Struct)

#: Characters of a reason, and bytes of everything that one action sends.
REASON_MAX, SENT_MAX = 500, 2_000_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to leave the house. ``key`` tells it from others where it is about no problem, or about one
    several times: messages and comments have one for each state that they tell of.

    ``approved_by`` is the rule, the route or the earlier approval that covers it; a person is never named there.
    """

    target: str
    arguments: Arguments
    origin: Origin
    by: str | None = None
    reason: str = ""
    problem_id: int | None = None
    key: str = ""
    approved_by: str | None = None
    follows: int | None = None


class Proposals:
    """Checks and renders what is wanted, against the systems that are connected."""

    def __init__(
        self, connectors: Mapping[str, Connector], settings: Settings, broken: Mapping[str, str] | None = None
    ) -> None:
        self._connectors = connectors
        self.broken = broken or {}
        self._expires = read_seconds(settings.proposal_expires)
        self._settings = settings

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """The connected systems by name."""
        return self._connectors

    def propose(self, connection: Connection, wanted: Wanted, now: float) -> Action:
        """Store what is wanted, in one transaction. Raises ActionRefused with what is wrong, and NotFound."""
        operation = operation_of(wanted.arguments)
        connector = self.able(wanted.target, operation)
        if operation is Operation.OPEN_TICKET:
            _demand_no_ticket(connection, wanted)
        arguments = _placed(connector, self.checked(wanted.arguments))
        order = Order(key=self._key(connection, wanted, operation), arguments=arguments)
        demand_place(connector, order.arguments)
        rendered = connector.render(order)
        if operation is Operation.OPEN_TICKET:
            covered = follow_ups.covered(self._settings, connector.abilities)
            rendered = msgspec.structs.replace(rendered, notes=(*rendered.notes, *covered))
        if (size := sum(len(one.body.encode()) for one in rendered.requests)) > SENT_MAX:
            raise ActionRefused(f"{wanted.target}: {size:,} bytes are too many to send: at most {SENT_MAX:,}")
        new = NewAction(
            target=wanted.target,
            order=order,
            rendered=rendered,
            title=_title(order.arguments),
            problem_id=wanted.problem_id,
            origin=wanted.origin,
            proposed_by=wanted.by,
            reason=clean(" ".join(wanted.reason.split()), REASON_MAX),
            expires=now + self._expires,
            approved_by=wanted.approved_by,
            follows=wanted.follows,
        )
        return actions.add(connection, new, now)

    def able(self, target: str, operation: Operation) -> Connector:
        """The system of that name. Raises ActionRefused where there is none, or where it does not do that."""
        connector = self._connector(target)
        if operation not in connector.abilities:
            raise unable(connector, operation)
        return connector

    def checked(self, arguments: Arguments) -> Arguments:
        """The arguments within their bounds, without secrets and invisible characters, and with no address in words
        and names that a program takes for a link, but for our own."""
        with one_numbering():
            return _checked(arguments, self._settings.public_url)

    def _connector(self, name: str) -> Connector:
        if (found := self._connectors.get(name)) is None:
            if name in self.broken:
                raise ActionRefused(f"{name} cannot be used: {self.broken[name]}")
            listed = ", ".join(self._connectors) or "none: see docs/connectors.md"
            raise ActionRefused(f"no connected system is called {name!r:.60}; there are: {listed}")
        return found

    def _key(self, connection: Connection, wanted: Wanted, operation: Operation) -> str:
        """The same for the same deed. A ticket is known by its problem, and by how many it had before."""
        parts: list[object] = [wanted.target, operation.value]
        if wanted.problem_id is not None:
            whole = problems.summary(connection, wanted.problem_id)
            parts += [whole.fingerprint, whole.first_seen]
        if operation is Operation.OPEN_TICKET and wanted.problem_id is not None:
            parts.append(actions.count_at(connection, wanted.problem_id, wanted.target))
        else:
            parts.append(wanted.key or msgspec.json.encode(wanted.arguments).decode())
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def _demand_no_ticket(connection: Connection, wanted: Wanted) -> None:
    if wanted.problem_id is None:
        raise ActionRefused("a ticket is about a problem: name one")
    if (ticket := actions.open_ticket(connection, wanted.problem_id, wanted.target)) is not None:
        raise ActionRefused(f"problem {wanted.problem_id} has an open ticket at {wanted.target}: {ticket.ref}")
    waiting = actions.open_for(connection, wanted.target, Operation.OPEN_TICKET, wanted.problem_id)
    if waiting is not None:
        proposed = actions.action(connection, waiting).status is ActionStatus.PROPOSED
        stands = (
            "has already been proposed, as action {}: approve or decline that one"
            if proposed
            else "is already being sent, as action {}"
        )
        raise ActionRefused(f"a ticket for problem {wanted.problem_id} at {wanted.target} {stands.format(waiting)}")


def _placed(connector: Connector, arguments: Arguments) -> Arguments:
    """The arguments with the usual place named, so that no change of the settings sends them to another one."""
    if getattr(arguments, "where", None) != "":
        return arguments
    usual = next(iter(connector.choices(operation_of(arguments))), "")
    return msgspec.structs.replace(arguments, where=usual)


def demand_place(connector: Connector, arguments: Arguments) -> None:
    """Raises ActionRefused where the settings do not allow the place that is named."""
    where = getattr(arguments, "where", "")
    allowed = connector.places_of(operation_of(arguments))
    if where and where not in allowed:
        listed = ", ".join(allowed) or "none"
        raise ActionRefused(
            f"{connector.name} may not write to {where!r:.60}; the settings allow: {listed}: correct them, or choose "
            "another place"
        )


def _title(arguments: Arguments) -> str:
    for name in ("title", "name", "path", "tool", "action"):
        if text := getattr(arguments, name, ""):
            return str(text)[:TITLE_MAX]
    if isinstance(arguments, Publish):
        return f"{counted(len(arguments.rows), 'row')} for a stream"
    ticket = getattr(arguments, "ticket", "")
    what = "Comment on" if isinstance(arguments, Comment) else "Close" if isinstance(arguments, CloseTicket) else "Act"
    return f"{what} {ticket}".strip()[:TITLE_MAX]


#: Bounds of single texts by the name of their field; what is not named here is a name.
_BOUNDS = {"title": TITLE_MAX, "cause": LINE_MAX, "search": 10_000, "description": LINE_MAX, "link": 2_000}
#: Fields whose text goes out as it is: our own address, a file's contents (redacted where it is made), a search.
_PLAIN = frozenset({"severity", "phase", "about", "link", "operation"})
_WHOLE = frozenset({"text", "search"})


def _checked(value: T, ours: str) -> T:
    changed: dict[str, Any] = {}
    for name in value.__struct_fields__:
        held = getattr(value, name)
        if isinstance(held, str) and name not in _PLAIN:
            changed[name] = (
                clean(held, 1_000_000) if name in _WHOLE else _words(held, _BOUNDS.get(name, NAME_MAX), ours)
            )
        elif name == "body":
            changed[name] = tuple(_section(one, ours) for one in held[:SECTIONS_MAX])
        elif name == "place":
            changed[name] = tuple(_words(one, NAME_MAX, ours) for one in held[:4])
        elif isinstance(held, dict):
            changed[name] = without_secrets(held)
        elif name == "rows":
            changed[name] = tuple(without_secrets(one) for one in held)
    return msgspec.structs.replace(value, **changed)


def _words(text: str, most: int, ours: str) -> str:
    """``text`` on one line: redacted first, for a secret is known by the address that it stands in."""
    return clean(defanged(clean(" ".join(text.split()), most), ours), most)


def _section(section: Section, ours: str) -> Section:
    lines = [_words(line, LINE_MAX, ours) for line in section.lines[:LINES_MAX]]
    if (more := len(section.lines) - LINES_MAX) > 0:
        lines.append(f"… and {more:,} more")
    return msgspec.structs.replace(section, heading=_words(section.heading, NAME_MAX, ours), lines=tuple(lines))
