"""Questions to the site's history, for the agent and for whoever asks: each bounded in rows.

Ask them through :meth:`andon.store.Store.ask` or :meth:`andon.store.Visitor.ask`, which bound them in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, case, func, or_, select, union_all

from andon.core.models import ID_MAX, HistoryQuery, Names, PatternFacts, PatternSeen, Severity, StoredLog
from andon.core.times import stored, unix_minute
from andon.store.engine.rows import select_logs, to_log
from andon.store.problems import members, second_opinions
from andon.store.queue import queue
from andon.store.rules.analysis import at_least, rank_of, severity_of
from andon.store.schema.expressions import contains, like_of_glob
from andon.store.schema.tables import logs, pattern_minutes, patterns

ROWS_MAX = 500
#: Newest logs of a window that are grouped into problems: half a second of reading on a small box.
GROUPED_MAX = 200_000
_TOP_HOSTS = 10
_NEWEST = 5

#: What comes first in a list of problems.
Order = Literal["first", "count", "severity"]


def find(connection: Connection, query: HistoryQuery) -> list[StoredLog]:
    """Logs in the order of their time, newest first unless the query says otherwise."""
    where = conditions(query)
    limit = _rows(query.limit)
    times, ids = (logs.c.timestamp, logs.c.id) if query.oldest_first else (logs.c.timestamp.desc(), logs.c.id.desc())
    severities = at_least(query.severity)
    # The severe ones have an index each, walked by itself; of the others there are many.
    each = [[logs.c.severity == s] for s in severities] if len(severities) < 3 else [[logs.c.severity.in_(severities)]]
    walks = [
        select(logs.c.id).where(*of_severity, *where).order_by(times, ids).limit(limit).subquery()
        for of_severity in each or [[]]
    ]
    wanted = union_all(*(select(walk.c.id) for walk in walks))
    found = select_logs().where(logs.c.id.in_(wanted)).order_by(times, ids).limit(limit)
    return [to_log(row) for row in connection.execute(found)]


def problems(connection: Connection, query: HistoryQuery, order: Order = "first") -> list[PatternSeen]:
    """The problems among the logs of ``query``: what came ``first``, the greatest ``count``, or worst ``severity``.

    Of very many logs the newest are looked at.
    """
    severities = at_least(query.severity)
    where = conditions(query) + ([logs.c.severity.in_(severities)] if severities else [])
    window = (
        select(logs.c.id, logs.c.pattern_id, logs.c.timestamp, logs.c.severity, logs.c.hostname)
        .where(logs.c.pattern_id.is_not(None), *where)
        .order_by(logs.c.timestamp.desc())
        .limit(GROUPED_MAX)
        .subquery()
    )
    member = patterns.alias("member")
    root = func.coalesce(member.c.merged_into, member.c.id).label("root")
    grouped = (
        select(
            root,
            func.count().label("seen"),
            func.min(window.c.timestamp).label("first_seen"),
            func.max(window.c.timestamp).label("last_seen"),
            func.max(_rank(window.c.severity)).label("rank"),
            func.count(func.distinct(window.c.hostname)).label("hosts"),
            func.min(window.c.id).label("first_log"),
            func.max(window.c.id).label("last_log"),
        )
        .select_from(window.join(member, member.c.id == window.c.pattern_id))
        .group_by(root)
        .subquery()
    )
    orders: dict[Order, list[Any]] = {
        "first": [grouped.c.first_seen, grouped.c.first_log],
        "count": [grouped.c.seen.desc(), grouped.c.root],
        "severity": [grouped.c.rank.desc(), grouped.c.seen.desc(), grouped.c.root],
    }
    rows = connection.execute(
        select(patterns.c.template, grouped)
        .join(patterns, patterns.c.id == grouped.c.root)
        .order_by(*orders[order])
        .limit(_rows(query.limit))
    )
    return [
        PatternSeen(root, template, count, first_seen, last_seen, severity_of(rank), *rest)
        for template, root, count, first_seen, last_seen, rank, *rest in rows
    ]


def around(connection: Connection, host: str, at: str, minutes: int) -> list[PatternSeen]:
    """The problems that ``host`` logged in the ``minutes`` up to ``at``, by the minute, what came first first.

    From the rollups alone: quick whatever the number of logs.
    """
    last = unix_minute(at)
    member, stands = patterns.alias("member"), patterns.alias("stands")
    total = func.sum(pattern_minutes.c.count)
    rows = connection.execute(
        select(
            stands.c.id,
            stands.c.template,
            stands.c.worst_severity,
            total,
            func.min(pattern_minutes.c.minute),
            func.max(pattern_minutes.c.minute),
        )
        .select_from(
            pattern_minutes.join(member, member.c.id == pattern_minutes.c.pattern_id).join(
                stands, stands.c.id == func.coalesce(member.c.merged_into, member.c.id)
            )
        )
        .where(
            pattern_minutes.c.minute > last - minutes,
            pattern_minutes.c.minute <= last,
            pattern_minutes.c.hostname == host,
        )
        .group_by(stands.c.id, stands.c.template, stands.c.worst_severity)
        .order_by(func.min(pattern_minutes.c.minute), total.desc(), stands.c.id)
        .limit(ROWS_MAX)
    )
    return [
        PatternSeen(id_, template, count, stored(60 * first), stored(60 * newest), worst, 1)
        for id_, template, worst, count, first, newest in rows
    ]


def recent(connection: Connection, pattern_id: int, at: str) -> tuple[int, int]:
    """Logs of a problem in the minutes up to ``at``, and how many minutes that are; quick."""
    root = members.root_of(connection, pattern_id)
    return 0 if root is None else members.recent_count(connection, root, unix_minute(at)), members.RATE_WINDOW


def pattern(connection: Connection, pattern_id: int, at: str | None = None) -> PatternFacts | None:
    """Figures and knowledge of the problem that a pattern is part of; None where there is no such pattern.

    ``at`` is the moment its rates look back from, its last log unless given.
    """
    root = members.root_of(connection, pattern_id) if 0 < pattern_id <= ID_MAX else None
    if root is None:
        return None
    found = members.figures(connection, root)
    moment = at or found.last_seen
    minute = unix_minute(moment)
    shown = queue.shown_for(connection, [root]).get(root)
    below = None if shown is None else second_opinions.shown_below(connection, [shown.id]).get(shown.id)
    hosts = members.hosts(connection, root, _TOP_HOSTS)
    return PatternFacts(
        pattern_id=root,
        template=connection.execute(select(patterns.c.template).where(patterns.c.id == root)).scalar_one(),
        **msgspec.structs.asdict(found),
        at=moment,
        last_hour=_count(connection, root, minute, 60),
        last_day=_count(connection, root, minute, 24 * 60),
        per_hour=round(found.count / max(1.0, _hours(found.first_seen, found.last_seen)), 3),
        hosts=[(host, count) for host, count, _ in hosts],
        host_count=len(members.host_names(connection, root)),
        newest=members.newest_logs(connection, root, _NEWEST),
        explanation=None if shown is None else shown.text,
        rung=None if shown is None else shown.rung,
        provisional=shown is not None and shown.provisional,
        fixes=members.fixes(connection, root)[:_NEWEST],
        merged=[one for one in members.members(connection, root, ROWS_MAX) if one != root],
        second_opinion=None if below is None else below.text,
        source=None if shown is None else shown.source,
    )


def _count(connection: Connection, root: int, minute: int, minutes: int) -> int:
    """Logs of a problem in the ``minutes`` that end with ``minute``."""
    found = connection.execute(
        select(func.sum(pattern_minutes.c.count)).where(
            pattern_minutes.c.minute > minute - minutes,
            pattern_minutes.c.minute <= minute,
            pattern_minutes.c.pattern_id.in_(members.ids_of(root)),
        )
    ).scalar()
    return int(found or 0)


def _hours(first: str, last: str) -> float:
    try:
        return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds() / 3600
    except (ValueError, TypeError):  # taken over as it was
        return 0.0


def templates(connection: Connection, limit: int) -> list[tuple[int, str]]:
    """(id, template) of problems, those seen last first."""
    query = (
        select(patterns.c.id, patterns.c.template)
        .where(patterns.c.merged_into.is_(None))
        .order_by(patterns.c.last_seen.desc(), patterns.c.id.desc())
        .limit(limit)
    )
    return [(id_, text) for id_, text in connection.execute(query)]


def logs_of(connection: Connection, log_ids: Sequence[int]) -> list[StoredLog]:
    """Those of these logs that exist, in the order of their ids."""
    wanted = sorted({one for one in log_ids if 0 < one <= ID_MAX})[:ROWS_MAX]
    query = select_logs().where(logs.c.id.in_(wanted)).order_by(logs.c.id)
    return [to_log(row) for row in connection.execute(query)]


def span(connection: Connection) -> tuple[str, str] | None:
    """The times of the oldest and of the newest log, None where there is none."""
    oldest, newest = (connection.execute(select(fold(logs.c.timestamp))).scalar() for fold in (func.min, func.max))
    return None if oldest is None or newest is None else (str(oldest), str(newest))


def _rank(severity: Any) -> ColumnElement[int]:
    return case({s.value: rank_of(s.value) for s in Severity}, value=severity, else_=rank_of(Severity.INFO.value))


def _rows(limit: int) -> int:
    return max(1, min(limit, ROWS_MAX))


def conditions(query: HistoryQuery) -> list[ColumnElement[bool]]:
    """What a log of ``query`` must satisfy but for its severity."""
    found: list[ColumnElement[bool]] = []
    if query.since is not None:
        found.append(logs.c.timestamp >= query.since)
    if query.until is not None:
        found.append(logs.c.timestamp < query.until)
    if query.host is not None:
        found.append(_like(logs.c.hostname, query.host))
    if query.service is not None:
        found.append(_like(logs.c.service, query.service))
    if query.place is not None:
        levels = (logs.c.site, logs.c.area, logs.c.line, logs.c.machine)
        found.append(or_(*(_like(level, query.place) for level in levels)))
    if query.text is not None:
        found.append(contains(logs.c.message, query.text))
    if query.pattern_id is not None:
        root = members.select_root(query.pattern_id).scalar_subquery()
        found.append(logs.c.pattern_id.in_(members.ids_of(root)))
    return found


def _like(column: Any, pattern: Names) -> ColumnElement[bool]:
    """One of several names; else exact or a glob of ``*`` and ``?``, without regard to case, which LIKE knows in every
    database."""
    if isinstance(pattern, tuple):
        return column.in_(pattern)  # type: ignore[no-any-return]
    return func.lower(column).like(like_of_glob(pattern.lower()), escape="\\")
