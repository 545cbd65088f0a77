"""All of a part of history in figures, none of it left out: every problem with its weight, and places by their logs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, false, func, or_, select, true

from andon.core.models import SEVERITY_WEIGHT, HistoryQuery, LogQuery, PatternSeen, Period
from andon.store.agent_history import conditions
from andon.store.rules.analysis import at_least, rank_of, severity_of
from andon.store.schema.alarm_tables import alarms
from andon.store.schema.dialect import IDS_PER_QUERY, portions
from andon.store.schema.expressions import contains
from andon.store.schema.tables import logs, patterns
from andon.store.search import search

#: Newest logs of one spelling of a code that are looked at.
_CODE_LOGS = 100

#: A field of logs by which they can be counted.
CountedField = Literal["hostname", "machine", "line", "area", "site", "service"]


def period(connection: Connection, scopes: Sequence[HistoryQuery], only: Collection[int] | None = None) -> Period:
    """What was logged in any of ``scopes`` (limits and orders do not matter); of the problems ``only`` if given."""
    rows = connection.execute(
        select(
            logs.c.pattern_id,
            logs.c.severity,
            logs.c.hostname,
            func.count(),
            func.min(logs.c.timestamp),
            func.max(logs.c.timestamp),
            func.min(logs.c.id),
            func.max(logs.c.id),
        )
        .where(_any_of(scopes), *_only(only))
        .group_by(logs.c.pattern_id, logs.c.severity, logs.c.hostname)
    ).all()
    merged = select(patterns.c.id, patterns.c.merged_into).where(patterns.c.merged_into.is_not(None))
    roots: dict[int, int] = dict(map(tuple, connection.execute(merged)))
    by_problem: defaultdict[Any, list[Any]] = defaultdict(list)
    severities: dict[str, int] = {}
    for row in rows:
        severities[row[1]] = severities.get(row[1], 0) + int(row[3])
        if row[0] is not None:
            by_problem[roots.get(row[0], row[0])].append(row)
    told = _templates(connection, by_problem)
    problems = [_seen(root, told.get(root, ""), parts) for root, parts in by_problem.items()]
    problems.sort(key=by_weight)
    worst_first = sorted(severities, key=rank_of, reverse=True)
    total, of_problems = sum(severities.values()), sum(one.count for one in problems)
    return Period(total, {name: severities[name] for name in worst_first}, problems, total - of_problems)


def by_weight(one: PatternSeen) -> tuple[int, int, int, str, int]:
    """What a problem is sorted by; the worse of two that weigh the same comes first."""
    return -one.weight, -rank_of(one.worst_severity), -one.count, one.first_seen, one.pattern_id


def _seen(root: int, template: str, parts: list[Any]) -> PatternSeen:
    """One problem from its counts by severity and host."""
    first, last = min(parts, key=lambda part: (part[4], part[6])), max(parts, key=lambda part: (part[5], part[7]))
    return PatternSeen(
        root,
        template,
        sum(int(part[3]) for part in parts),
        first[4],
        last[5],
        severity_of(max(rank_of(part[1]) for part in parts)),
        len({part[2] for part in parts}),
        first[6],
        last[7],
        sum(SEVERITY_WEIGHT.get(part[1], 1) * int(part[3]) for part in parts),
    )


def _templates(connection: Connection, roots: Iterable[int]) -> dict[int, str]:
    queries = (
        select(patterns.c.id, patterns.c.template).where(patterns.c.id.in_(part)) for part in portions(sorted(roots))
    )
    return {id_: template for query in queries for id_, template in connection.execute(query)}


def by_field(
    connection: Connection, scopes: Sequence[HistoryQuery], field: CountedField, limit: int = 10
) -> list[tuple[str, int, int]]:
    """(value, logs, problems) of a field in any of ``scopes``, what has most logs first."""
    column, count = logs.c[field], func.count()
    root = func.coalesce(patterns.c.merged_into, logs.c.pattern_id)
    rows = connection.execute(
        select(column, count, func.count(func.distinct(root)))
        .select_from(logs.outerjoin(patterns, patterns.c.id == logs.c.pattern_id))
        .where(column.is_not(None), _any_of(scopes))
        .group_by(column)
        .order_by(count.desc(), column)
        .limit(limit)
    )
    return [(value, int(found), int(kinds)) for value, found, kinds in rows]


def codes(connection: Connection, limit: int = 5_000) -> list[str]:
    """The codes of alarms."""
    query = select(alarms.c.code).where(~alarms.c.code.startswith("pattern ")).distinct().limit(limit)
    return [str(code) for code in connection.execute(query).scalars() if code]


def log_ids(connection: Connection) -> tuple[int, int] | None:
    """The smallest and the largest id of a stored log, None where there is none."""
    low, high = connection.execute(select(func.min(logs.c.id), func.max(logs.c.id))).one()
    return None if low is None else (int(low), int(high))


def _any_of(scopes: Sequence[HistoryQuery]) -> ColumnElement[bool]:
    each = []
    for scope in scopes:
        severities = at_least(scope.severity)
        each.append(and_(true(), *conditions(scope), *([logs.c.severity.in_(severities)] if severities else [])))
    return or_(false(), *each)


def _only(roots: Collection[int] | None) -> list[ColumnElement[bool]]:
    if roots is None:
        return []
    root = func.coalesce(patterns.c.merged_into, patterns.c.id)
    return [logs.c.pattern_id.in_(select(patterns.c.id).where(root.in_(sorted(roots)[:IDS_PER_QUERY])))]


def problems_of_code(connection: Connection, code: str) -> set[int]:
    """The problems whose logs have an alarm code or the like, however it is written: E-4711, E4711, e 4711.

    It is looked for in the texts of problems, among the codes of alarms, and in the words and fields of logs.
    """
    parts = re.findall(r"\d+|[^\W\d_]+", code)[:12]
    written = re.compile(r"(?<![^\W_])" + r"[\W_]?".join(map(re.escape, parts)) + r"(?![^\W_])", re.IGNORECASE)
    spellings = list(dict.fromkeys([code, *(between.join(parts) for between in ("-", "", " ", "_"))]))
    root = func.coalesce(patterns.c.merged_into, patterns.c.id)
    holds = or_(*(contains(patterns.c.template, one) for one in spellings))
    found = {
        id_ for id_, text in connection.execute(select(root, patterns.c.template).where(holds)) if written.search(text)
    }
    members = set(
        connection.execute(
            select(alarms.c.pattern_id).where(func.lower(alarms.c.code).in_([one.lower() for one in spellings]))
        ).scalars()
    )
    for one in spellings:
        for log in search.find(connection, LogQuery(text=f'"{one}"', limit=_CODE_LOGS)):
            if log.pattern_id is not None and written.search(f"{log.message}\n{log.context or ''}"):
                members.add(log.pattern_id)
    for part in portions(sorted(id_ for id_ in members if id_ is not None)):
        found.update(connection.execute(select(root).where(patterns.c.id.in_(part))).scalars())
    return found
