"""Indexing behind the recorder: all is indexed, and nobody is given way to who has nothing to store."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from andon.app.background.indexing import _give_way, keep_indexed
from andon.core.telemetry import Metrics
from support.patience import PATIENCE
from support.store_data import a_log, opened


def test_all_that_was_recorded_is_indexed(tmp_path: Path) -> None:
    """More than one step takes, and what comes after the indexer has begun to rest."""

    async def work() -> None:
        metrics, told = Metrics(), asyncio.Event()
        async with opened(tmp_path / "a.db") as store, asyncio.timeout(PATIENCE):
            await store.record([a_log(number) for number in range(1, 601)], [])
            indexing = asyncio.create_task(keep_indexed(store, metrics, told.set))
            try:
                for count in (600, 601):
                    while metrics.indexed._value.get() < count:
                        await told.wait()
                        told.clear()
                    await store.record([a_log(601)], [])
            finally:
                indexing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await indexing

    asyncio.run(work())


def test_a_recorder_without_a_batch_is_not_waited_for(tmp_path: Path) -> None:
    """Of an hour's rest no more is taken than it needs to see that nothing comes."""

    async def work() -> None:
        async with opened(tmp_path / "a.db") as store, asyncio.timeout(PATIENCE):
            await store.record([a_log(1)], [])
            await _give_way(store, 3_600.0)

    asyncio.run(work())


def test_a_batch_that_is_given_up_is_not_on_its_way_any_more(tmp_path: Path) -> None:
    """Otherwise the indexer would wait for it."""

    async def work() -> None:
        async with opened(tmp_path / "a.db") as store:
            recording = asyncio.create_task(store.record([a_log(1)], []))
            await asyncio.sleep(0)
            assert store.recording == 1
            recording.cancel()
            with pytest.raises(asyncio.CancelledError):
                await recording
            assert store.recording == 0

    asyncio.run(work())
