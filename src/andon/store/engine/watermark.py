"""How far the indexer has come: logs up to the mark are in the indexes and counts, the others are still to come."""

from __future__ import annotations

from sqlalchemy import Connection

from andon.store.engine.counters import read_counter
from andon.store.schema.dialect import run

#: The name of the mark among the kept numbers.
MARK = "indexed"


def mark(connection: Connection) -> int:
    """The id of the last log that is indexed."""
    return read_counter(connection, MARK)


def first_id(connection: Connection, hour: int) -> int:
    """No log from this hour (since 1970) on has a smaller id."""
    found: int | None = run(connection, "SELECT MIN(first_id) FROM log_hours WHERE hour >= ?", (hour,)).scalar()
    return mark(connection) + 1 if found is None else min(found, mark(connection) + 1)


def last_id(connection: Connection, hour: int) -> int:
    """No indexed log up to this hour has a greater id."""
    return int(run(connection, "SELECT MAX(last_id) FROM log_hours WHERE hour <= ?", (hour,)).scalar() or 0)


def newest_id(connection: Connection) -> int:
    """The id of the newest log, 0 where there is none."""
    return int(run(connection, "SELECT MAX(id) FROM logs").scalar() or 0)
