"""The outbox: approved actions are sent to the systems they are for, once each, in order for each system.

Every connected system has a lane of its own, so that what fails at one holds up no other. Nothing is polled: a look
at what waits follows a word that something changed, or the moment at which something is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping

import structlog

from andon.act.connectors.connector import Connector
from andon.act.target_lane import TROUBLE, Lane, TargetState
from andon.core.errors import StoreError
from andon.core.telemetry import Metrics
from andon.core.text import counted
from andon.store import Store, actions

log = structlog.get_logger(__name__)

#: Between two looks at what waits are so many seconds at least, and at most while something waits: clocks are set.
BETWEEN, LONGEST = 0.05, 60.0
#: A look that took long is followed by so many times as long without one.
REST = 5.0
#: Finished actions that are old enough are looked for this often, in seconds.
TIDY_EVERY = 86_400.0
#: Finished actions are kept for so long unless told otherwise, in seconds.
KEPT = 400 * 86_400.0
_lane = actions.deliveries
_NOTHING = _lane.Outlook({}, {}, None)


class Outbox:
    """Sends what is approved through ``connectors``, by name, until :meth:`run` is cancelled.

    ``owner`` is this service among those that share a database, and the same one after a restart. ``tell`` is called
    when something changed that people see. ``patience`` is how long an approved action is tried, ``keep`` how long a
    finished one is kept (seconds). ``clock`` gives unix seconds.
    """

    def __init__(
        self,
        store: Store,
        connectors: Mapping[str, Connector],
        metrics: Metrics,
        *,
        owner: str,
        tell: Callable[[], object],
        patience: float,
        keep: float = KEPT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._metrics, self._owner, self._tell = store, metrics, owner, tell
        self._patience, self._keep_for, self._clock = patience, keep, clock
        self._woken = asyncio.Event()
        self._seen = _NOTHING
        self._lanes = {
            name: Lane(
                one,
                store,
                metrics,
                owner=owner,
                patience=patience,
                told=self._changed,
                idle=self._woken.set,
                clock=clock,
            )
            for name, one in connectors.items()
        }

    def wake(self) -> None:
        """Something was proposed, approved or decided on."""
        self._woken.set()

    async def run(self) -> None:
        """Send what is approved, for ever. What is in hand when this is cancelled is looked after by the next run."""
        await self._store.write(_lane.release, self._owner)
        try:
            async with asyncio.TaskGroup() as group:
                for name, one in self._lanes.items():
                    group.create_task(one.run(), name=f"actions {name}")
                group.create_task(self._tidy(), name="actions tidy")
                await self._direct()
        finally:
            try:
                await asyncio.shield(self._store.write(_lane.release, self._owner, counted=False))
            except StoreError as error:
                log.warning("actions being sent stay reserved until their lease ends", error=str(error))

    async def settle(self, seconds: float) -> None:
        """Before the end: take up nothing more, and give what is on its way ``seconds`` to be answered."""
        for one in self._lanes.values():
            one.stop()
        until = time.monotonic() + seconds
        while any(one.in_hand for one in self._lanes.values()) and (left := until - time.monotonic()) > 0:
            self._woken.clear()
            await self._sleep(left)

    def states(self) -> list[TargetState]:
        """Every connected system, in the order of the settings."""
        return [one.described(self._seen.counts.get(name, {})) for name, one in self._lanes.items()]

    def remark(self) -> str | None:
        """What somebody who looks after Andon should know; None where all goes well."""
        found = self.states()
        unsure = sum(one.unsure for one in found)
        said = []
        if unsure:
            verb = "needs" if unsure == 1 else "need"
            said.append(f"{counted(unsure, 'action')} {verb} a decision by a person: see Actions")
        if failed := sum(self._seen.failed.values()):
            said.append(f"{counted(failed, 'action')} failed in the last 24 hours: see Actions")
        for one in found:
            if one.trouble is not None:
                verb = "waits" if one.waiting == 1 else "wait"
                said.append(f"{counted(one.waiting, 'action')} for {one.name} {verb}: {one.trouble}")
        for name, statuses in self._seen.counts.items():
            waiting = sum(statuses.get(status, 0) for status in ("approved", "executing"))
            if waiting and name not in self._lanes:
                verb = "waits" if waiting == 1 else "wait"
                said.append(f"{counted(waiting, 'action')} {verb} for {name}, which is not connected")
        return "; ".join(said) or None

    def _changed(self) -> None:
        self._woken.set()
        self._tell()

    async def _direct(self) -> None:
        """Wake each lane when something of it is due, and close what nobody decided on in time."""
        while True:
            self._woken.clear()
            started = time.monotonic()
            try:
                seconds = await self._look()
            except StoreError as error:
                log.warning("actions wait for the database", error=str(error))
                seconds = TROUBLE
            await asyncio.sleep(max(BETWEEN, REST * (time.monotonic() - started)))
            await self._sleep(seconds)

    async def _sleep(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _look(self) -> float | None:
        """See what waits; how many seconds it is until the next look, None where only a word can change anything."""
        now, before = self._clock(), (self._seen.counts, self._seen.failed)
        seen = self._seen = await self._store.read(_lane.outlook, list(self._lanes), now)
        for name, one in self._lanes.items():
            statuses = seen.counts.get(name, {})
            waiting = statuses.get("approved", 0) + statuses.get("executing", 0)
            self._metrics.actions_waiting.labels(name).set(waiting)
            if seen.due.get(name, now + 1.0) <= now:
                one.wake()
        if seen.expires is not None and seen.expires <= now:
            if await self._store.write(actions.expire, now):
                self._changed()
            return 0.0
        if (seen.counts, seen.failed) != before:
            self._tell()
        moments = [one for one in (*seen.due.values(), seen.expires) if one is not None and one > now]
        waits = moments or any(name not in self._lanes for name in seen.counts)
        return min([LONGEST, *(one - now for one in moments)]) if waits else None

    async def _tidy(self) -> None:
        """Give up what waits for systems that are connected no more, and delete what was finished long ago."""
        while True:
            now = self._clock()
            try:
                closed = await self._store.write(_lane.give_up_strangers, list(self._lanes), now - self._patience, now)
                forgotten = await self._store.write(_lane.forget, now - self._keep_for)
            except StoreError as error:
                log.info("actions not tidied", error=str(error))
                await asyncio.sleep(TROUBLE)
                continue
            if closed:
                self._changed()
            await asyncio.sleep(TROUBLE if closed or forgotten else TIDY_EVERY)
