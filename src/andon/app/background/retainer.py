"""Applying the rules of retention beside the recorder, without ever being in its way."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from andon.bus.interfaces import LogStream
from andon.core.errors import BrokerError, StoreError
from andon.core.models import StreamState
from andon.core.telemetry import Metrics
from andon.store import Retention, Store, deleted_by_others, set_floor

log = structlog.get_logger(__name__)

#: So many times as long as a step took belongs to the recorder.
REST = 2.0
#: The rules are applied this often, in seconds; the size of the database is looked at more often.
EVERY, GLANCE, GLANCE_AGAIN = 3600.0, 60.0, 600.0
#: A store that is full or away is asked again after this many seconds.
TROUBLE = 5.0
_STATE_WITHIN = 5.0


@dataclass
class Retainer:
    """Applies rules until cancelled. ``stream`` tells what the broker may deliver again; None where nobody knows."""

    store: Store
    retention: Retention
    metrics: Metrics
    stream: LogStream | None = None
    #: Whether the last run left a database that is larger than it may be.
    over: bool = False
    _others: dict[int, int] | None = None

    async def run(self) -> None:
        """Apply the rules now and then every hour, and whenever the database has grown too large; for ever."""
        while True:
            try:
                await self.count_others()
                await self.once()
                end = time.monotonic() + EVERY
                # What could not be brought down to size a minute ago can hardly be now.
                glance = GLANCE_AGAIN if self.over else GLANCE
                while (left := end - time.monotonic()) > 0:
                    await asyncio.sleep(min(glance, left))
                    if await self.retention.over():
                        break
            except StoreError as error:
                # recording meets the same trouble, and says so on /readyz
                log.info("retention waits for the database", error=str(error))
                await asyncio.sleep(TROUBLE)

    async def once(self, told: Callable[[dict[str, int]], None] | None = None) -> dict[str, int]:
        """One run of all rules; logs deleted, by rule. ``told`` gets the same after each step. Raises StoreError."""
        await self._tell_what_is_left()
        total: Counter[str] = Counter()
        more = True
        while more:
            started = time.monotonic()
            done = await self.retention.step()
            more = done.more
            for label, count in done.deleted.items():
                self.metrics.retention_deleted.labels(label).inc(count)
                total[label] += count
            if told is not None:
                told(total)
            if not more:
                if done.over and not self.over:
                    log.warning(
                        "the database is larger than ANDON_RETENTION_MAX_BYTES allows; what is left was stored within "
                        "the hour, is kept forever by a rule, is still needed, or is not a log"
                    )
                self.over = done.over
            elif done.deleted or done.seconds:
                await asyncio.sleep(REST * (time.monotonic() - started))
        if total:
            log.info("logs deleted by the rules of retention", logs=sum(total.values()), by_rule=dict(total))
        return total

    async def count_others(self) -> None:
        """Count what a command beside this service deleted since the first call. Raises StoreError."""
        found = await self.store.read(deleted_by_others)
        if self._others is None:
            self._others = {entry: logs for entry, _, logs in found}
        for entry, label, logs in found:
            more = logs - self._others.get(entry, 0)
            if more > 0:  # an entry grows while the command runs
                self._others[entry] = logs
                self.metrics.retention_deleted.labels(label).inc(more)

    async def _tell_what_is_left(self) -> None:
        """Which messages the broker may deliver again: those must not be forgotten with their rows."""
        if self.stream is None:
            return
        try:
            async with asyncio.timeout(_STATE_WITHIN):
                state: StreamState = await self.stream.state()
        except (BrokerError, TimeoutError) as error:
            log.info("the start of the stream is not known, so Andon remembers deleted logs longer", error=str(error))
        else:
            await self.store.write(set_floor, state.stream, state.first_sequence, time.time())
