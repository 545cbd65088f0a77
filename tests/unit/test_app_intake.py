"""What becomes of a source that fails: it is told, and the service is ready all the same."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from andon.app.background import supervise
from andon.app.background.source_keeper import Intake
from andon.core.errors import ConfigError
from andon.core.telemetry import Health, Metrics
from andon.ingest.sources.outlet import Outlet
from support.patience import PATIENCE

if TYPE_CHECKING:
    from andon.bus.feed import Feed


class StandInFeed:
    """Sends nothing."""

    async def run(self) -> None:
        await asyncio.Event().wait()


class TakenPort:
    """A source whose port another program has the first time."""

    name, address = "syslog tcp", "127.0.0.1:1514"

    def __init__(self, health: Health, intake: list[Intake]) -> None:
        self.failed = False
        self.hears = asyncio.Event()
        self.told: list[str | None] = []
        self._health, self._intake = health, intake

    async def run(self, outlet: Outlet) -> None:
        self.told.append(self._intake[0].states()[0].trouble)
        if not self.failed:
            self.failed = True
            raise ConfigError("another program has the port")
        self.hears.set()
        await asyncio.Event().wait()


async def test_a_source_that_fails_is_a_remark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its state says it while it lasts; /readyz stays ready, as every other way in works."""
    monkeypatch.setattr(supervise, "PAUSE_FIRST", 0.01)
    health, remarks = Health(), list[str]()
    health.report("service", None)
    remark = health.remark

    def listened(part: str, sentence: str | None) -> None:
        if sentence:
            remarks.append(f"{part}: {sentence}")
            assert health.ready
        remark(part, sentence)

    monkeypatch.setattr(health, "remark", listened)
    intake = Intake(cast("Feed", StandInFeed()), Metrics(), health)
    source = TakenPort(health, [intake])
    running = asyncio.create_task(intake.run([source]))
    async with asyncio.timeout(PATIENCE):
        await source.hears.wait()
    assert remarks == ["source syslog tcp: another program has the port; Andon starts it again in 0.01 s"]
    assert source.told == [None, None]
    assert not health.notes
    running.cancel()
    await asyncio.wait({running})
