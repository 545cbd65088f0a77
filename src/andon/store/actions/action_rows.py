"""Rows of ``actions``: adding one, reading them back, listing them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, func, insert, literal_column, select, update

from andon.core.errors import ActionRefused
from andon.core.models import Moment
from andon.core.models.actions import (
    OPEN,
    Action,
    ActionStatus,
    Message,
    Operation,
    Order,
    Origin,
    Receipt,
    Rendered,
)
from andon.store.engine import audit
from andon.store.engine.no_such import no_such
from andon.store.problems import members
from andon.store.schema.action_tables import actions

#: Actions that failed are told of for so long, in seconds.
FAILED_TOLD = 86_400.0

_ORDER = msgspec.json.Decoder(Order)
_RENDERED = msgspec.json.Decoder(Rendered)
_RECEIPT = msgspec.json.Decoder(Receipt)


class NewAction(msgspec.Struct, frozen=True, kw_only=True):
    """An action that is about to be stored. ``approved_by`` approves it in the same breath: a rule, a route, or the
    approval of the action that it ``follows``."""

    target: str
    order: Order
    rendered: Rendered
    title: str
    problem_id: int | None
    origin: Origin
    proposed_by: str | None
    reason: str
    expires: Moment | None
    approved_by: str | None = None
    follows: int | None = None


def add(connection: Connection, new: NewAction, now: float) -> Action:
    """Store an action, proposed or approved at once. Raises ActionRefused where the same one is open already."""
    root = None if new.problem_id is None else members.known_root(connection, new.problem_id)
    operation = new.order.operation
    if (same := _open_one(connection, new.target, actions.c.dedup == new.order.key)) is not None:
        raise ActionRefused(f"the same action already exists as action {same}: decide on that one")
    status = ActionStatus.PROPOSED if new.approved_by is None else ActionStatus.APPROVED
    digest = new.rendered.digest
    made = connection.execute(
        insert(actions)
        .values(
            created=now,
            status=status,
            target=new.target,
            operation=operation,
            dedup=new.order.key,
            title=new.title,
            problem_id=root,
            origin=new.origin,
            proposed_by=new.proposed_by,
            reason=new.reason,
            arguments=msgspec.json.encode(new.order).decode(),
            rendered=msgspec.json.encode(new.rendered).decode(),
            digest=digest,
            expires=None if new.approved_by else new.expires,
            decided_at=None if new.approved_by is None else now,
            decided_by=new.approved_by,
            follows=new.follows,
            not_before=0.0,
            attempts=0,
        )
        .returning(actions.c.id)
    ).scalar_one()
    detail = {"target": new.target, "operation": operation, "origin": new.origin, "digest": digest, "problem": root}
    audit.note(connection, new.proposed_by, "action.propose", f"action {made}", detail)
    if new.approved_by is not None:
        audit.note(connection, new.approved_by, "action.approve", f"action {made}", {"digest": digest})
    return action(connection, made)


def action(connection: Connection, action_id: int, *, locked: bool = False) -> Action:
    """One action; ``locked`` so that nobody claims it before the transaction ends. Raises NotFound."""
    query = select(actions).where(actions.c.id == action_id)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    if row is None:
        raise no_such(connection, "action", action_id)
    return to_action(row)


def listing(
    connection: Connection,
    limit: int,
    *,
    statuses: Collection[ActionStatus] = (),
    target: str | None = None,
    problem_id: int | None = None,
    before_id: int | None = None,
) -> list[Action]:
    """Actions, the newest first; of these statuses, this target, this problem where they are given."""
    query = select(actions).order_by(actions.c.id.desc()).limit(max(0, limit))
    if statuses and set(statuses) <= set(OPEN):
        # a few among many that are over: the index has them, and SQLite would read all of the table for their order
        few = select(actions.c.id).where(actions.c.finished.is_(None), actions.c.status.in_(list(statuses)))
        query = query.where(actions.c.id.in_(few))
    elif statuses:
        query = query.where(actions.c.status.in_(list(statuses)))
    if target is not None:
        query = query.where(actions.c.target == target)
    if problem_id is not None:
        query = query.where(actions.c.problem_id.in_(members.ids_of(members.select_root(problem_id).scalar_subquery())))
    if before_id is not None:
        query = query.where(actions.c.id < before_id)
    return [to_action(row) for row in connection.execute(query)]


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """How many actions each target has that are not finished, by status."""
    found: dict[str, dict[str, int]] = {}
    rows = connection.execute(
        select(actions.c.target, actions.c.status, func.count())
        .where(actions.c.finished.is_(None))
        .group_by(actions.c.target, actions.c.status)
    )
    for target, status, count in rows:
        found.setdefault(target, {})[status] = count
    return found


def failed_since(connection: Connection, since: float) -> dict[str, int]:
    """How many actions of each target failed since then, and nobody retried."""
    query = (
        select(actions.c.target, func.count())
        .where(actions.c.status == literal_column("'failed'"), actions.c.finished >= since)
        .group_by(actions.c.target)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def sent_before(connection: Connection, action: Action) -> Moment | None:
    """When another action for the same deed was sent last, whatever became of it; None where none was."""
    query = select(func.max(actions.c.sent_at)).where(
        actions.c.target == action.target, actions.c.dedup == action.key, actions.c.id != action.id
    )
    found: Moment | None = connection.execute(query).scalar()
    return found


def open_for(connection: Connection, target: str, operation: Operation, problem_id: int) -> int | None:
    """The action of this kind about this problem that is not finished; None where there is none."""
    root = members.select_root(problem_id).scalar_subquery()
    about = actions.c.problem_id.in_(members.ids_of(root))
    return _open_one(connection, target, about & (actions.c.operation == operation))


def change(connection: Connection, action_id: int, **values: Any) -> None:
    """Set columns of one row."""
    connection.execute(update(actions).where(actions.c.id == action_id).values(**values))


def to_action(row: Row[Any]) -> Action:
    """The action that a row of ``actions`` holds.

    What cannot be read (somebody changed it, or a newer Andon wrote it) is an action without requests, which does not
    fit its hash and so never goes out: one row is to stop no other.
    """
    operation = Operation(row.operation) if row.operation in set(Operation) else Operation.MESSAGE
    origin = Origin(row.origin) if row.origin in set(Origin) else Origin.PERSON
    try:
        order, rendered = _ORDER.decode(row.arguments), _RENDERED.decode(row.rendered)
    except (msgspec.DecodeError, UnicodeError) as error:
        order = Order(row.dedup, Message(title=row.title, body=(), severity="INFO", about=""))
        rendered = Rendered((), (f"The stored action cannot be read ({error}): decline it.",))
    try:
        receipt = None if row.receipt is None else _RECEIPT.decode(row.receipt)
    except (msgspec.DecodeError, UnicodeError):
        receipt = Receipt(words="the stored answer of the service cannot be read")
    return Action(
        id=row.id,
        created=row.created,
        status=ActionStatus(row.status) if row.status in set(ActionStatus) else ActionStatus.FAILED,
        target=row.target,
        operation=operation,
        key=row.dedup,
        title=row.title,
        problem_id=row.problem_id,
        origin=origin,
        proposed_by=row.proposed_by,
        reason=row.reason,
        order=order,
        rendered=rendered,
        digest=row.digest,
        expires=row.expires,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        decision_note=row.decision_note,
        follows=row.follows,
        not_before=row.not_before,
        attempts=row.attempts,
        sent_at=row.sent_at,
        finished=row.finished,
        last_error=row.last_error,
        receipt=receipt,
    )


def _open_one(connection: Connection, target: str, condition: ColumnElement[bool]) -> int | None:
    return connection.execute(
        select(actions.c.id)
        .where(actions.c.target == target, actions.c.finished.is_(None), actions.c.status.in_(list(OPEN)), condition)
        .order_by(actions.c.id)
        .limit(1)
    ).scalar()
