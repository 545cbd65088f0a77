"""The sources of a service: each runs as a part of its own, and says what came through it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from andon.app.background.supervise import keep_running
from andon.bus.feed import Feed
from andon.core.models import Moment
from andon.core.telemetry import Health, Metrics
from andon.ingest.sources.outlet import Outlet
from andon.ingest.sources.source import Source


class IntakeState(msgspec.Struct, frozen=True):
    """A way in, and what came through it since Andon started.

    ``address`` is where it listens or whom it asks. ``refused`` counts by reason what was heard and did not become a
    log in the stream. ``trouble`` says what keeps it from hearing, null where nothing does.
    """

    name: str
    address: str
    taken: int
    refused: dict[str, int]
    last_heard: Moment | None
    trouble: str | None


class Intake:
    """Every way in but the broker itself."""

    def __init__(self, feed: Feed, metrics: Metrics, health: Health) -> None:
        self._feed = feed
        self._metrics = metrics
        self._health = health
        self._outlets: dict[str, tuple[Callable[[], str], Outlet]] = {}
        self.open = False  # whether what is put is looked after: while run() is at work

    def outlet(self, name: str, address: Callable[[], str]) -> Outlet:
        """The outlet of a source, the same one each time; ``address`` tells where it is heard at the moment."""
        if name not in self._outlets:
            self._outlets[name] = (address, Outlet(name, self._feed, self._metrics, self._health))
        return self._outlets[name][1]

    async def run(self, sources: Iterable[Source]) -> None:
        """Run ``sources`` and what sends again until cancelled; one that fails is started again, and says so."""
        self.open = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._feed.run(), name="feed")
                for source in sources:
                    group.create_task(self._keep(source), name=f"source {source.name}")
        finally:
            self.open = False

    def states(self) -> list[IntakeState]:
        """Every way in that is configured or was used, in the order of the settings."""
        return [
            IntakeState(
                name=name,
                address=address(),
                taken=outlet.counts.taken,
                refused=dict(outlet.counts.refused),
                last_heard=outlet.counts.last_heard,
                trouble=outlet.counts.trouble,
            )
            for name, (address, outlet) in self._outlets.items()
        ]

    async def _keep(self, source: Source) -> None:
        outlet = self.outlet(source.name, lambda: source.address)

        async def part() -> None:
            await source.run(outlet)

        await keep_running(f"source {source.name}", part, self._metrics, lambda _name, why: outlet.trouble(why))
