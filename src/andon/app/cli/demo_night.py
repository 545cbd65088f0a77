"""The demo's night: published through the real broker, with what people did meanwhile; then it goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from andon.app.broker_client import open_publisher
from andon.app.cli.output import errors
from andon.app.demo import hands
from andon.app.demo.forms import Message, message, unreadable
from andon.app.demo.happenings import happened
from andon.app.demo.traffic import Traffic
from andon.core.errors import AndonError, BrokerError, NotFound
from andon.insight.shifts.calendar import last_before, site_shifts
from andon.store import counts

if TYPE_CHECKING:
    from andon.app.broker_client import BrokerClient
    from andon.app.demo.plant import Plant
    from andon.app.service import Service
    from andon.core.settings.settings import Settings

log = structlog.get_logger(__name__)

#: A shift is signed for so many seconds after its end.
SIGNED_AFTER = 300.0
#: All that was published is stored within so many seconds, or something is wrong.
STORED_WITHIN = 120.0
#: Logs in one step of indexing, while nobody else waits for the database.
_INDEXED_AT_ONCE = 1_000
#: The plant says something this often, in seconds; what a broker that is away takes is tried again after this many.
_TALKS, _TRIES = 1.0, 5.0


class DemoError(AndonError):
    """The demo could not do its work: see the reason."""


class Night:
    """The night that ends at ``end`` (unix seconds), told to a running service."""

    def __init__(self, settings: Settings, service: Service, plant: Plant, end: float) -> None:
        self.settings = settings
        self.end = end
        self._service = service
        self._plant = plant
        self._told = 0

    async def tell(self, patience: float) -> None:
        """Publish everything in the order of time, and do what people did once what it is about is there.

        Problems are waited for until they are explained, for ``patience`` seconds at most. Raises DemoError.
        """
        everything = [message(self._plant, one) for one in happened(self._plant, self.end)] + unreadable(self.end)
        everything.sort(key=lambda one: one.at)
        zone, shifts = ZoneInfo(self.settings.time_zone), site_shifts(self.settings)
        window = last_before(shifts, self.end, zone)
        signed = self.end if window is None else min(window.end + SIGNED_AFTER, self.end)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=errors) as self._progress:
            self._publishing = self._progress.add_task("replaying the night", total=len(everything))
            self._explaining = self._progress.add_task("explaining problems", total=None)
            async with open_publisher(self.settings, "andon demo") as publisher:
                for since, until in pairwise((0.0, signed, self.end)):
                    await self._publish(publisher, [one for one in everything if since < one.at <= until])
                    await self._indexed()
                    await self._explained(patience)
                    await self._do(since, until)
                    if window is not None and until == signed:
                        who = self._plant.handover
                        await self._service.store.write(hands.hand_over, who, window, shifts, zone, until)
        self._service.changes.tell("work")

    async def _publish(self, publisher: BrokerClient, messages: Sequence[Message]) -> None:
        done = await publisher.store_many(
            ((one.subject, one.data, None, None) for one in messages),
            on_stored=lambda count: self._progress.advance(self._publishing, count),
        )
        if done.failures:
            raise DemoError(f"{done.failed} of {len(messages)} logs were not taken: {done.failures[0].reason}")
        self._told += len(messages)

    async def _indexed(self) -> None:
        """Wait until all that was published is stored, and bring the alarms up to it."""
        store = self._service.store
        try:
            async with asyncio.timeout(STORED_WITHIN):
                async for _ in self._service.changes.watch(("logs",), 0, batch=0.05, beat=0.5):
                    sizes = await store.read(counts.sizes)
                    if sizes.logs + sizes.rejects >= self._told:
                        break
        except TimeoutError:
            raise DemoError(
                f"the service did not store {self._told} logs within {STORED_WITHIN:g} s; `andon doctor` says more"
            ) from None
        while (await store.index(_INDEXED_AT_ONCE))[1]:
            pass

    async def _explained(self, patience: float) -> None:
        """Wait until no problem is without an answer; a model that takes longer goes on by itself."""
        try:
            async with asyncio.timeout(patience):
                async for _ in self._service.changes.watch(("answers",), -1, batch=0.05, beat=0.5):
                    sizes = await self._service.store.read(counts.sizes)
                    answered = sum(sizes.analyses_by_rung.values())
                    shown = min(answered, sizes.patterns)
                    self._progress.update(self._explaining, total=sizes.patterns, completed=shown)
                    if answered >= sizes.patterns:
                        return
        except TimeoutError:
            log.warning("problems are still being explained")

    async def _do(self, since: float, until: float) -> None:
        """What people did in that time, in order."""
        for one in sorted(self._plant.deeds, key=lambda one: -one.ago):
            at = self.end - one.ago * 60
            if since < at <= until:
                try:
                    await self._service.store.write(hands.do, self._plant, one, at)
                except NotFound as error:  # what no model has explained yet cannot be judged
                    log.warning("left out of the demo", deed=one.do, problem=one.problem, reason=str(error))


async def go_on(settings: Settings, plant: Plant, start: float) -> None:
    """Publish what the plant goes on to say, until cancelled."""
    traffic = Traffic(plant, start)
    async with open_publisher(settings, "andon demo") as publisher:
        while True:
            await asyncio.sleep(_TALKS)
            said = traffic.until(time.time())
            try:
                await publisher.store_many((one.subject, one.data, None, None) for one in said)
            except BrokerError as error:
                log.warning("the demo's plant is not heard", reason=str(error))
                await asyncio.sleep(_TRIES)
