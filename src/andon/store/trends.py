"""How often problems occurred, from the counts by minute, hour and day alone: no log is read here.

Hours that are gone come from ``pattern_hours``, which the indexer keeps; what it has not come to yet, and hours of
which only a part is asked for, come from ``pattern_minutes``, which the recorder keeps. Everything that is merged
counts as the problem it is part of.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection

from andon.errors import NotFound, QueryTooSlow
from andon.history import Activity, Counted, Known, Place
from andon.store import family
from andon.store.batch import unix_minute
from andon.store.dialect import run
from andon.store.indexing import mark
from andon.store.policy import severity_of

#: Logs that may wait to be indexed while the hours before them count as complete.
BEHIND_MAX = 20_000
#: Spans of hours with such logs; with more of them every minute is read.
_SPANS_MAX = 50
#: Rows (a minute in which a problem occurred) that a question at the resolution of minutes may read.
MINUTES_MAX = 250_000
_NAMES_MAX = 500
_IDS_PER_QUERY = 500
_HOUR, _DAY = 3_600, 86_400
_RANK = (
    "CASE worst_severity WHEN 'CRITICAL' THEN 4 WHEN 'ERROR' THEN 3 WHEN 'WARNING' THEN 2 WHEN 'DEBUG' THEN 0 "
    "ELSE 1 END"
)
_ALARMS = "('CRITICAL', 'ERROR', 'WARNING')"

Part = tuple[str, list[Any]]


def span(connection: Connection) -> tuple[int, int] | None:
    """The first and the last minute (since 1970) in which anything was logged; None where nothing was."""
    found = [run(connection, f"SELECT {which}(minute) FROM pattern_minutes").scalar() for which in ("MIN", "MAX")]  # noqa: S608
    return None if found[0] is None or found[1] is None else (found[0], found[1])


def activity(
    connection: Connection, since: float, until: float, place: Place | None = None, *, by_days: bool = False
) -> Counted:
    """Every problem that occurred in ``since`` ≤ t < ``until`` (unix seconds, whole minutes).

    With ``by_days`` the periods are days (UTC), which is quicker. Of a host by its minutes; of another part of the site
    by the whole days that the span touches. Raises NotFound where no such place is known.
    """
    if place is not None and place.field != "hostname":
        first, last = int(since // _DAY), int(-(-until // _DAY))
        counted = _sums(connection, _of_place(connection, place, first, last))
        return Counted(first * _DAY, last * _DAY, _DAY, counted)
    first, last = int(since // 60), int(-(-until // 60))
    if place is not None:
        part = _minute_part(first, last, _hosts(connection, place))
        return Counted(first * 60, last * 60, _HOUR, _sums(connection, part))
    severity: int | None = run(connection, "SELECT id FROM fields WHERE name = 'severity'").scalar()
    parts = _parts(connection, first, last, None, severity if by_days else None)
    return Counted(first * 60, last * 60, _HOUR if severity is None or not by_days else _DAY, _sums(connection, parts))


def _sums(connection: Connection, part: Part) -> dict[int, Activity]:
    """Activity by problem, of counts by period and pattern."""
    sql, values = part
    found = run(
        connection,
        "SELECT pattern_id, SUM(n), COUNT(*), SUM(n * n) FROM ("  # noqa: S608
        f"SELECT period, pattern_id, SUM(count) AS n FROM ({sql}) AS c GROUP BY period, pattern_id"
        ") AS counted GROUP BY pattern_id",
        tuple(values),
    )
    counted = {int(id_): Activity(int(count), int(n), int(squares)) for id_, count, n, squares in map(tuple, found)}
    merged = run(connection, "SELECT id, merged_into FROM patterns WHERE merged_into IS NOT NULL")
    roots = {int(id_): int(root) for id_, root in map(tuple, merged)}
    families = {roots[id_] for id_ in counted if id_ in roots}
    if not families:
        return counted
    several = {id_ for id_ in counted if roots.get(id_, id_) in families}
    return {
        **{id_: one for id_, one in counted.items() if id_ not in several},
        **_families(connection, part, sorted(several)),
    }


def _families(connection: Connection, part: Part, patterns: Sequence[int]) -> dict[int, Activity]:
    """The same for problems of several patterns, which may share periods."""
    sql, values = part
    only = f" WHERE c.pattern_id IN ({','.join('?' * len(patterns))})" if len(patterns) <= _IDS_PER_QUERY else ""
    found = run(
        connection,
        "SELECT root, SUM(n), COUNT(*), SUM(n * n) FROM ("  # noqa: S608
        "SELECT c.period, COALESCE(p.merged_into, p.id) AS root, SUM(c.count) AS n"
        f" FROM ({sql}) AS c JOIN patterns AS p ON p.id = c.pattern_id{only}"
        " GROUP BY c.period, COALESCE(p.merged_into, p.id)) AS counted GROUP BY root",
        (*values, *(patterns if only else ())),
    )
    rows = {int(root): Activity(int(count), int(n), int(squares)) for root, count, n, squares in map(tuple, found)}
    if only:
        return rows
    wanted = set(known(connection, patterns)) | set(patterns)
    return {root: one for root, one in rows.items() if root in wanted}


def _parts(
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
    only, ids = _of(patterns)
    minutes = 60 if severity is None else 1440
    hour = "hour" if severity is None else "hour / 24"
    hourly = f"SELECT {hour} AS period, pattern_id, count FROM pattern_hours WHERE hour >= ? AND hour < ?{only}"  # noqa: S608
    daily = f"SELECT day AS period, pattern_id, count FROM facets WHERE field_id = ? AND day >= ? AND day < ?{only}"  # noqa: S608
    parts: list[Part] = []
    for whole, begin, end in _segments(first, last, _open_hours(connection)):
        if not whole:
            parts.append(_minute_part(begin, end, None, patterns, minutes))
            continue
        days = -(-begin // 24), end // 24
        if severity is None or days[0] >= days[1]:
            parts.append((hourly, [begin, end, *ids]))
            continue
        parts.append((daily, [severity, *days, *ids]))
        parts += [(hourly, [*edge, *ids]) for edge in ((begin, days[0] * 24), (days[1] * 24, end)) if edge[0] < edge[1]]
    return " UNION ALL ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def _segments(first: int, last: int, opened: Sequence[tuple[int, int]]) -> list[tuple[bool, int, int]]:
    """The minutes from ``first`` to before ``last`` as whole hours that are counted, and minutes of the others.

    >>> _segments(30, 400, [(3, 4)])
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


def _minute_part(
    first: int, last: int, hosts: Sequence[str] | None, patterns: Sequence[int] | None = None, length: int = 60
) -> Part:
    only, values = _of(patterns)
    if hosts is not None:
        only += f" AND hostname IN ({','.join('?' * len(hosts))})"
    sql = (
        f"SELECT minute / {length} AS period, pattern_id, count FROM pattern_minutes"  # noqa: S608
        f" WHERE minute >= ? AND minute < ?{only}"
    )
    return sql, [first, last, *values, *(hosts or ())]


def _of_place(connection: Connection, place: Place, first: int, last: int) -> Part:
    field, chosen = _values_of(connection, place)
    return (
        "SELECT day AS period, pattern_id, count FROM facets WHERE field_id = ? AND day >= ? AND day < ?"  # noqa: S608
        f" AND value_id IN ({','.join('?' * len(chosen))})",
        [field, first, last, *chosen],
    )


def _values_of(connection: Connection, place: Place) -> tuple[int, list[int]]:
    """The ids of a field and of its values that fit. Raises NotFound where none does."""
    field: int | None = run(connection, "SELECT id FROM fields WHERE name = ?", (place.field,)).scalar()
    if field is not None:
        rows = run(connection, "SELECT id, value FROM field_values WHERE field_id = ? AND rest = ?", (field, False))
        fits = _glob(place.glob)
        chosen = [int(id_) for id_, value in map(tuple, rows) if fits.fullmatch(value)]
        if chosen:
            return field, chosen
    raise NotFound(f"no {place.field} {place.glob!r} is known: choose one that logs name")


def _hosts(connection: Connection, place: Place) -> list[str]:
    rows = run(connection, "SELECT DISTINCT hostname FROM pattern_hosts")
    fits = _glob(place.glob)
    names = [name for (name,) in map(tuple, rows) if fits.fullmatch(name)]
    if not names:
        raise NotFound(f"no host {place.glob!r} is known: choose one that logs name")
    if len(names) > _NAMES_MAX:
        raise QueryTooSlow(f"{place.glob!r} fits {len(names):,} hosts: ask about {_NAMES_MAX} at most")
    return names


def _glob(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(character) or re.escape(character) for character in pattern), re.DOTALL)


def _open_hours(connection: Connection) -> list[tuple[int, int]]:
    """Spans of hours (since 1970) with logs that the indexer has not come to; all hours where it is far behind."""
    newest: int = run(connection, "SELECT COALESCE(MAX(id), 0) FROM logs").scalar_one()
    after = mark(connection)
    if newest <= after:
        return []
    rows = run(connection, "SELECT timestamp FROM logs WHERE id > ? ORDER BY id LIMIT ?", (after, BEHIND_MAX + 1)).all()
    spans: list[tuple[int, int]] = []
    for hour in sorted({unix_minute(str(row[0])) // 60 for row in map(tuple, rows)}):
        if spans and spans[-1][1] == hour:
            spans[-1] = (spans[-1][0], hour + 1)
        else:
            spans.append((hour, hour + 1))
    return [(-(2**40), 2**40)] if len(rows) > BEHIND_MAX or len(spans) > _SPANS_MAX else spans


def known(connection: Connection, roots: Collection[int]) -> dict[int, Known]:
    """What is known of these problems."""
    wanted = sorted(roots)
    found: dict[int, Known] = {}
    for start in range(0, len(wanted), _IDS_PER_QUERY):
        part = wanted[start : start + _IDS_PER_QUERY]
        marks = ",".join("?" * len(part))
        rows = run(
            connection,
            "SELECT r.id, r.template, f.rank, f.first_seen, f.last_seen FROM ("  # noqa: S608
            "SELECT COALESCE(merged_into, id) AS root, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen,"
            f" MAX({_RANK}) AS rank FROM patterns WHERE id IN ({marks}) OR merged_into IN ({marks})"
            " GROUP BY COALESCE(merged_into, id)) AS f JOIN patterns AS r ON r.id = f.root",
            (*part, *part),
        )
        for root, template, rank, first_seen, last_seen in map(tuple, rows):
            found[int(root)] = Known(template, severity_of(rank), first_seen, last_seen)
    return found


def first_seen_within(connection: Connection, since: str, until: str) -> dict[int, str]:
    """Problems that were seen for the first time in ``since`` ≤ t < ``until`` (stored form), with that time."""
    rows = run(
        connection,
        "SELECT COALESCE(merged_into, id), MIN(first_seen) FROM patterns GROUP BY COALESCE(merged_into, id)"
        " HAVING MIN(first_seen) >= ? AND MIN(first_seen) < ?",
        (since, until),
    )
    return {int(root): first for root, first in map(tuple, rows)}


def by_ten_minutes(connection: Connection, since: float, until: float) -> dict[int, int]:
    """Alarms by ten minutes since 1970; those that the indexer has not come to are logs of WARNING and worse."""
    found: Counter[int] = Counter()
    for whole, begin, end in _segments(int(since // 60), int(-(-until // 60)), _open_hours(connection)):
        if whole:
            rows = run(
                connection,
                "SELECT period, SUM(count) FROM alarm_totals WHERE period >= ? AND period < ? GROUP BY period",
                (begin * 6, end * 6),
            )
        else:
            rows = run(
                connection,
                "SELECT m.minute / 10, SUM(m.count) FROM pattern_minutes AS m JOIN patterns AS p ON p.id = m.pattern_id"  # noqa: S608
                f" WHERE m.minute >= ? AND m.minute < ? AND p.worst_severity IN {_ALARMS} GROUP BY m.minute / 10",
                (begin, end),
            )
        for period, count in map(tuple, rows):
            found[int(period)] += int(count)
    return dict(found)


def by_problem_and_minute(
    connection: Connection, first: int, last: int, *, alarms_only: bool = False
) -> dict[int, list[int]]:
    """The minutes (since 1970, in order) of ``first`` ≤ m < ``last`` in which each problem occurred.

    Raises QueryTooSlow where there are more than :data:`MINUTES_MAX` of them.
    """
    alarms = f" AND p.worst_severity IN {_ALARMS}" if alarms_only else ""
    rows = run(
        connection,
        "SELECT DISTINCT m.minute, COALESCE(p.merged_into, p.id) FROM pattern_minutes AS m"  # noqa: S608
        f" JOIN patterns AS p ON p.id = m.pattern_id WHERE m.minute >= ? AND m.minute < ?{alarms} LIMIT ?",
        (first, last, MINUTES_MAX + 1),
    )
    found: dict[int, list[int]] = {}
    for read, (minute, root) in enumerate(map(tuple, rows)):
        if read == MINUTES_MAX:
            raise QueryTooSlow("too much was logged in this time to look at each minute: ask about a shorter one")
        found.setdefault(int(root), []).append(int(minute))
    for minutes in found.values():
        minutes.sort()
    return found


def minutes_of(connection: Connection, pattern_id: int, since: float, until: float) -> dict[int, int] | None:
    """Logs of a problem by minute since 1970; None where there is no such pattern."""
    root = family.root_of(connection, pattern_id)
    if root is None:
        return None
    patterns = family.members(connection, root, _IDS_PER_QUERY)
    first, last = int(since // 60), int(-(-until // 60))
    only, ids = _of(patterns)
    counts: Counter[int] = Counter()
    for whole, begin, end in _segments(first, last, _open_hours(connection)):
        if whole:
            rows = run(
                connection,
                f"SELECT DISTINCT hour FROM pattern_hours WHERE hour >= ? AND hour < ?{only}",  # noqa: S608
                (begin, end, *ids),
            )
            hours = sorted(int(row[0]) for row in map(tuple, rows))
            for start in range(0, len(hours), _IDS_PER_QUERY):
                counts.update(_minutes_in(connection, hours[start : start + _IDS_PER_QUERY], only, ids))
        else:
            found = run(
                connection,
                f"SELECT minute, count FROM pattern_minutes WHERE minute >= ? AND minute < ?{only}",  # noqa: S608
                (begin, end, *ids),
            )
            for minute, count in map(tuple, found):
                counts[int(minute)] += int(count)
    return dict(counts)


def _minutes_in(connection: Connection, hours: Sequence[int], only: str, ids: Sequence[int]) -> dict[int, int]:
    """Hour by hour and minute by minute: each is a step to the right place of the key."""
    named, sixty = ",".join(["(?)"] * len(hours)), ",".join(f"({n})" for n in range(60))
    rows = run(
        connection,
        f"WITH h(hour) AS (VALUES {named}), s(n) AS (VALUES {sixty})"  # noqa: S608
        " SELECT m.minute, SUM(m.count) FROM h CROSS JOIN s CROSS JOIN pattern_minutes AS m"
        f" WHERE m.minute = h.hour * 60 + s.n{only} GROUP BY m.minute",
        (*hours, *ids),
    )
    return {int(minute): int(count) for minute, count in map(tuple, rows)}


def hourly(connection: Connection, since: float, until: float, pattern_id: int | None = None) -> dict[int, int] | None:
    """Logs by hour since 1970, of one problem or of all; None where there is no such pattern."""
    patterns: list[int] | None = None
    if pattern_id is not None:
        root = family.root_of(connection, pattern_id)
        if root is None:
            return None
        patterns = family.members(connection, root, _IDS_PER_QUERY)
    sql, values = _parts(connection, int(since // 60), int(-(-until // 60)), patterns)
    rows = run(connection, f"SELECT period, SUM(count) FROM ({sql}) AS c GROUP BY period", tuple(values))  # noqa: S608
    return {int(hour): int(count) for hour, count in map(tuple, rows)}


def minutely(connection: Connection, since: float, until: float) -> dict[int, int]:
    """Logs of all problems by minute since 1970."""
    rows = run(
        connection,
        "SELECT minute, SUM(count) FROM pattern_minutes WHERE minute >= ? AND minute < ? GROUP BY minute",
        (int(since // 60), int(-(-until // 60))),
    )
    return {int(minute): int(count) for minute, count in map(tuple, rows)}


def by_value(
    connection: Connection, pattern_id: int, fields: Sequence[str], since: float, until: float
) -> dict[str, list[tuple[str | None, int]]] | None:
    """(value, logs) of these fields of a problem on the days (UTC) that the span touches, the most frequent first.

    The value None stands for those that are not told apart. None where there is no such pattern.
    """
    root = family.root_of(connection, pattern_id)
    if root is None:
        return None
    only, ids = _of(family.members(connection, root, _IDS_PER_QUERY))
    first, last = int(since // _DAY), int(-(-until // _DAY))
    found: dict[str, list[tuple[str | None, int]]] = {}
    for name in fields:
        field = run(connection, "SELECT id FROM fields WHERE name = ?", (name,)).scalar()
        if field is None:
            continue
        rows = run(
            connection,
            "SELECT v.value, v.rest, SUM(f.count) AS logs FROM facets AS f JOIN field_values AS v ON v.id = f.value_id"  # noqa: S608
            f" WHERE f.field_id = ? AND f.day >= ? AND f.day < ?{only.replace('pattern_id', 'f.pattern_id')}"
            " GROUP BY v.id, v.value, v.rest ORDER BY logs DESC, v.value",
            (field, first, last, *ids),
        )
        counts = [(None if rest else str(value), int(count)) for value, rest, count in map(tuple, rows)]
        if counts:
            found[name] = counts
    return found


def _of(patterns: Sequence[int] | None) -> tuple[str, list[int]]:
    """A condition for these patterns with its values."""
    if patterns is None:
        return "", []
    some = list(patterns[:_IDS_PER_QUERY])
    return f" AND pattern_id IN ({','.join('?' * len(some))})", some


__all__ = [
    "activity",
    "by_problem_and_minute",
    "by_ten_minutes",
    "by_value",
    "first_seen_within",
    "hourly",
    "known",
    "minutely",
    "minutes_of",
    "span",
]
