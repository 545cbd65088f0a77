"""Opening a database the way the store needs it: what differs between SQLite and PostgreSQL ends here."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

from andon.core.errors import StoreFull, StoreTooNew, StoreUnavailable
from andon.core.private_files import share_sidecars
from andon.core.settings.database_url import Database, PostgresAddress
from andon.core.settings.whereabouts import owner_of, start_advice
from andon.store.engine import postgres
from andon.store.schema import tables
from andon.store.schema.dialect import is_postgres

#: ``normal``: a power cut may cost the last moments, which the recorder re-reads from the stream.
#: ``strict``: every commit is on the disk before it returns.
Durability = Literal["normal", "strict"]

#: How long a connection waits for another process' lock, in seconds.
BUSY_TIMEOUT = 5.0
#: What a server may take for one statement, in seconds.
DEADLINE = 60.0

_WRITER_CACHE_KIB = 4 * 1024  # the operating system caches the file as well
_READER_CACHE_KIB = 2 * 1024
_CHECKPOINT_PAGES = 4000
_WAL_KEPT_BYTES = 32 * 1024 * 1024
#: An I/O error with less than this free on the disk is taken for a full disk, in bytes.
_NO_ROOM = 1024 * 1024

_REMEDIES = {
    sqlite3.SQLITE_BUSY: "is locked by another process: stop that process, or wait until it is done",
    sqlite3.SQLITE_LOCKED: "is locked by another process: stop that process, or wait until it is done",
    sqlite3.SQLITE_READONLY: "cannot be written: run this as the user who runs Andon, or check the permissions of the "
    "file and its directory",
    sqlite3.SQLITE_PERM: "cannot be used: check the permissions of the file and its directory",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that the path is correct and the directory is writable",
    sqlite3.SQLITE_NOTADB: "is not an SQLite database: choose another DB_PATH or move the file away",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore a backup, or move the file away to start with an empty one",
    sqlite3.SQLITE_IOERR: "cannot be read or written: check the disk",
}


def store_error(path: Database, error: BaseException | None) -> StoreFull | StoreUnavailable | None:
    """The StoreError for a database's error; None where it is no state of the database but a mistake of ours."""
    if isinstance(path, PostgresAddress):
        return postgres.store_error(path, error)
    if not isinstance(error, sqlite3.DatabaseError):
        return None
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _disk_is_full(path)):
        return StoreFull(
            f"no disk space is left for the database {path}: free some; recording then continues automatically"
        )
    if code in _REMEDIES:
        return StoreUnavailable(f"the database {path} {_REMEDIES[code]} ({error})")
    if isinstance(error, sqlite3.OperationalError):
        return StoreUnavailable(f"the database {path} cannot be used: {error}; run `andon doctor` to check it")
    return None


def _disk_is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _NO_ROOM
    except OSError:
        return False


@contextlib.contextmanager
def translated(path: Database) -> Iterator[None]:
    """Turn the database's errors inside the block into StoreFull or StoreUnavailable."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        if (ours := store_error(path, error.orig if isinstance(error, DBAPIError) else error)) is not None:
            raise ours from error
        raise
    except PoolTimeout as error:
        raise StoreUnavailable(f"the database {path} is busy with other readers: try again") from error


@contextlib.contextmanager
def disposed(engine: Engine) -> Iterator[Engine]:
    """Close the engine's connections at the end of the block."""
    try:
        yield engine
    finally:
        engine.dispose()


class FileIdentity:
    """The file a writer has open, told from what lies at its path now.

    SQLite goes on writing into a file that was deleted, moved or replaced under it, or whose write-ahead log was; what
    it writes there is gone. Used by the writer's thread only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._known = self._number(path)
        self._known_log: tuple[int, int] | None = None

    def check(self) -> None:
        """Raises StoreUnavailable where the path does not lead to the open file any more."""
        if self._known is None or self._number(self._path) != self._known:
            happened = "was replaced" if self._path.exists() else "was deleted or moved away"
            raise StoreUnavailable(
                f"the database {self._path} {happened} while Andon was running; no more logs are acknowledged: put the "
                "file back, or restart Andon, which creates a new one and reads what the log stream still holds (24 h)"
            )
        number = self._number(self._log)
        if self._known_log is None:
            self._known_log = number
        elif number != self._known_log:
            raise StoreUnavailable(
                f"the write-ahead log {self._log} was deleted or moved away while Andon was running; no more logs are "
                "acknowledged: put it back, or restart Andon, which reads what the log stream still holds"
            )

    @staticmethod
    def _number(path: Path) -> tuple[int, int] | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def database_of(connection: Connection) -> Database:
    """The database that ``connection`` leads to, as it was named on opening."""
    database: Database = connection.get_execution_options()[postgres.DATABASE]
    return database


def require(path: Database) -> None:
    """Raise StoreUnavailable where there is no database file; whether a server answers is seen on connecting."""
    if not isinstance(path, Path):
        return
    try:
        path.stat()
    except PermissionError:
        raise StoreUnavailable(
            f"the database {path} cannot be read by this user: run this as the user who runs Andon ({owner_of(path)}), "
            "or give a group access with ANDON_DATA_GROUP (docs/installing.md)"
        ) from None
    except OSError:
        raise StoreUnavailable(f"no database at {path}: {start_advice('start `andon run` or set DB_PATH')}") from None


def flush_log(path: Path) -> None:
    """What was committed to this file is on the disk when this returns. Raises StoreUnavailable.

    A commit stands in the write-ahead log until that is folded into the file, which flushes both.
    """
    try:
        descriptor = os.open(path.with_name(path.name + "-wal"), os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreUnavailable(
            f"the database {path} cannot be written to its disk ({error}): check the disk"
        ) from error


def size(connection: Connection, path: Database) -> int:
    """What the database takes on its disk, in bytes."""
    if isinstance(path, PostgresAddress):
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def writer_engine(
    path: Database, durability: Durability, busy_timeout: float = BUSY_TIMEOUT, *, deadline: float = DEADLINE
) -> Engine:
    """An engine over the one connection that writes. A transaction takes the write lock when it begins.

    The connection may be used by several threads, but by one at a time. ``deadline`` is what a server may take for
    one statement (seconds, 0 for any time).
    """
    if isinstance(path, PostgresAddress):
        return postgres.writer_engine(path, strict=durability == "strict", lock_seconds=busy_timeout, deadline=deadline)

    def connect() -> sqlite3.Connection:
        connection = _connect(str(path), busy_timeout)
        _pragmas(
            connection,
            auto_vacuum="INCREMENTAL",  # of a file that is still empty; no other changes
            journal_mode="WAL",
            synchronous="FULL" if durability == "strict" else "NORMAL",
            cache_size=-_WRITER_CACHE_KIB,
            temp_store="MEMORY",
            wal_autocheckpoint=_CHECKPOINT_PAGES,
            journal_size_limit=_WAL_KEPT_BYTES,
            secure_delete="OFF",  # overwriting what is deleted doubles the writes of retention
            foreign_keys="OFF",
        )
        share_sidecars(path)
        return connection

    return _engine(path, connect, "BEGIN IMMEDIATE", poolclass=StaticPool)


def reader_engine(path: Database, *, connections: int, timeout: float, busy_timeout: float = BUSY_TIMEOUT) -> Engine:
    """An engine over at most ``connections`` connections that only read."""
    if isinstance(path, PostgresAddress):
        return postgres.reader_engine(path, timeout, pool_size=connections, pool_timeout=timeout)
    pool = {"poolclass": QueuePool, "pool_size": connections, "max_overflow": 0, "pool_timeout": timeout}
    return _engine(path, lambda: _reading(_connect(str(path), busy_timeout)), "BEGIN", **pool)


def untouched_engine(path: Path) -> Engine:
    """An engine that reads a file and leaves it, and the directory around it, exactly as it is."""

    def connect() -> sqlite3.Connection:
        log = path.with_name(path.name + "-wal")
        alone = not log.exists() or log.stat().st_size == 0
        return _reading(_connect(f"{path.absolute().as_uri()}?{'immutable=1' if alone else 'mode=ro'}", BUSY_TIMEOUT))

    return _engine(path, connect, "BEGIN", poolclass=NullPool)


def visitor_engine(path: Database, busy_timeout: float = BUSY_TIMEOUT) -> Engine:
    """An engine that reads a database beside a running service, or one on a read-only disk."""
    if isinstance(path, PostgresAddress):
        return postgres.reader_engine(path, DEADLINE, pool_size=1)

    def connect() -> sqlite3.Connection:
        uri = path.absolute().as_uri()
        connection = _connect(f"{uri}?mode=ro", busy_timeout)
        try:
            _reading(connection)
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            share_sidecars(path)
        except sqlite3.OperationalError as error:
            connection.close()
            # A database in WAL mode cannot be opened where its helper files cannot be made. When there are
            # none no one writes to it either, so it may be read as it lies there.
            if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
                raise
            if path.with_name(path.name + "-wal").exists():
                raise
            return _reading(_connect(f"{uri}?immutable=1", busy_timeout))
        return connection

    return _engine(path, connect, "BEGIN", poolclass=NullPool)


def _connect(database: str, busy_timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database,
        timeout=busy_timeout,
        isolation_level=None,  # transactions begin where we say so
        check_same_thread=False,
        uri=database.startswith("file:"),
    )
    # Rows that were taken over may hold bytes that are no UTF-8; they must not stop a listing.
    connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
    return connection


def _reading(connection: sqlite3.Connection) -> sqlite3.Connection:
    _pragmas(connection, cache_size=-_READER_CACHE_KIB, temp_store="MEMORY")
    # The words in the index of words; what it shows is looked for only when it is asked.
    connection.execute("CREATE VIRTUAL TABLE temp.log_vocabulary USING fts5vocab('main', 'log_words', 'instance')")
    _pragmas(connection, query_only="ON")
    # LIKE knows upper and lower case of ASCII letters only.
    connection.create_function("andon_contains", 2, _contains, deterministic=True)
    connection.create_function("andon_plain", 1, _plain, deterministic=True)
    return connection


def _contains(text: object, part: str) -> bool:
    return part.casefold() in text.casefold() if isinstance(text, str) else False


def _plain(text: object) -> int:
    return int(not isinstance(text, str) or text.isascii())


def _pragmas(connection: sqlite3.Connection, **values: object) -> None:
    for name, value in values.items():
        connection.execute(f"PRAGMA {name}={value}")


def _engine(path: Path, connect: Any, begin: str, **options: Any) -> Engine:
    engine = create_engine("sqlite://", creator=connect, execution_options={postgres.DATABASE: path}, **options)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def changes(connection: Connection) -> int:
    """Another number after a change that was made on this connection; 0 where that cannot be told."""
    return int(getattr(connection.connection.dbapi_connection, "total_changes", 0))


def table_kinds(connection: Connection) -> dict[str, str]:
    """Name → kind (``table``, ``view``) of what the database holds, what belongs to the database system left out."""
    if is_postgres(connection):
        return postgres.table_kinds(connection)
    rows = connection.exec_driver_sql(
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') AND substr(name, 1, 7) <> 'sqlite_'"
    )
    return {row[0]: row[1] for row in rows}


def _is_ours(connection: Connection) -> bool:
    if {"logs", "patterns", "analyses"} <= table_kinds(connection).keys():
        return True
    pragma = "PRAGMA application_id"
    return not is_postgres(connection) and connection.exec_driver_sql(pragma).scalar() == tables.APPLICATION_ID


def foreign(path: Database, names: Iterable[str]) -> StoreUnavailable:
    """The error for a database that another program made; ``names`` are its tables."""
    held = [name for name in sorted(names) if name != "alembic_version"] or ["no Andon table"]
    return StoreUnavailable(
        f"the database {path} belongs to another program (it contains {', '.join(held[:3])}): choose another DB_PATH"
    )


def revision(connection: Connection, path: Database) -> str | None:
    """The schema revision of the database, None where it has none; raises StoreTooNew for an unknown one."""
    if "alembic_version" not in table_kinds(connection):
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if found is not None and found not in tables.KNOWN_REVISIONS:
        if not _is_ours(connection):
            raise foreign(path, table_kinds(connection))
        raise StoreTooNew(
            f"the database {path} has schema revision {found}, but this Andon supports revisions up to {tables.HEAD}: "
            "install the newer version again, or restore a backup from before the upgrade"
        )
    return found


ONCE = "start `andon run` once"


def check_revision(connection: Connection) -> None:
    """Raises StoreUnavailable where a database is not ours yet or has an older schema, StoreTooNew for a newer one."""
    path = database_of(connection)
    found, kinds = revision(connection, path), table_kinds(connection)
    if found == tables.HEAD:
        return
    if found is None and kinds.get("agent_logs") == "table":
        raise StoreUnavailable(
            f"the database {path} belongs to the reference system: {start_advice(ONCE)}, which imports it"
        )
    if found is None and kinds:
        raise StoreUnavailable(f"the database {path} belongs to another program: choose another DB_PATH")
    raise StoreUnavailable(
        f"the database {path} {'is empty' if found is None else 'has an older schema'}: {start_advice(ONCE)}"
    )
