"""A problem as one: the pattern that stands for it (the root) and everything merged into that one."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, or_, select, union_all, update

from andon.core.models import Resolution
from andon.core.times import unix_minute
from andon.store.engine.no_such import no_such
from andon.store.rules.analysis import rank_of, severity_of
from andon.store.schema.dialect import IDS_PER_QUERY, portions
from andon.store.schema.tables import analyses, logs, pattern_hosts, pattern_minutes, patterns, resolutions

#: The window in which a rate is measured, in minutes.
RATE_WINDOW = 10
#: Hosts of a problem that are told apart; on more of them one more host is no news.
MOST_HOSTS = 2_000
_FIXES_MAX = 1_000
#: Patterns of a problem that are looked at for its newest logs.
_WALKED = 20
_one = patterns.alias("one")
# Statements that stand here are built once: building one takes five times as long as running it.
_ROOT: Any = bindparam("root")
_CHANGE = update(patterns).where(patterns.c.id == bindparam("changed_id"))
_RESOLUTION = [resolutions.c[name] for name in Resolution.__struct_fields__]


class Figures(msgspec.Struct, frozen=True):
    """What is counted of a problem."""

    count: int
    first_seen: str
    last_seen: str
    worst_severity: str


class Shown(msgspec.Struct, frozen=True):
    """The analysis that a problem shows now; ``final`` where it is finished and holds a text."""

    analysis_id: int
    pattern_id: int | None
    rung: str | None
    final: bool


def of_root(root: Any) -> ColumnElement[bool]:
    """Whether a row of ``patterns`` is of this problem; ``root`` is an id or a subquery of one."""
    return or_(patterns.c.id == root, patterns.c.merged_into == root)


def ids_of(root: Any) -> Select[int]:
    """The patterns of a problem, as a subquery; ``root`` is an id or a subquery of one."""
    return select(patterns.c.id).where(of_root(root))


def select_root(pattern_id: Any) -> Select[int]:
    """The pattern that stands for the problem which ``pattern_id`` is part of, as a query."""
    return select(func.coalesce(_one.c.merged_into, _one.c.id)).where(_one.c.id == pattern_id)


def root_of(connection: Connection, pattern_id: int) -> int | None:
    """The pattern that stands for the problem which ``pattern_id`` is part of; None where there is no such pattern."""
    found: int | None = connection.execute(_root_of(), {"pattern": pattern_id}).scalar()
    return found


@functools.cache
def _root_of() -> Select[int]:
    return select_root(bindparam("pattern"))


def roots_of(connection: Connection, ids: Iterable[int]) -> dict[int, int]:
    """The pattern that stands for the problem of each of these patterns; unknown ones are left out."""
    rows = by_id(connection, ids, patterns.c.merged_into)
    return {id_: row.id if row.merged_into is None else row.merged_into for id_, row in rows.items()}


def known_root(connection: Connection, pattern_id: int) -> int:
    """As :func:`root_of`; raises NotFound where there is no such pattern."""
    root = root_of(connection, pattern_id)
    if root is None:
        raise no_such(connection, "problem", pattern_id)
    return root


def members(connection: Connection, root: int, limit: int | None = None) -> list[int]:
    """The patterns of a problem, those seen last first."""
    values = {"root": root} if limit is None else {"root": root, "most": limit}
    return [int(row[0]) for row in connection.execute(_members(limited=limit is not None), values)]


@functools.cache
def _members(*, limited: bool) -> Select[int]:
    query = ids_of(_ROOT).order_by(patterns.c.last_seen.desc(), patterns.c.id)
    return query.limit(bindparam("most")) if limited else query


def of_problem(connection: Connection, pattern_id: int) -> list[int]:
    """The patterns of the problem that ``pattern_id`` is part of, as many as one statement names. Raises NotFound."""
    return members(connection, known_root(connection, pattern_id), IDS_PER_QUERY)


def figures(connection: Connection, root: int) -> Figures:
    """Counts and times of the whole problem."""
    sums, worst = _figures()
    count, first_seen, last_seen = connection.execute(sums, {"root": root}).one()
    severities = connection.execute(worst, {"root": root}).scalars()
    return Figures(count or 0, first_seen or "", last_seen or "", severity_of(max(map(rank_of, severities), default=0)))


@functools.cache
def _figures() -> tuple[Select[Any], Select[Any]]:
    sums = select(func.sum(patterns.c.count), func.min(patterns.c.first_seen), func.max(patterns.c.last_seen))
    return sums.where(of_root(_ROOT)), select(patterns.c.worst_severity).where(of_root(_ROOT)).distinct()


def hosts(connection: Connection, root: int, limit: int | None) -> list[tuple[str, int, str]]:
    """(host, logs, first seen) of a problem, those with most logs first."""
    values = {"root": root} if limit is None else {"root": root, "most": limit}
    rows = connection.execute(_hosts(limited=limit is not None), values)
    return [(host, count, first_seen) for host, count, first_seen in rows]


@functools.cache
def _hosts(*, limited: bool) -> Select[Any]:
    total = func.sum(pattern_hosts.c.count)
    query = (
        select(pattern_hosts.c.hostname, total, func.min(pattern_hosts.c.first_seen))
        .where(pattern_hosts.c.pattern_id.in_(ids_of(_ROOT)))
        .group_by(pattern_hosts.c.hostname)
        .order_by(total.desc(), pattern_hosts.c.hostname)
    )
    return query.limit(bindparam("most")) if limited else query


def host_names(connection: Connection, root: int) -> set[str]:
    """The hosts of a problem, :data:`MOST_HOSTS` of them at most."""
    return set(connection.execute(_host_names(), {"root": root}).scalars())


@functools.cache
def _host_names() -> Select[Any]:
    hosts_of = select(pattern_hosts.c.hostname).where(pattern_hosts.c.pattern_id.in_(ids_of(_ROOT)))
    return hosts_of.distinct().limit(MOST_HOSTS)


def recent_count(connection: Connection, root: int, minute: int) -> int:
    """Logs of a problem in the :data:`RATE_WINDOW` minutes that end with ``minute``."""
    # The minutes one by one: SQLite then seeks each (minute, pattern), where a range would read everybody's minutes.
    window = list(range(minute - RATE_WINDOW + 1, minute + 1))
    return connection.execute(_recent_count(), {"root": root, "window": window}).scalar() or 0


@functools.cache
def _recent_count() -> Select[Any]:
    window = pattern_minutes.c.minute.in_(bindparam("window", expanding=True))
    return select(func.sum(pattern_minutes.c.count)).where(window, pattern_minutes.c.pattern_id.in_(ids_of(_ROOT)))


def shown(connection: Connection, root: int) -> Shown | None:
    """What a problem shows now, None where nothing."""
    row = connection.execute(_shown(), {"root": root}).one_or_none()
    if row is None:
        return None
    return Shown(row.id, row.pattern_id, row.rung, row.finished_at is not None and row.text is not None)


@functools.cache
def _shown() -> Select[Any]:
    return (
        select(analyses.c.id, analyses.c.pattern_id, analyses.c.rung, analyses.c.finished_at, analyses.c.text)
        .join(patterns, patterns.c.analysis_id == analyses.c.id)
        .where(patterns.c.id == _ROOT)
    )


def update_pattern(connection: Connection, pattern_id: int, **values: Any) -> None:
    """Give columns of one pattern other values: with ``analysis_id`` every log of a problem shows that analysis."""
    connection.execute(_CHANGE, {"changed_id": pattern_id, **values})


def newest_logs(connection: Connection, root: int, limit: int) -> list[int]:
    """The ids of a problem's newest logs: a short walk of the index for each of its patterns that were seen last."""
    of_problem = members(connection, root, _WALKED)
    if len(of_problem) == 1:
        return list(connection.execute(_newest_logs(), {"pattern": of_problem[0], "most": limit}).scalars())
    walks = [
        select(logs.c.id).where(logs.c.pattern_id == one).order_by(logs.c.id.desc()).limit(limit).subquery()
        for one in of_problem
    ]
    newest = union_all(*(select(walk.c.id) for walk in walks)).subquery()
    return list(connection.execute(select(newest.c.id).order_by(newest.c.id.desc()).limit(limit)).scalars())


@functools.cache
def _newest_logs() -> Select[int]:
    own = select(logs.c.id).where(logs.c.pattern_id == bindparam("pattern"))
    return own.order_by(logs.c.id.desc()).limit(bindparam("most"))


def note_explained(connection: Connection, root: int, now: float, severity: str | None = None) -> None:
    """Keep what the problem is like as it is explained: renewal compares with it.

    ``severity`` is the worst that the explanation knew of, where that may not be today's.
    """
    found = figures(connection, root)
    update_pattern(
        connection,
        root,
        explained_at=now,
        renewed_at=now,
        explained_severity=severity or found.worst_severity,
        explained_hosts=len(host_names(connection, root)),
        explained_rate=recent_count(connection, root, unix_minute(found.last_seen)),
    )


def note_hosts(connection: Connection, root: int) -> None:
    """After a merge: the hosts that joined with it are not new ones."""
    connection.execute(
        update(patterns)
        .where(patterns.c.id == root, patterns.c.explained_at.is_not(None))
        .values(explained_hosts=len(host_names(connection, root)))
    )


def fixes(connection: Connection, root: int) -> list[Resolution]:
    """The confirmed fixes of a problem that were not revoked, newest first."""
    return [Resolution(*row) for row in connection.execute(_fixes(), {"root": root})]


@functools.cache
def _fixes() -> Select[Any]:
    return (
        select(*_RESOLUTION)
        .where(resolutions.c.pattern_id.in_(ids_of(_ROOT)), resolutions.c.revoked_at.is_(None))
        .order_by(resolutions.c.id.desc())
    )


def resolution_of(connection: Connection, pattern_id: int) -> Resolution | None:
    """The newest confirmed fix of a pattern's problem (itself, its parent, anything merged with it)."""
    root = root_of(connection, pattern_id)
    return None if root is None else next(iter(fixes(connection, root)), None)


def fixed_patterns(connection: Connection) -> list[tuple[str, str, Resolution]]:
    """(fingerprint, template, newest fix) of every pattern that has one."""
    rows = connection.execute(_fixed_patterns())
    return [(fingerprint, template, Resolution(*fix)) for fingerprint, template, *fix in rows]


@functools.cache
def _fixed_patterns() -> Select[Any]:
    newest = (
        select(func.max(resolutions.c.id))
        .where(resolutions.c.revoked_at.is_(None))
        .group_by(resolutions.c.pattern_id)
        .scalar_subquery()
    )
    return (
        select(patterns.c.fingerprint, patterns.c.template, *_RESOLUTION)
        .join(patterns, patterns.c.id == resolutions.c.pattern_id)
        .where(resolutions.c.id.in_(newest))
        .order_by(resolutions.c.id)
    )


def fixes_of(connection: Connection, pattern_id: int) -> list[Resolution]:
    """The confirmed fixes of the problem that a pattern is part of, newest first. Raises NotFound."""
    return fixes(connection, known_root(connection, pattern_id))


def fixes_within(connection: Connection, since: str, until: str) -> list[Resolution]:
    """Fixes that were confirmed in ``since`` ≤ t < ``until`` (stored form) and not revoked, the oldest first."""
    when = resolutions.c.created_at
    query = (
        select(*_RESOLUTION)
        .where(when >= since, when < until, resolutions.c.revoked_at.is_(None))
        .order_by(resolutions.c.id)
        .limit(_FIXES_MAX)
    )
    return [Resolution(*row) for row in connection.execute(query)]


def templates_of(connection: Connection, ids: Iterable[int]) -> dict[int, str]:
    """The texts of patterns, by id."""
    return {id_: row.template for id_, row in by_id(connection, ids, patterns.c.template).items()}


def titles(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[int, str]]:
    """By the id of a pattern: the pattern that stands for its problem, and the text of that one."""
    one, root = patterns.alias("one"), patterns.alias("root")
    query = select(one.c.id, root.c.id, root.c.template).join(
        root, root.c.id == func.coalesce(one.c.merged_into, one.c.id)
    )
    found: dict[int, tuple[int, str]] = {}
    for part in portions(sorted(set(ids))):
        found.update({row[0]: (row[1], row[2]) for row in connection.execute(query.where(one.c.id.in_(part)))})
    return found


def by_id(connection: Connection, ids: Iterable[int], *columns: Any) -> dict[int, Any]:
    """Rows of ``patterns`` by id."""
    wanted = list(ids)
    found: dict[int, Any] = {}
    for start in range(0, len(wanted), IDS_PER_QUERY):
        part = wanted[start : start + IDS_PER_QUERY]
        for row in connection.execute(select(patterns.c.id, *columns).where(patterns.c.id.in_(part))):
            found[row.id] = row
    return found
