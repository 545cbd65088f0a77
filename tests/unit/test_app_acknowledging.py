"""Acknowledgements of people reach the sources that want them: of this process and of others, each once."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from andon.app.background.acknowledging import pass_on
from andon.app.background.changes import Changes
from andon.ingest.sources.acknowledged import Acknowledged
from andon.store import Visitor, alarms, change
from andon.store.alarms import AlarmFilter
from support.alarm_logs import T0, raised, store_events
from support.patience import PATIENCE
from support.store_data import NOW, opened


class Source:
    """Keeps what it is told."""

    acknowledges = True

    def __init__(self) -> None:
        self.told: list[Acknowledged] = []
        self._some = asyncio.Event()

    def acknowledged(self, one: Acknowledged) -> None:
        self.told.append(one)
        self._some.set()

    async def after(self, count: int) -> None:
        """Return once it was told so many."""
        while len(self.told) < count:
            self._some.clear()
            await self._some.wait()


async def _told(path: Path, ids: dict[str, int]) -> list[Acknowledged]:
    """What a source hears of one deed before the start, one of a command, and one of the page."""
    source, changes = Source(), Changes()
    async with asyncio.timeout(PATIENCE), opened(path) as store:
        await store.write(alarms.acknowledge, ids["E1"], "Meier", "fitter called", now=T0 + 60)
        task = asyncio.create_task(pass_on(store, changes, [source]))
        await source.after(1)
        await store.write(alarms.acknowledge, ids["E2"], "Meier", None, now=T0 + 60)  # one that names no source
        await asyncio.to_thread(change, path, alarms.acknowledge, ids["E3"], None, None, now=T0 + 60)
        await store.write(alarms.add_note, "something else", None, now=NOW)
        changes.tell("work")
        await source.after(2)
        changes.tell("work")
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    return source.told


def test_each_is_passed_on_once(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    events = [
        raised(0, "E1", context={"ConditionId": "ns=1;s=Alarm0", "ActiveState": True}),
        raised(1, "E2"),
        raised(2, "E3", context={"ConditionId": "ns=1;s=Alarm3", "ActiveState": True}),
    ]
    store_events(path, events)
    with Visitor(path) as visitor:
        ids = {one.code: one.id for one in visitor.read(alarms.listing, "all", T0, AlarmFilter())}
    first, second = asyncio.run(_told(path, ids))
    assert (first.origin, first.by, first.note) == ("ns=1;s=Alarm0", "Meier", "fitter called")
    assert (second.origin, second.by, second.note) == ("ns=1;s=Alarm3", None, None)
    assert first.hostname == second.hostname != ""
