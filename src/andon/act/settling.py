"""What a person says an unsure action made: a name that its system could have given, or it is not taken."""

from __future__ import annotations

from collections.abc import Mapping

from andon.act.connectors.connector import Connector, short_name
from andon.core.errors import ActionRefused
from andon.core.models.actions import Action, ActionStatus, CloseTicket, Comment, OpenTicket, Operation
from andon.store import Connection, actions

#: Characters of a name of what is no ticket.
_NAME_MAX = 200


def settle(
    connection: Connection,
    connectors: Mapping[str, Connector],
    action_id: int,
    said: str,
    by: str | None,
    *,
    now: float,
) -> Action:
    """Note that an unsure action was done, and made what the system calls ``said``. A ticket must be named.

    Raises ActionRefused where it is none of that system's names, NotFound, and StoreError where nobody asks.
    """
    found = actions.action(connection, action_id)
    ref = said.strip()
    if found.status is ActionStatus.UNSURE:  # else the store says why nothing is to be settled
        ref = _named(connectors.get(found.target), found, ref)
    return actions.settle(connection, action_id, ref, by, now=now)


def _named(connector: Connector | None, found: Action, said: str) -> str:
    if not said:
        if found.operation is Operation.OPEN_TICKET:
            raise ActionRefused(f"name the ticket as {found.target} does, so that it is not opened twice")
        return said
    ref: str | None
    if isinstance(found.order.arguments, OpenTicket | Comment | CloseTicket):
        ref = short_name(said) if connector is None else connector.read_ref(said)
    else:
        ref = said if len(said) <= _NAME_MAX and said.isprintable() and ":" not in said else None
    if ref is None:
        example = connector.ref_example if connector is not None else ""
        such = f", such as {example}" if example else ""
        raise ActionRefused(f"{found.target} has nothing called {said!r:.80}: write its name there{such}")
    return ref
