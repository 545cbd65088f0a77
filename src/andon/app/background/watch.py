"""Watch: see for ourselves, also while no log comes, that logs can be taken and stored, and say so on ``/readyz``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from andon.bus.interfaces import LogStream
from andon.core.errors import BrokerError, StoreError
from andon.core.telemetry import Health
from andon.store import Store

log = structlog.get_logger(__name__)

EVERY = 1.0
#: A broker or a database that takes longer than this to answer does not answer, in seconds.
BROKER_PATIENCE = 3.0
STORE_PATIENCE = 4.0


@dataclass
class Watch:
    """``broker`` tells what is wrong with broker and connection as far as they know themselves."""

    stream: LogStream
    store: Store
    health: Health
    broker: Callable[[], str | None]
    _checking: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Watch for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch("broker", self._broker_problem), name="watch-broker")
                group.create_task(self._watch("database", self._store_problem), name="watch-database")
        finally:
            checking, self._checking = self._checking, None
            if checking is not None:
                checking.cancel()
                await asyncio.gather(checking, return_exceptions=True)

    async def _watch(self, part: str, look: Callable[[], Awaitable[str | None]]) -> None:
        while True:
            problem = await look()
            before = self.health.problems.get(part)
            self.health.report(part, problem)
            if problem is not None and before is None:
                log.error(f"{part} is not well", problem=problem)
            elif problem is None and before is not None:
                log.info(f"{part} is well again")
            await asyncio.sleep(EVERY)

    async def _broker_problem(self) -> str | None:
        if (known := self.broker()) is not None:
            return known
        try:
            async with asyncio.timeout(BROKER_PATIENCE):
                await self.stream.state()
        except BrokerError as error:
            return str(error)
        except TimeoutError:
            return f"the broker did not answer within {BROKER_PATIENCE:g} s: check that it runs"
        return None

    async def _store_problem(self) -> str | None:
        """One check at a time: one that hangs is waited for, so that they do not queue up before the logs."""
        if self._checking is None:
            self._checking = asyncio.create_task(self.store.check(), name="watch-database-check")
        done, _ = await asyncio.wait({self._checking}, timeout=STORE_PATIENCE)
        if not done:
            return (
                f"the database took no write for {STORE_PATIENCE:g} s: another process locks it, or the disk hangs; "
                "recording goes on by itself"
            )
        checked, self._checking = self._checking, None
        try:
            checked.result()
        except StoreError as error:
            return str(error)
        return None
