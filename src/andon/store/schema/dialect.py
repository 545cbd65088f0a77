"""The few places where SQLite and PostgreSQL want different words for the same thing."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, CursorResult, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

#: Ids that one statement names at most; SQLite before 3.32 takes no more than 999 values in one.
IDS_PER_QUERY = 500

#: How the view writes the unix seconds of ``l.created_at``: as the reference's database did.
CREATED_AT = {
    "sqlite": "datetime(l.created_at, 'unixepoch')",
    "postgresql": "to_char(to_timestamp(l.created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')",
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
    "postgresql": f"CREATE INDEX logs_words ON logs USING gin ({SEARCHED_WORDS.format(message='message')})",
}


def is_postgres(connection: Connection) -> bool:
    """Whether this is PostgreSQL; then other processes may record into the same database."""
    return connection.dialect.name == "postgresql"


def run(
    connection: Connection, sql: str, parameters: Sequence[Any] | Sequence[tuple[Any, ...]] = ()
) -> CursorResult[*tuple[Any, ...]]:
    """Run one statement, once or (with a list of tuples) once for each tuple. ``?`` stands for a value."""
    statement = _formatted(sql) if connection.dialect.name == "postgresql" else sql
    return connection.exec_driver_sql(statement, parameters)


@functools.lru_cache(maxsize=1024)
def _formatted(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


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


class seconds_text(FunctionElement[str]):  # noqa: N801 - reads like a function
    """Unix seconds as ``2025-01-15 02:14:23`` in UTC."""

    name = "seconds_text"
    type = Text()
    inherit_cache = True


@compiles(seconds_text, "sqlite")
def _seconds_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"datetime({compiler.process(element.clauses, **options)}, 'unixepoch')"


@compiles(seconds_text, "postgresql")
def _seconds_postgres(element: Any, compiler: Any, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"to_char(to_timestamp({seconds}) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"


class _Glob(FunctionElement[bool]):
    name = "matches_glob"
    type = Boolean()
    inherit_cache = True


@compiles(_Glob, "sqlite")
def _glob_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    column, pattern, _ = element.clauses
    return f"{compiler.process(column, **options)} GLOB {compiler.process(pattern, **options)}"


@compiles(_Glob, "postgresql")
def _glob_postgres(element: Any, compiler: Any, **options: Any) -> str:
    column, _, pattern = element.clauses
    return f"{compiler.process(column, **options)} LIKE {compiler.process(pattern, **options)}"


def is_glob(pattern: str) -> bool:
    """Whether a text that people write for a name stands for several: it holds ``*`` or ``?``."""
    return "*" in pattern or "?" in pattern


def matches_glob(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Whether the whole text fits a glob of ``*`` and ``?`` alone; upper and lower case differ."""
    glob = pattern.replace("[", "[[]")  # SQLite's sets of characters are not ours
    like = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%").replace("?", "_")
    return _Glob(column, literal(glob), literal(like))


class unindexed(FunctionElement[Any]):  # noqa: N801 - reads like a function
    """A column as it is, but not to be looked up or ordered by an index: another one is known to be better.

    PostgreSQL judges that by its statistics.
    """

    name = "unindexed"
    inherit_cache = True


@compiles(unindexed, "sqlite")
def _unindexed_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@compiles(unindexed, "postgresql")
def _unindexed_postgres(element: Any, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


class _Contains(FunctionElement[bool]):
    name = "contains_folded"
    type = Boolean()
    inherit_cache = True


@compiles(_Contains, "sqlite")
def _contains_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"andon_contains({compiler.process(element.clauses, **options)}) = 1"


@compiles(_Contains, "postgresql")
def _contains_postgres(element: Any, compiler: Any, **options: Any) -> str:
    # The columns are collated "C", which knows the case of ASCII letters only.
    text, part = (f'lower({compiler.process(one, **options)} COLLATE "und-x-icu")' for one in element.clauses)
    return f"position({part} IN {text}) > 0"


def contains(column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Whether the text holds ``part``, in upper or lower case of any script."""
    if part.isascii():
        return column.icontains(part, autoescape=True)
    return _Contains(column, literal(part))


__all__ = [
    "CREATED_AT",
    "FOLDED",
    "LOG_WORDS",
    "SEARCHED_WORDS",
    "contains",
    "is_glob",
    "is_postgres",
    "matches_glob",
    "reserve_ids",
    "run",
    "seconds_text",
    "unindexed",
]
