"""Which ticket is about which problem: a problem has one open ticket at each target at most."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from andon.core.models.actions import Action, CloseTicket, Operation, Receipt, Ticket
from andon.store.problems import members
from andon.store.schema.action_tables import tickets


def keep(connection: Connection, action: Action, receipt: Receipt, now: float) -> None:
    """Note what a done action means for tickets: one is open, or closed. Nothing where it was about none."""
    if action.operation is Operation.OPEN_TICKET and action.problem_id is not None and receipt.ref:
        if _known(connection, action.target, receipt.ref):
            return
        connection.execute(
            insert(tickets).values(
                problem_id=action.problem_id,
                action_id=action.id,
                target=action.target,
                ref=receipt.ref,
                url=receipt.url,
                opened=now,
                told=now,
                closed=now if receipt.closed else None,
            )
        )
    elif isinstance(action.order.arguments, CloseTicket):
        close(connection, action.target, action.order.arguments.ticket, now)


def close(connection: Connection, target: str, ref: str, now: float) -> None:
    """Note that a ticket is closed."""
    connection.execute(
        update(tickets)
        .where(tickets.c.target == target, tickets.c.ref == ref, tickets.c.closed.is_(None))
        .values(closed=now)
    )


def told(connection: Connection, ticket_id: int, until: float) -> None:
    """Note up to when a problem's logs were told of in its ticket."""
    connection.execute(update(tickets).where(tickets.c.id == ticket_id).values(told=until))


def of_problem(connection: Connection, problem_id: int) -> list[Ticket]:
    """The tickets about a problem and all that is merged into it, the newest first."""
    root = members.select_root(problem_id).scalar_subquery()
    query = select(tickets).where(tickets.c.problem_id.in_(members.ids_of(root))).order_by(tickets.c.id.desc())
    return [_ticket(row) for row in connection.execute(query)]


def open_ticket(connection: Connection, problem_id: int, target: str) -> Ticket | None:
    """The open ticket about a problem at a target; None where there is none."""
    found = of_problem(connection, problem_id)
    return next((one for one in found if one.closed is None and one.target == target), None)


def open_tickets(connection: Connection) -> list[Ticket]:
    """Every open ticket, the oldest first."""
    query = select(tickets).where(tickets.c.closed.is_(None)).order_by(tickets.c.id)
    return [_ticket(row) for row in connection.execute(query)]


def count_at(connection: Connection, problem_id: int, target: str) -> int:
    """How many tickets about a problem were opened at a target, closed ones included."""
    return sum(one.target == target for one in of_problem(connection, problem_id))


def _known(connection: Connection, target: str, ref: str) -> bool:
    query = select(func.count()).where(tickets.c.target == target, tickets.c.ref == ref, tickets.c.closed.is_(None))
    return bool(connection.execute(query).scalar())


def _ticket(row: Row[Any]) -> Ticket:
    return Ticket(
        id=row.id,
        problem_id=row.problem_id,
        target=row.target,
        ref=row.ref,
        url=row.url,
        opened=row.opened,
        action_id=row.action_id,
        told=row.told,
        closed=row.closed,
    )
