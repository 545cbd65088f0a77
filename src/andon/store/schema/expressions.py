"""Expressions of SQLAlchemy's that SQLite and PostgreSQL want different words for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


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
    """Whether the whole text fits a glob of ``*`` and ``?`` alone, or is the name; upper and lower case differ."""
    if not is_glob(pattern):
        return column == pattern
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
