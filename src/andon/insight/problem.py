"""All that is known about one problem, and what reads like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from andon.core.errors import QueryTooSlow
from andon.core.models import LogQuery, PatternSummary, Resolution, SecondOpinion, StoredLog
from andon.core.times import seconds
from andon.grouping.similar import SimilarIndex
from andon.insight.shifts.calendar import Shift
from andon.insight.trends.breakdown import Breakdown, breakdown
from andon.insight.trends.trends import DAY, Together, together
from andon.store import Connection, problems, queue, search, verdicts
from andon.store.problems import PatternHost, PatternMerge, Verdict
from andon.store.queue import AnalysisEntry

#: Patterns that similar ones are searched in, those with the newest logs first.
SEARCHED = 10_000
SIMILAR, LIKENESS = 5, 0.5
#: How long before its newest log a problem is broken down, and is looked for what it goes with, in seconds.
BROKEN_DOWN, GOES_WITH = 30 * DAY, DAY
_GOES_WITH_MAX = 5


class Similar(msgspec.Struct, frozen=True):
    """A problem that reads alike; ``score`` is the likeness from 0 to 1."""

    id: int
    score: float
    template: str
    rung: str | None


class Explained(msgspec.Struct, frozen=True):
    """The explanation that a problem shows."""

    text: str
    rung: str | None
    provisional: bool
    analysis_id: int | None


class Problem(msgspec.Struct, frozen=True):
    """All that is known about a problem. ``newest`` is its newest log; ``explanation`` what that one, or else the
    problem, shows, and ``second_opinion`` what a model says below that.

    ``breakdown`` is of the 30 days up to that log, ``goes_with`` of the last one: null where too much was logged to
    look at each minute.
    """

    pattern: PatternSummary
    newest: StoredLog | None
    explanation: Explained | None
    second_opinion: SecondOpinion | None
    verdicts: list[Verdict]
    hosts: list[PatternHost]
    merges: list[PatternMerge]
    history: list[AnalysisEntry]
    resolutions: list[Resolution]
    similar: list[Similar]
    breakdown: Breakdown
    goes_with: list[Together] | None


def gather(connection: Connection, pattern_id: int, shifts: Sequence[Shift], zone: ZoneInfo) -> Problem:
    """Read a problem. Raises NotFound where there is none with this id."""
    pattern = problems.summary(connection, pattern_id)
    newest = newest_log(connection, pattern)
    explanation = explanation_of(connection, pattern, newest)
    return Problem(
        pattern=pattern,
        newest=newest,
        explanation=explanation,
        second_opinion=below(connection, explanation),
        verdicts=verdicts.of_problem(connection, pattern_id),
        hosts=problems.hosts_of(connection, pattern_id),
        merges=problems.merges_of(connection, pattern_id),
        history=queue.history_of(connection, pattern_id),
        resolutions=problems.fixes_of(connection, pattern_id),
        similar=similar(connection, pattern),
        breakdown=breakdown(connection, pattern_id, *before_end(pattern, BROKEN_DOWN), shifts, zone),
        goes_with=goes_with(connection, pattern),
    )


def newest_log(connection: Connection, pattern: PatternSummary) -> StoredLog | None:
    """The newest log of a pattern and what is merged into it, with the explanation that is shown for it."""
    newest = [
        found[0]
        for i in (pattern.id, *pattern.merged)
        if (found := search.find(connection, LogQuery(pattern_id=i, limit=1)))
    ]
    return max(newest, key=lambda log: (log.timestamp, log.id), default=None)


def before_end(pattern: PatternSummary, length: float) -> tuple[float, float]:
    """The time of ``length`` seconds that ends with the newest log of a problem."""
    try:
        end = seconds(pattern.last_seen) + 60
    except ValueError:  # taken over as it was
        end = length
    return end - length, end


def goes_with(connection: Connection, pattern: PatternSummary) -> list[Together] | None:
    """What a problem follows, and what follows it; None where too much was logged to look at each minute."""
    root = pattern.merged_into or pattern.id
    try:
        return together(connection, *before_end(pattern, GOES_WITH), _GOES_WITH_MAX, about=root)
    except QueryTooSlow:
        return None


def similar_to(connection: Connection, pattern_id: int) -> list[Similar]:
    """As :func:`similar`, of the problem with this id. Raises NotFound."""
    return similar(connection, problems.summary(connection, pattern_id))


def similar(connection: Connection, pattern: PatternSummary) -> list[Similar]:
    """The problems most like this one; it and what it is part of left out."""
    index, known = SimilarIndex(capacity=SEARCHED + 1), {}
    for other in problems.listing(connection, SEARCHED):
        if other.id not in (pattern.id, pattern.merged_into):
            known[other.fingerprint] = other
            index.add(other.fingerprint, other.template)
    index.add(pattern.fingerprint, pattern.template)  # its words count towards how rare a word is
    found = index.similar(pattern.template, SIMILAR, LIKENESS, exclude=pattern.fingerprint)
    return [Similar(known[key].id, score, known[key].template, known[key].rung) for key, score in found]


def explanation_of(connection: Connection, pattern: PatternSummary, newest: StoredLog | None) -> Explained | None:
    """What a problem's newest log shows, or without a stored log the problem itself; None where nothing yet."""
    if newest is not None:
        if newest.analysis is None:
            return None
        return Explained(newest.analysis, newest.rung, newest.provisional, newest.analysis_id)
    shown = queue.shown_for(connection, [pattern.id]).get(pattern.id)
    return None if shown is None else Explained(shown.text, shown.rung, shown.provisional, shown.id)


def below(connection: Connection, explanation: Explained | None) -> SecondOpinion | None:
    """What a model says below an explanation; None where nothing."""
    if explanation is None or explanation.analysis_id is None:
        return None
    return problems.shown_below(connection, [explanation.analysis_id]).get(explanation.analysis_id)


def as_object(problem: Problem) -> dict[str, Any]:
    """A problem as JSON values; ``explanation`` and ``second_opinion`` are null where there is none (yet)."""
    newest = problem.newest
    shown = ("explanation", "second_opinion", "verdicts", "hosts", "merges", "history", "resolutions")
    names = (*shown, "similar", "breakdown", "goes_with")
    return {
        "pattern": problem.pattern,
        "newest_message": None if newest is None else newest.message,
        **{name: getattr(problem, name) for name in names},
    }
