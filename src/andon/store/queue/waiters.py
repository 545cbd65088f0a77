"""Durable callers: rows of ``waiters``, each a subject that gets the explanation of a log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, update

from andon.core.models import StoredAnalysis, StoredLog, Waiter
from andon.store.engine.rows import EXPLAINED, FINAL, select_logs_and_analyses, to_log_and_analysis
from andon.store.schema.dialect import IDS_PER_QUERY
from andon.store.schema.tables import logs, waiters


def explained(connection: Connection, now: float, limit: int) -> list[tuple[Waiter, StoredLog, StoredAnalysis]]:
    """Callers whose log shows a final explanation, oldest first."""
    query = _select(now, limit).where(FINAL, EXPLAINED)
    found = [to_log_and_analysis(row) for row in connection.execute(query)]
    return [(Waiter(*waiter), log, analysis) for log, analysis, waiter in found if analysis is not None]


def since(
    connection: Connection, now: float, until: float, limit: int
) -> list[tuple[Waiter, StoredLog, StoredAnalysis | None]]:
    """Callers that came up to ``until`` (unix seconds), oldest first, with what their log shows now."""
    query = _select(now, limit).where(waiters.c.created_at <= until)
    found = [to_log_and_analysis(row) for row in connection.execute(query)]
    return [(Waiter(*waiter), log, analysis) for log, analysis, waiter in found]


def _select(now: float, limit: int) -> Select[Any]:
    return (
        select_logs_and_analyses(waiters.c.id, waiters.c.log_id, waiters.c.reply_to)
        .join(waiters, waiters.c.log_id == logs.c.id)
        .where(waiters.c.not_before <= now)
        .order_by(waiters.c.id)
        .limit(limit)
    )


def unheard(connection: Connection, callers: Sequence[Waiter], due: float, oldest: float) -> int:
    """Put callers off until ``due``, but forget those that came before ``oldest`` (unix seconds); the number."""
    ids = [waiter.id for waiter in callers]
    forgotten = connection.execute(delete(waiters).where(waiters.c.id.in_(ids), waiters.c.created_at < oldest)).rowcount
    connection.execute(update(waiters).where(waiters.c.id.in_(ids)).values(not_before=due))
    return forgotten


def answered(connection: Connection, done: Sequence[Waiter]) -> None:
    """Forget callers that have their answer."""
    for start in range(0, len(done), IDS_PER_QUERY):
        ids = [waiter.id for waiter in done[start : start + IDS_PER_QUERY]]
        connection.execute(delete(waiters).where(waiters.c.id.in_(ids)))
