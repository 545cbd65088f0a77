"""Supervision: a part that fails is started again, counted, and shown; cancellation ends it."""

from __future__ import annotations

import asyncio

import pytest

from andon.app.background import supervise
from andon.core.errors import BrokerUnavailable
from andon.core.telemetry import Health, Metrics
from support.patience import PATIENCE


async def test_a_failing_part_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expected and unexpected failures both restart the part; /readyz names it meanwhile."""
    monkeypatch.setattr(supervise, "PAUSE_FIRST", 0.01)
    health, metrics = Health(), Metrics()
    health.report("service", None)
    seen: list[dict[str, str]] = []

    steady = asyncio.Event()
    runs = 0

    async def part() -> None:
        nonlocal runs
        runs += 1
        seen.append(health.problems)
        if runs == 1:
            raise BrokerUnavailable("the broker is not reachable")
        if runs == 2:
            raise ValueError("a bug")
        steady.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(supervise.keep_running("recorder", part, metrics, health.report))
    async with asyncio.timeout(PATIENCE):
        await steady.wait()
    assert metrics.registry.get_sample_value("andon_task_restarts_total", {"part": "recorder"}) == 2
    assert health.ready
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()

    assert len(seen) == 3
