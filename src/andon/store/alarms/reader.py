"""Reading alarms and shifts beside a running service; see :class:`andon.store.Reader`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from andon.core.errors import NotFound
from andon.core.models import Resolution, StoredAnalysis
from andon.core.models.history import ShiftWindow
from andon.store.alarms import queries, shift_book
from andon.store.alarms.queries import EVERYWHERE, AlarmCounts, AlarmEntry, AlarmFilter, AlarmList
from andon.store.alarms.shift_book import Handover, ShiftNote
from andon.store.engine import audit
from andon.store.problems.members import by_id
from andon.store.queue import queue
from andon.store.schema.dialect import run
from andon.store.schema.tables import patterns

T = TypeVar("T")


class _Read(Protocol):
    def __call__(self, work: Callable[[Connection], T], /) -> T: ...


class AlarmReader:
    """Questions about alarms, notes and handovers; moments are unix seconds. Each is one transaction."""

    def __init__(self, read: _Read) -> None:
        self._read = read

    def listing(
        self, which: AlarmList, now: float, chosen: AlarmFilter = EVERYWHERE, limit: int = 50
    ) -> list[AlarmEntry]:
        """Alarms of a list: what waits for somebody first, then by priority, then the oldest."""
        return self._read(lambda connection: queries.listing(connection, which, now, chosen, limit))

    def alarm(self, alarm_id: int) -> AlarmEntry:
        """One alarm; raises NotFound."""
        found = self._read(lambda connection: queries.one(connection, alarm_id))
        if found is None:
            raise NotFound(f"no alarm {alarm_id}: `andon alarms --all` lists those that are there")
        return found

    def counts(self, since: float, until: float, chosen: AlarmFilter = EVERYWHERE) -> AlarmCounts:
        """The counts of a window that figures are made of."""
        return self._read(lambda connection: queries.counts(connection, since, until, chosen))

    def first_out(self, start: float, end: float, chosen: AlarmFilter = EVERYWHERE) -> AlarmEntry | None:
        """The alarm that came first in a span of whole ten minutes."""
        return self._read(lambda connection: queries.first_out(connection, start, end, chosen))

    def notes(self, since: float, until: float) -> list[ShiftNote]:
        """What was written down in a time, the oldest first."""
        return self._read(lambda connection: shift_book.notes(connection, since, until))

    def handovers(self, window: ShiftWindow) -> list[Handover]:
        """Who signed for a working of a shift; the first signature holds the report."""
        return self._read(lambda connection: shift_book.handovers(connection, window))

    def fixes(self, since: str, until: str) -> list[Resolution]:
        """Fixes that were confirmed in a time (stored form) and not revoked, the oldest first."""

        def work(connection: Connection) -> list[Resolution]:
            rows = run(
                connection,
                f"SELECT {', '.join(Resolution.__struct_fields__)} FROM resolutions"  # noqa: S608
                " WHERE created_at >= ? AND created_at < ? AND revoked_at IS NULL ORDER BY id LIMIT 1000",
                (since, until),
            )
            return [Resolution(*row) for row in map(tuple, rows)]

        return self._read(work)

    def shown(self, pattern_ids: Sequence[int]) -> dict[int, StoredAnalysis]:
        """The explanations that problems show now; problems without one are left out."""
        return self._read(lambda connection: queue.shown_for(connection, pattern_ids))

    def templates(self, pattern_ids: Sequence[int]) -> dict[int, str]:
        """The texts of patterns."""

        def work(connection: Connection) -> dict[int, str]:
            return {id_: row.template for id_, row in by_id(connection, pattern_ids, patterns.c.template).items()}

        return self._read(work)

    def audit(self, limit: int, action: str | None = None) -> list[audit.AuditEntry]:
        """Who did what, the newest first."""
        return self._read(lambda connection: audit.entries(connection, limit, action))
