"""A deadline for what one question reads."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from andon.core.errors import QueryTooSlow

P = ParamSpec("P")
T = TypeVar("T")

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
    if isinstance(raw, sqlite3.Connection):
        end = time.monotonic() + seconds
        raw.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    else:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}")
    try:
        yield
    except DBAPIError as error:
        interrupted = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_INTERRUPT
        if not interrupted and getattr(error.orig, "sqlstate", None) != _CANCELED:
            raise
        raise QueryTooSlow(
            f"the database did not answer this within {seconds:g} s: ask about a shorter time, one host or one problem"
        ) from error
    finally:
        if isinstance(raw, sqlite3.Connection):
            raw.set_progress_handler(None, _STEPS)


def in_time(
    connection: Connection, question: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """What ``question(connection, ...)`` answers within :data:`DEADLINE` seconds. Raises QueryTooSlow after that."""
    with statement_deadline(connection, DEADLINE):
        return question(connection, *args, **kwargs)
