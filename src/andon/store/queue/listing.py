"""The queue as people see it: what waits, what failed, and the analyses of a problem."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Select, case, func, or_, select

from andon.core.models import AnalysisStatus, Moment
from andon.store.problems import members
from andon.store.schema.tables import analyses, logs

_NO_PROBLEM = "(a single log)"
#: The row below which a second opinion stands.
_BELOW = analyses.alias("below")


class AnalysisEntry(msgspec.Struct, frozen=True):
    """A row of ``analyses`` as the queue listing shows it.

    ``not_before`` and ``lease_until`` are moments; the first of all (1970) is "at once".

    A second opinion names the row below which it stands (``second_of``), and neither problem nor log.
    """

    id: int
    pattern_id: int | None
    log_id: int | None
    reason: str
    status: str
    caller: bool
    tier: int
    score: int
    created_at: str | None
    not_before: Moment
    lease_owner: str | None
    lease_until: Moment | None
    attempts: int
    last_error: str | None
    rung: str | None
    provisional: bool
    text: str | None
    finished_at: str | None
    source: str | None
    provider: str | None
    model: str | None
    prompt_version: str | None
    second_of: int | None


class QueueEntry(msgspec.Struct, frozen=True):
    """A waiting or failed analysis with its problem.

    ``not_before`` and ``lease_until`` are moments; the first of all (1970) is "at once".

    ``reason`` says why it was asked: ``new``, ``every``, ``asked``, ``split``, ``second`` (for a second opinion), or
    why an explanation is renewed (``severity``, ``host``, ``rate``, ``age``). ``last_error`` is why there is no answer
    yet (or none from the model).
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
    not_before: Moment
    lease_until: Moment | None
    attempts: int
    last_error: str | None
    rung: str | None
    provisional: bool
    finished_at: str | None


def entries(connection: Connection, status: str | None = None, limit: int = 50) -> list[AnalysisEntry]:
    """Rows of ``analyses``: open ones in the order of claiming, then closed ones, the newest first."""
    query = _select_entries().limit(max(0, limit))
    if status is not None:
        query = query.where(analyses.c.status == status)
    return [AnalysisEntry(*row) for row in connection.execute(query)]


def history_of(connection: Connection, pattern_id: int) -> list[AnalysisEntry]:
    """The analyses of a problem, open ones first, then the newest first, with what was answered and went wrong.

    Second opinions are among them.
    Raises NotFound.
    """
    root = members.known_root(connection, pattern_id)
    theirs = analyses.c.pattern_id.in_(members.ids_of(root))
    below = analyses.c.second_of.in_(select(analyses.c.id).where(theirs))
    query = _select_entries().where(or_(theirs, below))
    return [AnalysisEntry(*row) for row in connection.execute(query)]


def _select_entries() -> Select[Any]:
    return select(*(analyses.c[name] for name in AnalysisEntry.__struct_fields__)).order_by(
        analyses.c.finished_at.is_not(None),
        analyses.c.finished_at.desc(),
        analyses.c.tier.desc(),
        analyses.c.score.desc(),
        case((analyses.c.finished_at.is_(None), -analyses.c.id), else_=analyses.c.id).desc(),
    )


def listing(connection: Connection, failed: bool = False, limit: int = 50) -> list[QueueEntry]:
    """What waits, in the order of claiming; with ``failed`` what the model gave no answer for, newest first."""
    about = {name: func.coalesce(analyses.c[name], _BELOW.c[name]).label(name) for name in ("pattern_id", "log_id")}
    columns = [about.get(name, analyses.c[name]) for name in QueueEntry.__struct_fields__ if name in analyses.c]
    query = select(*columns).outerjoin(_BELOW, _BELOW.c.id == analyses.c.second_of).limit(max(0, limit))
    if failed:
        query = query.where(analyses.c.status == AnalysisStatus.FAILED)
        query = query.order_by(analyses.c.finished_at.desc(), analyses.c.id.desc())
    else:
        query = query.where(analyses.c.finished_at.is_(None))
        query = query.order_by(analyses.c.tier.desc(), analyses.c.score.desc(), analyses.c.id)
    rows = connection.execute(query).mappings().all()
    templates = members.templates_of(connection, {row["pattern_id"] for row in rows if row["pattern_id"]})
    entries = []
    for row in rows:
        if (template := templates.get(row["pattern_id"])) is not None:
            found = members.figures(connection, row["pattern_id"])
            problem = (template, found.worst_severity, found.count)
        else:
            problem = (*_message(connection, row["log_id"]), 1)
        flags = {name: bool(row[name]) for name in ("caller", "provisional")}
        entries.append(QueueEntry(**{**row, **flags, **dict(zip(_OF_PROBLEM, problem, strict=True))}))
    return entries


def oldest_waiting(connection: Connection) -> str | None:
    """Since when the problem waits that waits longest (stored form); apart from second opinions, for which nobody
    waits, and from what only logs of the past ask about, which may wait for days."""
    query = select(func.min(analyses.c.created_at)).where(
        analyses.c.finished_at.is_(None), analyses.c.tier >= 0, analyses.c.score >= 0
    )
    return connection.execute(query).scalar()


_OF_PROBLEM = ("template", "worst_severity", "count")


def _message(connection: Connection, log_id: int | None) -> tuple[str, str]:
    """Message and severity of a log that is of no problem."""
    row = connection.execute(select(logs.c.message, logs.c.severity).where(logs.c.id == log_id)).one_or_none()
    return (_NO_PROBLEM, "INFO") if row is None else (str(row.message), str(row.severity))
