"""Finding out whether recording would work, without leaving anything behind."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection

from andon.store.schema.dialect import is_postgres, run

#: What is written, in bytes: more than the page cache is allowed to hold back meanwhile.
_BYTES = 256 * 1024
_CACHE_KIB = 64
_INSERT = (
    "INSERT INTO rejects (stream_id, seq, stored_ns, subject, reason, data, received_at)"
    " VALUES (0, 0, 0, '', 'probe', ?, '')"
)


def probe(connection: Connection) -> None:
    """Write a row as far as the disk and roll it back: raises what recording would raise."""
    if is_postgres(connection):
        try:
            run(connection, _INSERT, (secrets.token_bytes(_BYTES),))  # what can be compressed takes no room
        finally:
            connection.rollback()
        return
    kept = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
    transaction = connection.get_transaction() or connection.begin()
    try:
        # With a small cache SQLite cannot keep the row in memory until the commit that never comes.
        connection.exec_driver_sql(f"PRAGMA cache_size=-{_CACHE_KIB}")
        run(connection, _INSERT, (bytes(_BYTES),))
    finally:
        transaction.rollback()
        connection.exec_driver_sql(f"PRAGMA cache_size={kept}")
        connection.rollback()
