"""A deadline for what one question reads."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from andon.core.errors import QueryTooSlow
from andon.store.schema.dialect import is_postgres

#: Seconds that one question may read.
DEADLINE = 5.0
#: SQLite looks at the clock after so many of its instructions: a fraction of a millisecond.
_STEPS = 20_000
#: PostgreSQL's SQLSTATE for a statement that its deadline ended.
_CANCELED = "57014"


@contextlib.contextmanager
def statement_deadline(connection: Connection, seconds: float) -> Iterator[None]:
    """Interrupt what runs on ``connection`` after ``seconds``. Raises QueryTooSlow then."""
    raw = connection.connection.dbapi_connection
    if is_postgres(connection):
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}")
        try:
            yield
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _CANCELED:
                raise
            raise _too_slow(seconds) from error
        return
    if not isinstance(raw, sqlite3.Connection):
        yield
        return
    end = time.monotonic() + seconds
    raw.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_INTERRUPT:
            raise
        raise _too_slow(seconds) from error
    finally:
        raw.set_progress_handler(None, _STEPS)


def _too_slow(seconds: float) -> QueryTooSlow:
    return QueryTooSlow(
        f"this reads more than {seconds:g} s of the database: ask about a shorter time, one host or one problem"
    )
