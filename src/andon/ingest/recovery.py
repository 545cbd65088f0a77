"""What was acknowledged and is not in the database is read again from the stream: on start, and whenever it happens.

The broker keeps messages after they were acknowledged. Whatever takes a row from the database (a power cut, a backup
that was restored) or a message from us (another client on our consumer), its log is in the stream still. All that lies
below the ack floor must be stored, or have been handled otherwise: that is looked at here, beside recording.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from andon.bus.interfaces import LogStream
from andon.core.errors import BrokerError, StoreError
from andon.core.models import CONSUMER, STREAM, Delivery, StreamState
from andon.core.telemetry import Health
from andon.core.text import counted
from andon.core.waiting import woken
from andon.store import Store, recording, set_floor

log = structlog.get_logger(__name__)

#: What :meth:`Health.report` calls this, and what it says before the first look.
PART, BEGINS = "recovery", "comparing the log stream with the database"
#: Seconds between two looks while anything happens; after a look that failed it takes longer and longer.
EVERY, EVERY_AT_MOST = 1.0, 30.0
#: Where nothing happens, as far as is heard, it is looked all the same after so many seconds.
QUIET_EVERY = 30.0
#: Seconds after which messages that others hold are read by us too; the second where others may be recorders of the
#: same database, to whom the broker gives what one of them holds for too long.
HELD, HELD_SHARED = 2.5, 45.0
#: Seconds without a log that somebody else took, or that was lost, after which that is no trouble any more.
QUIET = 30.0
#: Missing messages with fewer than so many between them are read together.
NEAR = 200
#: A comparison of more sequences than this tells how far it is.
LONG = 10_000
#: How far everything is stored is noted in the database after so many messages, or seconds.
NOTE_MESSAGES, NOTE_SECONDS = 20_000, 60.0


class Gap(NamedTuple):
    """Sequences that are not stored and not in the stream, of messages that came from ``since_ns`` to ``until_ns``.

    What is in hand of them is stored when ``answered`` deliveries of ours are, and others had time ``since`` then.
    """

    first: int
    last: int
    since_ns: int
    until_ns: int
    answered: int
    since: float


@dataclass(eq=False, repr=False)
class Recovery:
    """Compares whole keys (sequence and stored-at time): sequences alone are used again.

    ``take`` stores deliveries as if they had been pulled, and returns how many logs and rejects were new.
    ``count_lost`` is told how many messages were removed from the stream before Andon could store them.
    """

    stream: LogStream
    store: Store
    health: Health
    take: Callable[[Sequence[Delivery]], Awaitable[int]]
    count_lost: Callable[[float], None]
    _state: StreamState | None = field(default=None, init=False)
    #: Born and changes of the stream that was compared.
    _known: tuple[int, int] | None = field(default=None, init=False)
    #: All that the stream holds up to here is stored; what of that the database has noted, and when.
    _checked: int = field(default=0, init=False)
    _noted: tuple[int, float] = field(default=(0, 0.0), init=False)
    #: Up to here the database may hold other messages of the same sequences, so that counting tells nothing.
    _stale: int = field(default=0, init=False)
    #: The newest sequence that was stored or left out when we began, and when the newest that was stored came.
    _newest: int = field(default=0, init=False)
    _newest_ns: int = field(default=0, init=False)
    #: What was delivered up to here may have been lost by ourselves.
    _ours: int = field(default=0, init=False)
    #: Where the consumer does not go on, and whether it delivers nothing at all; since when, what was delivered then.
    _late: tuple[int, bool] = field(default=(0, False), init=False)
    _late_since: float = field(default=0.0, init=False)
    _delivered: int = field(default=0, init=False)
    _standing: bool = field(default=False, init=False)
    #: Whether the last look found anything to tell.
    _told: bool = field(default=False, init=False)
    #: What the broker cannot read, as far as it was told.
    _unreadable: tuple[int, int] = field(default=(0, 0), init=False)
    _unreadable_at: float = field(default=-math.inf, init=False)
    _looked: float = field(default=0.0, init=False)
    #: How many logs others took, and when the last was found.
    _taken: int = field(default=0, init=False)
    _taken_at: float = field(default=0.0, init=False)
    #: The stream at the last look; what may have been removed from it unseen, how much was, and when that was found.
    _before: StreamState | None = field(default=None, init=False)
    _gaps: list[Gap] = field(default_factory=list, init=False)
    _lost: int = field(default=0, init=False)
    _lost_at: float = field(default=-math.inf, init=False)

    async def begin(self) -> None:
        """See how stream and consumer stand; call it before anything is pulled. Raises BrokerUnavailable."""
        self.health.report(PART, BEGINS)
        self._known = None
        self._state = await self.stream.state()
        # What a process that was killed had in hand would come again, but only after the ack wait.
        self._ours = 0 if self._state.in_hand else self._state.delivered
        name = self._state.stream
        _, self._newest_ns = await self.store.read(recording.newest_message, name)
        self._newest = await self.store.read(recording.newest_sequence, name)

    async def run(self) -> None:
        """Compare, then look every now and then, for ever."""
        pause, failed = EVERY, False
        while True:
            try:
                self.stream.moved.clear()
                state, self._state = self._state or await self.stream.state(), None
                await self._look(state)
            except (BrokerError, StoreError) as error:
                if failed:  # once is a broker or a database that goes away, which others tell
                    told = f"acknowledged logs cannot be compared with the database ({error}); Andon tries again"
                    if self.health.report(PART, told):
                        log.warning("recovery failed", reason=str(error))
                    pause = min(2 * pause, EVERY_AT_MOST)
                failed = True
            else:
                pause, failed = EVERY, False
                if self._settled(state):
                    await woken(self.stream.moved, QUIET_EVERY)
            await asyncio.sleep(pause)

    def _settled(self, state: StreamState) -> bool:
        """Whether nothing is to be looked at again as long as nothing happens."""
        under_way = state.pending or state.ack_pending or state.in_hand or state.others
        return not (under_way or self._gaps or self._standing or self._told or self._checked < state.ack_floor)

    async def _look(self, state: StreamState) -> None:
        if state.ack_floor > state.last_sequence:
            told = (
                f"{CONSUMER} has acknowledged up to sequence {state.ack_floor}, but {STREAM} ends at "
                f"{state.last_sequence}: the broker lost messages, or its store was changed; Andon creates the "
                "consumer again"
            )
            self._told = True
            if self.health.report(PART, told):
                log.warning(
                    "acknowledged position is beyond the stream's end", floor=state.ack_floor, last=state.last_sequence
                )
            return
        if self._known != (state.born_ns, state.changes) or state.last_sequence < self._checked:
            self._suspect_removed(state)
            await self._compare_all(state)
            self._known = (state.born_ns, state.changes)
        else:
            await self._follow(state)
        self._before = state
        await self._count_gaps(state)
        await self._note(state.stream)
        if state.unreadable != self._unreadable:
            self._unreadable, self._unreadable_at = state.unreadable, time.monotonic()
        if self._standing and state.delivered < state.unreadable[1] <= self._checked:
            await self.stream.skip(self._checked)  # past what the broker cannot read: what lies behind is stored by now
        self._tell()

    async def _compare_all(self, state: StreamState) -> None:
        """Compare all that the stream holds with the database, by as little reading as that takes.

        Where the newest message that was noted is still there, nothing before it can be another than it was.
        """
        end, name = state.ack_floor, state.stream
        if self._known is None:
            end = min(max(end, self._ours), state.last_sequence)
        self._stale = await self.store.read(recording.newest_sequence, name)
        mark = await self.store.read(recording.checked, name)
        self._noted = (mark[0], -math.inf)
        if self._before is None and 0 < state.born_ns <= self._newest_ns:  # while we were away
            self._suspect(state, self._newest + 1, state.first_sequence - 1, 0)
        first = max(1, state.first_sequence)  # 0 where nothing was ever published
        ranges = [(first, end)]
        if first <= mark[0] and await self._holds(mark):
            below = min(mark[0], end)
            args = (name, first, below, state.first_ns, NEAR)
            ranges = [*await self.store.read(recording.missing_ranges, *args), (below + 1, end)]
        if stored := await self._compare(name, ranges):
            log.warning("logs delivered before were missing from the database and have been read again", logs=stored)
        await self.store.write(set_floor, name, state.first_sequence, time.time())
        self._checked, self._ours = end, state.delivered
        self.stream.compared()
        self._late_since, self._standing = time.monotonic(), False

    async def _holds(self, key: tuple[int, int]) -> bool:
        async with aclosing(self.stream.keys(key[0], key[0])) as found:
            return key in [one async for keys in found for one in keys]

    async def _follow(self, state: StreamState) -> None:
        """Compare what was acknowledged since the last look, and what should have come to us meanwhile."""
        end = max(state.ack_floor, self._beyond_the_floor(state))
        if end <= self._checked:
            return
        first, name = self._checked + 1, state.stream
        ranges = [(first, min(end, self._stale))] if first <= self._stale else []
        known = max(first, self._stale + 1)
        ranges += await self.store.read(recording.missing_ranges, name, known, end, 0, NEAR)
        stored = await self._compare(name, ranges)
        if ranges:
            # What came before the stream was made is of another; unless it was made again with its messages.
            made = state.born_ns if state.born_ns <= state.first_ns else 0
            self._suspect(state, first if made else known, end, made)
        self._checked = end
        if not stored or end <= self._ours or self._standing:
            return
        if not self._taken:
            log.warning("logs are missing from what the broker delivers", consumer=CONSUMER, read_again=stored)
        self._taken += stored
        self._taken_at = time.monotonic()

    def _beyond_the_floor(self, state: StreamState) -> int:
        """Up to where messages above the ack floor are late: others hold them, or the consumer stands still; 0 if none.

        The latter it does before a damaged block of the broker's store, and whenever somebody has paused it.
        """
        now = time.monotonic()
        patience = HELD_SHARED if self.store.shared else HELD
        looked, self._looked = self._looked, now
        standing = bool(state.pending) and not state.ack_pending and not state.in_hand
        held = state.ack_pending > state.in_hand
        where = (state.delivered if standing else state.ack_floor, standing)
        # After a while in which this process did not run, much may be on its way to us.
        if where != self._late or not (standing or held) or now - looked > max(HELD, 2 * EVERY):
            self._late, self._late_since, self._delivered = where, now, state.delivered
            self._standing = False
        elif standing and now - self._late_since >= HELD:
            self._standing = True
            return state.last_sequence
        elif held and now - self._late_since >= patience:
            before, self._delivered, self._late_since = self._delivered, state.delivered, now
            return before
        return 0

    async def _compare(self, name: str, ranges: Sequence[tuple[int, int]]) -> int:
        """Read again what the stream holds of these ranges and the database does not; how many logs that were."""
        ranges = [(low, high) for low, high in ranges if low <= high]
        total = sum(high - low + 1 for low, high in ranges)
        before = stored = told = 0
        for low, high in ranges:
            async with aclosing(self.stream.keys(low, high)) as found:
                async for keys in found:
                    if missing := await self.store.read(recording.unknown, name, keys):
                        stored += await self._read_again(keys, missing)
                    if total < LONG:
                        continue
                    done = before + keys[-1][0] - low + 1
                    so_far = f"{BEGINS}: {done:,} of {total:,} messages done, {stored:,} logs read again"
                    self.health.report(PART, f"{so_far}; new logs are recorded at the same time")
                    if done * 10 // total > told:
                        told = done * 10 // total
                        log.info(so_far)
            before += high - low + 1
        return stored

    async def _read_again(self, keys: Sequence[tuple[int, int]], missing: Collection[tuple[int, int]]) -> int:
        stored = 0
        for first, last in runs(keys, missing):
            async with aclosing(self.stream.replay(first, last)) as found:
                async for deliveries in found:
                    wanted = [each for each in deliveries if (each.sequence, each.stored_ns) in missing]
                    stored += await self.take(wanted) if wanted else 0
        return stored

    def _suspect_removed(self, state: StreamState) -> None:
        """Where the stream is another than a moment ago, what the other held and we had not seen is gone."""
        before = self._before
        if before is None or before.born_ns == state.born_ns or 0 < state.first_ns < state.born_ns:
            return  # the last: made again with its messages
        self._suspect(before, self._checked + 1, before.last_sequence, 0, state.born_ns)

    def _suspect(self, state: StreamState, first: int, last: int, since_ns: int, until_ns: int = sys.maxsize) -> None:
        unreadable = state.unreadable[0] <= last and first <= state.unreadable[1]  # told by itself
        if state.whole and first <= last and not unreadable:
            in_hand = state.answered + state.in_hand
            self._gaps.append(Gap(first, last, since_ns, until_ns, in_hand, time.monotonic()))

    async def _count_gaps(self, state: StreamState) -> None:
        """See what of the gaps is still not stored, now that what we had in hand is."""
        before = time.monotonic() - (HELD_SHARED if self.store.shared else 0)
        ripe = [gap for gap in self._gaps if state.answered >= gap.answered and gap.since <= before]
        self._gaps = [gap for gap in self._gaps if gap not in ripe]
        lost = 0
        for gap in ripe:
            args = (state.stream, gap.first, gap.last, gap.since_ns, 1, gap.until_ns)
            lost += sum(high - low + 1 for low, high in await self.store.read(recording.missing_ranges, *args))
        if lost:
            self._lost, self._lost_at = self._lost + lost, time.monotonic()
            self.count_lost(lost)
            log.error("messages were removed from the stream before Andon could store them", messages=lost)
            self.health.notes[PART] = self._lost_sentence

    @property
    def _lost_sentence(self) -> str:
        return (
            f"{counted(self._lost, 'message')} of {STREAM} are lost: they were removed, by hand or by a limit of the "
            "stream, before Andon could store them; send the logs of that time again"
        )

    async def _note(self, name: str) -> None:
        """Note in the database up to where all is stored, so that the next start begins there."""
        noted, at = self._noted
        soon = self._checked < noted + NOTE_MESSAGES and time.monotonic() < at + NOTE_SECONDS
        if self._checked == noted or soon:
            return
        await self.store.write(recording.set_checked, name, self._checked)
        self._noted = (self._checked, time.monotonic())

    def _tell(self) -> None:
        told = None
        if time.monotonic() - self._unreadable_at < QUIET:
            first, last = self._unreadable
            told = (
                f"the broker cannot read sequences {first} to {last} of {STREAM}: its store is damaged; those not yet "
                "stored are lost, and recording continues after them"
            )
        if self._taken and time.monotonic() - self._taken_at >= QUIET:
            log.info("no other client takes messages from the consumer any longer", read_again=self._taken)
            self._taken = 0
        if time.monotonic() - self._lost_at < QUIET and told is None:
            told = self._lost_sentence
        if self._standing and told is None:
            told = (
                f"{CONSUMER} of {STREAM} delivers nothing although logs are waiting: Andon reads them from the stream "
                "instead"
            )
        elif self._taken and told is None:
            told = (
                f"another client, or an Andon with another database, takes messages from {CONSUMER} of {STREAM}: "
                f"{self._taken:,} logs were read again; stop that client or give it its own consumer"
            )
        self._told = told is not None
        self.health.report(PART, told)


def runs(keys: Iterable[tuple[int, int]], missing: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sequences (first, last) of the missing among ``keys``, those near each other together.

    >>> runs([(1, 10), (2, 20), (3, 30)], {(1, 10), (3, 30)})
    [(1, 3)]
    """
    found: list[tuple[int, int]] = []
    known = NEAR
    for key in keys:
        if key not in missing:
            known += 1
        elif known < NEAR:
            found[-1] = (found[-1][0], key[0])
            known = 0
        else:
            found.append((key[0], key[0]))
            known = 0
    return found
