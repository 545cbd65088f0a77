"""Reading the counts: what :mod:`andon.store.counts.counts` finds, on whatever runs a read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from andon.core.errors import NotFound
from andon.core.models.history import Counted, Known, Place
from andon.store.counts import counts

T = TypeVar("T")


class Read(Protocol):
    """Runs work on a connection."""

    def __call__(self, work: Callable[[Connection], T], /) -> T:
        """The result of ``work``. Raises StoreError."""
        ...


class Rollups:
    """Counts of problems by minute, hour and day; no log is read. Times are unix seconds, minutes since 1970.

    Every method raises StoreUnavailable where the database cannot be read.
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    def span(self) -> tuple[int, int] | None:
        """The first and the last minute in which anything was logged; None where nothing was."""
        return self._read(counts.span)

    def activity(self, since: float, until: float, place: Place | None = None, *, by_days: bool = False) -> Counted:
        """How often each problem occurred, by hours or days. Raises NotFound where no such place is known."""
        return self._read(lambda connection: counts.activity(connection, since, until, place, by_days=by_days))

    def known(self, roots: Collection[int]) -> dict[int, Known]:
        """Text, severity and times of these problems."""
        return self._read(lambda connection: counts.known(connection, roots))

    def first_seen_within(self, since: str, until: str) -> dict[int, str]:
        """Problems that were seen for the first time in ``since`` ≤ t < ``until`` (stored form)."""
        return self._read(lambda connection: counts.first_seen_within(connection, since, until))

    def by_ten_minutes(self, since: float, until: float) -> dict[int, int]:
        """Alarms (WARNING and worse) by ten minutes since 1970."""
        return self._read(lambda connection: counts.by_ten_minutes(connection, since, until))

    def by_problem_and_minute(self, first: int, last: int, *, alarms_only: bool = False) -> dict[int, list[int]]:
        """The minutes in which each problem occurred. Raises QueryTooSlow where there are too many."""
        return self._read(
            lambda connection: counts.by_problem_and_minute(connection, first, last, alarms_only=alarms_only)
        )

    def minutes_of(self, pattern_id: int, since: float, until: float) -> dict[int, int]:
        """Logs of a problem by minute. Raises NotFound."""
        return _found(
            pattern_id, self._read(lambda connection: counts.minutes_of(connection, pattern_id, since, until))
        )

    def by_value(
        self, pattern_id: int, fields: Sequence[str], since: float, until: float
    ) -> dict[str, list[tuple[str | None, int]]]:
        """(value, logs) of fields of a problem by whole days; None for what is not told apart. Raises NotFound."""
        return _found(
            pattern_id, self._read(lambda connection: counts.by_value(connection, pattern_id, fields, since, until))
        )

    def hourly(self, since: float, until: float, pattern_id: int | None = None) -> dict[int, int]:
        """Logs by hour since 1970, of one problem or of all. Raises NotFound."""
        return _found(pattern_id, self._read(lambda connection: counts.hourly(connection, since, until, pattern_id)))

    def minutely(self, since: float, until: float) -> dict[int, int]:
        """Logs of all problems by minute."""
        return self._read(lambda connection: counts.minutely(connection, since, until))


def _found(pattern_id: int | None, answer: T | None) -> T:
    if answer is None:
        raise NotFound(f"no pattern {pattern_id} is stored: `andon patterns` lists those that are there")
    return answer


__all__ = ["Rollups"]
