"""The board of Now for all who look at it: put together once for each change, however many pages are open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple
from zoneinfo import ZoneInfo

from andon.app.background.changes import BATCH, Changes, Topic
from andon.app.known_habits import KnownHabits
from andon.core.settings.settings import Settings
from andon.insight.now import board as now
from andon.insight.now.board import Board, Plant
from andon.insight.shifts.calendar import site_shifts
from andon.store import Ask

#: What changes the board.
TOPICS: tuple[Topic, ...] = ("logs", "work", "answers")
#: Without any change the board is put together anew after so many seconds: time alone ends floods and shelving.
_OLD = 5.0
#: How long the plant's places are good for, in seconds.
_PLANT = 30.0
#: So old, in seconds, may be what a page begins with whose stream brings at once what is new.
AT_HAND = 2.0


class Seen(NamedTuple):
    """A board, and what the count of changes was before it was read."""

    board: Board
    seen: int


class Boards:
    """Boards of one site. Whoever asks while one is being made waits for it, and gets it where it is new enough."""

    def __init__(
        self, ask: Ask, changes: Changes, settings: Settings, usual: KnownHabits, listening: Callable[[], float]
    ) -> None:
        """``ask`` puts questions to the database, ``changes`` tells when a board is out of date.

        ``usual`` knows how sources usually log, ``listening`` says since when messages are heard (unix seconds).
        """
        self._ask, self._changes, self._usual = ask, changes, usual
        self._shifts, self._zone = site_shifts(settings), ZoneInfo(settings.time_zone)
        self._making = asyncio.Lock()
        self._made: Seen | None = None
        self._worked = 0
        self._at = self._plant_at = float("-inf")
        self._plant: Plant | None = None
        self._listening = listening

    async def at_hand(self) -> Seen:
        """One that was made a moment ago, without a wait for the next; else the newest. Raises StoreError.

        It is for pages whose stream brings at once what is new: logs alone make it no older than two seconds, and what
        people did is on it.
        """
        made = self._made
        if made is not None and time.monotonic() - self._at < AT_HAND and self._worked == self._changes.seen(("work",)):
            return made
        return await self.newest()

    async def newest(self, *, patient: bool = False) -> Seen:
        """The board as it is known now. Raises StoreError.

        Logs may come by the hundred in a second: for them alone it is put together twice in a second at most. Who is
        ``patient`` waits for that; others get the one before, which is half a second old.
        """
        async with self._making:
            if self._made is not None and self._is_good(self._made):
                return self._made
            age = time.monotonic() - self._at
            if self._made is not None and age < BATCH and self._changes.seen(("work",)) == self._worked:
                if not patient:
                    return self._made
                await asyncio.sleep(BATCH - age)
            return await self._make()

    def _is_good(self, made: Seen) -> bool:
        return made.seen == self._changes.seen(TOPICS) and time.monotonic() - self._at < _OLD

    async def _make(self) -> Seen:
        seen, worked, started = self._changes.seen(TOPICS), self._changes.seen(("work",)), time.monotonic()
        plant = await self._known(started)
        found = await self._ask(now.board, time.time(), self._shifts, self._zone, plant)
        self._made, self._worked, self._at = Seen(found, seen), worked, started
        return self._made

    async def _known(self, started: float) -> Plant:
        if self._plant is None or self._plant.empty or started - self._plant_at > _PLANT:
            self._plant = await self._ask(now.plant, time.time(), await self._usual.get(), self._listening())
            self._plant_at = started
        return self._plant
