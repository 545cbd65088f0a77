"""Raw statements on SQLite and PostgreSQL, and the few words they have different ones for; see also ``expressions``."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Row, Table

T = TypeVar("T")

#: Ids that one statement names at most; SQLite before 3.32 takes no more than 999 values in one.
IDS_PER_QUERY = 500

#: Unix seconds (``{0}``) as the reference's database wrote times.
SECONDS_TEXT = {
    "sqlite": "datetime({0}, 'unixepoch')",
    "postgresql": "to_char(to_timestamp({0}) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')",
}

# PostgreSQL has no folding of accents of its own that an index may use: the letters of Europe's languages one by one.
_ACCENTED = {
    letter: base
    for letter in map(chr, range(0xC0, 0x180))
    if len(base := "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))) == 1
    and base.isascii()
}
#: Characters beyond ASCII that PostgreSQL's words have as plain letters.
FOLDED = frozenset(_ACCENTED) | {"ß"}
#: What PostgreSQL finds words in: messages without accents, every run of letters and digits a word.
SEARCHED_WORDS = (
    "to_tsvector('simple', regexp_replace(translate(replace({message}, 'ß', 'ss'), "
    f"'{''.join(_ACCENTED)}', '{''.join(_ACCENTED.values())}'), '[^[:alnum:]]+', ' ', 'g'))"
)
#: The words of messages: which logs hold a word. SQLite keeps them in a table of its own kind (which stores no text, no
#: positions and no lengths: what is found is checked against the log itself), PostgreSQL in an index.
LOG_WORDS = {
    "sqlite": "CREATE VIRTUAL TABLE log_words USING fts5"
    "(words, content='', detail=none, columnsize=0, tokenize='unicode61 remove_diacritics 2')",
    "postgresql": f"CREATE INDEX logs_words ON log_rows USING gin ({SEARCHED_WORDS.format(message='message')})",
}


def is_postgres(connection: Connection) -> bool:
    """Whether this is PostgreSQL; then other processes may record into the same database."""
    return connection.dialect.name == "postgresql"


def inserting(connection: Connection, table: Table) -> Any:
    """An INSERT of this database's own kind, which can say what to do about a conflict. A dialect is imported where it
    is used: that of PostgreSQL takes as long as all tables."""
    if is_postgres(connection):
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def run(
    connection: Connection, sql: str, parameters: Sequence[Any] | Sequence[tuple[Any, ...]] = ()
) -> CursorResult[*tuple[Any, ...]]:
    """Run one raw statement, once or (with a list of tuples) once for each tuple.

    ``?`` stands for a value, but for those in quotes and comments.
    """
    return connection.exec_driver_sql(_formatted(sql) if is_postgres(connection) else sql, parameters)


def rows_for(
    connection: Connection, sql: str, wanted: Sequence[Any], *first: Any, most: int = IDS_PER_QUERY
) -> Iterator[Row[*tuple[Any, ...]]]:
    """The rows of a statement that names many values, where it says ``{}``: at most ``most`` of them at a time.

    ``first`` are the values before those.
    """
    for part in portions(wanted, most):
        yield from run(connection, sql.replace("{}", marks(part)), (*first, *part))


def marks(values: Collection[Any]) -> str:
    """A ``?`` for each value, as they stand in a list of a statement."""
    return ",".join("?" * len(values))


def portions(values: Sequence[T], size: int = IDS_PER_QUERY) -> Iterator[Sequence[T]]:
    """So many of the values at a time as one statement may name."""
    return (values[start : start + size] for start in range(0, len(values), size))


#: Text in quotes, names in quotes, and comments: what a statement says there is said as it stands.
_VERBATIM = r"""'[^']*'|"[^"]*"|--[^\n]*|/\*.*?\*/"""
_TOKENS = re.compile(rf"{_VERBATIM}|\?|%", re.DOTALL)


@functools.lru_cache(maxsize=1024)
def _formatted(sql: str) -> str:
    """The statement as PostgreSQL's driver reads it, which takes ``%`` for its own sign wherever it stands."""
    return _TOKENS.sub(lambda found: "%s" if found[0] == "?" else found[0].replace("%", "%%"), sql)


def reserve_ids(connection: Connection, table: str, count: int) -> int:
    """The first of ``count`` ids in a row that only this transaction uses: we give ids ourselves, so as to know them.

    Call it in a transaction of the writer's, which is alone in asking.
    """
    if is_postgres(connection):
        sequence = f"{table}_id_seq"
        found: int = run(
            connection, f"SELECT setval('{sequence}', nextval('{sequence}') + ? - 1) - ? + 1", (count, count)
        ).scalar_one()
        return found
    # Inserting a row with a given id moves AUTOINCREMENT's counter along.
    last: int | None = run(connection, "SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).scalar()
    return 1 if last is None else last + 1
