"""Which counts hold a span of time: parts of SQL that yield ``period, pattern_id, count``.

Hours that are gone come from ``pattern_hours``, which the indexer keeps; what it has not come to yet, and hours of
which only a part is asked for, come from ``pattern_minutes``, which the recorder keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection

from andon.core.errors import NotFound, QueryTooSlow
from andon.core.models import Names
from andon.core.models.history import Place
from andon.core.names import glob, listed
from andon.core.times import unix_minute
from andon.store.engine.watermark import mark, newest_id
from andon.store.schema.dialect import IDS_PER_QUERY, marks, run

#: Logs that may wait to be indexed while the hours before them count as complete.
BEHIND_MAX = 20_000
#: Spans of hours with such logs; with more of them every minute is read.
_SPANS_MAX = 50
_NAMES_MAX = 500

#: SQL with its values.
Part = tuple[str, list[Any]]
_NOTHING: Part = ("SELECT day AS period, pattern_id, count FROM facets WHERE 1 = 0", [])


def by_pattern(
    connection: Connection,
    first: int,
    last: int,
    patterns: Sequence[int] | None = None,
    severity: int | None = None,
) -> Part:
    """Counts by period and pattern of the minutes from ``first`` to before ``last``.

    Periods are hours; days (UTC) where ``severity`` is given: the id of the one field that every log has, of which the
    counts by day are the quickest of all.
    """
    only, ids = of_patterns(patterns)
    minutes = 60 if severity is None else 1440
    hour = "hour" if severity is None else "hour / 24"
    hourly = f"SELECT {hour} AS period, pattern_id, count FROM pattern_hours WHERE hour >= ? AND hour < ?{only}"  # noqa: S608
    daily = f"SELECT day AS period, pattern_id, count FROM facets WHERE field_id = ? AND day >= ? AND day < ?{only}"  # noqa: S608
    parts: list[Part] = []
    for whole, begin, end in segments(first, last, open_hours(connection)):
        if not whole:
            parts.append(by_minute(begin, end, None, patterns, minutes))
            continue
        days = -(-begin // 24), end // 24
        if severity is None or days[0] >= days[1]:
            parts.append((hourly, [begin, end, *ids]))
            continue
        parts.append((daily, [severity, *days, *ids]))
        parts += [(hourly, [*edge, *ids]) for edge in ((begin, days[0] * 24), (days[1] * 24, end)) if edge[0] < edge[1]]
    return " UNION ALL ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def segments(first: int, last: int, opened: Sequence[tuple[int, int]]) -> list[tuple[bool, int, int]]:
    """The minutes from ``first`` to before ``last`` as whole hours that are counted, and minutes of the others.

    >>> segments(30, 400, [(3, 4)])
    [(False, 30, 60), (True, 1, 3), (False, 180, 240), (True, 4, 6), (False, 360, 400)]
    """
    begin, end = -(-first // 60), last // 60
    if end <= begin:
        return [(False, first, last)]
    found = [(False, first, begin * 60)]
    for opens, closes in opened:
        start, stop = max(opens, begin), min(closes, end)
        if start < stop:
            found += [(True, begin, start), (False, start * 60, stop * 60)]
            begin = stop
    found += [(True, begin, end), (False, end * 60, last)]
    return [one for one in found if one[1] < one[2]]


def by_minute(
    first: int, last: int, hosts: Sequence[str] | None, patterns: Sequence[int] | None = None, length: int = 60
) -> Part:
    """Counts of these hosts and patterns (None: of all) from ``pattern_minutes``, by periods of ``length`` minutes."""
    only, values = of_patterns(patterns)
    if hosts is not None:
        named = f"SELECT id FROM host_names WHERE hostname IN ({marks(hosts)})"  # noqa: S608
        only += f" AND host_id IN ({named})" if hosts else " AND 1 = 0"
    sql = (
        f"SELECT minute / {length} AS period, pattern_id, count FROM host_minutes"  # noqa: S608
        f" WHERE minute >= ? AND minute < ?{only}"
    )
    return sql, [first, last, *values, *(hosts or ())]


def of_place(connection: Connection, place: Place, first: int, last: int) -> Part:
    """Counts of a part of the site by day, from ``first`` to before ``last``. Raises NotFound where it has no count of
    its own."""
    rows = run(
        connection,
        "SELECT v.field_id, v.id, v.value FROM fields AS f JOIN field_values AS v ON v.field_id = f.id"
        " WHERE f.name = ? AND v.rest = ?",
        (place.field, False),
    )
    fits = _fits(place.names)
    found = [(int(field), int(id_)) for field, id_, value in map(tuple, rows) if fits(value)]
    if not found:
        rest = (
            "SELECT v.id FROM fields AS f JOIN field_values AS v ON v.field_id = f.id WHERE f.name = ? AND v.rest = ?"
        )
        if run(connection, rest, (place.field, True)).first() is not None:
            raise NotFound(f"logs name too many {place.field}s to count this one separately: ask about another place")
        return _NOTHING
    return (
        "SELECT day AS period, pattern_id, count FROM facets WHERE field_id = ? AND day >= ? AND day < ?"  # noqa: S608
        f" AND value_id IN ({marks(found)})",
        [found[0][0], first, last, *(id_ for _, id_ in found)],
    )


def hosts_of(connection: Connection, place: Place) -> list[str]:
    """The hosts that fit. Raises QueryTooSlow where it is too many."""
    rows = run(connection, "SELECT DISTINCT hostname FROM pattern_hosts")
    fits = _fits(place.names)
    names = [name for (name,) in map(tuple, rows) if fits(name)]
    if len(names) > _NAMES_MAX:
        raise QueryTooSlow(f"{listed(place.names)} are {len(names):,} hosts: ask about {_NAMES_MAX} at most")
    return names


def _fits(names: Names) -> Callable[[str], object]:
    return glob(names).fullmatch if isinstance(names, str) else frozenset(names).__contains__


def ends(connection: Connection, table: str, column: str) -> tuple[int, int] | None:
    """The first and the last hour or minute of a table; None where it is empty."""
    # one by one: so SQLite finds each at an end of the index
    first, last = (run(connection, f"SELECT {which}({column}) FROM {table}").scalar() for which in ("MIN", "MAX"))  # noqa: S608
    return None if first is None or last is None else (int(first), int(last))


def open_hours(connection: Connection) -> list[tuple[int, int]]:
    """Spans of hours (since 1970) with logs that the indexer has not come to; all hours where it is far behind."""
    after = mark(connection)
    if newest_id(connection) <= after:
        return []
    rows = run(connection, "SELECT timestamp FROM logs WHERE id > ? ORDER BY id LIMIT ?", (after, BEHIND_MAX + 1)).all()
    spans: list[tuple[int, int]] = []
    for hour in sorted({unix_minute(str(row[0])) // 60 for row in map(tuple, rows)}):
        if spans and spans[-1][1] == hour:
            spans[-1] = (spans[-1][0], hour + 1)
        else:
            spans.append((hour, hour + 1))
    return [(-(2**40), 2**40)] if len(rows) > BEHIND_MAX or len(spans) > _SPANS_MAX else spans


def of_patterns(patterns: Sequence[int] | None) -> tuple[str, list[int]]:
    """A condition for these patterns with its values."""
    if patterns is None:
        return "", []
    some = list(patterns[:IDS_PER_QUERY])
    return f" AND pattern_id IN ({marks(some)})", some
