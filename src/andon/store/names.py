"""Names in filters: what people write becomes names that logs carry, or an error that tells which come nearest.

Every question with a filter passes here once, from commands, HTTP, ``andon ask`` and the tools of a model alike. What
is known is read from what the indexer counts, and of the few logs that it has not come to; no more logs are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection

from andon.core import names as reading
from andon.core.errors import UnknownName
from andon.core.models import LogQuery, Names, SiteNames
from andon.core.models.history import Place
from andon.core.text import counted
from andon.store.engine import no_such, watermark
from andon.store.problems import members
from andon.store.schema.dialect import run
from andon.store.schema.expressions import is_glob
from andon.store.search import search
from andon.store.search.facets import FIELDS_MAX, OWN, VALUES_MAX, context_fields

Q = TypeVar("Q")

#: Filters by name, and the fields of the record that carry the names.
COLUMNS = {
    "host": "hostname",
    "service": "service",
    "site": "site",
    "area": "area",
    "line": "line",
    "machine": "machine",
}
#: Logs beyond the indexer's mark that are looked at, and of those whose contexts are.
_FRESH_MAX, _CONTEXTS_MAX = 20_000, 2_000
#: Names of one kind that a question in words is held against.
_SITE_MAX = 5_000

_FRESH = f"SELECT {{0}} FROM logs WHERE id > ? ORDER BY id LIMIT {_FRESH_MAX}"  # noqa: S608
_VALUES = "SELECT v.value, v.rest FROM fields AS f JOIN field_values AS v ON v.field_id = f.id WHERE f.name = ?"


class Read(NamedTuple, Generic[Q]):
    """A question in names that logs carry. ``notes`` tell how what was written was read; ``named`` says what it names.

    >>> Read(None, [], "line L3").none("No logs match.")
    'No logs match. Known, without a match: line L3.'
    """

    query: Q
    notes: list[str]
    named: str

    @property
    def empty(self) -> list[str]:
        """The note to add where nothing is found: what is named is known all the same."""
        return [f"known, without a match: {self.named}"] if self.named else []

    def none(self, sentence: str) -> str:
        """``sentence`` says that nothing was found; this does with that note."""
        return " ".join([sentence, *(f"{note[0].upper()}{note[1:]}." for note in self.empty)])


class Known(NamedTuple):
    """Names of one kind; with ``more`` there may be others."""

    names: frozenset[str]
    more: bool


def read(connection: Connection, query: Q) -> Read[Q]:
    """``query`` (a struct with filters) with the names that logs carry in place of those that were written.

    A name that is known is taken as it is; what only reads the same is taken where it is none, and told in the notes.
    Raises UnknownName for what no log names; while nothing is stored yet that is a note.
    """
    reader = _Reader(connection)
    changed: dict[str, Any] = {}
    for level in COLUMNS:
        if (value := getattr(query, level, None)) is not None:
            changed[level] = reader.name(level, value)
    if (value := getattr(query, "place", None)) is not None:
        changed["place"] = reader.place(query.PLACES, value)  # type: ignore[attr-defined]
    if given := getattr(query, "fields", None):
        changed["fields"] = tuple(reader.field(*one) for one in given)
    if (pattern := getattr(query, "pattern_id", None)) is not None:
        reader.pattern(pattern)
    if changed:
        query = msgspec.structs.replace(query, **changed)  # type: ignore[type-var]
    return Read(query, reader.notes, ", ".join(reader.named))


def read_place(connection: Connection, place: Place | None) -> Read[Place | None]:
    """As :func:`read`, for a part of the site."""
    reader = _Reader(connection)
    if place is not None:
        level = next(level for level, column in COLUMNS.items() if column == place.field)
        place = place._replace(names=reader.name(level, place.names))
    return Read(place, reader.notes, ", ".join(reader.named))


def of_site(connection: Connection) -> SiteNames:
    """The names that occur in the records."""
    reader = _Reader(connection)
    names = {f"{level}s": sorted(reader.known(level).names)[:_SITE_MAX] for level in COLUMNS}
    return SiteNames(**names)


def known_problem(connection: Connection, pattern_id: int) -> None:
    """Raises UnknownName where there is no such problem."""
    _Reader(connection).pattern(pattern_id)


class _Reader:
    """Reads the names of one question, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._fresh: list[tuple[Any, ...]] | None = None
        self._known: dict[str, Known] = {}
        self.notes: list[str] = []
        self.named: list[str] = []

    def name(self, level: str, said: Names) -> Names:
        """The names of this kind that are meant. Raises UnknownName."""
        if isinstance(said, tuple):
            return said
        known = self.known(level)
        found = _found(level, said, known.names)
        if found is None and known.more and self._recorded(**{level: said}):
            found = said
        if found is None:
            return self._unknown(level, said, reading.nearest(said, known.names, more=known.more))
        return self._told(level, said, found)

    def place(self, levels: Sequence[str], said: Names) -> Names:
        """The names of any of these kinds that are meant, of the kind that is named by its word where one is."""
        if isinstance(said, tuple):
            return said
        every = frozenset[str]().union(*(self.known(level).names for level in levels))
        more = [level for level in levels if self.known(level).more]
        own = reading.level_of(said)
        level, found = "place", _found("", said, every)
        for one in sorted(levels, key=lambda one: one != own):
            if found is None and (found := _found(one, said, self.known(one).names)) is not None:
                level = one
        if found is None and any(self._recorded(**{one: said}) for one in more):
            found = said
        if found is None and own is not None and own in levels:
            return self._unknown(own, said, reading.nearest(said, self.known(own).names, more=own in more))
        if found is None:
            return self._unknown("place", said, reading.nearest(said, every, more=bool(more)))
        return self._told(level, said, found)

    def field(self, name: str, value: str) -> tuple[str, str]:
        """A field of contexts with its value, which is a note where no log has it. Raises UnknownName."""
        rows = run(self._connection, "SELECT name, kept FROM fields")
        kept = {str(row[0]): int(row[1]) for row in rows if row[0] not in OWN}
        found = reading.meant(name, kept, "field")
        if found != [name] and (name in self._fresh_fields() or self._recorded(fields=((name, value),))):
            return name, value
        if len(found) != 1:
            near = reading.nearest(name, list(kept), more=len(kept) >= FIELDS_MAX - len(OWN))
            own = name.lower() in OWN or name.lower() in COLUMNS
            self._unknown("field", name, near, " in contexts (it has a filter of its own)" if own else "")
            return name, value
        if found[0] != name:
            self.notes.append(f"field {reading.quoted(name)} is read as {reading.shown(found[0])}")
        if kept[found[0]] < VALUES_MAX:
            values = [row[0] for row in run(self._connection, _VALUES, (found[0],)) if not row[1]]
            if value not in values and not self._recorded(fields=((found[0], value),)):
                told = ", ".join(map(reading.shown, reading.nearest(value, values).names))
                there = f"; the nearest of its {counted(len(values), 'value')}: {told}" if told else ""
                self.notes.append(f"no log has {reading.quoted(f'{found[0]}={value}')}{there}")
        return found[0], value

    def pattern(self, pattern_id: int) -> None:
        """Raises UnknownName where there is no such problem."""
        if members.root_of(self._connection, pattern_id) is not None:
            self.named.append(f"problem {pattern_id}")
        elif not self._is_empty("problem"):
            raise UnknownName(f"there is no problem {pattern_id}; {_problems_near(self._connection, pattern_id)}")

    def known(self, level: str) -> Known:
        """The names of one kind."""
        if level not in self._known:
            self._known[level] = self._look_up(level)
        return self._known[level]

    def _look_up(self, level: str) -> Known:
        connection, column = self._connection, COLUMNS[level]
        rows = run(connection, _VALUES, (column,)).all()
        found = {str(value) for value, rest in map(tuple, rows) if not rest}
        full = len(found) < len(rows)
        waiting = watermark.newest_id(connection) - watermark.mark(connection)
        if (full or waiting > _FRESH_MAX) and level != "service":  # what keeps count of alarms and hosts names more
            sql = f"SELECT DISTINCT {column} FROM alarms"  # noqa: S608
            if level == "host":
                sql = f"{sql} UNION SELECT DISTINCT hostname FROM pattern_hosts"  # noqa: S608
            found.update(str(row[0]) for row in run(connection, sql) if row[0])
        if waiting > 0:
            if self._fresh is None:
                fresh = run(connection, _FRESH.format(", ".join(COLUMNS.values())), (watermark.mark(connection),))
                self._fresh = [tuple(row) for row in fresh]
            at = list(COLUMNS).index(level)
            found.update(str(row[at]) for row in self._fresh if row[at])
        more = (full and level != "host") or waiting > _FRESH_MAX
        return Known(frozenset(found), more)

    def _fresh_fields(self) -> set[str]:
        mark = watermark.mark(self._connection)
        rows = run(self._connection, "SELECT context FROM logs WHERE id > ? ORDER BY id LIMIT ?", (mark, _CONTEXTS_MAX))
        return {name for row in rows for name, _ in context_fields(row[0])[0]}

    def _recorded(self, **filters: Any) -> bool:
        """Whether any log fits, asked of the logs themselves: where what is counted does not hold every name."""
        return bool(search.find(self._connection, LogQuery(limit=1, **filters)))

    def _told(self, level: str, said: str, found: Names) -> Names:
        self.named.append(f"{level} {reading.listed(found)}")
        if found != said:
            self.notes.append(f"{level} {reading.quoted(said)} is read as {reading.listed(found)}")
        return found

    def _unknown(self, noun: str, said: str, near: reading.Nearest, where: str = "") -> str:
        if not self._is_empty(noun):
            raise UnknownName(reading.unknown(noun, said, near, where=where))
        return said

    def _is_empty(self, noun: str) -> bool:
        """Whether nothing was stored so far, which is noted."""
        connection = self._connection
        if watermark.newest_id(connection) or run(connection, "SELECT id FROM field_values LIMIT 1").first():
            return False
        note = f"nothing is stored yet, so no {noun} is known: send a first log with `andon send`"
        self.notes.extend([] if note in self.notes else [note])
        return True


def _found(level: str, said: str, known: Iterable[str]) -> Names | None:
    """What is meant: the glob or name itself, or several names; None for nothing that is known."""
    if is_glob(said):
        if any(map(reading.glob(said).fullmatch, known)):
            return said
        return tuple(filter(reading.glob(said, any_case=True).fullmatch, known)) or None
    found = reading.meant(said, known, level)
    return said if found == [said] else tuple(found) or None


def _problems_near(connection: Connection, pattern_id: int) -> str:
    return reading.choice("problem", no_such.nearest_ids(connection, "problem", pattern_id))
