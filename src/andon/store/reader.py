"""Reading a database beside a running service: what the command line lists and shows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, Select, case, func, select

from andon.core.errors import NotFound
from andon.core.models import (
    LogQuery,
    PatternSummary,
    Picture,
    PictureFetch,
    Resolution,
    StoreCounts,
    StoredLog,
    StoredReject,
    now_text,
)
from andon.core.models.history import Comparison
from andon.core.settings.database_url import Database
from andon.store.agent_history import StoredHistory
from andon.store.alarms.reader import AlarmReader
from andon.store.counts.rollups import Rollups
from andon.store.engine.counters import read_counters
from andon.store.engine.database import check_revision, require, size, translated, visitor_engine, writer_engine
from andon.store.engine.rows import select_logs, to_log
from andon.store.problems import members, overview
from andon.store.problems.overview import PatternHost, PatternMerge, PatternSort, QueueEntry
from andon.store.recording import pictures
from andon.store.retention import forecast
from andon.store.retention.forecast import Forecast, RetentionState
from andon.store.rules.retention import KeepPolicy
from andon.store.schema.tables import analyses, logs, rejects, streams
from andon.store.search import comparison
from andon.store.search.search import search

T = TypeVar("T")

#: More pictures than any log has.
_PICTURES_MAX = 1000


class AnalysisEntry(msgspec.Struct, frozen=True):
    """A row of ``analyses`` as the queue listing shows it. ``not_before`` and ``lease_until`` are unix seconds."""

    id: int
    pattern_id: int | None
    log_id: int | None
    reason: str
    status: str
    caller: bool
    tier: int
    score: int
    created_at: str | None
    not_before: float
    lease_owner: str | None
    lease_until: float | None
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


class Reader:
    """A database opened to be read only. Use it as a context manager, or close it.

    Every method raises StoreUnavailable where the database cannot be read.
    """

    _engine: Engine | None = None

    def __init__(self, db_path: Database) -> None:
        """Raises StoreUnavailable where there is no database of ours yet, StoreTooNew for a newer one."""
        require(db_path)
        self._path = db_path
        self._engine = visitor_engine(db_path)
        try:
            self._read(check_revision)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the database; idempotent."""
        if self._engine is not None:
            self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def search(self, query: LogQuery) -> list[StoredLog]:
        """The logs that ``query`` asks for, newest first."""
        return self._read(lambda connection: search(connection, query))

    def compare_pattern(self, pattern_id: int, since: float, until: float) -> Comparison:
        """A problem's logs beside all others of the same time (unix seconds). Raises NotFound."""
        found = self._read(lambda connection: comparison.compare_pattern(connection, pattern_id, since, until))
        if found is None:
            raise self._no_pattern(pattern_id)
        return found

    def compare_windows(
        self, window: tuple[float, float], baseline: tuple[float, float], pattern_id: int | None = None
    ) -> Comparison:
        """The logs of one time (unix seconds) beside those of another, of one problem or of all. Raises NotFound."""
        found = self._read(lambda connection: comparison.compare_windows(connection, window, baseline, pattern_id))
        if found is None:
            raise self._no_pattern(pattern_id or 0)
        return found

    @property
    def alarms(self) -> AlarmReader:
        """Alarms, shift notes, handovers, who did what."""
        return AlarmReader(self._read)

    @property
    def rollups(self) -> Rollups:
        """Counts of problems by minute, hour and day."""
        return Rollups(self._read)

    def log(self, log_id: int) -> StoredLog:
        """One log with its analysis; raises NotFound."""
        found = self._read(lambda connection: one_log(connection, log_id))
        if found is None:
            raise NotFound(f"no log {log_id} in {self._path}: `andon logs` lists those that are there")
        return found

    def pictures(self, log_id: int, *, data: bool = False) -> list[Picture]:
        """The pictures of a log in their order, with their bytes only where ``data`` is set."""
        return self._read(lambda connection: pictures.of_logs(connection, [log_id], _PICTURES_MAX, data=data))

    def awaited_pictures(self, log_id: int) -> list[PictureFetch]:
        """The pictures of a log that are still to be fetched."""
        return self._read(lambda connection: pictures.awaited_of(connection, log_id))

    def rejects(self, limit: int, before_id: int | None = None, *, retried: bool = True) -> list[StoredReject]:
        """Rejects, newest first; ``before_id`` continues a listing.

        Without ``retried`` those that were published again are left out: where that did not help, there is a new row.
        """
        query = _select_rejects().order_by(rejects.c.id.desc()).limit(max(0, limit))
        if not retried:
            query = query.where(rejects.c.retried_at.is_(None))
        if before_id is not None:
            query = query.where(rejects.c.id < before_id)
        return self._read(lambda connection: [StoredReject(*row) for row in connection.execute(query)])

    def reject(self, reject_id: int) -> StoredReject:
        """One reject; raises NotFound."""
        query = _select_rejects().where(rejects.c.id == reject_id)
        row = self._read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            raise _no_reject(self._path, reject_id)
        return StoredReject(*row)

    def counts(self) -> StoreCounts:
        """Sizes of everything."""
        return self._read(lambda connection: counts(connection, self._path))

    def analyses(self, status: str | None = None, limit: int = 50) -> list[AnalysisEntry]:
        """Rows of ``analyses``: open ones in the order of claiming, then closed ones, the newest first."""
        query = _select_entries().limit(max(0, limit))
        if status is not None:
            query = query.where(analyses.c.status == status)
        return self._read(lambda connection: [AnalysisEntry(*row) for row in connection.execute(query)])

    def patterns(
        self, limit: int = 50, sort: PatternSort = "last", new_since: str | None = None
    ) -> list[PatternSummary]:
        """Problems, each with everything merged into it; ``new_since`` (stored form) leaves out what was seen before.

        ``sort``: newest log first, most logs, most logs an hour, newest problem, or worst severity first.
        """
        return self._read(lambda connection: overview.summaries(connection, limit, sort, new_since))

    def pattern(self, pattern_id: int) -> PatternSummary:
        """One problem; a pattern that is merged into another with its own figures. Raises NotFound."""
        found = self._read(lambda connection: overview.summaries(connection, 1, "last", only=pattern_id))
        if not found:
            raise self._no_pattern(pattern_id)
        return found[0]

    def pattern_history(self, pattern_id: int) -> list[AnalysisEntry]:
        """The analyses of a problem, open ones first, then the newest first, with what was answered and went wrong."""

        def work(connection: Connection, root: int) -> list[AnalysisEntry]:
            query = _select_entries().where(analyses.c.pattern_id.in_(members.ids_of(root)))
            return [AnalysisEntry(*row) for row in connection.execute(query)]

        return self._of_problem(pattern_id, work)

    def pattern_hosts(self, pattern_id: int) -> list[PatternHost]:
        """The hosts of a problem, those with most logs first."""
        return self._of_problem(pattern_id, overview.hosts_of)

    def pattern_merges(self, pattern_id: int) -> list[PatternMerge]:
        """What was merged into a problem and split from it, newest first."""
        return self._of_problem(pattern_id, overview.merges_of)

    def resolutions(self, pattern_id: int) -> list[Resolution]:
        """The confirmed fixes of a problem, newest first."""
        return self._of_problem(pattern_id, members.fixes)

    def queue(self, failed: bool = False, limit: int = 50) -> list[QueueEntry]:
        """What waits, in the order of claiming; with ``failed`` what the model gave no answer for, newest first."""
        return self._read(lambda connection: overview.queue(connection, failed, limit))

    def retention(self) -> RetentionState:
        """How retention stands: sizes, and what it did."""
        return self._read(forecast.state)

    def retention_forecast(
        self, policy: KeepPolicy, now: float, told: Callable[[int, int], None] | None = None
    ) -> Forecast:
        """What a run of retention would remove at ``now`` (unix seconds).

        Looks at every log; ``told`` hears how many ids were looked at, of how many.
        """
        return self._read(lambda connection: forecast.forecast(connection, policy, now, told))

    def history(self) -> StoredHistory:
        """Read-only questions to this database for the agent; each runs in a thread."""

        def read(work: Callable[[Connection], T]) -> Awaitable[T]:
            return asyncio.to_thread(self._read, work)

        return StoredHistory(read)

    def _of_problem(self, pattern_id: int, work: Callable[[Connection, int], T]) -> T:
        """What ``work`` finds for the problem that the pattern is part of; raises NotFound."""

        def of_root(connection: Connection) -> T:
            root = members.root_of(connection, pattern_id)
            if root is None:
                raise self._no_pattern(pattern_id)
            return work(connection, root)

        return self._read(of_root)

    def _no_pattern(self, pattern_id: int) -> NotFound:
        return NotFound(f"no pattern {pattern_id} in {self._path}: `andon patterns` lists those that are there")

    def _read(self, work: Callable[[Connection], T]) -> T:
        assert self._engine is not None  # noqa: S101 - only :class:`Inside` has none, which reads in its own way
        with translated(self._path), self._engine.begin() as connection:
            return work(connection)


class Inside(Reader):
    """The same questions inside a transaction that somebody else opened and will end: all see one state."""

    def __init__(self, connection: Connection, db_path: Database) -> None:
        self._path = db_path
        self._connection = connection

    def _read(self, work: Callable[[Connection], T]) -> T:
        return work(self._connection)


def one_log(connection: Connection, log_id: int) -> StoredLog | None:
    """One log with its analysis, None where there is none with this id."""
    row = connection.execute(select_logs().where(logs.c.id == log_id)).one_or_none()
    return None if row is None else to_log(row)


def counts(connection: Connection, db_path: Database) -> StoreCounts:
    """Sizes from the kept counters and the index of open analyses: no table is scanned."""
    kept = read_counters(connection)
    pending = connection.execute(
        select(func.count()).select_from(analyses).where(analyses.c.finished_at.is_(None))
    ).scalar_one()
    return StoreCounts(
        logs=kept.get("logs", 0),
        patterns=kept.get("patterns", 0),
        rejects=kept.get("rejects", 0),
        pending=pending,
        failed=kept.get("failed", 0),
        analyses_by_rung={
            name.removeprefix("rung:"): value for name, value in kept.items() if value and name.startswith("rung:")
        },
        bytes=size(connection, db_path),
    )


def mark_retried(db_path: Database, reject_id: int) -> None:
    """Note that a reject was published again just now; raises NotFound where there is no such reject."""
    require(db_path)
    engine = writer_engine(db_path, "normal")
    try:
        with translated(db_path), engine.begin() as connection:
            changed = connection.execute(
                rejects.update().where(rejects.c.id == reject_id).values(retried_at=now_text())
            ).rowcount
    finally:
        engine.dispose()
    if not changed:
        raise _no_reject(db_path, reject_id)


def _no_reject(db_path: Database, reject_id: int) -> NotFound:
    return NotFound(f"no reject {reject_id} in {db_path}: `andon rejects` lists those that are there")


def _select_entries() -> Select[Any]:
    """Rows of ``analyses``: open ones in the order of claiming, then closed ones, the newest first."""
    return select(*(analyses.c[name] for name in AnalysisEntry.__struct_fields__)).order_by(
        analyses.c.finished_at.is_not(None),
        analyses.c.finished_at.desc(),
        analyses.c.tier.desc(),
        analyses.c.score.desc(),
        case((analyses.c.finished_at.is_(None), -analyses.c.id), else_=analyses.c.id).desc(),
    )


def _select_rejects() -> Select[Any]:
    return select(
        rejects.c.id,
        rejects.c.received_at,
        streams.c.name,
        rejects.c.seq,
        rejects.c.stored_ns,
        rejects.c.subject,
        rejects.c.reason,
        rejects.c.data,
        rejects.c.retried_at,
    ).join(streams, streams.c.id == rejects.c.stream_id)
