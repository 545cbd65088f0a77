"""The store of a running service: one thread writes, a few read, the event loop never waits for a disk."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError

from andon.core.errors import StoreError, StoreFull, StoreUnavailable
from andon.core.models import LogRecord, Merge, Recorded, Reject
from andon.core.settings.database_url import Database
from andon.core.timestamps import TimeReader
from andon.core.waiting import News
from andon.store import indexer
from andon.store.engine import elsewhere, probe
from andon.store.engine.database import (
    BUSY_TIMEOUT,
    Durability,
    FileIdentity,
    changes,
    check_revision,
    flush_log,
    reader_engine,
    require,
    translated,
    writer_engine,
)
from andon.store.engine.deadline import in_time
from andon.store.engine.elsewhere import Elsewhere
from andon.store.engine.postgres import UNLOCKED
from andon.store.recording.writer import NO_HEIRS, Recorder
from andon.store.rules.analysis import AnalysisPolicy, novel
from andon.store.rules.retention import KeepPolicy, keep_all
from andon.store.schema.dialect import is_postgres
from andon.store.search.facets import FacetBook

_log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: What drivers raise for a value that the database cannot hold.
_REFUSALS = (DataError, UnicodeError, OverflowError)

_READERS = 2
#: Threads for questions of people, so that no slow one holds up the pipeline.
_ASKERS = 2
#: Calls that may wait for the writer, and for the readers; further callers wait for a place.
_PLACES = 64


class _Threads(ThreadPoolExecutor):
    """Threads with ``places`` for the calls that wait for them."""

    def __init__(self, role: str, count: int) -> None:
        super().__init__(count, thread_name_prefix=f"andon-store-{role}")
        self.places = asyncio.Semaphore(_PLACES)


class Store:
    """One database. Open it with :meth:`open`, close it with :meth:`close`.

    What is asked and changed are the functions of :mod:`andon.store`'s subjects, as ``store.write(queue.claim, ...)``;
    only recording and indexing, which remember things between transactions, are methods. Every call is one transaction.
    All raise StoreFull where there is no room, and StoreUnavailable where the database cannot be used. A caller that is
    cancelled leaves a whole transaction or none: work that has begun ends in its thread.
    """

    def __init__(
        self,
        path: Database,
        writer: Engine,
        readers: Engine,
        recorder: Recorder,
        clock: Callable[[], float],
        deadline: float,
        times: TimeReader | None = None,
    ) -> None:
        """For :meth:`open`."""
        self._path = path
        self._writer = writer
        self._claiming = writer.execution_options(**{UNLOCKED: True})
        self._readers = readers
        self._recorder = recorder
        #: Batches so far, and the logs in them: for whoever must not be in the recorder's way.
        self.recorded = 0, 0
        #: Batches that are on their way.
        self.recording = 0
        self._facets = FacetBook()
        self._file = FileIdentity(path) if isinstance(path, Path) else None
        self._clock = clock
        self._deadline = deadline
        self._times = times or TimeReader()
        self._writing = _Threads("writer", 1)
        self._reading = _Threads("reader", _READERS)
        self._asking = _Threads("asker", _ASKERS)
        self._closing: asyncio.Task[None] | None = None
        #: Told after each transaction of ours that changed anything (but indexing), and by whoever finds out that
        #: others changed something; where services share the database nobody does.
        self.news = News(blind=self.shared)
        #: When a transaction of ours was committed last (seconds that only move forward): then it took writes.
        self.committed_at = float("-inf")

    @classmethod
    async def open(
        cls,
        db_path: Database,
        *,
        durability: Durability = "normal",
        policy: AnalysisPolicy = novel,
        busy_timeout: float = BUSY_TIMEOUT,
        deadline: float = 60.0,
        clock: Callable[[], float] = time.time,
        times: TimeReader | None = None,
        keeping: KeepPolicy = keep_all,
    ) -> Self:
        """Open a database that :func:`prepare` made ready.

        ``busy_timeout`` is how long another process' lock is waited for, ``deadline`` how long a call takes at
        most (seconds). ``clock`` gives unix seconds. ``times`` reads those in contexts. ``keeping``
        says which logs are not stored. Raises StoreUnavailable and StoreTooNew.
        """

        def connect() -> tuple[Engine, Engine]:
            require(db_path)
            writer = writer_engine(db_path, durability, busy_timeout, deadline=deadline)
            try:
                with translated(db_path), writer.begin() as connection:
                    check_revision(connection)
            except BaseException:
                writer.dispose()
                raise
            readers = reader_engine(
                db_path, connections=_READERS + _ASKERS, timeout=deadline, busy_timeout=busy_timeout
            )
            return writer, readers

        writer, readers = await asyncio.to_thread(connect)
        recorder = Recorder(policy, clock, keeping=keeping)
        return cls(db_path, writer, readers, recorder, clock, deadline, times)

    @property
    def shared(self) -> bool:
        """Whether other services may record into the same database: a file has one."""
        return not isinstance(self._path, Path)

    @property
    def log_file(self) -> Path | None:
        """The write-ahead log, into which whatever is committed is written; None where the database is no file."""
        return self._path.with_name(self._path.name + "-wal") if isinstance(self._path, Path) else None

    async def close(self) -> None:
        """Finish what is queued, fold the write-ahead log into the file, close; idempotent."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writing, self._end_writing)
        await asyncio.to_thread(self._end_reading)

    def _end_reading(self) -> None:
        self._reading.shutdown(wait=True)
        self._asking.shutdown(wait=True)
        self._readers.dispose()
        self._writing.shutdown(wait=True)

    def _end_writing(self) -> None:
        """The writer thread's last work, after all that was queued before it."""
        try:
            with translated(self._path), self._writer.connect() as connection:
                if not is_postgres(connection):
                    raw = connection.connection.cursor()
                    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    raw.close()
        except StoreError as error:
            # Nothing is lost: the write-ahead log is read at the next start.
            _log.warning("database was closed without a checkpoint", reason=str(error))
        finally:
            self._writer.dispose()

    async def record(
        self,
        records: Sequence[LogRecord],
        rejects: Sequence[Reject],
        joins: Sequence[Merge] = (),
        heirs: Mapping[str, str] = NO_HEIRS,
    ) -> Recorded:
        """Store a batch exactly once: rows, patterns, rollups, pending analyses and durable waiters together.

        All parts of a message must be in one batch: of a message that is stored already nothing is stored again.
        A value that the database refuses raises StoreError, and nothing is stored; :meth:`refused` finds it.
        ``joins`` merge patterns in the same transaction (applying one again changes nothing): a pattern that joins an
        explained or waiting one asks for no analysis of its own, and open analyses of joined patterns are closed.
        ``heirs`` are patterns that, where they are new, show what another one of the first version shows.
        """
        self.recording += 1
        try:
            return await self._write_and_tell(lambda: (self._record(records, rejects, joins, heirs), True))
        finally:
            self.recording -= 1

    def _record(
        self,
        records: Sequence[LogRecord],
        rejects: Sequence[Reject],
        joins: Sequence[Merge],
        heirs: Mapping[str, str],
    ) -> Recorded:
        try:
            self._check_file()
            with translated(self._path), self._writer.begin() as connection:
                done, learnt = self._recorder.record(connection, records, rejects, joins, heirs)
            self._check_file()  # before the caller acknowledges
        except BaseException as error:
            self._recorder.forget()
            if isinstance(error, _REFUSALS):
                raise StoreError(str(getattr(error, "orig", error))) from error
            raise
        self._recorder.learn(learnt)
        self.recorded = self.recorded[0] + 1, self.recorded[1] + len(records)
        return done

    async def refused(self, records: Sequence[LogRecord]) -> dict[int, str]:
        """Which of these records, by their places, the database would refuse, and why; nothing is stored."""
        return await self._in_thread(self._writing, lambda: self._refused(records))

    def _refused(self, records: Sequence[LogRecord], first: int = 0) -> dict[int, str]:
        try:
            with translated(self._path), self._writer.connect() as connection, connection.begin() as transaction:
                self._recorder.record(connection, records, [])
                transaction.rollback()
        except (StoreFull, StoreUnavailable):
            raise
        except (StoreError, *_REFUSALS) as error:
            if len(records) == 1:
                return {first: str(getattr(error, "orig", error))}
            half = len(records) // 2
            return self._refused(records[:half], first) | self._refused(records[half:], first + half)
        finally:
            self._recorder.forget()
        return {}

    def _check_file(self) -> None:
        if self._file is not None:
            self._file.check()

    async def index(self, limit: int) -> tuple[int, bool]:
        """Index the next ``limit`` logs for searching and comparing; how many there were, and whether more may wait."""
        return await self._in_thread(self._writing, lambda: self._index(limit))

    def _index(self, limit: int) -> tuple[int, bool]:
        try:
            with translated(self._path), self._writer.begin() as connection:
                return indexer.advance(connection, self._facets, limit, self._times)
        except BaseException:
            self._facets.forget()
            raise

    async def read(self, question: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``question(connection, ...)`` answers: one transaction that only reads. Raises what it raises."""
        return await self._in_thread(self._reading, lambda: self._transaction(self._readers, question, *args, **kwargs))

    async def write(self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``work(connection, ...)`` answers: one transaction in the writer's thread. Raises what it raises.

        On PostgreSQL, work that is marked with :func:`unlocked` goes beside the writers' lock.
        """
        engine = self._claiming if getattr(work, UNLOCKED, False) else self._writer

        def checked() -> tuple[T, bool]:
            self._check_file()
            with translated(self._path), engine.begin() as connection:
                before = changes(connection)
                done = work(connection, *args, **kwargs)
                changed = changes(connection) != before
            return done, changed

        return await self._write_and_tell(checked)

    async def write_surely(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As :meth:`write`, and on the disk when this returns, whatever the durability of the store is."""

        def checked() -> tuple[T, bool]:
            self._check_file()
            with translated(self._path), self._writer.begin() as connection:
                if is_postgres(connection):
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
                done = work(connection, *args, **kwargs)
            if isinstance(self._path, Path):
                flush_log(self._path)
            return done, True

        return await self._write_and_tell(checked)

    async def look_up(
        self, question: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As :meth:`read` for models, as long as a question may take. Raises QueryTooSlow after that."""
        return await self.read(in_time, question, *args, **kwargs)

    async def ask(self, question: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As :meth:`look_up` for people, in threads of their own: none of their questions holds up the pipeline."""
        return await self._in_thread(
            self._asking, lambda: self._transaction(self._readers, in_time, question, *args, **kwargs)
        )

    async def elsewhere(self) -> Elsewhere:
        """Marks that are others after another process changed the database; see :class:`Elsewhere`."""
        if self.shared:
            return await self.read(elsewhere.newest_of_all)
        return await self._in_thread(self._writing, self._elsewhere)

    def _elsewhere(self) -> Elsewhere:
        with translated(self._path), self._writer.connect() as connection:
            return elsewhere.by_other_connections(connection)

    async def check(self) -> None:
        """Take the write lock and give it back: raises StoreUnavailable where a write could not begin."""
        await self.write(lambda _connection: None)

    async def probe(self) -> None:
        """Write a row as far as the disk and roll it back: raises what recording would raise."""
        await self._in_thread(self._writing, self._probe)

    def _probe(self) -> None:
        with translated(self._path), self._writer.connect() as connection:
            probe.probe(connection)

    def _transaction(
        self, engine: Engine, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        with translated(self._path), engine.begin() as connection:
            return work(connection, *args, **kwargs)

    async def _write_and_tell(self, work: Callable[[], tuple[T, bool]]) -> T:
        """``work()`` in the writer's thread, which tells as well whether it changed anything; then that is news."""
        loop = asyncio.get_running_loop()

        def told() -> T:
            done, changed = work()
            self.committed_at = time.monotonic()
            if changed:  # from here, as whoever called may have been cancelled meanwhile
                with contextlib.suppress(RuntimeError):  # the loop has ended, and all who wait with it
                    loop.call_soon_threadsafe(self.news.tell)
            return done

        return await self._in_thread(self._writing, told)

    async def _in_thread(self, threads: _Threads, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self._deadline), threads.places:
                if self._closing is not None:
                    raise StoreUnavailable(f"the database {self._path} is closed: this process is stopping")
                return await asyncio.get_running_loop().run_in_executor(threads, work)
        except TimeoutError as error:
            raise StoreUnavailable(
                f"the database {self._path} did not answer within {self._deadline:g} s: check its disk"
            ) from error
