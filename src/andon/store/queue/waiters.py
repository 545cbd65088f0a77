"""Durable callers: rows of ``waiters``, each a subject that gets a log's explanation, or hears that it was refused."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, select, update

from andon.core.models import StoredAnalysis, StoredLog, StoredReject, Waiter
from andon.store.engine.rows import EXPLAINED, FINAL, select_logs_and_analyses, to_log_and_analysis
from andon.store.recording.rejects import rejects_of_message
from andon.store.schema.dialect import IDS_PER_QUERY
from andon.store.schema.tables import logs, waiters


def explained_waiters(connection: Connection, limit: int, now: float) -> list[tuple[Waiter, StoredLog, StoredAnalysis]]:
    """Callers whose log shows a final explanation, oldest first."""
    rows = connection.execute(_explained(), {"now": now, "most": limit})
    found = [to_log_and_analysis(row) for row in rows]
    return [(Waiter(*waiter), log, analysis) for log, analysis, waiter in found if analysis is not None]


def overdue_waiters(
    connection: Connection, older_than: float, limit: int, now: float
) -> list[tuple[Waiter, StoredLog, StoredAnalysis | None]]:
    """Callers that waited ``older_than`` seconds, oldest first, with what their log shows now, if anything."""
    rows = connection.execute(_overdue(), {"now": now, "before": now - older_than, "most": limit})
    found = [to_log_and_analysis(row) for row in rows]
    return [(Waiter(*waiter), log, analysis) for log, analysis, waiter in found]


def refused_waiters(connection: Connection, limit: int, now: float) -> list[tuple[Waiter, list[StoredReject]]]:
    """Callers whose message was refused, oldest first, with what is kept of it: one reject at least."""
    found = [Waiter(*row) for row in connection.execute(_refused(), {"now": now, "most": limit})]
    return [(waiter, rejects_of_message(connection, waiter.reject_id or 0)) for waiter in found]


def somebody_waits(connection: Connection) -> bool:
    """Whether there is any durable caller, due or not."""
    return connection.execute(_anybody()).first() is not None


@functools.cache
def _anybody() -> Select[Any]:
    return select(waiters.c.id).limit(1)


@functools.cache
def _explained() -> Select[Any]:
    return _due().where(FINAL, EXPLAINED)


@functools.cache
def _overdue() -> Select[Any]:
    return _due().where(waiters.c.created_at <= bindparam("before"))


@functools.cache
def _refused() -> Select[Any]:
    return (
        select(waiters.c.id, waiters.c.log_id, waiters.c.reply_to, waiters.c.reject_id)
        .where(waiters.c.reject_id.is_not(None), waiters.c.not_before <= bindparam("now"))
        .order_by(waiters.c.id)
        .limit(bindparam("most"))
    )


def _due() -> Select[Any]:
    return (
        select_logs_and_analyses(waiters.c.id, waiters.c.log_id, waiters.c.reply_to)
        .join(waiters, waiters.c.log_id == logs.c.id)
        .where(waiters.c.not_before <= bindparam("now"))
        .order_by(waiters.c.id)
        .limit(bindparam("most"))
    )


def put_off_waiters(
    connection: Connection, unheard: Sequence[Waiter], delay: float, patience: float, now: float
) -> int:
    """Try callers that do not listen again in ``delay`` seconds, forget those older than ``patience``; how many."""
    ids = [waiter.id for waiter in unheard]
    old = waiters.c.created_at < now - patience
    forgotten = connection.execute(delete(waiters).where(waiters.c.id.in_(ids), old)).rowcount
    connection.execute(update(waiters).where(waiters.c.id.in_(ids)).values(not_before=now + delay))
    return forgotten


def remove_waiters(connection: Connection, done: Sequence[Waiter]) -> None:
    """Forget callers that have their answer."""
    for start in range(0, len(done), IDS_PER_QUERY):
        ids = [waiter.id for waiter in done[start : start + IDS_PER_QUERY]]
        connection.execute(delete(waiters).where(waiters.c.id.in_(ids)))
