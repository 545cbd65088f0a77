"""Which action of a target is next, in raw statements: a lane with ten thousand waiting asks this for each of them."""

from __future__ import annotations

from sqlalchemy import Connection

from andon.core.models.actions import Action
from andon.store.schema.dialect import run

#: Nothing waits longer than this, in seconds: what does was put off by a clock that has been set back since.
LONGEST = 2 * 3_600.0

_HELD_UNTIL = """
SELECT MAX(lease_until) FROM actions WHERE target = ? AND lease_until > ? AND status = 'executing'
"""
# What was sent, and of which it is looked later what became, is set aside, and with it what is about the same problem.
_HEAD = """
SELECT id, not_before FROM actions
WHERE finished IS NULL AND target = ? AND (status = 'approved' OR (status = 'executing' AND lease_until <= ?))
    AND NOT (status = 'approved' AND sent_at IS NOT NULL AND not_before > ? AND not_before < ?)
    AND NOT EXISTS (
        SELECT 1 FROM actions AS earlier WHERE earlier.finished IS NULL AND earlier.target = ?
        AND earlier.status IN ('approved', 'executing') AND earlier.problem_id = actions.problem_id
        AND earlier.id < actions.id)
    AND NOT EXISTS (
        SELECT 1 FROM actions AS held WHERE held.target = ? AND held.lease_until > ? AND held.status = 'executing')
ORDER BY id LIMIT 1
"""
_ASIDE = """
SELECT MIN(not_before) FROM actions
WHERE finished IS NULL AND target = ? AND status = 'approved' AND sent_at IS NOT NULL AND not_before > ?
"""
_BEGIN = """
UPDATE actions SET sent_at = COALESCE(sent_at, ?) WHERE id = ? AND status = 'executing' AND attempts = ?
"""


def mark_sent(connection: Connection, action: Action, now: float) -> bool:
    """Note when a held action was sent first; False where the lease was lost."""
    return run(connection, _BEGIN, (now, action.id, action.attempts)).rowcount == 1


def _held_until(connection: Connection, target: str, now: float) -> float | None:
    """Until when somebody has an action of this target in hand; None where nobody has."""
    found: float | None = run(connection, _HELD_UNTIL, (target, now)).scalar()
    return found


def head(connection: Connection, target: str, now: float) -> tuple[int, float] | None:
    """The action that is next: its id, and when it may be claimed; None where there is none, or one is in hand.

    One statement, which sees one state: what another service claims meanwhile is either in hand, or still next.
    """
    row = run(connection, _HEAD, (target, now, now, now + LONGEST, target, target, now)).one_or_none()
    if row is None:
        return None
    return int(row[0]), float(row[1]) if row[1] < now + LONGEST else now


def due(connection: Connection, target: str, now: float) -> float | None:
    """When the next action of this target may be claimed, at the earliest."""
    if (until := _held_until(connection, target, now)) is not None:
        return until
    first, aside = head(connection, target, now), run(connection, _ASIDE, (target, now)).scalar()
    return min((one for one in (None if first is None else first[1], aside) if one is not None), default=None)
