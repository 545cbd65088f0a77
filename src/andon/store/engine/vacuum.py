"""Giving space of an SQLite file back to the disk, a little at a time; PostgreSQL's autovacuum sees to its own.

What is deleted from the index of words makes it larger at first: a note of each deletion goes beside the entry. Only
merging the index's segments takes both out.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from andon.core.errors import StoreError, StoreFull
from andon.core.settings.database_url import Database
from andon.store.engine.counters import add_to_counters, read_counter, set_counter
from andon.store.engine.database import check_revision, disposed, require, translated, writer_engine
from andon.store.engine.database_lock import lock_database
from andon.store.recording import log_origins
from andon.store.schema.dialect import is_postgres, run

#: Pages given back in one transaction: first, least and most.
FIRST, LEAST, MOST = 40, 10, 400
#: Free pages that stay for new logs: so many, or one in a hundred.
_SPARE = 128
_INCREMENTAL = 2
_UNMERGED, _FEW = "unmerged", 1_000
#: A file up to this size (bytes) is made anew on start, which takes a second or two, where it cannot shrink yet.
_QUICK = 256 * 1024 * 1024
#: Old logs that are let share what they can in one transaction.
_SHARED_AT_ONCE = 20_000


def merge_due(connection: Connection) -> bool:
    """Whether so much was deleted from the index of words that merging its segments is worth the writing."""
    if is_postgres(connection):
        return False
    return read_counter(connection, _UNMERGED) > _FEW + read_counter(connection, "logs") // 10


def note_unmerged(connection: Connection, count: int) -> None:
    """Note how many logs were deleted from the index of words."""
    if not is_postgres(connection):
        add_to_counters(connection, {_UNMERGED: count})


def merge_index(connection: Connection, pages: int, *, first: bool) -> bool:
    """Merge some pages of the index of words; whether there are more. Begin with ``first``."""
    raw: Any = connection.connection.dbapi_connection
    before = raw.total_changes
    run(connection, "INSERT INTO log_words (log_words, rank) VALUES ('merge', ?)", (-pages if first else pages,))
    if first or raw.total_changes - before >= 2:  # as FTS5 tells that there was something to do
        return True
    set_counter(connection, _UNMERGED, 0)
    return False


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


def compact(path: Database) -> tuple[int, int]:
    """Make an SQLite file anew without its free space, able to shrink from then on; its bytes before and after.

    Raises StoreError on PostgreSQL, InUseError while a service runs, StoreFull without room for the second file,
    StoreUnavailable where there is none.
    """
    if not isinstance(path, Path):
        raise StoreError(
            "PostgreSQL reuses free space for new logs automatically; VACUUM FULL returns it to the disk, but nothing "
            "is recorded while it runs"
        )
    require(path)
    with lock_database(path), disposed(writer_engine(path, "normal")) as engine:
        with translated(path):
            with engine.begin() as connection:
                check_revision(connection)
            before, free = path.stat().st_size, shutil.disk_usage(path.parent).free
            if free < 2 * before:
                raise StoreFull(
                    f"rebuilding {path} temporarily needs about {2 * before:,} bytes, but only {free:,} are free: free "
                    "some disk space"
                )
            _share_origins(engine)
            vacuum(engine)
        return before, path.stat().st_size


def _share_origins(engine: Engine) -> None:
    """Let old logs name what they share as new ones do; what is done stays done when this is broken off."""
    with engine.begin() as connection:
        first, last = run(connection, "SELECT MIN(id), MAX(id) FROM log_rows WHERE origin_id IS NULL").one()
    for begin in range(first or 0, (last or -1) + 1, _SHARED_AT_ONCE):
        with engine.begin() as connection:
            log_origins.share(connection, begin, begin + _SHARED_AT_ONCE - 1)


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
