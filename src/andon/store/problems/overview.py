"""What listings of problems hold: their figures, hosts, and what was merged and split."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from andon.core.models import PatternSummary, now_text
from andon.core.times import unix_minute
from andon.store.problems import members
from andon.store.rules.analysis import severity_of
from andon.store.schema.dialect import rows_for, run

#: Orders of a listing of patterns, each with what is most of interest first.
PatternSort = Literal["last", "count", "rate", "first", "severity"]


class PatternHost(msgspec.Struct, frozen=True):
    """A host that logged a problem, how often, and since when."""

    hostname: str
    count: int
    first_seen: str


class PatternMerge(msgspec.Struct, frozen=True):
    """``child_id`` became part of ``parent_id``'s problem, with the evidence: ``words`` stood at ``position``.

    A merge by a person has position -1 and no words. ``undone_at`` is when it was split again.
    """

    id: int
    child_id: int
    child_template: str
    parent_id: int
    parent_template: str
    position: int
    words: list[str]
    created_at: str
    undone_at: str | None


_HOURS = 24

# Everything about each problem, by the pattern that stands for it. Rates are counted over the minutes at the end of
# the table, hosts over the index of pattern_hosts; both once for all problems.
_SUMMARIES = """
WITH family AS (
    SELECT id, COALESCE(merged_into, id) AS root, count, first_seen, last_seen,
           CASE worst_severity WHEN 'CRITICAL' THEN 4 WHEN 'ERROR' THEN 3 WHEN 'WARNING' THEN 2 WHEN 'DEBUG' THEN 0
           ELSE 1 END AS rank
    FROM patterns {only}
),
rates AS (
    SELECT f.root, SUM(m.count) AS recent FROM pattern_minutes AS m JOIN family AS f ON f.id = m.pattern_id
    WHERE m.minute > ? GROUP BY f.root
),
totals AS (
    SELECT root, SUM(count) AS count, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen, MAX(rank) AS rank
    FROM family GROUP BY root
),
listed AS (
    SELECT t.*, COALESCE(r.recent, 0) AS recent FROM totals AS t LEFT JOIN rates AS r ON r.root = t.root
    {newer}
    ORDER BY {order} LIMIT ?
)
SELECT p.id, p.fingerprint, p.template, l.count, l.recent, l.first_seen, l.last_seen, l.rank,
       (SELECT COUNT(DISTINCT h.hostname) FROM pattern_hosts AS h
        WHERE h.pattern_id IN (SELECT f.id FROM patterns AS f WHERE f.id = l.root OR f.merged_into = l.root)),
       a.rung, COALESCE(a.provisional, FALSE),
       (SELECT s.status FROM analyses AS s WHERE s.pattern_id = COALESCE(p.merged_into, p.id)
        ORDER BY s.finished_at IS NULL DESC, s.id DESC LIMIT 1),
       p.merged_into
FROM listed AS l JOIN patterns AS p ON p.id = l.root
LEFT JOIN patterns AS m ON m.id = p.merged_into
LEFT JOIN analyses AS a ON a.id = COALESCE(m.analysis_id, p.analysis_id)
ORDER BY {order}
"""
_ORDERS: dict[str, str] = {
    "last": "{l}last_seen DESC, {l}root DESC",
    "count": "{l}count DESC, {l}root DESC",
    "rate": "{recent} DESC, {l}last_seen DESC, {l}root DESC",
    "first": "{l}first_seen DESC, {l}root DESC",
    "severity": "{l}rank DESC, {l}last_seen DESC, {l}root DESC",
}
_MERGES = """
WITH family AS (SELECT id FROM patterns WHERE id = ? OR merged_into = ?)
SELECT m.id, m.child_id, c.template, m.parent_id, p.template, m.position, m.words, m.created_at, m.undone_at
FROM merges AS m JOIN patterns AS c ON c.id = m.child_id JOIN patterns AS p ON p.id = m.parent_id
WHERE m.child_id IN (SELECT id FROM family) OR m.parent_id IN (SELECT id FROM family)
ORDER BY m.id DESC
"""
_MERGED = "SELECT merged_into, id FROM patterns WHERE merged_into IN ({}) ORDER BY id"


def listing(
    connection: Connection, limit: int = 50, sort: PatternSort = "last", new_since: str | None = None
) -> list[PatternSummary]:
    """Problems, each with everything merged into it; ``new_since`` (stored form) leaves out what was seen before.

    ``sort``: newest log first, most logs, most logs an hour, newest problem, or worst severity first.
    """
    return _summaries(connection, limit, sort, new_since=new_since)


def summary(connection: Connection, pattern_id: int) -> PatternSummary:
    """One problem; a pattern that is merged into another with its own figures. Raises NotFound."""
    members.known_root(connection, pattern_id)
    return _summaries(connection, 1, "last", only=pattern_id)[0]


def _summaries(
    connection: Connection, limit: int, sort: PatternSort, new_since: str | None = None, only: int | None = None
) -> list[PatternSummary]:
    """Problems in order; with ``only`` that one pattern (with what is merged into it)."""
    order = _ORDERS[sort]
    sql = _SUMMARIES.replace("{order}", order.format(l="t.", recent="COALESCE(r.recent, 0)"), 1)
    sql = sql.replace("{order}", order.format(l="l.", recent="l.recent"))
    values: list[object] = []
    if only is not None:
        # A merged pattern that is asked for by itself is its own root here.
        sql = sql.replace("COALESCE(merged_into, id) AS root", "? AS root")
        values += [only, only, only]
    sql = sql.replace("{only}", "" if only is None else "WHERE id = ? OR merged_into = ?")
    values.append(unix_minute(now_text()) - _HOURS * 60)
    sql = sql.replace("{newer}", "" if new_since is None else "WHERE t.first_seen >= ?")
    if new_since is not None:
        values.append(new_since)
    rows = run(connection, sql, (*values, max(0, limit))).all()
    merged = _merged(connection, [row[0] for row in rows])
    return [_summary(row, merged.get(row[0], [])) for row in rows]


def _summary(row: Any, merged: list[int]) -> PatternSummary:
    values = dict(zip(PatternSummary.__struct_fields__, (*row, merged), strict=True))
    values["rate"] /= _HOURS
    values["worst_severity"] = severity_of(values["worst_severity"])
    values["provisional"] = bool(values["provisional"])
    return PatternSummary(**values)


def _merged(connection: Connection, roots: list[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for root, id_ in rows_for(connection, _MERGED, roots):
        found.setdefault(root, []).append(id_)
    return found


def hosts_of(connection: Connection, pattern_id: int) -> list[PatternHost]:
    """The hosts of a problem, those with most logs first. Raises NotFound."""
    root = members.known_root(connection, pattern_id)
    return [PatternHost(*row) for row in members.hosts(connection, root, None)]


def merges_of(connection: Connection, pattern_id: int) -> list[PatternMerge]:
    """What was merged into a problem and split from it, newest first. Raises NotFound."""
    root = members.known_root(connection, pattern_id)
    return [_merge(row) for row in run(connection, _MERGES, (root, root))]


def _merge(row: Any) -> PatternMerge:
    values = dict(zip(PatternMerge.__struct_fields__, row, strict=True))
    return PatternMerge(**{**values, "words": msgspec.json.decode(values["words"], type=list[str])})
