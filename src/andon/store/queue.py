"""The queue of analyses: open rows of ``analyses``, claimed under a lease.

A claim raises ``attempts``, and a job carries that number: what comes back with another number than the
leased row has was done under a lease that somebody else holds by now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, and_, delete, func, or_, select, update

from andon.models import (
    AnalysisStatus,
    Explanation,
    PendingAnalysis,
    Question,
    StoredAnalysis,
    StoredLog,
    Waiter,
    now_text,
)
from andon.store.rows import (
    EXPLAINED,
    FINAL,
    add_to_counters,
    select_analyses,
    select_logs,
    select_logs_and_analyses,
    shown_columns,
    to_analysis,
    to_log,
    to_log_and_analysis,
)
from andon.store.schema import analyses, logs, pattern_hosts, patterns, waiters

_LOGS_IN_QUESTION = 5
_HOSTS_IN_QUESTION = 20
_IDS_PER_QUERY = 500


def claim(
    connection: Connection, owner: str, lease: float, now: float, *, unanswered: bool = False
) -> PendingAnalysis | None:
    """Lease the first due row of the queue; None where none is due.

    With ``unanswered`` only rows without a text, those that are not due yet too.
    """
    free = or_(
        and_(
            analyses.c.status == AnalysisStatus.PENDING,
            analyses.c.text.is_(None) if unanswered else analyses.c.not_before <= now,
        ),
        and_(
            analyses.c.status == AnalysisStatus.LEASED,
            analyses.c.lease_until <= now,
            *([analyses.c.text.is_(None)] if unanswered else []),
        ),
    )
    first_due = (
        select(analyses.c.id)
        .where(analyses.c.finished_at.is_(None), free)
        .order_by(analyses.c.tier.desc(), analyses.c.score.desc(), analyses.c.id)
        .limit(1)
    )
    while (analysis_id := connection.execute(first_due).scalar()) is not None:
        connection.execute(
            update(analyses)
            .where(analyses.c.id == analysis_id)
            .values(
                status=AnalysisStatus.LEASED,
                lease_owner=owner,
                lease_until=now + lease,
                attempts=analyses.c.attempts + 1,
            )
        )
        row = connection.execute(select(analyses).where(analyses.c.id == analysis_id)).one()
        if (job := _job(connection, row)) is not None:
            return job
        _close(connection, analysis_id, AnalysisStatus.FAILED, "its logs are no longer stored")
        add_to_counters(connection, {"failed": 1})
    return None


def _job(connection: Connection, row: Row[Any]) -> PendingAnalysis | None:
    pattern = connection.execute(select(patterns).where(patterns.c.id == row.pattern_id)).mappings().one_or_none()
    newest = connection.execute(
        select_logs().where(logs.c.pattern_id == row.pattern_id).order_by(logs.c.id.desc()).limit(_LOGS_IN_QUESTION)
    ).all()
    if pattern is None or not newest:
        return None
    hosts = connection.execute(
        select(pattern_hosts.c.hostname)
        .where(pattern_hosts.c.pattern_id == row.pattern_id)
        .order_by(pattern_hosts.c.count.desc(), pattern_hosts.c.hostname)
        .limit(_HOSTS_IN_QUESTION)
    ).scalars()
    question = Question(
        pattern_id=pattern["id"],
        template=pattern["template"],
        logs=[to_log(log) for log in newest],
        count=pattern["count"],
        hosts=list(hosts),
        first_seen=pattern["first_seen"],
        last_seen=pattern["last_seen"],
        worst_severity=pattern["worst_severity"],
    )
    return PendingAnalysis(
        id=row.id,
        pattern_id=pattern["id"],
        fingerprint=pattern["fingerprint"],
        log_id=row.log_id if row.log_id is not None else newest[0].id,
        reason=row.reason,
        attempts=row.attempts,
        provisional=bool(row.provisional),
        question=question,
    )


def finish(connection: Connection, job: PendingAnalysis, explanation: Explanation) -> StoredAnalysis:
    """Store the final explanation and show it. A row that is final already stays as it is."""
    row = _row(connection, job.id)
    if row.finished_at is None:
        _attach(connection, row, explanation, provisional=False)
        _close(connection, job.id, AnalysisStatus.DONE, None)
        _show(connection, job)
    return _analysis(connection, job.id)


def postpone(
    connection: Connection,
    job: PendingAnalysis,
    error: str,
    due: float,
    provisional: Explanation | None,
    *,
    counted: bool = True,
) -> StoredAnalysis | None:
    """Back into the queue until ``due``; the provisional analysis where one was attached just now, else None.

    Without ``counted`` the claim is taken off the attempts again.
    """
    row = _row(connection, job.id)
    if row.finished_at is not None:
        return None
    if _is_held(row, job):
        connection.execute(
            update(analyses)
            .where(analyses.c.id == job.id)
            .values(
                status=AnalysisStatus.PENDING,
                not_before=due,
                last_error=error,
                attempts=row.attempts if counted else row.attempts - 1,
                lease_owner=None,
                lease_until=None,
            )
        )
    if provisional is None or not _attach_provisionally(connection, row, job, provisional):
        return None
    return _analysis(connection, job.id)


def fail(connection: Connection, job: PendingAnalysis, error: str, fallback: Explanation) -> StoredAnalysis:
    """Close the row with the fallback as its answer; an older final explanation goes on being shown.

    Where the lease was lost, the fallback is only provisional.
    """
    row = _row(connection, job.id)
    if row.finished_at is None:
        if _is_held(row, job):
            _attach(connection, row, fallback, provisional=False)
            _close(connection, job.id, AnalysisStatus.FAILED, error)
            add_to_counters(connection, {"failed": 1})
            if not _shows_final(connection, job.pattern_id):
                _show(connection, job)
        elif row.text is None:
            _attach(connection, row, fallback, provisional=True)
            if not _shows_any(connection, job.pattern_id):
                _show(connection, job)
    return _analysis(connection, job.id)


def release(connection: Connection, owner: str, *, counted: bool = True) -> int:
    """Put back what ``owner`` holds; without ``counted`` its claims are no attempts."""
    return connection.execute(
        update(analyses)
        .where(
            analyses.c.finished_at.is_(None),
            analyses.c.status == AnalysisStatus.LEASED,
            analyses.c.lease_owner == owner,
        )
        .values(
            status=AnalysisStatus.PENDING,
            lease_owner=None,
            lease_until=None,
            attempts=analyses.c.attempts - (0 if counted else 1),
        )
    ).rowcount


def prioritise(connection: Connection, log_ids: Sequence[int]) -> None:
    """Mark the open analyses of these logs' patterns as having a caller."""
    for start in range(0, len(log_ids), _IDS_PER_QUERY):
        of_logs = select(logs.c.pattern_id).where(logs.c.id.in_(log_ids[start : start + _IDS_PER_QUERY]))
        connection.execute(
            update(analyses)
            .where(analyses.c.pattern_id.in_(of_logs), analyses.c.finished_at.is_(None))
            .values(caller=True, tier=1)
        )


def analysis_of(connection: Connection, log_id: int) -> StoredAnalysis | None:
    """What the view shows for a log."""
    row = connection.execute(select_logs_and_analyses().where(logs.c.id == log_id)).one_or_none()
    return None if row is None else to_log_and_analysis(row)[1]


def shown_for(connection: Connection, pattern_ids: Sequence[int]) -> dict[int, StoredAnalysis]:
    """What the logs of these patterns show, by pattern; patterns that show nothing are left out."""
    root, shown = patterns.alias(), shown_columns()
    found: dict[int, StoredAnalysis] = {}
    for start in range(0, len(pattern_ids), _IDS_PER_QUERY):
        rows = connection.execute(
            select_analyses()
            .add_columns(patterns.c.id.label("of_pattern"))
            .join_from(patterns, root, root.c.id == patterns.c.merged_into, isouter=True)
            .join(shown.id.table, shown.id == func.coalesce(root.c.analysis_id, patterns.c.analysis_id))
            .where(patterns.c.id.in_(pattern_ids[start : start + _IDS_PER_QUERY]), shown.text.is_not(None))
        )
        found.update({row.of_pattern: to_analysis(tuple(row)[:-1]) for row in rows})
    return found


def waiting_for(connection: Connection, now: float, limit: int) -> list[tuple[Waiter, StoredLog, StoredAnalysis]]:
    """Callers whose log shows a final explanation, oldest first."""
    query = _select_waiters(now, limit).where(FINAL, EXPLAINED)
    found = [to_log_and_analysis(row) for row in connection.execute(query)]
    return [(Waiter(*waiter), log, analysis) for log, analysis, waiter in found if analysis is not None]


def waiting_since(
    connection: Connection, now: float, until: float, limit: int
) -> list[tuple[Waiter, StoredLog, StoredAnalysis | None]]:
    """Callers that came up to ``until`` (unix seconds), oldest first, with what their log shows now."""
    query = _select_waiters(now, limit).where(waiters.c.created_at <= until)
    found = [to_log_and_analysis(row) for row in connection.execute(query)]
    return [(Waiter(*waiter), log, analysis) for log, analysis, waiter in found]


def _select_waiters(now: float, limit: int) -> Select[Any]:
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
    for start in range(0, len(done), _IDS_PER_QUERY):
        ids = [waiter.id for waiter in done[start : start + _IDS_PER_QUERY]]
        connection.execute(delete(waiters).where(waiters.c.id.in_(ids)))


def _is_held(row: Row[Any], job: PendingAnalysis) -> bool:
    """Whether the lease of this very claim still stands; one that ran out does until somebody else claims."""
    return bool(row.status == AnalysisStatus.LEASED and row.attempts == job.attempts)


def _row(connection: Connection, analysis_id: int) -> Row[Any]:
    return connection.execute(select(analyses).where(analyses.c.id == analysis_id)).one()


def _analysis(connection: Connection, analysis_id: int) -> StoredAnalysis:
    return to_analysis(connection.execute(select_analyses().where(shown_columns().id == analysis_id)).one())


def _attach(connection: Connection, row: Row[Any], explanation: Explanation, *, provisional: bool) -> None:
    values = msgspec.structs.asdict(explanation)
    finding = values.pop("finding")
    connection.execute(
        update(analyses)
        .where(analyses.c.id == row.id)
        .values(
            **values,
            finding=None if finding is None else msgspec.json.encode(finding).decode(),
            provisional=provisional,
        )
    )
    if row.rung != explanation.rung:
        changes = {f"rung:{explanation.rung}": 1}
        if row.rung is not None:
            changes[f"rung:{row.rung}"] = -1
        add_to_counters(connection, changes)


def _attach_provisionally(
    connection: Connection, row: Row[Any], job: PendingAnalysis, explanation: Explanation
) -> bool:
    if row.text is not None or _shows_any(connection, job.pattern_id):
        return False
    _attach(connection, row, explanation, provisional=True)
    _show(connection, job)
    return True


def _close(connection: Connection, analysis_id: int, status: AnalysisStatus, error: str | None) -> None:
    values: dict[str, Any] = {
        "status": status,
        "finished_at": now_text(),
        "provisional": False,
        "lease_owner": None,
        "lease_until": None,
    }
    if error is not None:
        values["last_error"] = error
    connection.execute(update(analyses).where(analyses.c.id == analysis_id).values(**values))


def _show(connection: Connection, job: PendingAnalysis) -> None:
    connection.execute(update(patterns).where(patterns.c.id == job.pattern_id).values(analysis_id=job.id))


def _shown(connection: Connection, pattern_id: int) -> Row[Any] | None:
    return connection.execute(
        select(analyses.c.finished_at)
        .join(patterns, patterns.c.analysis_id == analyses.c.id)
        .where(patterns.c.id == pattern_id)
    ).one_or_none()


def _shows_any(connection: Connection, pattern_id: int) -> bool:
    return _shown(connection, pattern_id) is not None


def _shows_final(connection: Connection, pattern_id: int) -> bool:
    shown = _shown(connection, pattern_id)
    return shown is not None and shown.finished_at is not None
