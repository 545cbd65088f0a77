"""The queue of analyses: open rows of ``analyses``, claimed under a lease (:mod:`andon.store.engine.lease`)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, and_, bindparam, case, exists, func, or_, select, update

from andon.core.models import (
    AnalysisStatus,
    Explanation,
    PendingAnalysis,
    Question,
    StoredAnalysis,
    StoredLog,
    now_text,
)
from andon.store.engine import lease as leases
from andon.store.engine.counters import add_to_counters
from andon.store.engine.postgres import unlocked
from andon.store.engine.rows import (
    SHOWN,
    select_analyses,
    select_logs,
    select_logs_and_analyses,
    to_analysis,
    to_log,
    to_log_and_analysis,
)
from andon.store.problems import analysis_rows, members, merges, second_opinions
from andon.store.queue.usage import spend
from andon.store.rules.analysis import is_late
from andon.store.schema.dialect import IDS_PER_QUERY
from andon.store.schema.tables import analyses, logs, patterns

_LOGS_IN_QUESTION = 5
_HOSTS_IN_QUESTION = 20
#: What a row has that waits in the queue and that nobody holds.
_PATTERN_OF_LOG = select(logs.c.pattern_id).where(logs.c.id == bindparam("log"))
_NAMED = select(patterns.c.template, patterns.c.fingerprint).where(patterns.c.id == bindparam("root"))
_ROW = select(analyses).where(analyses.c.id == bindparam("of_id"))
_ANALYSIS = select_analyses().where(SHOWN.c.id == bindparam("of_id"))
_UNLEASED = {"status": AnalysisStatus.PENDING, **leases.NOBODY}


@unlocked
def claim(
    connection: Connection,
    owner: str,
    lease: float,
    now: float,
    *,
    unanswered: bool = False,
    seconds: bool = True,
    behind: Sequence[int] = (),
) -> PendingAnalysis | None:
    """Lease the due row of the queue with the highest priority for ``lease`` seconds; None where none is due.

    A row whose lease ran out is due again. The claim counts as an attempt. With ``unanswered`` only rows without even a
    provisional text are taken, those that are not due yet too; without ``seconds`` none that waits for a second
    opinion. The rows ``behind`` come where there is no other but those.
    """
    values: dict[str, Any] = {"now": now}
    last = _due(unanswered=unanswered, questions=unanswered or not seconds)
    if not behind:
        return _claim_first(connection, last, values, owner, now + lease)
    first = _due(unanswered=unanswered, questions=True, but=True)
    job = _claim_first(connection, first, values | {"behind": list(behind)[:IDS_PER_QUERY]}, owner, now + lease)
    for which in (_due(unanswered=unanswered, questions=True), last):
        job = job or _claim_first(connection, which, values, owner, now + lease)
    return job


@functools.cache
def _due(*, unanswered: bool, questions: bool, but: bool = False) -> Select[tuple[Any]]:
    """The first row to claim; of ``questions`` alone no second opinion, with ``but`` none of those ``behind``."""
    pending = analyses.c.status == AnalysisStatus.PENDING
    free = leases.lapsed(analyses, AnalysisStatus.LEASED, bindparam("now"))
    if unanswered:  # a renewal has no text of its own, but its problem shows one
        shows = exists().where(patterns.c.id == analyses.c.pattern_id, patterns.c.analysis_id.is_not(None))
        free = and_(or_(pending, free), analyses.c.text.is_(None), ~shows)
    else:
        free = or_(and_(pending, analyses.c.not_before <= bindparam("now")), free)
    if questions:  # as the index has it: opinions may be many
        free = and_(free, analyses.c.tier > second_opinions.TIER)
    if but:
        free = and_(free, analyses.c.id.not_in(bindparam("behind", expanding=True)))
    ids = select(analyses.c.id).where(analyses.c.finished_at.is_(None), free)
    return leases.first_of(ids.order_by(analyses.c.tier.desc(), analyses.c.score.desc(), analyses.c.id))


def next_due(connection: Connection) -> float | None:
    """From when on there is an open row to claim (unix seconds, of the past for one that waits); None for no row."""
    found: float | None = connection.execute(_next_due()).scalar()
    return found


@functools.cache
def _next_due() -> Select[tuple[Any]]:
    due = case((analyses.c.status == AnalysisStatus.LEASED, analyses.c.lease_until), else_=analyses.c.not_before)
    return select(func.min(due)).where(analyses.c.finished_at.is_(None))


def _claim_first(
    connection: Connection, due: Select[tuple[Any]], values: dict[str, Any], owner: str, until: float
) -> PendingAnalysis | None:
    while (analysis_id := leases.first_free(connection, due, values)) is not None:
        row = leases.take(connection, analyses, analysis_id, AnalysisStatus.LEASED, owner, until)
        if (job := job_of(connection, row)) is not None:
            return job
        if row.second_of is not None:
            second_opinions.forget(connection, analysis_id)
            continue
        analysis_rows.close(connection, analysis_id, AnalysisStatus.FAILED, last_error="its logs are no longer stored")
        add_to_counters(connection, {"failed": 1})
    return None


def job_of(connection: Connection, row: Row[Any]) -> PendingAnalysis | None:
    """The question of a claimed row: about one log where the row names no pattern, else about the whole problem.

    A second opinion is about what the row below which it stands is about, and None where that one is not shown.
    """
    asked = row if row.second_of is None else second_opinions.base_of(connection, row.second_of)
    if asked is None:
        return None
    own = asked.pattern_id is None
    of = connection.execute(_PATTERN_OF_LOG, {"log": asked.log_id}).scalar() or 0 if own else asked.pattern_id
    root = members.root_of(connection, of)
    if root is None:
        return None
    newest = _logs(connection, [asked.log_id] if own else members.newest_logs(connection, root, _LOGS_IN_QUESTION))
    if not newest:
        return None
    template, fingerprint = connection.execute(_NAMED, {"root": root}).one()
    question = _question(connection, root, template, newest)
    return PendingAnalysis(
        id=row.id,
        pattern_id=root,
        fingerprint=fingerprint,
        log_id=asked.log_id if asked.log_id is not None else newest[0].id,
        reason=row.reason,
        attempts=row.attempts,
        provisional=bool(row.provisional) or row.second_of is not None,
        question=question,
        second_of=row.second_of,
        late=row.second_of is None and is_late(row.score),
    )


def _logs(connection: Connection, ids: Sequence[int]) -> list[StoredLog]:
    """These logs, the newest first."""
    return [to_log(row) for row in connection.execute(_logs_by_id(), {"ids": ids})]


@functools.cache
def _logs_by_id() -> Select[Any]:
    return select_logs().where(logs.c.id.in_(bindparam("ids", expanding=True))).order_by(logs.c.id.desc())


def _question(connection: Connection, root: int, template: str, newest: list[StoredLog]) -> Question:
    return Question(
        pattern_id=root,
        template=template,
        logs=newest,
        hosts=[host for host, _, _ in members.hosts(connection, root, _HOSTS_IN_QUESTION)],
        fix=next(iter(members.fixes(connection, root)), None),
        **msgspec.structs.asdict(members.figures(connection, root)),
    )


def question_of(connection: Connection, root: int) -> Question | None:
    """The question about a whole problem; None where its logs are no longer stored."""
    newest = _logs(connection, members.newest_logs(connection, root, _LOGS_IN_QUESTION))
    named = connection.execute(_NAMED, {"root": root}).first()
    return _question(connection, root, "" if named is None else named.template or "", newest) if newest else None


def finish(
    connection: Connection,
    job: PendingAnalysis,
    explanation: Explanation,
    now: float,
    second: Explanation | bool = False,
) -> StoredAnalysis:
    """Store the final explanation and show it. A row that is final already stays as it is.

    Where the row was superseded meanwhile, the answer still counts unless the problem shows a final one by now.
    ``second`` is what a model says below it, True where that is still to be asked for. The tokens that a model took
    are counted with its answer.
    """
    for answer in (explanation, second):
        _count_tokens(connection, answer, now)
    row = _row(connection, job.id)
    root = None if row.pattern_id is None else members.root_of(connection, row.pattern_id)
    shown = None if root is None else members.shown(connection, root)
    if row.finished_at is not None:
        if row.text is not None or root is None:
            return _analysis(connection, job.id)
        if shown is not None and shown.final:
            return _of_root(connection, shown.analysis_id, root)
    _attach(connection, row, explanation, provisional=False)
    analysis_rows.close(connection, job.id, AnalysisStatus.DONE)
    if root is not None:
        _show(connection, job.id, root)
        waiting = merges.open_analysis(connection, root)
        if waiting is not None:
            merges.supersede(connection, waiting, f"superseded: answered by analysis {job.id}")
        members.note_explained(connection, root, now, job.question.worst_severity)
        second_opinions.forget_others(connection, root)
    if isinstance(second, Explanation):
        second_opinions.add(connection, job.id, second)
    elif second:
        second_opinions.ask(connection, job.id)
    return _analysis(connection, job.id)


def finish_second(connection: Connection, job: PendingAnalysis, explanation: Explanation, now: float) -> None:
    """Store a second opinion below the row that it was asked for, and count the tokens that it took."""
    _count_tokens(connection, explanation, now)
    second_opinions.end(connection, job.id, AnalysisStatus.DONE, **analysis_rows.answered(explanation))


def _count_tokens(connection: Connection, answer: Explanation | bool, now: float) -> None:
    if isinstance(answer, Explanation) and (tokens := answer.tokens):
        spend(connection, 0, tokens, now)


def end_second(
    connection: Connection,
    job: PendingAnalysis,
    reason: str,
    refused: Explanation | None = None,
    *,
    wanted: bool = True,
) -> None:
    """There is no second opinion; ``refused`` is what the model said and nobody may be shown. One that is not
    ``wanted`` any more is no failure."""
    values = {} if refused is None else analysis_rows.refused(refused)
    status = AnalysisStatus.FAILED if wanted else AnalysisStatus.DONE
    status = status if refused is None else AnalysisStatus.REFUSED
    second_opinions.end(connection, job.id, status, last_error=reason, **values)


def postpone(
    connection: Connection,
    job: PendingAnalysis,
    error: str,
    due: float,
    provisional: Explanation | None,
    *,
    counted: bool = True,
) -> StoredAnalysis | None:
    """Back into the queue until ``due`` (unix seconds), with the reason and, where nothing shows yet, a text for now.

    Without ``counted`` the claim is taken off the attempts again: the question was not at fault. Returns the
    provisional analysis where one was attached just now.
    """
    row = _row(connection, job.id)
    if row.finished_at is not None:
        return None
    if _is_held(row, job):
        analysis_rows.change(
            connection,
            job.id,
            not_before=due,
            last_error=error,
            attempts=row.attempts if counted else row.attempts - 1,
            **_UNLEASED,
        )
    return None if provisional is None else _attach_provisionally(connection, row, provisional)


def show_meanwhile(connection: Connection, job: PendingAnalysis, provisional: Explanation) -> StoredAnalysis | None:
    """An answer for as long as a claimed row has none; None where something is shown already."""
    row = _row(connection, job.id)
    return None if row.finished_at is not None else _attach_provisionally(connection, row, provisional)


def fail(connection: Connection, job: PendingAnalysis, error: str, fallback: Explanation, now: float) -> StoredAnalysis:
    """Close the row with the fallback as its answer; an older final explanation goes on being shown.

    Where the lease was lost, the fallback is only provisional.
    """
    row = _row(connection, job.id)
    root = None if row.pattern_id is None else members.root_of(connection, row.pattern_id)
    if row.finished_at is not None and row.text is None and root is not None:
        return _instead_of(connection, job, root, fallback)
    if row.finished_at is None:
        held = _is_held(row, job)
        if held:
            _attach(connection, row, fallback, provisional=False)
            analysis_rows.close(connection, job.id, AnalysisStatus.FAILED, last_error=error)
            add_to_counters(connection, {"failed": 1})
        elif row.text is None:
            _attach(connection, row, fallback, provisional=True)
        shown = None if root is None else members.shown(connection, root)
        if root is not None and held and (shown is None or not shown.final):
            _show(connection, job.id, root)
            members.note_explained(connection, root, now, job.question.worst_severity)
        elif root is not None and not held and row.text is None and shown is None:
            _show(connection, job.id, root)
    return _analysis(connection, job.id)


def keep_refused(connection: Connection, job: PendingAnalysis, explanation: Explanation, reason: str) -> None:
    """Keep an answer that may not be shown, beside the row that asked for it: a finished row without a text."""
    row = _row(connection, job.id)
    analysis_rows.add(
        connection,
        pattern_id=row.pattern_id,
        log_id=row.log_id,
        reason=row.reason,
        status=AnalysisStatus.REFUSED,
        created_at=row.created_at,
        finished_at=now_text(),
        attempts=row.attempts,
        last_error=reason,
        **analysis_rows.refused(explanation),
    )


def _instead_of(connection: Connection, job: PendingAnalysis, root: int, fallback: Explanation) -> StoredAnalysis:
    """No answer for a row that was superseded: what its problem shows, else the fallback until there is an answer."""
    shown = members.shown(connection, root)
    if shown is not None:
        return _of_root(connection, shown.analysis_id, root)
    row = merges.open_analysis(connection, root) or _row(connection, job.id)
    _attach(connection, row, fallback, provisional=row.finished_at is None)
    _show(connection, row.id, root)
    return _analysis(connection, row.id)


def release(connection: Connection, owner: str, *, counted: bool = True) -> int:
    """Put back what ``owner`` holds (on start and stop); the number of rows.

    Without ``counted`` its claims are no attempts: an orderly stop is not the question's fault.
    """
    still_open, statuses = analyses.c.finished_at.is_(None), (AnalysisStatus.LEASED, AnalysisStatus.PENDING)
    return leases.give_back(connection, analyses, still_open, *statuses, owner, counted=counted)


def prioritise(connection: Connection, log_ids: Sequence[int]) -> None:
    """Mark the open analyses of these logs, or of their problems, as having a caller: then they are of the present."""
    late = analyses.c.score < 0
    waited_for = {"caller": True, "tier": 1, "score": case((late, 1), else_=analyses.c.score)}
    for start in range(0, len(log_ids), IDS_PER_QUERY):
        part = logs.c.id.in_(log_ids[start : start + IDS_PER_QUERY])
        problems = (
            select(func.coalesce(patterns.c.merged_into, patterns.c.id))
            .join(logs, logs.c.pattern_id == patterns.c.id)
            .where(part, logs.c.analysis_id.is_(None))
        )
        own = select(logs.c.analysis_id).where(part, logs.c.analysis_id.is_not(None))
        for wanted in (analyses.c.pattern_id.in_(problems), analyses.c.id.in_(own)):
            connection.execute(update(analyses).where(wanted, analyses.c.finished_at.is_(None)).values(waited_for))


def log_and_analysis(connection: Connection, log_id: int) -> tuple[StoredLog | None, StoredAnalysis | None]:
    """A log and the explanation that it shows now, None where there is none."""
    row = connection.execute(select_logs_and_analyses().where(logs.c.id == log_id)).one_or_none()
    return (None, None) if row is None else to_log_and_analysis(row)[:2]


def shown_for(connection: Connection, pattern_ids: Sequence[int]) -> dict[int, StoredAnalysis]:
    """What the logs of these patterns show, by pattern; patterns that show nothing are left out."""
    found: dict[int, StoredAnalysis] = {}
    for start in range(0, len(pattern_ids), IDS_PER_QUERY):
        rows = connection.execute(_shown_for(), {"ids": pattern_ids[start : start + IDS_PER_QUERY]})
        found.update({row.of_pattern: to_analysis(tuple(row)[:-1]) for row in rows})
    return found


@functools.cache
def _shown_for() -> Select[Any]:
    root = patterns.alias()
    return (
        select_analyses()
        .add_columns(patterns.c.id.label("of_pattern"))
        .join_from(patterns, root, root.c.id == patterns.c.merged_into, isouter=True)
        .join(SHOWN, SHOWN.c.id == func.coalesce(root.c.analysis_id, patterns.c.analysis_id))
        .where(patterns.c.id.in_(bindparam("ids", expanding=True)), SHOWN.c.text.is_not(None))
    )


def _is_held(row: Row[Any], job: PendingAnalysis) -> bool:
    return leases.is_held(row, AnalysisStatus.LEASED, job.attempts)


def _row(connection: Connection, analysis_id: int) -> Row[Any]:
    return connection.execute(_ROW, {"of_id": analysis_id}).one()


def _analysis(connection: Connection, analysis_id: int) -> StoredAnalysis:
    return to_analysis(connection.execute(_ANALYSIS, {"of_id": analysis_id}).one())


def _attach(connection: Connection, row: Row[Any], explanation: Explanation, *, provisional: bool) -> None:
    analysis_rows.change(connection, row.id, **analysis_rows.answered(explanation), provisional=provisional)
    if row.rung != explanation.rung:
        changes = {f"rung:{explanation.rung}": 1}
        if row.rung is not None:
            changes[f"rung:{row.rung}"] = -1
        add_to_counters(connection, changes)


def _attach_provisionally(connection: Connection, row: Row[Any], explanation: Explanation) -> StoredAnalysis | None:
    """The row with an answer for now; None where it or its problem shows something already."""
    if row.second_of is not None:
        return None
    root = None if row.pattern_id is None else members.root_of(connection, row.pattern_id)
    if row.text is not None or (root is not None and members.shown(connection, root) is not None):
        return None
    _attach(connection, row, explanation, provisional=True)
    if root is not None:
        _show(connection, row.id, root)
    return _analysis(connection, row.id)


def attach_provisionally(connection: Connection, analysis_id: int, explanation: Explanation) -> StoredAnalysis | None:
    """An open row with an answer for now; None where it or its problem shows something already."""
    return _attach_provisionally(connection, _row(connection, analysis_id), explanation)


def _show(connection: Connection, analysis_id: int, root: int) -> None:
    """The problem shows this analysis, which is its own from now on whichever of its patterns asked for it."""
    analysis_rows.change(connection, analysis_id, pattern_id=root)
    members.update_pattern(connection, root, analysis_id=analysis_id)


def _of_root(connection: Connection, analysis_id: int, root: int) -> StoredAnalysis:
    return msgspec.structs.replace(_analysis(connection, analysis_id), pattern_id=root)
