"""What was received and refused: listing it, noting that it was published again, deleting it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, false, func, or_, select

from andon.core.models import StoredReject
from andon.store.engine import audit
from andon.store.engine.counters import add_to_counters
from andon.store.engine.no_such import no_such
from andon.store.recording import handled_sequences
from andon.store.recording.batch import Message
from andon.store.schema.dialect import IDS_PER_QUERY
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


def rejects_of_message(connection: Connection, reject_id: int) -> list[StoredReject]:
    """All parts of a message that were refused, in their order, by the id of one of them; [] where it is gone."""
    one = rejects.alias()
    query = (
        _select_rejects()
        .join(one, and_(*(one.c[name] == rejects.c[name] for name in ("stream_id", "seq", "stored_ns"))))
        .where(one.c.id == reject_id)
        .order_by(rejects.c.part)
    )
    return [StoredReject(*row) for row in connection.execute(query)]


def delete_rejects(connection: Connection, ids: Sequence[int], actor: str | None = None) -> int:
    """Delete these rejects; how many there were. A message that its stream may still deliver is not taken in again.

    With an ``actor`` the deed is written into the audit book.
    """
    gone: list[Message] = []
    for start in range(0, len(ids), IDS_PER_QUERY):
        named = rejects.c.id.in_(ids[start : start + IDS_PER_QUERY])
        deleted = delete(rejects).where(named).returning(rejects.c.stream_id, rejects.c.seq, rejects.c.stored_ns)
        gone += [(row.stream_id, row.seq, row.stored_ns) for row in connection.execute(deleted)]
    handled_sequences.remember(connection, gone)
    add_to_counters(connection, {"rejects": -len(gone)})
    if actor is not None and gone:
        audit.note(connection, actor, "rejects.delete", "rejects", {"rejects": len(gone), "ids": list(ids[:100])})
    return len(gone)


def reject_starts(
    connection: Connection, limit: int, before_id: int | None = None, *, retried: bool, length: int
) -> list[tuple[StoredReject, int]]:
    """As :func:`list_rejects`, but only the first ``length`` bytes of each, and how many there are: they may be large.

    A listing of fifty of the longest messages would take hundreds of megabytes.
    """
    columns = [column for column in _select_rejects().selected_columns if column.name != "data"]
    size, start = func.length(rejects.c.data), func.substr(rejects.c.data, 1, length)
    query = select(*columns, start.label("data"), size.label("size")).join(streams, streams.c.id == rejects.c.stream_id)
    if not retried:
        query = query.where(rejects.c.retried_at.is_(None))
    if before_id is not None:
        query = query.where(rejects.c.id < before_id)
    found = []
    for row in connection.execute(query.order_by(rejects.c.id.desc()).limit(max(0, limit))).mappings():
        values = dict(row)
        whole = int(values.pop("size"))
        begins = values.pop("data") or b""  # SQLite: a part of nothing is NULL
        stored = {"sequence": values.pop("seq"), "stream": values.pop("name"), "data": bytes(begins)}
        found.append((StoredReject(**values, **stored), whole))
    return found


def open_rejects(connection: Connection) -> int:
    """How many rejects nobody published again."""
    query = select(func.count()).select_from(rejects).where(rejects.c.retried_at.is_(None))
    return int(connection.execute(query).scalar_one())


def oldest_rejects(connection: Connection, before: str, limit: int) -> list[int]:
    """Ids of the rejects that were received before this moment (stored form), the oldest first."""
    query = select(rejects.c.id, rejects.c.received_at).order_by(rejects.c.id).limit(limit)
    return [row.id for row in connection.execute(query) if row.received_at < before]


def reject_ids(connection: Connection, before: str | None, *, retried: bool, every: bool) -> list[int]:
    """Ids of rejects: ``every`` one, else those received ``before`` a moment (stored form) and the ``retried`` ones."""
    told = [rejects.c.received_at < before] if before is not None else []
    told += [rejects.c.retried_at.is_not(None)] if retried else []
    query = select(rejects.c.id).order_by(rejects.c.id)
    return list(connection.execute(query if every else query.where(or_(false(), *told))).scalars())


def rejects_before(connection: Connection, before: str) -> tuple[int, int]:
    """How many rejects were received before this moment (stored form), and how many bytes they hold."""
    held = func.coalesce(func.sum(func.length(rejects.c.data)), 0)
    count, size = connection.execute(select(func.count(), held).where(rejects.c.received_at < before)).one()
    return int(count), int(size)


def mark_retried(connection: Connection, reject_id: int, now: str, by: str | None = None) -> None:
    """Note that a reject was published again ``now`` (stored form); raises NotFound where there is no such reject."""
    changed = connection.execute(rejects.update().where(rejects.c.id == reject_id).values(retried_at=now)).rowcount
    if not changed:
        raise no_such(connection, "reject", reject_id)
    audit.note(connection, by, "rejects.retry", f"reject {reject_id}", {})


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
