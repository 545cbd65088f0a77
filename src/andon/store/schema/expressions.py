"""Expressions of SQLAlchemy's that SQLite and PostgreSQL want different words for."""

from __future__ import annotations

import re
from typing import Any, TypeGuard

from sqlalchemy import Boolean, ColumnElement, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NULLTYPE, TypeEngine

from andon.core.models import Names
from andon.store.schema.dialect import SECONDS_TEXT

_PLACE = re.compile(r"\{(\d)\}")


def _function(name: str, kind: TypeEngine[Any], words: dict[str, str]) -> type[FunctionElement[Any]]:
    """A function with the words of each database; ``{0}`` stands for its first argument."""
    made = type(name, (FunctionElement,), {"name": name, "type": kind, "inherit_cache": True})

    def compiled(element: Any, compiler: Any, **options: Any) -> str:
        arguments = list(element.clauses)
        return _PLACE.sub(
            lambda place: compiler.process(arguments[int(place[1])], **options), words[compiler.dialect.name]
        )

    compiles(made)(compiled)
    return made


#: Unix seconds as ``2025-01-15 02:14:23`` in UTC.
seconds_text = _function("seconds_text", Text(), SECONDS_TEXT)
#: A column as it is, but not to be looked up or ordered by an index: another one is known to be better. PostgreSQL
#: judges that by its statistics.
unindexed = _function("unindexed", NULLTYPE, {"sqlite": "+{0}", "postgresql": "{0}"})
_glob = _function("matches_glob", Boolean(), {"sqlite": "{0} GLOB {1}", "postgresql": "{0} LIKE {2}"})
_contains = _function(
    "contains_folded",
    Boolean(),
    {
        "sqlite": "andon_contains({0}, {1}) = 1",
        # The columns are collated "C", which knows the case of ASCII letters only.
        "postgresql": 'position(lower({1} COLLATE "und-x-icu") IN lower({0} COLLATE "und-x-icu")) > 0',
    },
)


def is_glob(pattern: Names) -> TypeGuard[str]:
    """Whether a text that people write for a name stands for several: it holds ``*`` or ``?``."""
    return isinstance(pattern, str) and ("*" in pattern or "?" in pattern)


def like_of_glob(pattern: str) -> str:
    r"""A glob of ``*`` and ``?`` as LIKE has it, with ``\`` for what is meant to the letter."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")


def matches_names(column: ColumnElement[Any], pattern: Names) -> ColumnElement[bool]:
    """Whether the whole text fits a glob of ``*`` and ``?`` alone, or is a name; upper and lower case differ."""
    if isinstance(pattern, tuple):
        return column.in_(pattern)
    if not is_glob(pattern):
        return column == pattern
    glob = pattern.replace("[", "[[]")  # SQLite's sets of characters are not ours
    return _glob(column, literal(glob), literal(like_of_glob(pattern)))


def contains(column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Whether the text holds ``part``, in upper or lower case of any script."""
    if part.isascii():
        return column.icontains(part, autoescape=True)
    return _contains(column, literal(part))
