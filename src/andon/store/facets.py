"""Counting the values of fields by pattern and hour: what comparisons and breakdowns are made of.

Only what can be told apart is counted: short values, and of a field at most so many different ones. A field with more
(a serial number, a process id) keeps the first and counts the others as one rest, so that it can neither fill the disk
nor win a comparison.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection

from andon.store.batch import unix_minute
from andon.store.dialect import run
from andon.store.inserts import insert_rows

#: Fields of the record itself; a context field of the same name is told as ``context.<name>``.
OWN = ("hostname", "service", "severity", "site", "area", "line", "machine")
FIELDS_MAX = 400
VALUES_MAX = 300
VALUE_LENGTH = 80
NAME_LENGTH = 60
PER_LOG = 24
#: Contexts beyond this many characters are not taken apart.
CONTEXT_MAX = 65_536
_NUMBER_LENGTH = 8


class Row(msgspec.Struct, frozen=True, gc=False):
    """What indexing reads of a log. ``own`` are the values of :data:`OWN`."""

    id: int
    timestamp: str
    pattern_id: int
    message: str
    own: tuple[str | None, ...]
    context: str | None


def context_fields(text: str | None) -> list[tuple[str, str]]:
    """(name, value) of what can be compared in a context: texts, numbers and truths, one level deep; bounded."""
    if not text or len(text) > CONTEXT_MAX:
        return []
    return list(islice(_pairs(text), PER_LOG))


def has_more(text: str | None) -> bool:
    """Whether a context holds more fields than :func:`context_fields` tells."""
    return bool(text) and (
        len(text or "") > CONTEXT_MAX or next(islice(_pairs(text or ""), PER_LOG, None), None) is not None
    )


def has_field(text: str | None, name: str, value: str) -> bool:
    """Whether a context has this value in this field, however large it is."""
    return bool(text) and (name, value) in _pairs(text or "")


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    try:
        context = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return
    if not isinstance(context, dict):
        return
    for name, value in context.items():
        if isinstance(value, dict):
            pairs: Iterable[tuple[str, Any]] = ((f"{name}.{inner}", one) for inner, one in value.items())
        else:
            pairs = ((f"context.{name}" if name in OWN else name, value),)
        for key, one in pairs:
            if (shown := _comparable(one)) is not None and 0 < len(key) <= NAME_LENGTH:
                yield key, shown


def _comparable(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        shown = repr(value)
        return shown if len(shown) <= _NUMBER_LENGTH else None
    return None


class FacetBook:
    """Adds logs to the counts, with a memory of the ids of fields and values. Used by the writer thread only."""

    def __init__(self) -> None:
        self._fields: dict[str, int] = {}
        self._kept: dict[int, int] = {}
        self._values: dict[tuple[int, str], int] = {}
        self._rest: dict[int, int] = {}

    def forget(self) -> None:
        """Trust the database alone again, after a transaction whose end is uncertain."""
        self.__init__()  # type: ignore[misc]  # the memory is all there is

    def add(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Count ``rows`` inside the open transaction."""
        if not self._fields:
            self._load(connection)
        counts: Counter[tuple[int, int, int, int]] = Counter()
        for row in rows:
            hour = unix_minute(row.timestamp) // 60
            pairs = [(name, value) for name, value in zip(OWN, row.own, strict=True) if value]
            for name, value in (*pairs, *context_fields(row.context)):
                field = self._fields.get(name) or self._new_field(connection, name)
                if field:
                    counts[field, hour, row.pattern_id, self._value(connection, field, value)] += 1
        insert_rows(
            connection,
            "facets",
            ("field_id", "hour", "pattern_id", "value_id", "count"),
            [(*key, count) for key, count in sorted(counts.items())],
            " ON CONFLICT (field_id, hour, pattern_id, value_id) DO UPDATE SET count = facets.count + excluded.count",
        )

    def _load(self, connection: Connection) -> None:
        for field, name, kept in map(tuple, run(connection, "SELECT id, name, kept FROM fields")):
            self._fields[name] = field
            self._kept[field] = kept
        known = run(connection, "SELECT id, field_id, value, rest FROM field_values")
        for value_id, field, value, rest in map(tuple, known):
            if rest:
                self._rest[field] = value_id
            else:
                self._values[field, value] = value_id

    def _new_field(self, connection: Connection, name: str) -> int:
        """The id of a field met for the first time; 0 where there are too many fields already."""
        if len(self._fields) >= FIELDS_MAX:
            return 0
        field: int = run(connection, "INSERT INTO fields (name, kept) VALUES (?, 0) RETURNING id", (name,)).scalar_one()
        self._fields[name] = field
        self._kept[field] = 0
        return field

    def _value(self, connection: Connection, field: int, value: str) -> int:
        known = self._values.get((field, value))
        if known is not None:
            return known
        if self._kept[field] >= VALUES_MAX or len(value) > VALUE_LENGTH:
            if field not in self._rest:
                self._rest[field] = self._insert(connection, field, "", rest=True)
            return self._rest[field]
        self._kept[field] += 1
        run(connection, "UPDATE fields SET kept = ? WHERE id = ?", (self._kept[field], field))
        self._values[field, value] = found = self._insert(connection, field, value, rest=False)
        return found

    def _insert(self, connection: Connection, field: int, value: str, *, rest: bool) -> int:
        statement = "INSERT INTO field_values (field_id, value, rest) VALUES (?, ?, ?) RETURNING id"
        found: int = run(connection, statement, (field, value, rest)).scalar_one()
        return found
