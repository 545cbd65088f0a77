"""What left the house about one problem, and what may be proposed: a part of the screen Problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from andon.act.connectors.connector import Connector
from andon.app.action_entries import does, stands
from andon.app.proposing import Do
from andon.core.models.actions import Action, ActionStatus, Operation, Ticket
from andon.store import Connection, actions

#: Actions that are listed; the screen Actions has all.
LISTED = 8
#: Choices that are offered at most.
CHOICES = 60
_ABOUT: dict[Do, tuple[Operation, str]] = {
    "ticket": (Operation.OPEN_TICKET, "Ticket at"),
    "message": (Operation.MESSAGE, "Message to"),
    "event": (Operation.EVENT, "Event to"),
}


@dataclass(frozen=True)
class Choice:
    """Something that may be proposed, as the form sends it and in words."""

    value: str
    words: str


@dataclass(frozen=True)
class Outside:
    """The tickets about a problem, the newest first, and the actions beside those that opened them."""

    tickets: list[Ticket] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)

    @property
    def open_at(self) -> set[str]:
        """The systems at which a ticket is open."""
        return {one.target for one in self.tickets if one.closed is None}

    def entries(self) -> list[tuple[Action, str, str]]:
        """Each action, what it does, and where it stands."""
        return [(one, does(one), stands(one)) for one in self.actions]

    def choices(self, connectors: Mapping[str, Connector]) -> list[Choice]:
        """What may be proposed: each system with what it does and each of its places, the usual one first."""
        found = [
            Choice(f"{do}|{name}|{place}", ", ".join(filter(None, (f"{words} {name}", place or connector.usual))))
            for name, connector in connectors.items()
            for do, (operation, words) in _ABOUT.items()
            if operation in connector.abilities and not (do == "ticket" and name in self.open_at)
            for place in connector.choices(operation)
        ]
        return found[:CHOICES]


def read(connection: Connection, problem_id: int) -> Outside:
    """What left the house about a problem and all that is merged into it."""
    tickets = actions.of_problem(connection, problem_id)
    opened = {one.action_id for one in tickets}
    found = actions.listing(connection, LISTED, problem_id=problem_id)
    shown = [one for one in found if one.id not in opened or one.status is not ActionStatus.DONE]
    return Outside(tickets, shown)


def chosen(value: str) -> tuple[Do, str, str] | None:
    """What to do, at which system, in which place; None for what no form of ours sends."""
    do, _, rest = value.partition("|")
    target, _, place = rest.partition("|")
    for known in _ABOUT:
        if do == known and target:
            return known, target, place
    return None
