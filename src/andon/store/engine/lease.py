"""Leases on rows of a queue: whoever holds one works on the row, and when it runs out anybody may.

A table with leases has the columns ``status``, ``lease_owner``, ``lease_until`` and ``attempts``. A claim raises
``attempts``, and who claimed carries that number: what comes back with another number than the leased row has was done
under a lease that somebody else holds by now.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, and_, select, update

#: What a row has that nobody holds.
NOBODY: dict[str, Any] = {"lease_owner": None, "lease_until": None}


def lapsed(table: Table, leased: str, now: float) -> ColumnElement[bool]:
    """Rows whose lease ran out; ``leased`` is the status of a row that somebody holds."""
    return and_(table.c.status == leased, table.c.lease_until <= now)


def first_free(connection: Connection, ids: Select[tuple[Any]]) -> int | None:
    """The first of these ids that nobody else is claiming at this moment, locked until the transaction ends."""
    found: int | None = connection.execute(ids.limit(1).with_for_update(skip_locked=True)).scalar()
    return found  # only PostgreSQL lets several claim at once, and reads the words about locks


def take(connection: Connection, table: Table, row_id: int, leased: str, owner: str, until: float) -> Row[Any]:
    """Let ``owner`` hold the row until then (unix seconds); the row as it is now."""
    held = {"status": leased, "lease_owner": owner, "lease_until": until, "attempts": table.c.attempts + 1}
    connection.execute(update(table).where(table.c.id == row_id).values(**held))
    return connection.execute(select(table).where(table.c.id == row_id)).one()


def is_held(row: Row[*tuple[Any, ...]], leased: str, attempts: int) -> bool:
    """Whether the lease of this very claim still stands; one that ran out does until somebody else claims."""
    return bool(row.status == leased and row.attempts == attempts)


def give_back(
    connection: Connection,
    table: Table,
    still_open: ColumnElement[bool],
    leased: str,
    waiting: str,
    owner: str,
    *,
    counted: bool = True,
) -> int:
    """Put back what ``owner`` holds; the number of rows. Without ``counted`` its claims are no attempts."""
    return connection.execute(
        update(table)
        .where(still_open, table.c.status == leased, table.c.lease_owner == owner)
        .values(**NOBODY, status=waiting, attempts=table.c.attempts - (0 if counted else 1))
    ).rowcount
