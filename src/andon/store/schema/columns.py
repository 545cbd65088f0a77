"""What tables are made of: their collection, their two makes, and types that mean the same in both databases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Integer, MetaData, Table, text, types
from sqlalchemy.types import TypeEngine

metadata = MetaData()

# SQLite only counts on (AUTOINCREMENT) where the type is exactly INTEGER.
ID = Integer().with_variant(BigInteger(), "postgresql")

# Texts are compared by their bytes, as in SQLite and Python: times sort by it, and no locale changes what is equal.
Text = types.Text().with_variant(types.Text(collation="C"), "postgresql")

Kind = TypeEngine[Any] | type[TypeEngine[Any]]


def given(kind: Kind, *names: str) -> list[Column[Any]]:
    """Columns of one type that hold a value in every row."""
    return [Column(name, kind, nullable=False) for name in names]


def unique(kind: Kind, name: str) -> list[Column[Any]]:
    """A column that holds another value in every row."""
    return [Column(name, kind, nullable=False, unique=True)]


def optional(kind: Kind, *names: str) -> list[Column[Any]]:
    """Columns of one type that may be NULL."""
    return [Column(name, kind) for name in names]


def key(kind: Kind, *names: str) -> list[Column[Any]]:
    """Columns of one type that are the key of a :func:`clustered` table, or its next part."""
    return [Column(name, kind, primary_key=True, autoincrement=False) for name in names]


def numbered(name: str, *columns: list[Column[Any]]) -> Table:
    """A table whose rows have an ``id`` that is never given twice."""
    made = (column for part in columns for column in part)
    return Table(name, metadata, Column("id", ID, primary_key=True), *made, sqlite_autoincrement=True)


def clustered(name: str, *columns: list[Column[Any]]) -> Table:
    """A table whose rows lie in the order of their key, which is all that finds them."""
    return Table(name, metadata, *(column for part in columns for column in part), sqlite_with_rowid=False)


def where(condition: ColumnElement[bool] | str) -> dict[str, Any]:
    """Keywords of an index that holds only the rows of ``condition``; see :func:`for_postgres`."""
    held = text(condition) if isinstance(condition, str) else condition
    return {"sqlite_where": held, "info": {_HELD: held}}


#: Where an index keeps its condition for PostgreSQL: said in a keyword, it would import that dialect with the tables.
_HELD = "postgresql_where"


def for_postgres() -> None:
    """Say the conditions of indexes to SQLAlchemy's dialect for PostgreSQL too; idempotent."""
    for table in metadata.tables.values():
        for index in table.indexes:
            if _HELD in index.info:
                index.dialect_kwargs[_HELD] = index.info[_HELD]
