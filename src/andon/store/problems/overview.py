"""What listings of patterns and of the queue hold, and the queries behind them; see :class:`andon.store.Reader`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, or_, select, text

from andon.core.models import AnalysisStatus, PatternSummary, now_text
from andon.store.problems import members
from andon.store.recording.batch import unix_minute
from andon.store.schema.dialect import run
from andon.store.schema.tables import analyses, merges, patterns

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


class QueueEntry(msgspec.Struct, frozen=True):
    """A waiting or failed analysis with its problem. ``not_before`` and ``lease_until`` are unix seconds.

    ``reason`` says why it was asked: ``new``, ``every``, ``asked``, ``split``, or why an explanation is renewed
    (``severity``, ``host``, ``rate``, ``age``). ``last_error`` is why there is no answer yet (or none from the model).
    """

    id: int
    pattern_id: int | None
    log_id: int | None
    template: str
    worst_severity: str
    count: int
    reason: str
    status: str
    caller: bool
    tier: int
    score: int
    created_at: str | None
    not_before: float
    lease_until: float | None
    attempts: int
    last_error: str | None
    rung: str | None
    provisional: bool
    finished_at: str | None


_HOURS = 24
_NO_PROBLEM = "(a single log)"

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
    WHERE m.minute > :since GROUP BY f.root
),
totals AS (
    SELECT root, SUM(count) AS count, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen, MAX(rank) AS rank
    FROM family GROUP BY root
),
listed AS (
    SELECT t.*, COALESCE(r.recent, 0) AS recent FROM totals AS t LEFT JOIN rates AS r ON r.root = t.root
    {newer}
    ORDER BY {order} LIMIT :limit
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
_SEVERITIES = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def summaries(
    connection: Connection, limit: int, sort: PatternSort, new_since: str | None = None, only: int | None = None
) -> list[PatternSummary]:
    """Problems in order; with ``only`` that one pattern (with what is merged into it)."""
    order = _ORDERS[sort]
    sql = _SUMMARIES.replace("{order}", order.format(l="t.", recent="COALESCE(r.recent, 0)"), 1)
    sql = sql.replace("{order}", order.format(l="l.", recent="l.recent"))
    # A merged pattern that is asked for by itself is its own root here.
    sql = sql.replace("{only}", "" if only is None else "WHERE id = :only OR merged_into = :only")
    if only is not None:
        sql = sql.replace("COALESCE(merged_into, id) AS root", ":only AS root")
    sql = sql.replace("{newer}", "" if new_since is None else "WHERE t.first_seen >= :new_since")
    values = {
        "since": unix_minute(now_text()) - _HOURS * 60,
        "limit": max(0, limit),
        **({} if new_since is None else {"new_since": new_since}),
        **({} if only is None else {"only": only}),
    }
    rows = connection.execute(text(sql), values).fetchall()
    merged = _merged(connection, [row[0] for row in rows])
    return [_summary(row, merged.get(row[0], [])) for row in rows]


def _summary(row: Any, merged: list[int]) -> PatternSummary:
    (id_, fingerprint, template, count, recent, first_seen, last_seen, rank, hosts, *rest) = row
    rung, provisional, status, merged_into = rest
    return PatternSummary(
        id=id_,
        fingerprint=fingerprint,
        template=template,
        count=count,
        rate=recent / _HOURS,
        first_seen=first_seen,
        last_seen=last_seen,
        worst_severity=_SEVERITIES[rank],
        hosts=hosts,
        rung=rung,
        provisional=bool(provisional),
        status=status,
        merged_into=merged_into,
        merged=merged,
    )


def _merged(connection: Connection, roots: list[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for start in range(0, len(roots), 500):
        rows = connection.execute(
            select(patterns.c.merged_into, patterns.c.id)
            .where(patterns.c.merged_into.in_(roots[start : start + 500]))
            .order_by(patterns.c.id)
        )
        for root, id_ in rows:
            found.setdefault(root, []).append(id_)
    return found


def hosts_of(connection: Connection, root: int) -> list[PatternHost]:
    """The hosts of a problem, those with most logs first."""
    return [PatternHost(*row) for row in members.hosts(connection, root, None)]


def merges_of(connection: Connection, root: int) -> list[PatternMerge]:
    """What was merged into a problem and split from it, newest first."""
    child, parent = patterns.alias("child"), patterns.alias("parent")
    ours = members.ids_of(root)
    rows = connection.execute(
        select(
            merges.c.id,
            merges.c.child_id,
            child.c.template,
            merges.c.parent_id,
            parent.c.template,
            merges.c.position,
            merges.c.words,
            merges.c.created_at,
            merges.c.undone_at,
        )
        .join(child, child.c.id == merges.c.child_id)
        .join(parent, parent.c.id == merges.c.parent_id)
        .where(or_(merges.c.child_id.in_(ours), merges.c.parent_id.in_(ours)))
        .order_by(merges.c.id.desc())
    )
    found = []
    for row in map(tuple, rows):
        (id_, child_id, child_text, parent_id, parent_text, position, evidence, created_at, undone_at) = row
        stood = msgspec.json.decode(evidence, type=list[str])
        found.append(
            PatternMerge(id_, child_id, child_text, parent_id, parent_text, position, stood, created_at, undone_at)
        )
    return found


def queue(connection: Connection, failed: bool, limit: int) -> list[QueueEntry]:
    """Open analyses in the order of claiming, or failed ones, the newest first."""
    columns = [analyses.c[name] for name in QueueEntry.__struct_fields__ if name in analyses.c]
    query = select(*columns).limit(max(0, limit))
    if failed:
        query = query.where(analyses.c.status == AnalysisStatus.FAILED)
        query = query.order_by(analyses.c.finished_at.desc(), analyses.c.id.desc())
    else:
        query = query.where(analyses.c.finished_at.is_(None))
        query = query.order_by(analyses.c.tier.desc(), analyses.c.score.desc(), analyses.c.id)
    rows = connection.execute(query).mappings().all()
    templates = members.by_id(connection, {row["pattern_id"] for row in rows if row["pattern_id"]}, patterns.c.template)
    entries = []
    for row in rows:
        pattern_id = row["pattern_id"]
        if pattern_id in templates:
            found = members.figures(connection, pattern_id)
            of_problem: dict[str, Any] = {
                "template": templates[pattern_id].template,
                "worst_severity": found.worst_severity,
                "count": found.count,
            }
        else:
            of_problem = _of_log(connection, row["log_id"])
        flags = {name: bool(row[name]) for name in ("caller", "provisional")}
        entries.append(QueueEntry(**{**row, **flags, **of_problem}))
    return entries


def _of_log(connection: Connection, log_id: int | None) -> dict[str, Any]:
    row = run(connection, "SELECT message, severity FROM logs WHERE id = ?", (log_id,)).one_or_none()
    message, severity = (_NO_PROBLEM, "INFO") if row is None else row
    return {"template": str(message), "worst_severity": str(severity), "count": 1}


__all__ = [
    "PatternHost",
    "PatternMerge",
    "PatternSort",
    "QueueEntry",
    "hosts_of",
    "merges_of",
    "queue",
    "summaries",
]
