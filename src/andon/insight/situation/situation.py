"""All that the page of a problem shows at once: read by keys and from rollups, however many logs there are."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from andon.core.models import Resolution, SecondOpinion, StoredAnalysis, StoredLog
from andon.insight.now import board
from andon.insight.shifts.calendar import Shift
from andon.insight.situation import advice, course, problem_state
from andon.insight.situation.advice import Advice
from andon.insight.situation.course import Course
from andon.insight.situation.problem_state import State
from andon.store import Connection, alarms, problems, queue, search, verdicts
from andon.store.problems import PatternMerge, ProblemNote, Tick, Verdict, Whole
from andon.store.queue import AnalysisEntry

#: Rows of the queue that are looked at for a place in it.
_QUEUE_LOOKED = 50
#: Newest records of a problem that are shown where its answer cites none.
NEWEST = 3


class Waiting(msgspec.Struct, frozen=True):
    """A question about a problem that is still open: ``ahead`` are those answered before it (None: many).

    ``error`` is why there is no answer yet, ``due`` (unix seconds) when it is asked again; ``asked`` is in stored form.
    """

    asked: str | None
    being_answered: bool
    ahead: int | None
    error: str | None
    due: float
    reason: str


class Situation(msgspec.Struct, frozen=True):
    """One problem as it stands. ``records`` are those that its answer cites, in that order, as far as they are stored
    (``lost`` are not any more), or ``newest`` where it cites none; ``ticks`` are the steps that are done."""

    problem: Whole
    state: State
    course: Course
    advice: Advice | None
    second: SecondOpinion | None
    records: list[StoredLog]
    lost: int
    newest: list[StoredLog]
    ticks: dict[int, Tick]
    verdicts: list[Verdict]
    fixes: list[Resolution]
    notes: list[ProblemNote]
    history: list[AnalysisEntry]
    merges: list[PatternMerge]
    waiting: Waiting | None
    waiting_second: bool
    first_out: bool
    chattering: bool


def read(connection: Connection, root: int, now: float, shifts: Sequence[Shift], zone: ZoneInfo) -> Situation:
    """A problem by the pattern that stands for it. Raises NotFound."""
    whole = problems.whole(connection, root)
    known = alarms.of_patterns(connection, whole.members)
    at, _ = board.moment_of(connection, now, shifts, zone)
    standing = problem_state.read(known.entries, whole.worst_severity, at)
    fixes = problems.fixes_of(connection, root)
    advised, records, lost = _advised(connection, root, fixes)
    newest = problems.newest_logs(connection, root, NEWEST)
    history = queue.history_of(connection, root)
    below = None if advised is None else problems.shown_below(connection, [advised.analysis_id])
    return Situation(
        problem=whole,
        state=standing,
        course=course.read(connection, whole, known, now, zone),
        advice=advised,
        second=None if advised is None or below is None else below.get(advised.analysis_id),
        records=records,
        lost=lost,
        newest=newest,
        ticks=_ticked(connection, root, advised),
        verdicts=verdicts.of_problem(connection, root),
        fixes=fixes,
        notes=problems.notes_of(connection, root),
        history=[row for row in history if row.finished_at is not None],
        merges=problems.merges_of(connection, root),
        waiting=_waiting(connection, history),
        waiting_second=any(row.finished_at is None and row.second_of is not None for row in history),
        first_out=board.likely_start(connection, now, shifts, zone) == root,
        chattering=alarms.chatters(connection, [one.id for one in known.entries], now),
    )


def shown(connection: Connection, root: int) -> StoredAnalysis | None:
    """What a problem shows now; None where nothing yet."""
    return queue.shown_for(connection, [root]).get(root)


def _advised(
    connection: Connection, root: int, fixes: Sequence[Resolution]
) -> tuple[Advice | None, list[StoredLog], int]:
    found = shown(connection, root)
    if found is None:
        return None, [], 0
    earlier = None if found.rung != "resolution" else problems.answer_before(connection, root)
    ids = advice.cited_by(found, earlier)
    records = [log for one in ids if (log := search.log_or_none(connection, one)) is not None]
    return advice.read(found, records, fixes, earlier), records, len(ids) - len(records)


def _ticked(connection: Connection, root: int, advised: Advice | None) -> dict[int, Tick]:
    """Ticks by the number of their step."""
    if advised is None:
        return {}
    by_text = {one.text: one for one in problems.ticks_of(connection, root)}
    return {step.number: by_text[step.text] for step in advised.steps if step.text in by_text}


def _waiting(connection: Connection, history: Sequence[AnalysisEntry]) -> Waiting | None:
    row = next((one for one in history if one.finished_at is None and one.second_of is None), None)
    if row is None:
        return None
    ahead = None
    for place, other in enumerate(queue.entries(connection, limit=_QUEUE_LOOKED)):
        if other.id == row.id:
            ahead = place
    leased = row.status == "leased"
    return Waiting(row.created_at, leased, ahead, None if leased else row.last_error, row.not_before, row.reason)
