"""How often problems occurred, from the counts by minute, hour and day alone: no log is read here. And sizes.

Which of them hold a span of time says :mod:`spans`. Everything that is merged counts as the problem it is
part of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection

from andon.core.errors import QueryTooSlow
from andon.core.models import StoreCounts
from andon.core.models.history import Activity, Counted, Known, Place
from andon.store.counts import spans
from andon.store.engine.counters import read_counters
from andon.store.engine.database import database_of, size
from andon.store.problems import members
from andon.store.rules.analysis import severity_of
from andon.store.schema.dialect import IDS_PER_QUERY, marks, portions, run

#: Rows (a minute in which a problem occurred) that a question at the resolution of minutes may read.
MINUTES_MAX = 250_000
_HOUR, _DAY = 3_600, 86_400
_RANK = (
    "CASE worst_severity WHEN 'CRITICAL' THEN 4 WHEN 'ERROR' THEN 3 WHEN 'WARNING' THEN 2 WHEN 'DEBUG' THEN 0 "
    "ELSE 1 END"
)
_ALARMS = "('CRITICAL', 'ERROR', 'WARNING')"


def span(connection: Connection) -> tuple[int, int] | None:
    """The first and the last minute (since 1970) in which anything was logged; None where nothing was."""
    return spans.ends(connection, "pattern_minutes", "minute")


def activity(
    connection: Connection, since: float, until: float, place: Place | None = None, *, by_days: bool = False
) -> Counted:
    """Every problem that occurred in ``since`` ≤ t < ``until`` (unix seconds, whole minutes).

    With ``by_days`` the periods are days (UTC), which is quicker. Of a host by its minutes; of another part of the site
    by the whole days that the span touches; raises NotFound where it is not counted by itself.
    """
    if place is not None and place.field != "hostname":
        first, last = int(since // _DAY), int(-(-until // _DAY))
        counted = _sums(connection, spans.of_place(connection, place, first, last))
        return Counted(first * _DAY, last * _DAY, _DAY, counted)
    first, last = int(since // 60), int(-(-until // 60))
    if place is not None:
        part = spans.by_minute(first, last, spans.hosts_of(connection, place))
        return Counted(first * 60, last * 60, _HOUR, _sums(connection, part))
    severity = run(connection, "SELECT id FROM fields WHERE name = 'severity'").scalar() if by_days else None
    parts = spans.by_pattern(connection, first, last, None, severity)
    return Counted(first * 60, last * 60, _HOUR if severity is None else _DAY, _sums(connection, parts))


def _sums(connection: Connection, part: spans.Part) -> dict[int, Activity]:
    """Activity by problem, of counts by period and pattern."""
    sql, values = part
    periods = f"SELECT period, pattern_id, SUM(count) AS n FROM ({sql}) AS c GROUP BY period, pattern_id"  # noqa: S608
    counted = _activities(connection, "pattern_id", periods, values)
    merged = run(connection, "SELECT id, merged_into FROM patterns WHERE merged_into IS NOT NULL")
    roots: dict[int, int] = dict(map(tuple, merged))
    families = {roots[id_] for id_ in counted if id_ in roots}
    if not families:
        return counted
    # once more for problems of several patterns, which may share periods
    several = sorted(id_ for id_ in counted if roots.get(id_, id_) in families)
    only = several if len(several) <= IDS_PER_QUERY else []
    periods = (
        "SELECT c.period, COALESCE(p.merged_into, p.id) AS root, SUM(c.count) AS n"  # noqa: S608
        f" FROM ({sql}) AS c JOIN patterns AS p ON p.id = c.pattern_id"
        f"{f' WHERE c.pattern_id IN ({marks(only)})' if only else ''} GROUP BY c.period, COALESCE(p.merged_into, p.id)"
    )
    together = _activities(connection, "root", periods, [*values, *only])
    single = {id_: one for id_, one in counted.items() if roots.get(id_, id_) not in families}
    return {**single, **{root: one for root, one in together.items() if root in families}}


def _activities(connection: Connection, of: str, periods: str, values: Sequence[Any]) -> dict[int, Activity]:
    """Activity by the column ``of``, from a SELECT of counts ``n`` by it and by period."""
    sql = f"SELECT {of}, SUM(n), COUNT(*), SUM(n * n) FROM ({periods}) AS counted GROUP BY {of}"  # noqa: S608
    rows = map(tuple, run(connection, sql, tuple(values)))
    return {int(id_): Activity(int(count), int(n), int(squares)) for id_, count, n, squares in rows}


def known(connection: Connection, roots: Collection[int]) -> dict[int, Known]:
    """What is known of these problems."""
    found: dict[int, Known] = {}
    for part in portions(sorted(roots)):
        named = marks(part)
        rows = run(
            connection,
            "SELECT r.id, r.template, f.rank, f.first_seen, f.last_seen FROM ("  # noqa: S608
            "SELECT COALESCE(merged_into, id) AS root, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen,"
            f" MAX({_RANK}) AS rank FROM patterns WHERE id IN ({named}) OR merged_into IN ({named})"
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
    for whole, begin, end in spans.segments(int(since // 60), int(-(-until // 60)), spans.open_hours(connection)):
        if whole:
            sql = "SELECT period, SUM(count) FROM alarm_totals WHERE period >= ? AND period < ? GROUP BY period"
            found.update(_numbers(connection, sql, (begin * 6, end * 6)))
        else:
            sql = (
                "SELECT m.minute / 10, SUM(m.count) FROM pattern_minutes AS m JOIN patterns AS p ON p.id = m.pattern_id"  # noqa: S608
                f" WHERE m.minute >= ? AND m.minute < ? AND p.worst_severity IN {_ALARMS} GROUP BY m.minute / 10"
            )
            found.update(_numbers(connection, sql, (begin, end)))
    return dict(found)


def _numbers(connection: Connection, sql: str, values: Sequence[int]) -> dict[int, int]:
    """The rows of two columns as numbers by numbers."""
    return {int(key): int(count) for key, count in run(connection, sql, tuple(values)).all()}


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
            raise QueryTooSlow("too much was logged in this time to look at every minute: choose a shorter time")
        found.setdefault(int(root), []).append(int(minute))
    for minutes in found.values():
        minutes.sort()
    return found


def minutes_of(connection: Connection, pattern_id: int, since: float, until: float) -> dict[int, int]:
    """Logs of a problem by minute since 1970. Raises NotFound."""
    patterns = members.of_problem(connection, pattern_id)
    first, last = int(since // 60), int(-(-until // 60))
    only, ids = spans.of_patterns(patterns)
    counts: Counter[int] = Counter()
    for whole, begin, end in spans.segments(first, last, spans.open_hours(connection)):
        if whole:
            sql = f"SELECT DISTINCT hour FROM pattern_hours WHERE hour >= ? AND hour < ?{only} ORDER BY hour"  # noqa: S608
            hours = [int(row[0]) for row in run(connection, sql, (begin, end, *ids))]
            for some in portions(hours):
                counts.update(_minutes_in(connection, some, only, ids))
        else:
            sql = (
                "SELECT minute, SUM(count) FROM pattern_minutes"  # noqa: S608
                f" WHERE minute >= ? AND minute < ?{only} GROUP BY minute"
            )
            counts.update(_numbers(connection, sql, (begin, end, *ids)))
    return dict(counts)


def _minutes_in(connection: Connection, hours: Sequence[int], only: str, ids: Sequence[int]) -> dict[int, int]:
    """Hour by hour and minute by minute: each is a step to the right place of the key."""
    named, sixty = ",".join(["(?)"] * len(hours)), ",".join(f"({n})" for n in range(60))
    sql = (
        f"WITH h(hour) AS (VALUES {named}), s(n) AS (VALUES {sixty})"  # noqa: S608
        " SELECT m.minute, SUM(m.count) FROM h CROSS JOIN s CROSS JOIN pattern_minutes AS m"
        f" WHERE m.minute = h.hour * 60 + s.n{only} GROUP BY m.minute"
    )
    return _numbers(connection, sql, (*hours, *ids))


def hourly(connection: Connection, since: float, until: float, pattern_id: int | None = None) -> dict[int, int]:
    """Logs by hour since 1970, of one problem or of all. Raises NotFound."""
    patterns = None if pattern_id is None else members.of_problem(connection, pattern_id)
    sql, values = spans.by_pattern(connection, int(since // 60), int(-(-until // 60)), patterns)
    return _numbers(connection, f"SELECT period, SUM(count) FROM ({sql}) AS c GROUP BY period", values)  # noqa: S608


def minutely(connection: Connection, since: float, until: float, hosts: Sequence[str] | None = None) -> dict[int, int]:
    """Logs of all problems by minute since 1970, of all hosts or of these."""
    sql, given = spans.by_minute(int(since // 60), int(-(-until // 60)), hosts, None, 1)
    return _numbers(connection, f"SELECT period, SUM(count) FROM ({sql}) AS c GROUP BY period", given)  # noqa: S608


def by_value(
    connection: Connection, pattern_id: int, fields: Sequence[str], since: float, until: float
) -> dict[str, list[tuple[str | None, int]]]:
    """(value, logs) of these fields of a problem on the days (UTC) that the span touches, the most frequent first.

    The value None stands for those that are not told apart. Raises NotFound.
    """
    patterns = members.of_problem(connection, pattern_id)
    only, ids = spans.of_patterns(patterns)
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


def sizes(connection: Connection) -> StoreCounts:
    """Sizes from the kept counters and the index of open analyses: no table is scanned."""
    kept = read_counters(connection)
    # nobody waits for second opinions, whose tier is below all others
    waiting = "SELECT COUNT(*) FROM analyses WHERE finished_at IS NULL AND tier >= 0"
    pending: int = run(connection, waiting).scalar_one()
    return StoreCounts(
        logs=kept.get("logs", 0),
        patterns=kept.get("patterns", 0),
        rejects=kept.get("rejects", 0),
        pending=pending,
        failed=kept.get("failed", 0),
        analyses_by_rung={
            name.removeprefix("rung:"): value for name, value in kept.items() if value and name.startswith("rung:")
        },
        bytes=size(connection, database_of(connection)),
        lost=kept.get("grouping:lost", 0),
    )
