"""Giving free space of an SQLite file back to the disk, a little at a time; PostgreSQL's autovacuum sees to its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from andon.store.dialect import is_postgres

#: Pages given back in one transaction: first, least and most.
FIRST, LEAST, MOST = 50, 20, 2_000
#: Free pages that stay for new logs: so many, or one in a hundred.
_SPARE = 128
_INCREMENTAL = 2
#: A file up to this size (bytes) is made anew on start, which takes a second or two, where it cannot shrink yet.
_QUICK = 256 * 1024 * 1024


def shrink(connection: Connection, pages: int) -> bool:
    """Give back up to ``pages``; whether there are more to give. Does nothing where the file was not made for it."""
    if is_postgres(connection) or _pragma(connection, "auto_vacuum") != _INCREMENTAL:
        return False
    spare = max(_SPARE, _pragma(connection, "page_count") // 100)
    surplus = _pragma(connection, "freelist_count") - spare
    if surplus <= 0:
        return False
    count = min(pages, surplus)
    cursor: Any = connection.connection.cursor()
    # Every page is a row without columns: of the driver's calls only this one goes on to the last. It ends the open
    # transaction, which has written nothing, and the pragma is one of its own.
    cursor.executescript(f"PRAGMA incremental_vacuum({count})")
    cursor.close()
    return surplus > count


def make_shrinkable(engine: Engine, path: Path) -> bool:
    """Make a small file of before anew, so that it can shrink from now on; whether that was done.

    A large one is left, for ``andon retention --compact``: nothing could be recorded meanwhile.
    """
    with engine.begin() as connection:
        able = can_shrink(connection)
        size = _pragma(connection, "page_count") * _pragma(connection, "page_size")
    if able or size > _QUICK or shutil.disk_usage(path.parent).free < 3 * size:
        return False
    vacuum(engine)
    return True


def vacuum(engine: Engine) -> None:
    """Make the file anew without its free space, able to shrink from then on."""
    connection = engine.raw_connection()  # VACUUM stands outside of transactions
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        cursor.close()
    finally:
        connection.close()


def can_shrink(connection: Connection) -> bool:
    """Whether free pages can be given back without making the file anew; True on PostgreSQL."""
    return is_postgres(connection) or _pragma(connection, "auto_vacuum") == _INCREMENTAL


def free_bytes(connection: Connection) -> int:
    """What is free for new logs inside an SQLite file; 0 on PostgreSQL, which does not tell."""
    if is_postgres(connection):
        return 0
    return _pragma(connection, "freelist_count") * _pragma(connection, "page_size")


def _pragma(connection: Connection, name: str) -> int:
    found: int = connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
    return found
