"""Counting the values of fields, by pattern and day and over all patterns by hour: what comparisons are made of.

Only what can be told apart is counted: short values, and of a field at most so many different ones. A field with more
keeps the first and counts the others as one rest; where that rest is most of it (a serial number, a measured value)
the field is scattered and no value of it is counted any more, so it can neither fill the disk nor win a comparison.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from andon.core.times import unix_minute
from andon.store.engine.bulk_insert import insert_rows
from andon.store.rules.past import is_past
from andon.store.schema.dialect import rows_for, run

#: Fields of the record itself; a context field of the same name is told as ``context.<name>``.
OWN = ("hostname", "service", "severity", "site", "area", "line", "machine")
FIELDS_MAX = 400
VALUES_MAX = 300
#: In ``fields.kept``: this field is scattered. It is found out over so many logs that carry a full field.
SCATTERED = VALUES_MAX + 1
_SCATTERED_AFTER = 5_000
VALUE_LENGTH = 80
NAME_LENGTH = 60
PER_LOG = 24
#: Contexts beyond this many characters are not taken apart.
CONTEXT_MAX = 65_536
_NUMBER_LENGTH = 8
_OWN = frozenset(OWN)
_decode = msgspec.json.Decoder().decode


class Row(msgspec.Struct, frozen=True, gc=False):
    """What indexing reads of a log. ``own`` are the values of :data:`OWN`, ``fields`` those of the context.

    ``more`` says that the context holds more fields than these. ``native`` is the severity as it was sent where that
    is another word. ``late`` says that it told of the past when it was stored. ``told`` is the context taken apart,
    None where it is no object or too large.
    """

    id: int
    timestamp: str
    pattern_id: int
    message: str
    own: tuple[str | None, ...]
    fields: list[tuple[str, str]]
    more: bool
    context: str | None
    native: str | None
    late: bool
    told: dict[str, Any] | None

    @classmethod
    def read(cls, row: Sequence[Any]) -> Row:
        """From the columns :data:`ROW_COLUMNS`."""
        log_id, time, pattern_id, message, native, *own, notes, context = row
        told = _object(context) if context and len(context) <= CONTEXT_MAX else None
        fields, more = _compared(told, PER_LOG) if told else ([], bool(context) and len(context) > CONTEXT_MAX)
        at = str(time or "")
        late = notes is not None and is_past(notes)
        text = str(message or "")
        return cls(log_id, at, pattern_id or 0, text, tuple(own), fields, more, context, native, late, told)


#: The columns of ``logs`` that :meth:`Row.read` takes, in its order.
ROW_COLUMNS = f"id, timestamp, pattern_id, message, severity_native, {', '.join(OWN)}, notes, context"


def context_fields(text: str | None) -> tuple[list[tuple[str, str]], bool]:
    """(name, value) of what can be compared in a context: texts, numbers and truths, one level deep; bounded.

    And whether the context holds more of them.
    """
    if not text:
        return [], False
    if len(text) > CONTEXT_MAX:
        return [], True
    return _compared(_object(text) or {}, PER_LOG)


def has_field(text: str | None, name: str, value: str) -> bool:
    """Whether a context has this value in this field, however large it is."""
    return bool(text) and (name, value) in _compared(_object(text or "") or {}, sys.maxsize)[0]


def _object(text: str) -> dict[str, Any] | None:
    try:
        context = _decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return context if isinstance(context, dict) else None


def _compared(context: Mapping[str, Any], most: int) -> tuple[list[tuple[str, str]], bool]:
    """The first ``most`` (name, value) that can be compared, and whether there are more."""
    found: list[tuple[str, str]] = []
    for name, value in context.items():
        kind = type(value)  # as JSON has them: no other is told by isinstance
        if kind is dict:
            for inner, one in value.items():
                if (shown := _comparable(one)) is not None and len(name) + len(inner) < NAME_LENGTH:
                    found.append((f"{name}.{inner}", shown))
            continue
        if kind is int or kind is float:
            shown = repr(value)
            told = shown if len(shown) <= _NUMBER_LENGTH else None
        else:
            told = value or None if kind is str else _comparable(value)
        if told is not None and 0 < len(name) <= NAME_LENGTH:
            found.append((f"context.{name}" if name in _OWN else name, told))
        if len(found) > most:
            break
    return found[:most], len(found) > most


def _comparable(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
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
        #: Logs with a full field, and those of them with a value that is not kept.
        self._full: Counter[int] = Counter()
        self._missed: Counter[int] = Counter()

    def forget(self) -> None:
        """Trust the database alone again, after a transaction whose end is uncertain."""
        self.__init__()  # type: ignore[misc]  # the memory is all there is

    def add(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Count ``rows`` (at least one) inside the open transaction."""
        if not self._fields:
            self._load(connection)
        timed = [(unix_minute(row.timestamp[:16]) // 60, row) for row in rows]
        _count_hours(connection, timed)
        owns = Counter((hour, row.pattern_id, row.own) for hour, row in timed)
        met: Counter[tuple[int, int, tuple[str, str]]] = Counter()
        for (hour, pattern, own), count in owns.items():
            for name, value in zip(OWN, own, strict=True):
                if value:
                    met[hour, pattern, (name, value)] += count
        scattered = {name for name, field in self._fields.items() if self._kept[field] == SCATTERED}
        met.update(
            [(hour, row.pattern_id, pair) for hour, row in timed for pair in row.fields if pair[0] not in scattered]
        )
        by_day: defaultdict[tuple[int, int, int, int], int] = defaultdict(int)
        by_hour: defaultdict[tuple[int, int, int], int] = defaultdict(int)
        # of those that are scattered nothing but how often they came is counted, so values need not be told apart
        rest = Counter(
            [(hour, row.pattern_id, name) for hour, row in timed for name, _ in row.fields if name in scattered]
        )
        for (hour, pattern, name), count in rest.items():
            field = self._fields[name]
            known = self._rest_of(connection, field)
            by_hour[field, hour, known] += count
            if pattern:
                by_day[field, hour // 24, pattern, known] += count
        places = self._places(connection, met)
        for (hour, pattern, pair), count in met.items():
            field, known = places[pair]
            if field:
                by_hour[field, hour, known] += count
                if pattern:
                    by_day[field, hour // 24, pattern, known] += count
        _add(connection, "facets", ("field_id", "day", "pattern_id", "value_id"), by_day)
        _add_days(connection, by_hour)
        _add(connection, "facet_hours", ("field_id", "hour", "value_id"), by_hour)

    def _places(
        self, connection: Connection, met: Mapping[tuple[int, int, tuple[str, str]], int]
    ) -> dict[tuple[str, str], tuple[int, int]]:
        """The ids of fields and values that were met so often; 0 for a field that is not kept."""
        totals: defaultdict[tuple[str, str], int] = defaultdict(int)
        for (_, _, pair), count in met.items():
            totals[pair] += count
        places: dict[tuple[str, str], tuple[int, int]] = {}
        for (name, value), count in totals.items():
            field = self._fields.get(name) or self._new_field(connection, name)
            places[name, value] = (field, self._value(connection, field, value, count)) if field else (0, 0)
        return places

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

    def _value(self, connection: Connection, field: int, value: str, count: int) -> int:
        known = self._values.get((field, value))
        kept = self._kept[field]
        if kept >= VALUES_MAX:
            if kept == VALUES_MAX:
                self._watch(connection, field, count, missed=known is None)
            if known is None or self._kept[field] == SCATTERED:
                return self._rest_of(connection, field)
        if known is not None:
            return known
        if len(value) > VALUE_LENGTH:
            return self._rest_of(connection, field)
        self._keep(connection, field, kept + 1)
        self._values[field, value] = found = self._insert(connection, field, value, rest=False)
        return found

    def _watch(self, connection: Connection, field: int, count: int, *, missed: bool) -> None:
        """Find out whether a full field is scattered."""
        self._full[field] += count
        self._missed[field] += count if missed else 0
        if self._full[field] >= _SCATTERED_AFTER:
            if 2 * self._missed[field] > self._full[field]:
                self._keep(connection, field, SCATTERED)
            self._full[field] = self._missed[field] = 0

    def _keep(self, connection: Connection, field: int, kept: int) -> None:
        self._kept[field] = kept
        run(connection, "UPDATE fields SET kept = ? WHERE id = ?", (kept, field))

    def _rest_of(self, connection: Connection, field: int) -> int:
        if field not in self._rest:
            self._rest[field] = self._insert(connection, field, "", rest=True)
        return self._rest[field]

    def _insert(self, connection: Connection, field: int, value: str, *, rest: bool) -> int:
        statement = "INSERT INTO field_values (field_id, value, rest) VALUES (?, ?, ?) RETURNING id"
        found: int = run(connection, statement, (field, value, rest)).scalar_one()
        return found


def _count_hours(connection: Connection, timed: Sequence[tuple[int, Row]]) -> None:
    """Note which ids belong to which hour, and how often which pattern came in it."""
    hours, ids = [hour for hour, _ in timed], [row.id for _, row in timed]  # ids rise
    firsts, lasts = dict(zip(reversed(hours), reversed(ids), strict=True)), dict(zip(hours, ids, strict=True))
    insert_rows(
        connection,
        "log_hours",
        ("hour", "first_id", "last_id", "count"),
        [(hour, firsts[hour], lasts[hour], count) for hour, count in Counter(hours).items()],
        " ON CONFLICT (hour) DO UPDATE SET"
        " first_id = CASE WHEN excluded.first_id < log_hours.first_id"
        " THEN excluded.first_id ELSE log_hours.first_id END,"
        " last_id = CASE WHEN excluded.last_id > log_hours.last_id THEN excluded.last_id ELSE log_hours.last_id END,"
        " count = log_hours.count + excluded.count",
    )
    seen = Counter((hour, row.pattern_id) for hour, row in timed if row.pattern_id)
    _add(connection, "pattern_hours", ("hour", "pattern_id"), seen)


def _add_days(connection: Connection, by_hour: Mapping[tuple[int, int, int], int]) -> None:
    """Add the counts of hours to those of their days, before they are added to the hours themselves: what an hour
    holds already says by how much its square grows."""
    before: dict[tuple[int, int, int], int] = {}
    asked: dict[tuple[int, int], list[int]] = {}
    for field, hour, value in by_hour:
        asked.setdefault((field, hour), []).append(value)
    for (field, hour), values in asked.items():
        sql = "SELECT value_id, count FROM facet_hours WHERE field_id = ? AND hour = ? AND value_id IN ({})"
        before.update(((field, hour, value), count) for value, count in rows_for(connection, sql, values, field, hour))
    days: dict[tuple[int, int, int], tuple[int, float]] = {}
    for (field, hour, value), count in by_hour.items():
        held = before.get((field, hour, value), 0)
        logs, squares = days.get((field, hour // 24, value), (0, 0.0))
        days[field, hour // 24, value] = logs + count, squares + float(count * (2 * held + count))
    insert_rows(
        connection,
        "facet_days",
        ("field_id", "day", "value_id", "count", "squares"),
        [(*place, *sums) for place, sums in sorted(days.items())],
        " ON CONFLICT (field_id, day, value_id) DO UPDATE SET count = facet_days.count + excluded.count,"
        " squares = facet_days.squares + excluded.squares",
    )


def _add(connection: Connection, table: str, key: tuple[str, ...], counts: Mapping[Any, int]) -> None:
    """Add counts to a table of counts, in the order of its key."""
    insert_rows(
        connection,
        table,
        (*key, "count"),
        [(*place, count) for place, count in sorted(counts.items())],
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET count = {table}.count + excluded.count",
    )
