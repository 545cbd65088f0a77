"""What was received and refused: the listing of it, and noting that it was published again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, select

from andon.core.models import StoredReject
from andon.store.engine.unknown import no_such
from andon.store.schema.tables import rejects, streams


def list_rejects(
    connection: Connection, limit: int, before_id: int | None = None, *, retried: bool = True
) -> list[StoredReject]:
    """Rejects, newest first; ``before_id`` continues a listing.

    Without ``retried`` those that were published again are left out: where that did not help, there is a new row.
    """
    query = _select_rejects().order_by(rejects.c.id.desc()).limit(max(0, limit))
    if not retried:
        query = query.where(rejects.c.retried_at.is_(None))
    if before_id is not None:
        query = query.where(rejects.c.id < before_id)
    return [StoredReject(*row) for row in connection.execute(query)]


def reject(connection: Connection, reject_id: int) -> StoredReject:
    """One reject; raises NotFound."""
    row = connection.execute(_select_rejects().where(rejects.c.id == reject_id)).one_or_none()
    if row is None:
        raise no_such(connection, "reject", reject_id)
    return StoredReject(*row)


def mark_retried(connection: Connection, reject_id: int, now: str) -> None:
    """Note that a reject was published again ``now`` (stored form); raises NotFound where there is no such reject."""
    changed = connection.execute(rejects.update().where(rejects.c.id == reject_id).values(retried_at=now)).rowcount
    if not changed:
        raise no_such(connection, "reject", reject_id)


def _select_rejects() -> Select[Any]:
    return select(
        rejects.c.id,
        rejects.c.received_at,
        streams.c.name,
        rejects.c.seq,
        rejects.c.stored_ns,
        rejects.c.subject,
        rejects.c.reason,
        rejects.c.data,
        rejects.c.retried_at,
        rejects.c.part,
    ).join(streams, streams.c.id == rejects.c.stream_id)
