"""How the sources of a site usually log, for all who judge their silence: looked at seldom, and behind who asks."""

from __future__ import annotations

import asyncio
import time

import structlog

from andon.core.errors import StoreError
from andon.insight import sources
from andon.insight.sources import Habits
from andon.store import Ask

log = structlog.get_logger(__name__)

#: What is older than so many seconds is looked at again: habits change slowly.
FRESH = 600.0


class KnownHabits:
    """What is known of a site's sources. Only the first who asks waits for it; later it is renewed while it is used."""

    def __init__(self, ask: Ask) -> None:
        """``ask`` puts questions to the database."""
        self._ask = ask
        self._known: Habits | None = None
        self._looking: asyncio.Task[Habits] | None = None
        self._tried = float("-inf")

    async def get(self) -> Habits:
        """How they usually log. Raises StoreError where nothing is known yet and the database cannot be asked."""
        if self._known is None:
            return await asyncio.shield(self._look())
        if time.time() - self._known.made > FRESH and time.monotonic() - self._tried > FRESH / 10:
            self._look()
        return self._known

    async def close(self) -> None:
        """End what is being looked at; idempotent."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    def _look(self) -> asyncio.Task[Habits]:
        if self._looking is None:
            self._tried = time.monotonic()
            self._looking = asyncio.create_task(self._looked(), name="habits")
            self._looking.add_done_callback(self._done)
        return self._looking

    async def _looked(self) -> Habits:
        self._known = await self._ask(sources.habits, time.time())
        return self._known

    def _done(self, task: asyncio.Task[Habits]) -> None:
        self._looking = None
        error = None if task.cancelled() else task.exception()
        if isinstance(error, StoreError):
            log.info("the usual rhythm of sources could not be checked", reason=str(error))
        elif error is not None:
            log.error("checking the usual rhythm of sources failed", exc_info=error)
