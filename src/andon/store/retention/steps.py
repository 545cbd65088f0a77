"""Applying the rules of retention, step by step: look at some logs, remove a few of them, rest, go on.

Each log is looked at once at each age at which it may have to go; a mark for each age says how far that has come.
Looking is a reader's work. Removing takes short transactions of the writer's, whose size follows what they take.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from andon.core.models import Retained
from andon.store.engine import audit, vacuum, watermark
from andon.store.recording.drop import families_of
from andon.store.retention import delete
from andon.store.retention.delete import Candidate, Removal
from andon.store.retention.gap_closing import Gaps
from andon.store.rules.analysis import rank_of
from andon.store.rules.retention import CAP, FUTURE, LOOKED, Judge, KeepPolicy, age_of
from andon.store.schema.dialect import run
from andon.store.store import Store

#: Logs looked at in one go, and the span of ids for the cap, which asks for one severity.
_LOOK = 4_000
_SPAN = 20_000
#: What one transaction should take, in seconds, and how many logs it removes first, least and most.
_AIM = 0.01
_FIRST, _LEAST, _MOST = 50, 10, 250
_RANKS = range(5)
#: Who stands in the audit book where a service applies the rules.
SERVICE = "retention"
_ACTION = "retention.delete"
#: So many of the newest entries are looked through for deletions by others.
_ENTRIES = 50


class Portion(msgspec.Struct):
    """What looking at some logs found: candidates, logs to look at again later or no more, and the mark after them."""

    candidates: list[Candidate] = []
    later: list[int] = []
    settled: list[int] = []
    mark: tuple[float, int] | None = None


class Retention:
    """Applies ``policy`` to the database of ``store``, step by step. ``clock`` gives unix seconds."""

    def __init__(
        self, store: Store, policy: KeepPolicy, clock: Callable[[], float] = time.time, *, actor: str = SERVICE
    ) -> None:
        """``actor`` stands in the audit book."""
        self._store = store
        self._policy = policy
        self._clock = clock
        self._actor = actor
        self._run: Run | None = None
        #: Up to which id the cap found nothing more to remove, by severity; a restart looks again.
        self._cap_at: dict[int, int] = {}

    async def step(self) -> Retained:
        """Look or remove a little; ``more`` is False at the end of a run, and the next call begins another.

        Raises StoreFull and StoreUnavailable.
        """
        try:
            if self._run is None:
                self._run = await self._store.read(Run, self._policy, self._clock(), self._cap_at, self._actor)
            if self._run.portion is None and not self._run.thinned_out:
                await self._store.read(self._run.look)
            done = await self._store.write(self._run.work)
        except BaseException:
            self._run = None  # whether the transaction took place is not known: the next run looks again
            raise
        if not done.more:
            self._run = None
        return done

    async def over(self) -> bool:
        """Whether the database is larger than it may be; quick."""
        if not self._policy.max_bytes:
            return False
        return await self._store.read(delete.used_bytes) > self._policy.max_bytes


def deleted_by_others(connection: Connection) -> list[tuple[int, str, int]]:
    """(id, rule, logs so far) of the newest entries of the audit book that are not a service's."""
    found = audit.entries(connection, _ENTRIES, _ACTION)
    return [(one.id, one.subject, int(one.detail.get("logs", 0))) for one in found if one.actor != SERVICE]


class Run:
    """One run of the rules at one moment: first by age, then by the cap, then free space is given back."""

    def __init__(
        self, connection: Connection, policy: KeepPolicy, now: float, cap_at: dict[int, int], actor: str
    ) -> None:
        families = families_of(connection, policy)
        self.portion: Portion | None = None
        self._policy = policy
        self._now = now
        self._judge = Judge(policy, families)
        self._digest = policy.digest + "".join(f"/{key}:{len(one)}" for key, one in sorted(families.items()))
        self._last = watermark.mark(connection)
        self._cap_at = cap_at
        self._actor = actor
        self._stages: list[Callable[[Connection], Portion | None]] = [
            *([self._look_again] if policy.rules else []),
            *(functools.partial(self._look, age) for age in policy.thresholds),
            *(functools.partial(self._look_for_cap, rank) for rank in (_RANKS if policy.max_bytes else ())),
        ]
        self._position = 0
        self._chunk = _FIRST
        self._book: dict[str, tuple[int, Removal]] = {}
        self._gaps = Gaps()
        self._capping = False
        self._merging = self._merging_first = False
        self._pages = vacuum.FIRST

    # Looking, in a reader's transaction.

    def look(self, connection: Connection) -> None:
        """Find the next portion; none is left at the end."""
        while self._stages and self.portion is None:
            self.portion = self._stages[0](connection)
            if self.portion is None:
                self._stages.pop(0)
                self._position = 0

    def _look_again(self, connection: Connection) -> Portion | None:
        """At logs that something needed, or whose time of storing was in the future."""
        rows = run(
            connection,
            f"SELECT r.log_id, {', '.join('l.' + name.strip() for name in LOOKED.split(',')[1:])}"  # noqa: S608
            " FROM retention_later AS r LEFT JOIN logs AS l ON l.id = r.log_id"
            " WHERE r.log_id > ? ORDER BY r.log_id LIMIT ?",
            (self._position, _LOOK),
        ).all()
        if not rows:
            return None
        portion = Portion()
        for row in map(tuple, rows):
            age = age_of(row, self._now)
            if age is not None and age < -FUTURE:
                continue
            found = self._candidate(row, age)
            if found is not None:
                portion.candidates.append(found)
            else:
                portion.settled.append(row[0])
        self._position = rows[-1][0]
        return portion

    def _look(self, age: float, connection: Connection) -> Portion | None:
        """At logs that have come of an age since the last run."""
        if not self._position:
            self._position = self._mark(connection, age)
        rows = run(
            connection,
            f"SELECT {LOOKED} FROM logs WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",  # noqa: S608
            (self._position, self._last, _LOOK),
        ).all()
        portion = Portion()
        for row in map(tuple, rows):
            own = age_of(row, self._now)
            if own is not None and own < -FUTURE:
                portion.later.append(row[0])
            elif own is not None and own < age:
                break  # ids rise with the time of storing: the rest is younger
            elif (found := self._candidate(row, own)) is not None:
                portion.candidates.append(found)
            self._position = row[0]
            portion.mark = (age, row[0])
        return portion if portion.mark else None

    def _mark(self, connection: Connection, age: float) -> int:
        statement = "SELECT log_id FROM retention_marks WHERE policy = ? AND age = ?"
        found: int | None = run(connection, statement, (self._digest, int(age))).scalar()
        return found or 0

    def _look_for_cap(self, rank: int, connection: Connection) -> Portion | None:
        """At the oldest logs of one severity, while the database is too large."""
        if delete.used_bytes(connection) <= self._policy.max_bytes:
            return None
        if self._capping and vacuum.merge_due(connection):
            self._merging = self._merging_first = True  # notes of deletions take space, too
            return Portion()
        self._position = self._cap_at.get(rank, 0)
        self._capping = True
        while self._position < self._last:
            start = run(connection, "SELECT MIN(id) FROM logs WHERE id > ?", (self._position,)).scalar()
            if start is None:
                return None
            end = min(start + _SPAN - 1, self._last)
            rows = run(
                connection,
                f"SELECT {LOOKED} FROM logs WHERE id BETWEEN ? AND ? ORDER BY id",  # noqa: S608
                (start, end),
            ).all()
            portion = Portion()
            for row in map(tuple, rows):
                age = age_of(row, self._now)
                if age is not None and -FUTURE <= age < self._policy.spared:
                    end = row[0] - 1
                    break
                if rank_of(row[1] or "") == rank:
                    rule = self._judge.rule_of(row, age)
                    if rule is None or rule.keep != "forever":
                        portion.candidates.append(Candidate(row[0], CAP))
            if end <= self._position:
                return None
            self._position = self._cap_at[rank] = end
            if portion.candidates:
                return portion
        return None

    def _candidate(self, row: Sequence[Any], age: float | None) -> Candidate | None:
        """The log as a candidate where a rule says so; one whose age is not known stays."""
        if age is None:
            return None
        rule = self._judge.rule_of(row, age)
        fate = "keep" if rule is None else rule.fate(age)
        return None if rule is None or fate == "keep" else Candidate(row[0], rule.label, fate == "sample")

    # Writing.

    @property
    def thinned_out(self) -> bool:
        """Whether there is space to make free before anything else, so that the cap can count it as free."""
        return self._merging or self._stretch() is not None

    def work(self, connection: Connection) -> Retained:
        """Make some of the space free that deleted logs still take, or remove some of what was found, or tidy up."""
        started = time.monotonic()
        if self._stretch() is not None:
            self._gaps.close_first(connection)
            return Retained(seconds=time.monotonic() - started)
        if self._merging:
            done = self._merge(connection)
        elif self.portion is not None:
            done = self._remove(connection, self.portion)
            done.seconds = time.monotonic() - started
            self._chunk = _adapted(self._chunk, done.seconds, _LEAST, _MOST)
            return done
        else:
            done = self._tidy(connection)
        done.seconds = time.monotonic() - started
        self._pages = _adapted(self._pages, done.seconds, vacuum.LEAST, vacuum.MOST)
        return done

    def _remove(self, connection: Connection, portion: Portion) -> Retained:
        """Remove some of what was found; with the last of it the mark moves on."""
        done = Retained()
        if portion.candidates and self._capping and delete.used_bytes(connection) <= self._policy.max_bytes:
            self._stop_capping(portion)
        elif portion.candidates:
            delete.note_most(connection)
            removal, count = delete.remove(connection, portion.candidates[: self._chunk])
            del portion.candidates[:count]
            if not self._capping:
                portion.later += removal.held
            self._note(connection, removal)
            self._gaps.note(removal.gaps)
            done.deleted = removal.logs
        if not portion.candidates:
            self._finish(connection, portion)
            self.portion = None
        return done

    def _stop_capping(self, portion: Portion) -> None:
        """Small enough: what is left goes the next time."""
        first = portion.candidates[0]
        for rank, position in self._cap_at.items():
            if position == self._position:
                self._cap_at[rank] = first.id - 1
        portion.candidates.clear()
        self._stages.clear()

    def _finish(self, connection: Connection, portion: Portion) -> None:
        later = [(log_id,) for log_id in portion.later]
        if later:
            run(connection, "INSERT INTO retention_later (log_id) VALUES (?) ON CONFLICT (log_id) DO NOTHING", later)
        settled = [(log_id,) for log_id in portion.settled]
        if settled:
            run(connection, "DELETE FROM retention_later WHERE log_id = ?", settled)
        if portion.mark is not None:
            age, log_id = portion.mark
            run(connection, "DELETE FROM retention_marks WHERE policy <> ?", (self._digest,))
            run(
                connection,
                "INSERT INTO retention_marks (policy, age, log_id) VALUES (?, ?, ?)"
                " ON CONFLICT (policy, age) DO UPDATE SET log_id = excluded.log_id",
                (self._digest, int(age), log_id),
            )

    def _note(self, connection: Connection, removal: Removal) -> None:
        """One row of the audit book for each rule and run, true after every transaction."""
        for label, logs in removal.logs.items():
            entry, total = self._book.get(label, (0, Removal({label: 0}, {label: 0})))
            total.logs[label] += logs
            total.bytes[label] += removal.bytes[label]
            detail = {"logs": total.logs[label], "bytes": total.bytes[label]}
            self._book[label] = audit.keep_note(connection, entry, self._actor, _ACTION, label, detail), total

    def _merge(self, connection: Connection) -> Retained:
        """Merge some of the index of words."""
        first, self._merging_first = self._merging_first, False
        self._merging = vacuum.merge(connection, self._pages, first=first)
        return Retained()

    def _stretch(self) -> int | None:
        """The next stretch from which nothing more is about to go."""
        pending = self.portion.candidates if self.portion is not None else []
        return self._gaps.next(pending[0].id if pending else None)

    def _tidy(self, connection: Connection) -> Retained:
        """Have the index of words merged where much was deleted, then give free space back, some pages at a time."""
        if vacuum.merge_due(connection):
            self._merging = self._merging_first = True
            return Retained()
        more = vacuum.shrink(connection, self._pages)
        over = bool(self._policy.max_bytes) and not more and delete.used_bytes(connection) > self._policy.max_bytes
        return Retained(more=more, over=over)


def _adapted(count: int, seconds: float, least: int, most: int) -> int:
    """How many the next time, so that it takes about :data:`_AIM` seconds."""
    return max(least, min(most, int(count * min(1.3, max(0.2, _AIM / max(seconds, 0.001))))))
