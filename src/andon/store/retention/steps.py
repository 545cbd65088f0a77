"""Applying the rules of retention, step by step: look at some logs, remove a few of them, rest, go on.

Each log is looked at once at each age at which it may have to go; a mark for each age says how far that has come.
Looking is a reader's work. Removing takes short transactions of the writer's, whose size follows what they take.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from andon.core.models import Retained, utc_text
from andon.store.engine import audit, vacuum, watermark
from andon.store.recording.drop import families_of
from andon.store.recording.rejects import delete_rejects, oldest_rejects
from andon.store.retention import delete
from andon.store.retention.delete import Candidate, Removal
from andon.store.retention.gap_closing import Gaps
from andon.store.rules.analysis import rank_of
from andon.store.rules.retention import CAP, FUTURE, LOOKED, REJECTS, Judge, KeepPolicy, age_of
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
    """What looking at some logs found: candidates, logs to look at again later or no more, and the mark after them.

    ``rejects`` are ids of messages that were not understood, which go for the reason ``label``.
    """

    candidates: list[Candidate] = []
    rejects: list[int] = []
    label: str = REJECTS
    later: list[int] = []
    settled: list[int] = []
    mark: tuple[float, int] | None = None


@dataclass
class Retention:
    """Applies ``policy`` to the database of ``store``, step by step.

    ``clock`` gives unix seconds; ``actor`` stands in the audit book.
    """

    store: Store
    policy: KeepPolicy
    clock: Callable[[], float] = time.time
    actor: str = SERVICE
    #: Up to which id the cap found nothing more to remove, by severity; a restart looks again.
    cap_at: dict[int, int] = field(default_factory=dict)
    _run: Run | None = None

    async def step(self) -> Retained:
        """Look or remove a little; ``more`` is False at the end of a run, and the next call begins another.

        Raises StoreFull and StoreUnavailable.
        """
        try:
            if self._run is None:
                self._run = await self.store.read(Run, self)
            if self._run.portion is None and not self._run.thinned_out:
                await self.store.read(self._run.look)
            done = await self.store.write(self._run.work)
        except BaseException:
            self._run = None  # whether the transaction took place is not known: the next run looks again
            raise
        if not done.more:
            self._run = None
        return done

    async def over(self) -> bool:
        """Whether the database is larger than it may be; quick."""
        most = self.policy.max_bytes
        return bool(most) and await self.store.read(delete.used_bytes) > most


def deleted_by_others(connection: Connection) -> list[tuple[int, str, int]]:
    """(id, rule, logs so far) of the newest entries of the audit book that are not a service's."""
    found = audit.entries(connection, _ENTRIES, _ACTION)
    return [(one.id, one.subject, int(one.detail.get("logs", 0))) for one in found if one.actor != SERVICE]


class Run:
    """One run of the rules at one moment: first by age, then by the cap, then free space is given back."""

    def __init__(self, connection: Connection, of: Retention) -> None:
        policy = of.policy
        families = families_of(connection, policy)
        self.portion: Portion | None = None
        self._policy = policy
        self._now = of.clock()
        self._judge = Judge(policy, families)
        self._digest = policy.digest + "".join(f"/{key}:{len(one)}" for key, one in sorted(families.items()))
        self._last = watermark.mark(connection)
        self._cap_at = of.cap_at
        self._actor = of.actor
        self._stages: list[Callable[[Connection], Portion | None]] = [
            *([functools.partial(self._look_at_rejects, policy.rejects)] if policy.rejects is not None else []),
            *([self._look_again] if policy.rules else []),
            *(functools.partial(self._look, age) for age in policy.thresholds),
            *([self._look_at_rejects_for_cap] if policy.max_bytes else []),
            *(functools.partial(self._look_for_cap, rank) for rank in (_RANKS if policy.max_bytes else ())),
        ]
        self._position = 0
        self._chunk = _FIRST
        self._removed = Removal()
        self._book: dict[str, int] = {}
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

    def _look_at_rejects(self, age: float, connection: Connection) -> Portion | None:
        """At messages that were not understood and are older than this."""
        before = utc_text(datetime.fromtimestamp(max(0.0, self._now - age), UTC))
        found = oldest_rejects(connection, before, _MOST)
        return Portion(rejects=found) if found else None

    def _look_at_rejects_for_cap(self, connection: Connection) -> Portion | None:
        """The same, while the database is too large: what nobody understood goes before any log."""
        if delete.used_bytes(connection) <= self._policy.max_bytes:
            return None
        portion = self._look_at_rejects(self._policy.spared, connection)
        if portion is not None:
            portion.label = CAP
        return portion

    def _look_again(self, connection: Connection) -> Portion | None:
        """At logs that something needed, or whose time of storing was in the future."""
        rows = run(
            connection,
            f"SELECT log_id, {LOOKED} FROM retention_later LEFT JOIN logs ON logs.id = log_id"  # noqa: S608
            " WHERE log_id > ? ORDER BY log_id LIMIT ?",
            (self._position, _LOOK),
        ).all()
        if not rows:
            return None
        portion = Portion()
        for log_id, *row in map(tuple, rows):
            age = age_of(row, self._now)
            if age is not None and age < -FUTURE:
                continue
            if (found := self._candidate(row, age)) is not None:
                portion.candidates.append(found)
            else:
                portion.settled.append(log_id)
        self._position = rows[-1][0]
        return portion

    def _look(self, age: float, connection: Connection) -> Portion | None:
        """At logs that have come of an age since the last run."""
        if not self._position:
            statement = "SELECT log_id FROM retention_marks WHERE policy = ? AND age = ?"
            self._position = run(connection, statement, (self._digest, int(age))).scalar() or 0
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
        """Make some of the space free that deleted logs still take, or remove some of what was found.

        Where nothing is left to remove, have the index of words merged if much was deleted; then give space back.
        """
        started, removed, done = time.monotonic(), False, Retained()
        gap = self._stretch()
        if gap is not None:
            self._gaps.close_first(connection)
        elif self._merging:
            first, self._merging_first = self._merging_first, False
            self._merging = vacuum.merge_index(connection, self._pages, first=first)
        elif self.portion is not None:
            removed, done.deleted = True, self._remove(connection, self.portion)
        elif vacuum.merge_due(connection):
            self._merging = self._merging_first = True
        else:
            done.more = vacuum.shrink(connection, self._pages)
            most = self._policy.max_bytes
            done.over = bool(most) and not done.more and delete.used_bytes(connection) > most
        done.seconds = time.monotonic() - started
        if removed:
            self._chunk = _adapted(self._chunk, done.seconds, _LEAST, _MOST)
        elif gap is None:
            self._pages = _adapted(self._pages, done.seconds, vacuum.LEAST, vacuum.MOST)
        return done

    def _remove(self, connection: Connection, portion: Portion) -> dict[str, int]:
        """Remove some of what was found; how many, by rule. With the last of it the mark moves on."""
        deleted: dict[str, int] = {}
        if portion.rejects:
            removal = Removal()
            removal.logs[portion.label] = delete_rejects(connection, portion.rejects[: self._chunk])
            del portion.rejects[: self._chunk]
            self._note(connection, removal)
            deleted = removal.logs
        elif portion.candidates and self._capping and delete.used_bytes(connection) <= self._policy.max_bytes:
            # Small enough: what is left goes the next time.
            for rank, position in self._cap_at.items():
                if position == self._position:
                    self._cap_at[rank] = portion.candidates[0].id - 1
            portion.candidates.clear()
            self._stages.clear()
        elif portion.candidates:
            delete.note_most(connection)
            removal, count = delete.remove(connection, portion.candidates[: self._chunk])
            del portion.candidates[:count]
            if not self._capping:
                portion.later += removal.held
            self._note(connection, removal)
            self._gaps.note(removal.gaps)
            deleted = removal.logs
        if not portion.candidates and not portion.rejects:
            self._finish(connection, portion)
            self.portion = None
        return deleted

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
        self._removed.logs += removal.logs
        self._removed.bytes += removal.bytes
        for label in removal.logs:
            detail = {"logs": self._removed.logs[label], "bytes": self._removed.bytes[label]}
            entry = self._book.get(label, 0)
            self._book[label] = audit.keep_note(connection, entry, self._actor, _ACTION, label, detail)

    def _stretch(self) -> int | None:
        """The next stretch from which nothing more is about to go."""
        pending = self.portion.candidates if self.portion is not None else []
        return self._gaps.next(pending[0].id if pending else None)


def _adapted(count: int, seconds: float, least: int, most: int) -> int:
    """How many the next time, so that it takes about :data:`_AIM` seconds."""
    return max(least, min(most, int(count * min(1.3, max(0.2, _AIM / max(seconds, 0.001))))))
