"""Leases on rows of a queue: whoever holds one works on the row, and when it runs out anybody may.

A table with leases has the columns ``status``, ``lease_owner``, ``lease_until`` and ``attempts``. A claim raises
``attempts``, and who claimed carries that number: what comes back with another number than the leased row has was done
under a lease that somebody else holds by now.
"""

from __future__ import annotations

import functools
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, Update, and_, bindparam, select, update

#: What a row has that nobody holds.
NOBODY: dict[str, Any] = {"lease_owner": None, "lease_until": None}


def lapsed(table: Table, leased: str, now: Any) -> ColumnElement[bool]:
    """Rows whose lease ran out; ``leased`` is the status of a row that somebody holds."""
    return and_(table.c.status == leased, table.c.lease_until <= now)


def first_of(ids: Select[tuple[Any]]) -> Select[tuple[Any]]:
    """The statement for :func:`first_free`: the first of these ids that nobody else is claiming at this moment."""
    return ids.limit(1).with_for_update(skip_locked=True)  # only PostgreSQL lets several claim at once, and reads that


def first_free(connection: Connection, first: Select[tuple[Any]], values: dict[str, Any] | None = None) -> int | None:
    """The id that the statement of :func:`first_of` finds with these ``values``, locked until the transaction ends."""
    found: int | None = connection.execute(first, values).scalar()
    return found


def take(connection: Connection, table: Table, row_id: int, leased: str, owner: str, until: float) -> Row[Any]:
    """Let ``owner`` hold the row until then (unix seconds); the row as it is now."""
    held = {"status": leased, "lease_owner": owner, "lease_until": until, "taken_id": row_id}
    claim, row = _take(table)
    connection.execute(claim, held)
    return connection.execute(row, {"taken_id": row_id}).one()


@functools.cache
def _take(table: Table) -> tuple[Update, Select[Any]]:
    mine = table.c.id == bindparam("taken_id")
    return update(table).where(mine).values(attempts=table.c.attempts + 1), select(table).where(mine)


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
