"""What people do, for the page and the API alike: each is checked, written in one transaction, audited, and told.

``by`` is who does it; None is nobody who said a name. All raise NotFound for what is not there, StoreError with the
remedy for what makes no sense, and StoreUnavailable where the database is away. What is done to several is done to all
of them or to none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import msgspec

from andon.act.settling import settle
from andon.app import uploads
from andon.app.proposing import about_problem
from andon.core.errors import BrokerError, BrokerUnavailable, StoreError
from andon.core.models import SUBJECT, Resolution, now_text
from andon.core.models.actions import Origin
from andon.core.models.history import ShiftWindow
from andon.insight.report import shift_report as reports
from andon.insight.shifts.calendar import site_shifts
from andon.store import Connection, actions, alarms, problems, recording, verdicts
from andon.store.alarms import AlarmEntry, ShiftNote
from andon.store.problems import ProblemNote, Tick, Verdict

if TYPE_CHECKING:
    from andon.app.proposing import Do
    from andon.app.uploads import What
    from andon.app.web.page.backend import Backend
    from andon.core.models import StoredReject
    from andon.core.models.actions import Action

P = ParamSpec("P")
T = TypeVar("T")

#: So many alarms or rejects are named at once at most.
MOST_AT_ONCE = 1_000


class Operations:
    """The operations on one database. A change is told to open pages, and wakes what works on it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    # Alarms

    async def acknowledge(self, alarm_ids: Sequence[int], by: str | None, note: str | None = None) -> list[AlarmEntry]:
        """Note that a person saw these alarms; those that somebody saw before come back with that name and time.

        A note on such a one is kept with its problem.
        """
        ids, now = _checked(alarm_ids), time.time()
        return await self._write(_each(ids, lambda one, id_: alarms.acknowledge(one, id_, by, note, now=now)))

    async def acknowledge_problem(self, pattern_id: int, by: str | None, note: str | None = None) -> list[AlarmEntry]:
        """Note that a person saw all alarms of a problem that may be active; those that were new to everybody.

        A note where none was new is kept with the problem.
        """
        now = time.time()

        def work(connection: Connection) -> list[AlarmEntry]:
            unseen = [one for one in alarms.of_problem(connection, pattern_id, now) if one.acked_at is None]
            if not unseen and note and note.strip():
                problems.add_note(connection, pattern_id, note, by, now=now)
            return [alarms.acknowledge(connection, one.id, by, note, now=now) for one in unseen]

        return await self._write(work)

    async def shelve(self, alarm_ids: Sequence[int], seconds: float, by: str | None, note: str) -> list[AlarmEntry]:
        """Take these alarms off the active list for ``seconds``: a minute at least, 31 days at most."""
        ids, now = _checked(alarm_ids), time.time()
        return await self._write(_each(ids, lambda one, id_: alarms.shelve(one, id_, seconds, by, note, now=now)))

    async def shelve_problem(self, pattern_id: int, seconds: float, by: str | None, note: str) -> list[AlarmEntry]:
        """Take all alarms of a problem that may be active off the list, as :meth:`shelve`."""
        now = time.time()

        def work(connection: Connection) -> list[AlarmEntry]:
            found = alarms.of_problem(connection, pattern_id, now)
            if not found:
                raise StoreError(f"problem {pattern_id} has no active alarm: there is nothing to shelve")
            return [alarms.shelve(connection, one.id, seconds, by, note, now=now) for one in found]

        return await self._write(work)

    async def unshelve(self, alarm_ids: Sequence[int], by: str | None) -> list[AlarmEntry]:
        """Put shelved alarms back at once."""
        ids, now = _checked(alarm_ids), time.time()
        return await self._write(_each(ids, lambda one, id_: alarms.unshelve(one, id_, by, now=now)))

    async def unshelve_problem(self, pattern_id: int, by: str | None) -> list[AlarmEntry]:
        """Put all shelved alarms of a problem back at once."""
        now = time.time()

        def work(connection: Connection) -> list[AlarmEntry]:
            found = alarms.of_problem(connection, pattern_id, now, shelved=True)
            if not found:
                raise StoreError(f"problem {pattern_id} has no shelved alarm: there is nothing to put back")
            return [alarms.unshelve(connection, one.id, by, now=now) for one in found]

        return await self._write(work)

    # Notes and shifts

    async def note(self, text: str, by: str | None) -> ShiftNote:
        """Write something down for the report of the shift that works now."""
        return await self._write(alarms.add_note, text, by, now=time.time())

    async def note_problem(self, pattern_id: int, text: str, by: str | None) -> ProblemNote:
        """Write something down about a problem."""
        return await self._write(problems.add_note, pattern_id, text, by, now=time.time())

    async def sign(self, window: ShiftWindow, name: str, by: str | None) -> reports.ShiftReport:
        """Sign for a working of a shift; the first signature keeps its report as it is now.

        Raises StoreError where nothing is stored of it, or that name signed already.
        """
        settings, zone, now = self._backend.settings, self._backend.zone, time.time()
        made = await self._backend.ask(reports.report_of, window, site_shifts(settings), zone, now)
        if isinstance(made, str):
            raise StoreError(f"the shift cannot be signed for: {made}")
        frozen = msgspec.json.encode(made).decode()
        await self._write(alarms.sign, window, name, frozen, by=by, now=now)
        return await self._backend.ask(reports.signed, window) or made

    # Problems

    async def resolve(self, pattern_id: int, fix: str, cause: str | None, by: str | None) -> Resolution:
        """Confirm what fixed a problem: its logs show that from now on."""
        return await self._write_waking(problems.resolve, pattern_id, fix, cause, by, time.time())

    async def revoke_fix(self, pattern_id: int, fix_id: int | None, by: str | None) -> Resolution:
        """Take a confirmed fix back (the newest, unless an id is given); the problem shows what it showed before."""
        return await self._write_waking(problems.revoke, pattern_id, fix_id, time.time(), by)

    async def judge(
        self, pattern_id: int, verdict: str, by: str | None, note: str | None = None, *, second: bool = False
    ) -> Verdict:
        """Say whether the explanation of a problem, or the second opinion below it, was ``helpful`` or ``wrong``."""
        words = verdict, by, note, time.time()
        return await self._write_waking(verdicts.judge, pattern_id, *words, second=second)

    async def take_back_verdict(self, pattern_id: int, by: str | None, *, second: bool = False) -> Verdict:
        """Take one's word on an explanation back."""
        return await self._write_waking(verdicts.take_back, pattern_id, by, time.time(), second=second)

    async def ask_again(self, pattern_id: int, by: str | None) -> int:
        """Ask for another explanation, ahead of others; the id of the analysis that waits."""
        return await self._write_waking(problems.reanalyze, pattern_id, by)

    async def merge(self, child_id: int, parent_id: int, by: str | None) -> int:
        """Make two problems one; the id of the pattern that stands for both. New logs follow with the next batch."""
        return await self._write_waking(problems.merge, child_id, parent_id, by)

    async def split(self, pattern_id: int, by: str | None) -> int:
        """Take a pattern out of its problem and keep it apart; the id of the problem it was part of."""
        return await self._write_waking(problems.split, pattern_id, by)

    async def tick(self, pattern_id: int, step: int, done: bool, by: str | None) -> list[Tick]:
        """Tick off a step (from 0) of what a problem shows, or take that back; all ticks that stand then."""
        return await self._write(problems.tick, pattern_id, step, by, done=done, now=time.time())

    # What leaves the house

    async def propose(
        self, problem_id: int, target: str, do: Do, by: str | None, why: str = "", where: str = ""
    ) -> Action:
        """Propose a ticket, an event or a message about a problem; somebody has to approve it.

        Raises ActionRefused where it may not be, with what to change.
        """
        proposals, settings = self._backend.proposals, self._backend.settings
        return await self._write_sending(
            about_problem, proposals, settings, problem_id, target, do,
            origin=Origin.PERSON, now=time.time(), by=by, why=why, where=where,
        )  # fmt: skip

    async def upload(
        self,
        target: str,
        what: What,
        by: str | None,
        *,
        problem_id: int | None = None,
        name: str = "",
        why: str = "",
        where: str = "",
    ) -> Action:
        """Propose a report, an export, rows, an action or an alert, as :mod:`andon.app.uploads` draws it up."""
        proposals, settings, now = self._backend.proposals, self._backend.settings, time.time()
        about: dict[str, Any] = {"now": now, "problem_id": problem_id}
        proposals.able(target, uploads.OPERATIONS[what])
        made = await self._backend.ask(
            partial(uploads.drawn_up, name=name, where=where, **about), settings, target, what
        )
        work = partial(uploads.put_up, origin=Origin.PERSON, by=by, why=why, **about)
        return await self._write_sending(work, proposals, target, what, made)

    async def approve_action(self, action_id: int, by: str | None, digest: str | None = None) -> Action:
        """Approve an action exactly as it is rendered: it goes out at once. ``digest`` is of what the person saw."""
        return await self._write_sending(actions.approve, action_id, by, now=time.time(), digest=digest)

    async def decline_action(self, action_id: int, by: str | None, note: str | None = None) -> Action:
        """Decline a proposal, take back what was approved and not begun, or give up what nobody is sure of."""
        return await self._write_sending(actions.decline, action_id, by, note, now=time.time())

    async def retry_action(self, action_id: int, by: str | None) -> Action:
        """Send a failed action again, or one that nobody is sure of and that was not done."""
        return await self._write_sending(actions.retry, action_id, by, now=time.time())

    async def settle_action(self, action_id: int, ref: str, by: str | None) -> Action:
        """Say that an action which nobody was sure of was done; ``ref`` is what the service calls what it made.

        Raises ActionRefused where a ticket is not named, or ``ref`` is no name of that service.
        """
        connectors = self._backend.proposals.connectors
        return await self._write_sending(settle, connectors, action_id, ref, by, now=time.time())

    # Rejects

    async def retry_rejects(self, reject_ids: Sequence[int], by: str | None) -> int:
        """Publish rejects again, byte for byte; what is still not understood becomes a new one. How many there were.

        Nothing is published where one of them is not there. Raises BrokerUnavailable where the broker is away, after
        those that it took.
        """
        ids, service = _checked(reject_ids), self._backend.service
        if service is None:
            raise BrokerUnavailable("no broker belongs to what is shown here: start Andon with `andon run`")
        rows = await self._backend.ask(_each(ids, recording.reject))
        for count, row in enumerate(rows):
            try:
                await service.publish(row.data, _subject(row), _message_id(row))
            except BrokerError as error:
                done = f"; {count} of {len(rows)} were published before" if count else ""
                raise type(error)(f"reject {row.id} could not be published again: {error}{done}") from error
            await self._write(recording.mark_retried, row.id, now_text(), by)
        return len(rows)

    async def delete_rejects(self, reject_ids: Sequence[int], by: str | None) -> int:
        """Delete rejects for good, with their bytes; how many there were."""
        ids = _checked(reject_ids)

        def work(connection: Connection) -> int:
            for one in ids:
                recording.reject(connection, one)
            return recording.delete_rejects(connection, ids, by or "unknown")

        return await self._write(work)

    async def _write(self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        done = await self._backend.write(work, *args, **kwargs)
        self._backend.changes.tell("work")
        return done

    async def _write_waking(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same of what may leave a question for the analyzer."""
        done = await self._write(work, *args, **kwargs)
        if self._backend.service is not None:
            self._backend.service.wake_analyzer()
        return done

    async def _write_sending(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same of what may leave something to be sent."""
        done = await self._write(work, *args, **kwargs)
        if self._backend.service is not None:
            self._backend.service.wake_outbox()
        return done


def _each(ids: Sequence[int], work: Callable[[Connection, int], T]) -> Callable[[Connection], list[T]]:
    """The work for each of them in one transaction."""
    return lambda connection: [work(connection, one) for one in ids]


def _checked(ids: Sequence[int]) -> list[int]:
    """Each id once. Raises StoreError where there are too many."""
    found = list(dict.fromkeys(ids))
    if len(found) > MOST_AT_ONCE:
        raise StoreError(f"{len(found):,} are too many at once: name {MOST_AT_ONCE:,} at most")
    return found


def _subject(row: StoredReject) -> str:
    return row.subject if row.subject.startswith(SUBJECT) else SUBJECT


def _message_id(row: StoredReject) -> str:
    """The same for two people who retry at the same time, and another one once it was retried."""
    return f"andon-reject-{row.id}-{row.stream}-{row.sequence}-{row.retried_at or row.received_at}"
