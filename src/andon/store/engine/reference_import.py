"""Taking over a database that the reference system (gogent) wrote.

Such a file holds a real table ``agent_logs``. Every row becomes a log with the same id and the
same values, its analysis a finished row of ``analyses``, and the view ``agent_logs`` takes the table's
place, so that a query sees what it saw before.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from sqlalchemy import Connection

from andon.core.errors import StoreUnavailable
from andon.core.models import Rung
from andon.core.private_files import FileAccess
from andon.store.engine.copies import copy_beside
from andon.store.schema import tables
from andon.store.schema.columns import metadata

_REQUIRED = ("timestamp", "hostname", "severity", "service", "message")
_OPTIONAL = ("context", "analysis", "created_at")
#: Rows moved by one statement: what a statement changes is what SQLite has to keep at hand.
_BATCH = 5_000


def inspect(db_path: Path) -> frozenset[str] | None:
    """Those of the reference's columns that its table in this file has.

    None where the file is new, ours, or of another kind. Raises StoreUnavailable where there is a table ``agent_logs``
    that cannot be the reference's.
    """
    if not db_path.exists() or db_path.stat().st_size == 0:
        return None
    with contextlib.closing(sqlite3.connect(db_path, isolation_level=None)) as connection:
        kinds = dict(connection.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')"))
        if kinds.get("agent_logs") != "table" or "alembic_version" in kinds:
            return None
        info = connection.execute("PRAGMA table_info(agent_logs)").fetchall()
    columns = frozenset(row[1] for row in info)
    key = [(row[1], row[2].upper()) for row in info if row[5]]
    lacking = [name for name in ("id", *_REQUIRED) if name not in columns]
    if lacking or key != [("id", "INTEGER")]:
        raise StoreUnavailable(
            f"the database {db_path} has a table agent_logs with an unknown layout "
            f"({'no column ' + lacking[0] if lacking else 'id is not its integer key'}): choose another DB_PATH"
        )
    if taken := sorted({*metadata.tables, *tables.SHOWN} & set(kinds)):
        raise StoreUnavailable(
            f"the database {db_path} contains a table {taken[0]}, a name that Andon needs: rename the table, or choose "
            "another DB_PATH"
        )
    return columns & {*_REQUIRED, *_OPTIONAL}


def back_up(db_path: Path, access: FileAccess) -> Path:
    """Copy the database beside itself, complete and on the disk when this returns; never overwrites a copy."""
    return copy_beside(db_path, f"{db_path.name}.reference", access)


def take_over(connection: Connection, found: frozenset[str]) -> int:
    """Turn the reference's database into ours inside the open transaction; the number of rows taken over.

    The dropped table leaves free pages in the file, which the next logs fill.
    """
    next_id = connection.exec_driver_sql(
        "SELECT MAX(COALESCE((SELECT MAX(id) FROM agent_logs), 0),"
        " COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'agent_logs'), 0))"
        if _counts_on(connection)
        else "SELECT COALESCE(MAX(id), 0) FROM agent_logs"
    ).scalar_one()
    tables.create(connection)
    connection.exec_driver_sql("INSERT INTO streams (id, name) VALUES (1, ?)", (tables.REFERENCE_STREAM,))
    rows, explained = _copy(connection, found)
    connection.exec_driver_sql("DROP TABLE agent_logs")
    tables.create_view(connection)
    connection.exec_driver_sql(f"PRAGMA application_id={tables.APPLICATION_ID}")
    connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = 'log_rows'")
    connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('log_rows', ?)", (next_id,))
    counted = [("logs", rows), (f"rung:{Rung.REFERENCE}", explained)]
    connection.exec_driver_sql("INSERT INTO counters (name, value) VALUES (?, ?)", counted)
    return rows


def _counts_on(connection: Connection) -> bool:
    """Whether the database has SQLite's table of AUTOINCREMENT counters."""
    found = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").scalar()
    return found is not None


def _copy(connection: Connection, found: frozenset[str]) -> tuple[int, int]:
    """Copy every row in batches by id, SQL to SQL, so that no value passes through a conversion.

    The names put into the statements are the reference's own.
    """
    context, analysis, created_at = (f'"{name}"' if name in found else "NULL" for name in _OPTIONAL)
    logs = (
        "INSERT INTO log_rows (id, stream_id, seq, stored_ns, timestamp, hostname, severity, service, message,"  # noqa: S608
        " context, analysis_id, created_text)"
        " SELECT id, 1, id, 0, timestamp, hostname, severity, service, message,"
        f" {context}, CASE WHEN {analysis} IS NOT NULL THEN id END, {created_at}"
        " FROM agent_logs WHERE id BETWEEN ? AND ?"
    )
    # An explanation gets the id of its log: no second pass is needed to join the two.
    analyses = (
        "INSERT INTO analyses (id, log_id, reason, status, caller, tier, score, created_at, not_before,"  # noqa: S608
        " attempts, rung, provisional, text, finished_at)"
        f" SELECT id, id, 'reference', 'done', 0, 0, 0, {created_at}, 0, 0,"
        f" '{Rung.REFERENCE}', 0, {analysis}, COALESCE({created_at}, '')"
        f" FROM agent_logs WHERE id BETWEEN ? AND ? AND {analysis} IS NOT NULL"
    )
    rows = explained = 0
    first = connection.exec_driver_sql("SELECT MIN(id) FROM agent_logs").scalar()
    while first is not None:
        last = connection.exec_driver_sql(
            "SELECT MAX(id) FROM (SELECT id FROM agent_logs WHERE id >= ? ORDER BY id LIMIT ?)", (first, _BATCH)
        ).scalar()
        rows += connection.exec_driver_sql(logs, (first, last)).rowcount
        explained += connection.exec_driver_sql(analyses, (first, last)).rowcount
        first = connection.exec_driver_sql("SELECT MIN(id) FROM agent_logs WHERE id > ?", (last,)).scalar()
    return rows, explained
