"""Reading many rows of text quickly."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from andon.store.schema.dialect import is_postgres, run


def plain_rows(connection: Connection, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a raw statement, as plain tuples.

    A connection of ours calls a function for each text, because rows that were taken over may hold bytes that are no
    UTF-8. Here that is done only where there are such.
    """
    if not is_postgres(connection):
        raw: Any = connection.connection.driver_connection
        lenient, raw.text_factory = raw.text_factory, str
        try:
            found: list[tuple[Any, ...]] = raw.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise
        else:
            return found
        finally:
            raw.text_factory = lenient
    return [tuple(row) for row in run(connection, sql, parameters)]
