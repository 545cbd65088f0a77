"""What the site knows, put in place of what is shown: at once, whatever waits, and taken back again."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, bindparam, select

from andon.core.models import AnalysisStatus, Explanation, PendingAnalysis, Question, StoredAnalysis, StoredLog
from andon.store.engine.rows import select_logs, to_log
from andon.store.problems import members, merges, second_opinions
from andon.store.queue import queue
from andon.store.schema.tables import analyses, logs, patterns


class Glance(msgspec.Struct, frozen=True):
    """A problem by its newest log, and what it shows now; ``final`` where that is no answer for now."""

    root: int
    log: StoredLog
    rung: str | None
    source: str | None
    text: str | None
    finding: dict[str, Any] | None
    final: bool


def glances(connection: Connection, after: int, limit: int) -> tuple[list[Glance], int]:
    """The next ``limit`` problems behind the id ``after`` that have logs, and the id to go on from (0 at the end)."""
    shown = (analyses.c.rung, analyses.c.source, analyses.c.text, analyses.c.finding, analyses.c.finished_at)
    rows = connection.execute(
        select(patterns.c.id, *shown)
        .outerjoin(analyses, analyses.c.id == patterns.c.analysis_id)
        .where(patterns.c.id > after, patterns.c.merged_into.is_(None))
        .order_by(patterns.c.id)
        .limit(limit)
    ).all()
    found = []
    for id_, rung, source, text, finding, finished_at in rows:
        newest = connection.execute(select_logs().where(logs.c.id.in_(members.newest_logs(connection, id_, 1)))).first()
        if newest is not None:
            decoded = None if finding is None else msgspec.json.decode(finding)
            found.append(Glance(id_, to_log(newest), rung, source, text, decoded, finished_at is not None))
    return found, int(rows[-1].id) if len(rows) == limit else 0


def question_about(connection: Connection, root: int) -> Question | None:
    """The question about a problem as the queue would ask it; None where its logs are gone."""
    return queue.question_of(connection, root)


def waiting_after(connection: Connection, after: int, limit: int) -> list[PendingAnalysis]:
    """The next open rows behind the id ``after`` that nobody holds, as the jobs they would be; no second opinions."""
    rows = connection.execute(_waiting_after(), {"after": after, "most": limit}).all()
    return [job for row in rows if (job := queue.job_of(connection, row)) is not None]


@functools.cache
def _waiting_after() -> Select[Any]:
    open_rows = and_(analyses.c.finished_at.is_(None), analyses.c.second_of.is_(None))
    return (
        select(analyses)
        .where(analyses.c.id > bindparam("after"), open_rows, analyses.c.status == AnalysisStatus.PENDING)
        .order_by(analyses.c.id)
        .limit(bindparam("most"))
    )


def anything_waits(connection: Connection) -> bool:
    """Whether a row is neither answered nor given up."""
    waits = and_(analyses.c.finished_at.is_(None), analyses.c.status == AnalysisStatus.PENDING)
    return connection.execute(select(analyses.c.id).where(waits).limit(1)).scalar() is not None


def question_waits(connection: Connection, now: float) -> bool:
    """Whether a row is due that nobody holds and that waits for more than a second opinion."""
    return connection.execute(_question_waits(), {"now": now}).scalar() is not None


@functools.cache
def _question_waits() -> Select[int]:
    free = and_(analyses.c.finished_at.is_(None), analyses.c.status == AnalysisStatus.PENDING)
    due = and_(free, analyses.c.not_before <= bindparam("now"), analyses.c.tier > second_opinions.TIER)
    return select(analyses.c.id).where(due).limit(1)


def answer_at_once(
    connection: Connection,
    question: Question,
    explanation: Explanation,
    reason: str,
    now: float,
    *,
    second: bool = False,
) -> StoredAnalysis:
    """A final answer to a problem that is shown from now on; what waits for it is answered by that too.

    With ``second`` a model is to say something below it.
    """
    root = question.pattern_id
    waiting = merges.open_analysis(connection, root)
    shown = queue.shown_for(connection, [root]).get(root)
    same = shown is not None and (shown.source, shown.text) == (explanation.source, explanation.text)
    if shown is not None and same and waiting is None:  # the queue was quicker
        return shown
    row = merges.ask(connection, root, reason) if waiting is None else int(waiting.id)
    job = PendingAnalysis(row, root, "", question.logs[0].id, reason, 0, False, question)
    return queue.finish(connection, job, explanation, now, second)


def withdraw(connection: Connection, root: int, reason: str, instead: Explanation) -> StoredAnalysis | None:
    """Show an answer for now in place of what the problem shows, and ask anew."""
    members.update_pattern(connection, root, analysis_id=None)
    row = merges.ask(connection, root, reason)
    return queue.attach_provisionally(connection, row, instead)
