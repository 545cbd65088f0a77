"""Inserting many rows with few statements."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from itertools import chain
from typing import Any

from sqlalchemy import Connection

from andon.store.schema.columns import metadata
from andon.store.schema.dialect import is_postgres, run

_ROWS_PER_STATEMENT = 100
#: Rows with more text than this, in characters, go one by one.
_TOGETHER = 1 << 20
_ARRAYS = {int: "bigint", str: "text", float: "float8", bool: "boolean", bytes: "bytea"}


def insert_rows(
    connection: Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
    suffix: str = "",
    *,
    size: int = 0,
) -> None:
    """Insert ``rows``, ``suffix`` being what the statement does on a conflict.

    Most go by the hundred to a statement: a statement for each row costs about as much as the row itself. The rest
    goes row by row, so that there are only two statements to compile for each set of columns. So do all where they
    hold much text (``size``, in characters): SQLite keeps what a statement was given until that is run again.
    """
    if is_postgres(connection):
        _insert_columns(connection, table, columns, rows, suffix)
        return
    width = len(columns)
    flat = list(chain.from_iterable(rows))
    step = width * _ROWS_PER_STATEMENT
    whole = len(flat) - len(flat) % step if size <= _TOGETHER else 0
    for start in range(0, whole, step):
        statement = _statement(table, columns, _ROWS_PER_STATEMENT, suffix)
        connection.exec_driver_sql(statement, tuple(flat[start : start + step]))
    if whole < len(flat):
        rest = [tuple(flat[start : start + width]) for start in range(whole, len(flat), width)]
        connection.exec_driver_sql(_statement(table, columns, 1, suffix), rest)


def _insert_columns(
    connection: Connection, table: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]], suffix: str
) -> None:
    """The same for PostgreSQL: one statement for any number of rows, a column to a parameter."""
    values = [list(column) for column in zip(*rows, strict=True)]
    if values:
        run(connection, _statement_of_columns(table, columns, suffix), tuple(values))


@functools.lru_cache(maxsize=512)
def _statement_of_columns(table: str, columns: tuple[str, ...], suffix: str) -> str:
    types = (metadata.tables[table].c[name].type.python_type for name in columns)
    arrays = ", ".join(f"?::{_ARRAYS[kind]}[]" for kind in types)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays}){suffix}"  # noqa: S608


@functools.lru_cache(maxsize=512)
def _statement(table: str, columns: tuple[str, ...], rows: int, suffix: str) -> str:
    row = f"({','.join('?' * len(columns))})"
    # OR FAIL: a conflict ends the whole transaction anyway, and without it SQLite keeps a copy of every page
    # that a statement changes so as to undo that statement alone.
    return f"INSERT OR FAIL INTO {table} ({', '.join(columns)}) VALUES {','.join([row] * rows)}{suffix}"  # noqa: S608
