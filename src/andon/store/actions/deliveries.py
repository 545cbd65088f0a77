"""The lane of a target: its approved actions, claimed one after the other under a lease, in the order of their ids.

One action of a target is in hand at a time, whoever works on it. What waits because its target is away holds up what
stands behind it. What waits because nobody knows what became of it (``sent_at`` is set) does not, but for what is about
the same problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, delete, exists, func, or_, select

from andon.core.models import Moment
from andon.core.models.actions import Action, ActionStatus, Receipt
from andon.store.actions import action_rows, decisions, next_action, tickets
from andon.store.engine import audit
from andon.store.engine import lease as leases
from andon.store.engine.postgres import unlocked
from andon.store.schema.action_tables import actions
from andon.store.schema.action_tables import tickets as ticket_rows

#: Who stands in the audit for what the outbox does.
OUTBOX = "andon"
#: Rows that one statement closes or deletes.
_AT_ONCE = 500

_HELD, _WAITING = ActionStatus.EXECUTING, ActionStatus.APPROVED
_STILL_OPEN = actions.c.finished.is_(None)


class Outlook(msgspec.Struct, frozen=True):
    """What is not finished: by target and status how many there are, and when the next of each target may be claimed.

    ``expires`` is when the next proposal expires, ``failed`` how many failed in the last 24 hours, by target. Moments
    are unix seconds.
    """

    counts: dict[str, dict[str, int]]
    due: dict[str, Moment]
    expires: Moment | None
    failed: dict[str, int] = {}


@unlocked
def claim(connection: Connection, target: str, owner: str, lease: float, now: float) -> Action | None:
    """Lease the next action of ``target`` for ``lease`` seconds; None where none is due, or one is in hand elsewhere.

    The claim counts as an attempt. An action that was sent before comes with its ``sent_at``.
    """
    if (head := next_action.head(connection, target, now)) is None or head[1] > now:
        return None
    free = or_(actions.c.status == _WAITING, leases.lapsed(actions, _HELD, now))
    waited = or_(actions.c.not_before <= now, actions.c.not_before >= now + next_action.LONGEST)
    still = and_(actions.c.id == head[0], _STILL_OPEN, free, waited)  # asked again once it is ours
    mine = leases.first_free(connection, leases.first_of(select(actions.c.id).where(still)))
    if mine is None:  # somebody else is claiming it at this moment: the one behind it is not next
        return None
    return action_rows.to_action(leases.take(connection, actions, mine, _HELD, owner, now + lease))


def begin(connection: Connection, action: Action, now: float) -> bool:
    """Note that the first request which changes something is about to go out; False where the lease was lost.

    An earlier moment stays: what was sent then may still have been done.
    """
    return next_action.mark_sent(connection, action, now)


def done(connection: Connection, action: Action, receipt: Receipt, now: float) -> bool:
    """Close an action that was done, and note what it means for tickets; False where somebody closed it before.

    It counts also where the lease was lost: it was done all the same.
    """
    if connection.execute(select(actions.c.finished).where(actions.c.id == action.id)).scalar_one() is not None:
        return False
    tickets.keep(connection, action, receipt, now)
    decisions.finish(connection, action.id, ActionStatus.DONE, now, receipt=receipt)
    detail = {"target": action.target, "ref": receipt.ref, "url": receipt.url, "digest": action.digest}
    audit.note(connection, OUTBOX, "action.done", f"action {action.id}", detail)
    return True


def fail(connection: Connection, action: Action, error: str, now: float) -> bool:
    """Close an action that will not be done, with the reason; False where the lease was lost."""
    if not _is_held(connection, action):
        return False
    decisions.finish(connection, action.id, ActionStatus.FAILED, now, error=error)
    audit.note(connection, OUTBOX, "action.fail", f"action {action.id}", {"target": action.target, "error": error})
    return True


def unsure(connection: Connection, action: Action, error: str) -> bool:
    """Ask a person what became of an action; False where the lease was lost."""
    if not _is_held(connection, action):
        return False
    action_rows.change(connection, action.id, status=ActionStatus.UNSURE, last_error=error, **leases.NOBODY)
    audit.note(connection, OUTBOX, "action.unsure", f"action {action.id}", {"target": action.target, "error": error})
    return True


def postpone(connection: Connection, action: Action, error: str | None, due: float, *, unsent: bool = False) -> bool:
    """Let an action wait until ``due`` (unix seconds), with the reason; False where the lease was lost.

    ``unsent`` says that surely nothing was done by this try; an earlier one may still have done it.
    """
    if not _is_held(connection, action):
        return False
    values: dict[str, Any] = {"not_before": due, "last_error": error or action.last_error, **leases.NOBODY}
    if unsent:
        values["sent_at"] = action.sent_at
    action_rows.change(connection, action.id, status=_WAITING, **values)
    return True


def release(connection: Connection, owner: str, *, counted: bool = True) -> int:
    """Put back what ``owner`` holds (on start and stop); the number of rows.

    Without ``counted`` its claims are no attempts. What was sent keeps its ``sent_at``.
    """
    return leases.give_back(connection, actions, _STILL_OPEN, _HELD, _WAITING, owner, counted=counted)


def outlook(connection: Connection, targets: Sequence[str], now: float) -> Outlook:
    """What is not finished, and when the next of ``targets`` may be claimed."""
    counts = action_rows.counts(connection)
    due = {}
    for one in targets:
        if (
            counts.get(one, {}).keys() & {_WAITING, _HELD}
            and (moment := next_action.due(connection, one, now)) is not None
        ):
            due[one] = moment
    proposed = select(func.min(actions.c.expires)).where(_STILL_OPEN, actions.c.status == ActionStatus.PROPOSED)
    failed = action_rows.failed_since(connection, now - action_rows.FAILED_TOLD)
    return Outlook(counts, due, connection.execute(proposed).scalar(), failed)


def give_up_strangers(connection: Connection, targets: Sequence[str], before: float, now: float) -> list[int]:
    """Fail what was approved before then for systems that are connected no more; the ids."""
    theirs = select(actions.c.id, actions.c.target).where(
        _STILL_OPEN,
        actions.c.target.not_in(list(targets)),
        or_(actions.c.status == _WAITING, leases.lapsed(actions, _HELD, now)),
        func.coalesce(actions.c.decided_at, actions.c.created) < before,
    )
    closed = []
    for row in connection.execute(theirs.order_by(actions.c.id).limit(_AT_ONCE)).all():
        error = f"the system {row.target} is no longer connected: connect it again and retry"
        decisions.finish(connection, row.id, ActionStatus.FAILED, now, error=error)
        audit.note(connection, OUTBOX, "action.fail", f"action {row.id}", {"target": row.target, "error": error})
        closed.append(int(row.id))
    return closed


def forget(connection: Connection, before: float) -> int:
    """Delete some of the actions that were finished before then and opened no ticket that is still open; how many."""
    open_ticket = exists().where(ticket_rows.c.action_id == actions.c.id, ticket_rows.c.closed.is_(None))
    old = select(actions.c.id).where(actions.c.finished < before, ~open_ticket).order_by(actions.c.id).limit(_AT_ONCE)
    return connection.execute(delete(actions).where(actions.c.id.in_(old.scalar_subquery()))).rowcount


def _is_held(connection: Connection, action: Action) -> bool:
    query = select(actions.c.status, actions.c.attempts).where(actions.c.id == action.id)
    row = connection.execute(query).one_or_none()
    return row is not None and leases.is_held(row, _HELD, action.attempts)
