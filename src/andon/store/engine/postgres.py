"""Opening PostgreSQL the way the store needs it, and its errors in our words.

Whoever writes holds one advisory lock for the length of its transaction, as a writer of SQLite holds the file's: so
several processes may record into one database, and what is true at the beginning of a transaction is at its end. Only
claims go beside the lock; they lock the row they claim.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from andon.core import extras
from andon.core.errors import ConfigError, StoreFull, StoreUnavailable

if TYPE_CHECKING:
    import psycopg

    from andon.core.settings.database_url import PostgresAddress

#: Execution option of transactions that go beside the writers' lock.
UNLOCKED = "andon_unlocked"
#: Execution option that names the database a connection leads to.
DATABASE = "andon_database"

Work = TypeVar("Work", bound=Callable[..., object])


def unlocked(work: Work) -> Work:
    """Marks a function on a connection that :meth:`andon.store.Store.write` runs beside the writers' lock."""
    setattr(work, UNLOCKED, True)
    return work


#: The number of the writers' advisory lock (``ANDN``), the same in every Andon.
_WRITERS = 0x414E444E
#: A writer that is silent in a transaction for so long is given up by the server, which frees the lock.
_IDLE_IN_TRANSACTION = 60.0
_CONNECT_SECONDS = 5
#: What is sent and not acknowledged for so long ends a connection, in milliseconds.
_UNACKNOWLEDGED = 20_000

#: What to do, by SQLSTATE or its class.
_REMEDIES = {
    "53300": "accepts no more connections: raise its max_connections or stop other clients",
    "53200": "is out of memory: see the server's log",
    "53400": "reached a limit of its configuration: see the server's log",
    "57014": "did not answer in time: check the load of the server, then try again",
    "55P03": "has been locked by another Andon for too long: check what that one does, or wait until it is done",
    "40P01": "was changed by two processes at once: try again",
    "40001": "was changed by two processes at once: try again",
    "25006": "accepts no writes (a standby server?): set DB_PATH to the primary",
    "42501": "refused access: GRANT CREATE, USAGE ON SCHEMA public to the user of DB_PATH, or make it the owner of the "
    "database",
    "25P03": "ended a transaction that was idle for too long: try again",
    "3F": "has no schema that Andon may use: GRANT CREATE, USAGE ON SCHEMA public to the user of DB_PATH, or make it "
    "the owner of the database",
    "57P": "is starting or stopping: try again when it is running",
    "08": "does not answer: check that the server runs and DB_PATH is correct",
    "28": "rejected the user or password of DB_PATH: correct them, and check the server's pg_hba.conf",
    "3D": "does not exist: create it (createdb -E UTF8 NAME) or correct DB_PATH",
    "53": "is short of resources: see the server's log",
    "58": "cannot be read or written: see the server's log and its disk",
    "XX": "may be damaged: see the server's log, restore a backup",
    "22P05": "cannot store all characters: create it with the encoding UTF8",
}
#: The same for connections that do not come up, of which libpq gives only a text (in English, or the server's words).
_NO_CONNECTION = (
    (r"authentication failed|no password supplied|no pg_hba\.conf entry|role .* does not exist", _REMEDIES["28"]),
    (r"database .* does not exist", _REMEDIES["3D"]),
    (r"too many clients|connection slots|too many connections", _REMEDIES["53300"]),
    (r"starting up|shutting down|recovery mode|not yet accepting", _REMEDIES["57P"]),
    (r"translate host name|resolve|not known", "is on an unknown host: correct DB_PATH"),
)


def store_error(address: object, error: BaseException | None) -> StoreFull | StoreUnavailable | None:
    """The StoreError for an error of the driver; None where it is no state of the server but a mistake of ours."""
    if getattr(type(error), "__module__", "").partition(".")[0] != "psycopg":
        return None
    import psycopg

    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate or ""
    if state == "53100":
        return StoreFull(
            f"no disk space is left for the database {address}: free some on its server; recording then continues "
            "automatically"
        )
    for length in (5, 3, 2):
        if state and state[:length] in _REMEDIES:
            return StoreUnavailable(f"the database {address} {_REMEDIES[state[:length]]} ({_first_line(error)})")
    if not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        text = str(error)
        remedy = next((words for found, words in _NO_CONNECTION if re.search(found, text)), _REMEDIES["08"])
        return StoreUnavailable(f"the database {address} {remedy} ({_first_line(error)})")
    if isinstance(error, psycopg.OperationalError):
        return StoreUnavailable(f"the database {address} cannot be used: {_first_line(error)}")
    return None


def _first_line(error: BaseException) -> str:
    """The error's own words: without libpq's list of attempts and the server's details."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = next((line for line in lines if "FATAL" in line or "failed:" in line), lines[0] if lines else "no reason")
    return re.sub(r"^.*(FATAL|ERROR): +", "", line)


def writer_engine(address: PostgresAddress, *, strict: bool, lock_seconds: float, deadline: float) -> Engine:
    """An engine whose transactions hold the writers' lock, but for those with the option :data:`UNLOCKED`."""
    settings = {"synchronous_commit": "on"} if strict else {}
    # a statement after the lock sees all that was committed before it, whatever the server's default is
    settings["default_transaction_isolation"] = "read committed"
    engine = _engine(address, deadline, {**settings, "lock_timeout": _milliseconds(lock_seconds)}, pool_size=1)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if not connection.get_execution_options().get(UNLOCKED):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")

    return engine


def reader_engine(address: PostgresAddress, deadline: float, **pool: Any) -> Engine:
    """An engine that only reads; ``pool`` says over how many connections."""
    return _engine(address, deadline, _READING, **pool)


#: A transaction sees one state of the database, as SQLite's readers do.
_READING = {"default_transaction_read_only": "on", "default_transaction_isolation": "repeatable read"}


def _engine(address: PostgresAddress, deadline: float, settings: dict[str, str], **options: Any) -> Engine:
    settings = {
        "statement_timeout": _milliseconds(deadline),
        "idle_in_transaction_session_timeout": _milliseconds(_IDLE_IN_TRANSACTION),
        "jit": "off",  # compiling costs more than our short queries
        "TimeZone": "UTC",
        **settings,
    }
    try:
        return create_engine(
            "postgresql+psycopg://",
            creator=lambda: _connect(address, settings),
            poolclass=QueuePool,
            max_overflow=0,
            pool_pre_ping=True,  # so that a restarted server costs nobody an error
            use_native_hstore=False,
            execution_options={DATABASE: address},
            **options,
        )
    except ImportError as error:
        raise extras.missing("postgres", "DB_PATH names a PostgreSQL database, which") from error


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000))) if seconds else "0"


def _connect(address: PostgresAddress, settings: dict[str, str]) -> psycopg.Connection[Any]:
    import psycopg
    from psycopg import conninfo, sql

    try:
        given = conninfo.conninfo_to_dict(address.url)
    except psycopg.ProgrammingError as error:  # its text may quote a part of the password
        raise ConfigError(
            "DB_PATH is not a valid PostgreSQL address: write it as postgresql://user:password@host:port/database, "
            "with special characters percent-encoded"
        ) from error
    defaults: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": "andon",
        "client_encoding": "UTF8",
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": _UNACKNOWLEDGED,
    }
    options = {name: value for name, value in defaults.items() if name not in given}
    context = SimpleNamespace(adapters=_adapters(), connection=None)
    connection = psycopg.connect(address.url, **options, autocommit=True, context=context)
    try:
        parts = [sql.SQL("SET {} = {}").format(sql.Identifier(k), sql.Literal(v)) for k, v in settings.items()]
        connection.execute(sql.SQL("; ").join(parts))
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


@functools.cache
def _adapters() -> Any:
    """How values travel: as SQLite takes and gives them."""
    import psycopg
    from psycopg.adapt import AdaptersMap
    from psycopg.types.numeric import NumericLoader
    from psycopg.types.string import StrDumperUnknown

    class Sum(NumericLoader):
        """A sum of bigint is numeric in PostgreSQL; no column of ours is."""

        def load(self, data: Any) -> Any:
            value = super().load(data)
            return int(value) if value == value.to_integral_value() else float(value)

    class WithoutNul(StrDumperUnknown):
        """PostgreSQL keeps no NUL character in a text."""

        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)

    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_loader("numeric", Sum)
    adapters.register_dumper(str, WithoutNul)
    return adapters


def table_kinds(connection: Connection) -> dict[str, str]:
    """Name → kind (``table``, ``view``) of what the schema holds, without what belongs to extensions."""
    rows = connection.exec_driver_sql(
        "SELECT c.relname, CASE WHEN c.relkind IN ('v', 'm') THEN 'view' ELSE 'table' END FROM pg_class AS c"
        " WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
        " AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT EXISTS (SELECT FROM pg_depend AS d"
        " WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
    )
    return {row[0]: row[1] for row in rows}


def check_encoding(connection: Connection, address: object) -> None:
    """Raises StoreUnavailable where the database cannot hold every character."""
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise StoreUnavailable(
            f"the database {address} has the encoding {encoding} and cannot store all characters: create one with "
            "createdb -E UTF8 -T template0 NAME"
        )
