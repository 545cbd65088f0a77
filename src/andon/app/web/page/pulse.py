"""What stands above every screen: found once for all pages, however many are open."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import structlog

from andon.app.action_entries import ASKS
from andon.app.background.changes import Changes, Topic
from andon.app.known_habits import KnownHabits
from andon.app.wellbeing import STALE, Trouble, Wellbeing, troubles
from andon.core.errors import StoreError
from andon.core.settings.settings import Settings
from andon.insight.now.headline import Headline, headline
from andon.insight.shifts.calendar import site_shifts
from andon.store import Ask, actions

if TYPE_CHECKING:
    from andon.app.service import Service

log = structlog.get_logger(__name__)

#: What changes the count of problems; it is counted so often at most, and so seldom at least, in seconds.
TOPICS: tuple[Topic, ...] = ("logs", "work", "answers")
SOON, LATE = 0.4, 10.0


class Bar(NamedTuple):
    """Andon's own light and the problems that nobody has. ``known`` is false before anybody looked.

    ``light`` is the worst trouble, None where all is well; ``waiting`` is None where it could not be counted.
    ``decide`` are the actions that wait for a person's word.
    """

    known: bool = False
    light: Trouble | None = None
    waiting: int | None = None
    icon: str = "normal"
    decide: int = 0


class Pulse:
    """Looks for all pages of a backend, from what it works with; who comes while it looks waits for the same look."""

    def __init__(
        self, settings: Settings, ask: Ask, changes: Changes, service: Service | None, usual: KnownHabits
    ) -> None:
        self._settings, self._ask, self._changes = settings, ask, changes
        self.wellbeing = Wellbeing(settings, ask, service, usual)
        self._counting = asyncio.Lock()
        self._headline: Headline | None = None
        self._decide = 0
        self._counted_at = float("-inf")
        self._seen = -1

    @property
    def last(self) -> Bar:
        """What was seen last, for a page that is made now: its stream tells what is new."""
        signs = self.wellbeing.last
        return Bar() if signs is None else self._bar(troubles(signs))

    async def bar(self) -> Bar:
        """What is so now."""
        signs = await self.wellbeing.look()
        await self._count()
        return self._bar(troubles(signs))

    def _bar(self, wrong: list[Trouble]) -> Bar:
        found = self._headline
        if found is None or time.monotonic() - self._counted_at > STALE:
            return Bar(True, wrong[0] if wrong else None)
        severity, outline = (found.worst, "") if found.waiting else (found.acknowledged, "-outline")
        icon = f"{severity.lower()}{outline}" if severity else "normal"
        return Bar(True, wrong[0] if wrong else None, found.waiting, icon, self._decide)

    async def _count(self) -> None:
        """Count where something changed since, or where time alone may have changed it."""
        async with self._counting:
            age = time.monotonic() - self._counted_at
            seen = self._changes.seen(TOPICS)
            if age < SOON or (seen == self._seen and age < LATE):
                return
            shifts, zone = site_shifts(self._settings), ZoneInfo(self._settings.time_zone)
            try:
                self._headline = await self._ask(headline, time.time(), shifts, zone)
                counted = (await self._ask(actions.counts)).values()
                self._decide = sum(one.get(status, 0) for one in counted for status in ASKS)
            except StoreError as error:  # the light says what is wrong with the database
                log.info("problems not counted", reason=str(error))
                self._headline = None
            self._counted_at, self._seen = time.monotonic(), seen
