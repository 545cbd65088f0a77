"""What people decide about actions. Everything is written in the audit, in the same transaction."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, select

from andon.core.errors import StoreError
from andon.core.models.actions import Action, ActionStatus, Operation, Receipt
from andon.store.actions import action_rows, tickets
from andon.store.engine import audit
from andon.store.schema.action_tables import actions

_NOTE_MAX = 2_000
#: Proposals that one look closes as expired.
_EXPIRED_AT_ONCE = 500


def approve(connection: Connection, action_id: int, by: str | None, *, now: float, digest: str | None = None) -> Action:
    """Approve a proposal exactly as it is rendered: the outbox sends that and nothing else.

    ``digest`` is that of the rendering which the person saw, where it is known. Raises NotFound, and StoreError where
    it is no proposal any more, has expired, or another rendering was seen.
    """
    found = _in(connection, action_id, "approve", ActionStatus.PROPOSED)
    if found.expires is not None and found.expires <= now:
        raise StoreError(f"action {action_id} has expired and cannot be approved: propose it again")
    if found.rendered.digest != found.digest or digest not in (None, found.digest):
        raise StoreError(f"action {action_id} has changed since it was shown: look at it again before you approve it")
    action_rows.change(
        connection, action_id, status=ActionStatus.APPROVED, decided_at=now, decided_by=by or audit.NOBODY, expires=None
    )
    audit.note(connection, by, "action.approve", f"action {action_id}", {"digest": found.digest})
    return action_rows.action(connection, action_id)


def decline(connection: Connection, action_id: int, by: str | None, note: str | None = None, *, now: float) -> Action:
    """Decline a proposal, or take an approved one back that has not begun, or give up one that nobody is sure of.

    Raises NotFound, and StoreError where it is too late.
    """
    found = _in(connection, action_id, "decline", ActionStatus.PROPOSED, ActionStatus.APPROVED, ActionStatus.UNSURE)
    words = _note(note)
    action_rows.change(
        connection,
        action_id,
        status=ActionStatus.DECLINED,
        decided_at=now,
        decided_by=by or audit.NOBODY,
        decision_note=words,
        finished=now,
    )
    audit.note(connection, by, "action.decline", f"action {action_id}", {"was": found.status, "note": words})
    return action_rows.action(connection, action_id)


def retry(connection: Connection, action_id: int, by: str | None, *, now: float) -> Action:
    """Send a failed action again, or one that nobody is sure of: who says so answers for it that it was not done.

    Raises NotFound, and StoreError where it is neither, or another one took its place.
    """
    found = _in(connection, action_id, "retry", ActionStatus.FAILED, ActionStatus.UNSURE)
    if found.status is ActionStatus.FAILED and found.problem_id is not None:
        other = action_rows.open_for(connection, found.target, found.operation, found.problem_id)
        if other is not None and other != action_id:
            raise StoreError(f"action {action_id} was replaced by action {other}: decide on that one")
        ticket = tickets.open_ticket(connection, found.problem_id, found.target)
        if found.operation is Operation.OPEN_TICKET and ticket is not None:
            raise StoreError(f"the problem of action {action_id} already has the ticket {ticket.ref} at {found.target}")
    action_rows.change(
        connection,
        action_id,
        status=ActionStatus.APPROVED,
        decided_at=now,
        decided_by=by or audit.NOBODY,
        not_before=0.0,
        sent_at=None,
        finished=None,
        lease_owner=None,
        lease_until=None,
    )
    audit.note(connection, by, "action.retry", f"action {action_id}", {"was": found.status, "digest": found.digest})
    return action_rows.action(connection, action_id)


def settle(connection: Connection, action_id: int, ref: str, by: str | None, *, now: float) -> Action:
    """Say that an action which nobody was sure of was done: ``ref`` is what the service calls what it made ("" where it
    made nothing that has a name). Raises NotFound, and StoreError where nobody asks."""
    found = _in(connection, action_id, "settle", ActionStatus.UNSURE)
    words = ref.strip()[:200]
    receipt = Receipt(ref=words, words=f"as {by or audit.NOBODY} says")
    audit.note(connection, by, "action.settle", f"action {action_id}", {"ref": words})
    tickets.keep(connection, found, receipt, now)
    finish(connection, action_id, ActionStatus.DONE, now, receipt=receipt)
    return action_rows.action(connection, action_id)


def expire(connection: Connection, now: float) -> list[int]:
    """Close the proposals whose time is over; their ids."""
    late = (
        select(actions.c.id)
        .where(actions.c.finished.is_(None), actions.c.status == ActionStatus.PROPOSED, actions.c.expires <= now)
        .limit(_EXPIRED_AT_ONCE)
    )
    ids = list(connection.execute(late).scalars())
    for one in ids:
        finish(connection, one, ActionStatus.EXPIRED, now)
        audit.note(connection, "andon", "action.expire", f"action {one}", {})
    return ids


def finish(
    connection: Connection,
    action_id: int,
    status: ActionStatus,
    now: float,
    *,
    receipt: Receipt | None = None,
    error: str | None = None,
) -> None:
    """Close a row: nothing is sent for it any more."""
    values: dict[str, Any] = {"status": status, "finished": now, "lease_owner": None, "lease_until": None}
    if receipt is not None:
        values["receipt"] = msgspec.json.encode(receipt).decode()
    action_rows.change(connection, action_id, **values, last_error=error)


def _in(connection: Connection, action_id: int, verb: str, *statuses: ActionStatus) -> Action:
    found = action_rows.action(connection, action_id, locked=True)
    if found.status not in statuses:
        raise StoreError(f"action {action_id} is {found.status.value}: there is nothing to {verb}")
    return found


def _note(note: str | None) -> str | None:
    words = (note or "").strip()
    if len(words) > _NOTE_MAX or "\x00" in words:
        raise StoreError(f"a note has at most {_NOTE_MAX:,} characters and no NUL character: shorten it")
    return words or None
