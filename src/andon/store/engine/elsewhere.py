"""Whether other processes changed the database, found out without reading what they changed."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from andon.store.engine.watermark import mark
from andon.store.schema.dialect import run

_NEWEST = "SELECT (SELECT MAX(id) FROM audit), (SELECT MAX(id) FROM logs)"


class Elsewhere(NamedTuple):
    """Marks to compare with those of before: ``work`` is another one after a person's deed, ``logs`` after new logs.

    Where services share a database ``logs`` is another one also after these were indexed, whichever of them did it.
    """

    work: int
    logs: int


def by_other_connections(connection: Connection) -> Elsewhere:
    """The marks of an SQLite file, on the writer's own connection: what was committed on that one changes none.

    Only one service records into a file, so whatever others commit is somebody's work.
    """
    cursor = connection.connection.cursor()
    try:
        cursor.execute("PRAGMA data_version")
        row = cursor.fetchone()
    finally:
        cursor.close()
    return Elsewhere(int(row[0]) if row else 0, 0)


def newest_of_all(connection: Connection) -> Elsewhere:
    """The marks of a database that services share, ours among them: every deed of a person stands in the audit."""
    deed, log = run(connection, _NEWEST).one()
    return Elsewhere(int(deed or 0), int(log or 0) + mark(connection))
