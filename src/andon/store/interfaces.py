"""What is asked of the database: recording and the queue, looking into the history, pictures, retention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from andon.core.models import (
    Explanation,
    HistoryQuery,
    LogRecord,
    Merge,
    PatternFacts,
    PatternSeen,
    PendingAnalysis,
    Recorded,
    Reject,
    Resolution,
    SiteNames,
    Spent,
    StoreCounts,
    StoredAnalysis,
    StoredLog,
    Waiter,
)


class LogStore(Protocol):
    """What the pipeline asks of the database. Every method is one transaction.

    All raise StoreFull where there is no room and StoreUnavailable where the database cannot be used.
    """

    async def record(
        self, records: Sequence[LogRecord], rejects: Sequence[Reject], merges: Sequence[Merge] = ()
    ) -> Recorded:
        """Store a batch exactly once: rows, patterns, rollups, pending analyses and durable waiters together.

        ``merges`` join patterns in the same transaction (applying one again changes nothing): a pattern that joins an
        explained or waiting one asks for no analysis of its own, and open analyses of joined patterns are closed.
        """
        ...

    async def known_patterns(self) -> list[tuple[int, str, str, str | None]]:
        """(id, fingerprint, template, fingerprint of the pattern it is merged into or None), oldest first."""
        ...

    async def kept_apart(self) -> list[tuple[str, str]]:
        """Pairs of fingerprints that a person split and that must never be merged again."""
        ...

    async def resolution_of(self, pattern_id: int) -> Resolution | None:
        """The newest confirmed fix of this pattern's problem (itself, its parent, anything merged with it)."""
        ...

    async def resolved_patterns(self) -> list[tuple[str, str, Resolution]]:
        """(fingerprint, template, newest fix) of every resolved pattern: what similar problems are searched in."""
        ...

    async def spent(self, since: float) -> Spent:
        """Model calls and tokens since ``since`` (unix seconds), over restarts."""
        ...

    async def spend(self, calls: int, tokens: int) -> None:
        """Note a model call (before it is made, so that a crash cannot hide it) or the tokens it took (after)."""
        ...

    async def missing(self, stream: str, first: int, last: int) -> list[tuple[int, int]]:
        """Ranges (inclusive) of ``first``..``last`` of which neither a log nor a reject is stored."""
        ...

    async def newest_sequence(self, stream: str) -> int:
        """The highest stored sequence of ``stream``, 0 where none is."""
        ...

    async def claim(self, owner: str, lease: float, *, unanswered: bool = False) -> PendingAnalysis | None:
        """The waiting analysis with the highest priority, ours for ``lease`` seconds; None where none is due.

        A row whose lease ran out is claimable again. The claim counts as an attempt. With ``unanswered`` only rows
        without even a provisional text are taken, whether due or not.
        """
        ...

    async def finish(self, job: PendingAnalysis, explanation: Explanation) -> StoredAnalysis:
        """Attach the final explanation: the pattern shows it from now on."""
        ...

    async def postpone(
        self,
        job: PendingAnalysis,
        error: str,
        delay: float,
        provisional: Explanation | None,
        *,
        counted: bool = True,
    ) -> StoredAnalysis | None:
        """Put the row back for ``delay`` seconds with the reason; attach ``provisional`` where nothing is shown yet.

        Without ``counted`` the claim does not count as an attempt: the question was not at fault. Returns the
        provisional analysis where one is attached now.
        """
        ...

    async def show_meanwhile(self, job: PendingAnalysis, provisional: Explanation) -> StoredAnalysis | None:
        """Attach ``provisional`` to a claimed row, which stays claimed; None where something is shown already."""
        ...

    async def fail(self, job: PendingAnalysis, error: str, fallback: Explanation) -> StoredAnalysis:
        """Give up on the model for this row: ``fallback`` is its answer, the reason is kept."""
        ...

    async def release(self, owner: str, *, counted: bool = True) -> int:
        """Put back every row that ``owner`` holds (on start and stop); the number of rows.

        Without ``counted`` the claims do not count as attempts: an orderly stop is not the question's fault.
        """
        ...

    async def prioritise(self, log_ids: Sequence[int]) -> None:
        """A caller waits for these logs: their pending analyses go first."""
        ...

    async def analysis_of(self, log_id: int) -> StoredAnalysis | None:
        """What ``agent_logs`` shows for this log now, None where nothing yet."""
        ...

    async def shown_for(self, pattern_ids: Sequence[int]) -> dict[int, StoredAnalysis]:
        """What ``agent_logs`` shows for the logs of these patterns, by pattern; those without anything are left out."""
        ...

    async def waiters(self, limit: int) -> list[tuple[Waiter, StoredLog, StoredAnalysis]]:
        """Durable callers whose log has a final explanation now, oldest first, with that log and explanation."""
        ...

    async def overdue_waiters(
        self, older_than: float, limit: int
    ) -> list[tuple[Waiter, StoredLog, StoredAnalysis | None]]:
        """Durable callers that waited ``older_than`` seconds, with what is shown for their log now, if anything."""
        ...

    async def answered(self, waiters: Sequence[Waiter]) -> None:
        """These durable callers have their answer."""
        ...

    async def unheard(self, waiters: Sequence[Waiter], delay: float, patience: float) -> int:
        """Nobody listens for these now: try again in ``delay`` seconds, and forget those older than ``patience``.

        Returns how many were forgotten.
        """
        ...

    async def log(self, log_id: int) -> StoredLog | None:
        """One log with its analysis."""
        ...

    async def counts(self) -> StoreCounts:
        """Sizes for metrics; cheap enough for every scrape."""
        ...

    async def check(self) -> None:
        """Whether a write could begin now: cheap, nothing is written. Raises StoreUnavailable."""
        ...

    async def probe(self) -> None:
        """Write and roll back a row: raises what recording would raise."""
        ...


class Spending(Protocol):
    """Counting what the model costs; the store does, over restarts and for every process that asks a model."""

    async def spent(self, since: float) -> Spent:
        """Model calls and tokens since ``since`` (unix seconds). Raises StoreError."""
        ...

    async def spend(self, calls: int, tokens: int) -> None:
        """Note model calls or tokens. Raises StoreError."""
        ...


class History(Protocol):
    """Read-only questions to the store, each bounded in rows and in time.

    Every method raises QueryTooSlow where its deadline passes and StoreUnavailable where the database cannot be read.
    """

    async def search(self, query: HistoryQuery) -> list[StoredLog]:
        """Logs in the order of their time, newest first unless the query says otherwise."""
        ...

    async def problems(self, query: HistoryQuery, order: str = "first") -> list[PatternSeen]:
        """The problems among the logs of ``query``: what came ``first``, the greatest ``count``, or worst ``severity``.

        Of very many logs the newest are looked at.
        """
        ...

    async def around(self, host: str, at: str, minutes: int) -> list[PatternSeen]:
        """The problems that ``host`` logged in the ``minutes`` up to ``at``, by the minute, what came first first.

        From the rollups alone: quick whatever the number of logs.
        """
        ...

    async def recent(self, pattern_id: int, at: str) -> tuple[int, int]:
        """Logs of a problem in the ten minutes up to ``at``, and the length of that window in minutes; quick."""
        ...

    async def pattern(self, pattern_id: int, at: str | None = None) -> PatternFacts | None:
        """Figures and knowledge of the problem that a pattern is part of; None where there is no such pattern.

        ``at`` is the moment its rates look back from, its last log unless given.
        """
        ...

    async def templates(self, limit: int) -> list[tuple[int, str]]:
        """(id, template) of problems, those seen last first."""
        ...

    async def logs(self, log_ids: Sequence[int]) -> list[StoredLog]:
        """Those of these logs that exist, in the order of their ids."""
        ...

    async def names(self) -> SiteNames:
        """Hosts, services and places of the newest records."""
        ...

    async def span(self) -> tuple[str, str] | None:
        """The times of the oldest and of the newest log, None where there is none."""
        ...
