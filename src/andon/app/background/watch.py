"""Watch: see for ourselves, also while no log comes, that logs can be taken and stored, and say so on ``/readyz``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass, field

import structlog

from andon.core.errors import BrokerError, StoreError, StoreFull
from andon.core.telemetry import Health
from andon.core.waiting import woken
from andon.store import Store

log = structlog.get_logger(__name__)

#: What has a problem is looked at this often, in seconds, …
EVERY = 1.0
#: … what is well when somebody asks, the broker when it tells of a change as well, and after so many at the latest.
BROKER_EVERY = STORE_EVERY = 60.0
#: What was seen of the broker less than these seconds ago is the answer to who asks; of the database :data:`EVERY`.
FRESH = 2.0
#: Changes may come without end: so many seconds are between two looks at what they did.
BETWEEN = 0.05
#: A broker or a database that takes longer than this to answer does not answer, in seconds.
BROKER_PATIENCE = 2.5
STORE_PATIENCE = 3.0


@dataclass
class Watch:
    """``broker`` tells what is wrong with broker and connection as far as they know themselves.

    ``look`` asks the broker what keeps logs from being recorded; ``changed`` is set when that may have changed.
    """

    look: Callable[[], Awaitable[str | None]]
    store: Store
    health: Health
    _: KW_ONLY
    broker: Callable[[], str | None]
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _checking: asyncio.Task[None] | None = field(default=None, init=False)
    _looking: asyncio.Task[str | None] | None = field(default=None, init=False)
    _looked_at: float = field(default=float("-inf"), init=False)
    _checked_at: float = field(default=float("-inf"), init=False)
    _checking_since: float = field(default=0.0, init=False)
    #: The database has a problem: whoever watches it is to look more often.
    _sick: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self) -> None:
        """Watch for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch_broker(), name="watch-broker")
                group.create_task(self._watch_store(), name="watch-database")
        finally:
            tasks = [task for task in (self._checking, self._looking) if task is not None]
            self._checking = self._looking = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def freshen(self) -> None:
        """Return when what is known is fresh: before an answer to who asks.

        What hangs is waited for once: who asks later is told so at once.
        """
        looks = []
        now = time.monotonic()
        if self.changed.is_set() or now - self._looked_at > FRESH or self.broker() is not None:
            looks.append(self._look_at_broker())
        if now - max(self._checked_at, self.store.committed_at) > EVERY:
            looks.append(self._look_at_store())
        await asyncio.gather(*looks)

    async def _watch_broker(self) -> None:
        while True:
            await self._look_at_broker()
            await asyncio.sleep(BETWEEN)
            await woken(self.changed, EVERY if "broker" in self.health.problems else BROKER_EVERY)

    async def _watch_store(self) -> None:
        while True:
            await self._look_at_store()
            if "database" in self.health.problems:
                await asyncio.sleep(EVERY)
            else:
                await woken(self._sick, STORE_EVERY)

    async def _look_at_store(self) -> None:
        problem = await self._store_problem()
        self._report("database", None if problem is None else str(problem), full=isinstance(problem, StoreFull))
        self._checked_at = time.monotonic()
        if problem is None:
            self._sick.clear()
        else:
            self._sick.set()

    async def _look_at_broker(self) -> None:
        started = time.monotonic()
        self.changed.clear()
        self._report("broker", await self._broker_problem())
        self._looked_at = started

    def _report(self, part: str, problem: str | None, *, full: bool = False) -> None:
        before = self.health.problems.get(part)
        self.health.report(part, problem, full=full)
        if problem is not None and before is None:
            log.error(f"{part} has a problem", problem=problem)
        elif problem is None and before is not None:
            log.info(f"{part} works again")

    async def _broker_problem(self) -> str | None:
        """One look at a time: who comes meanwhile waits for the same; one that hangs is not begun again."""
        if (known := self.broker()) is not None:
            return known
        if self._looking is None:
            self._looking = asyncio.create_task(_asked(self.look), name="watch-broker-look")
        looking = self._looking
        done, _ = await asyncio.wait({looking}, timeout=BROKER_PATIENCE)
        if not done:
            return f"the broker did not answer within {BROKER_PATIENCE:g} s: check that it runs"
        if self._looking is looking:
            self._looking = None
        return looking.result()

    async def _store_problem(self) -> str | StoreError | None:
        """One check at a time: one that hangs is waited for, so that they do not queue up before the logs."""
        if self._checking is None:
            self._checking_since = time.monotonic()
            self._checking = asyncio.create_task(self.store.check(), name="watch-database-check")
        checking = self._checking
        patience = max(0.0, self._checking_since + STORE_PATIENCE - time.monotonic())
        done, _ = await asyncio.wait({checking}, timeout=patience)
        if not done:
            return (
                f"the database took no write for {STORE_PATIENCE:g} s: another process locks it, or the disk hangs; "
                "recording continues automatically when it is free"
            )
        if self._checking is checking:
            self._checking = None
        try:
            checking.result()
        except StoreError as error:
            return error
        return None


async def _asked(look: Callable[[], Awaitable[str | None]]) -> str | None:
    try:
        return await look()
    except BrokerError as error:
        return str(error)
