"""The watch: what keeps logs from being taken or stored shows although no log comes, and its end shows too."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from andon.app.background import watch
from andon.core.errors import StoreUnavailable
from support.patience import PATIENCE
from support.pipeline import Pipeline, log, pipeline, until


@asynccontextmanager
async def watched(place: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pipeline]:
    """A pipeline with a watch that looks often."""
    monkeypatch.setattr(watch, "EVERY", 0.02)
    monkeypatch.setattr(watch, "BROKER_EVERY", 0.02)
    monkeypatch.setattr(watch, "STORE_EVERY", 0.02)
    monkeypatch.setattr(watch, "BETWEEN", 0.0)

    async with pipeline(place) as p:

        async def look() -> None:
            await p.bus.stream().state()

        task = asyncio.create_task(watch.Watch(look, p.store, p.health, broker=lambda: None).run())
        p.health.report("service", None)
        await asyncio.sleep(0)
        try:
            yield p
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_broker_that_is_away_shows_and_its_return_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream cannot be asked: not ready."""

    async with watched(tmp_path, monkeypatch) as p:
        p.bus.available = False
        await until(lambda: "broker" in p.health.problems, "the problem")
        p.bus.available = True
        await until(lambda: p.health.ready, "the recovery")


class Broker:
    """Counts how often it is looked at, and answers when it is let."""

    def __init__(self) -> None:
        self.looks = 0
        self.problem: str | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def look(self) -> str | None:
        self.looks += 1
        await self.answers.wait()
        return self.problem


async def test_who_asks_gets_what_was_just_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many questions are one look; a change, or time, makes it another."""
    monkeypatch.setattr(watch, "FRESH", PATIENCE)
    async with pipeline(tmp_path) as p:
        broker = Broker()
        seen = watch.Watch(broker.look, p.store, p.health, broker=lambda: None)
        for _ in range(5):
            await asyncio.gather(*(seen.freshen() for _ in range(10)))
        assert broker.looks == 1
        broker.problem = "the stream AGENT_STREAM is sealed"
        seen.changed.set()
        await seen.freshen()
        assert p.health.problems["broker"] == broker.problem
        broker.problem = None
        monkeypatch.setattr(watch, "FRESH", -1.0)
        await seen.freshen()
        assert "broker" not in p.health.problems
        assert broker.looks == 3


async def test_what_was_just_written_needs_no_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks while logs are recorded does not wait behind them; who asks in a quiet hour has the database checked."""
    async with pipeline(tmp_path) as p:
        checks: list[float] = []
        check = p.store.check

        async def counted() -> None:
            await check()
            checks.append(p.store.committed_at)

        monkeypatch.setattr(p.store, "check", counted)
        seen = watch.Watch(Broker().look, p.store, p.health, broker=lambda: None)
        monkeypatch.setattr(watch, "EVERY", PATIENCE)
        p.store.committed_at = float("-inf")
        await seen.freshen()
        assert len(checks) == 1
        seen._checked_at = float("-inf")
        await p.store.write(lambda _: None)
        await seen.freshen()
        assert len(checks) == 1


async def test_a_look_that_hangs_is_not_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks is told so in time; the answer counts when it comes."""
    monkeypatch.setattr(watch, "BROKER_PATIENCE", 0.02)
    async with pipeline(tmp_path) as p:
        broker = Broker()
        broker.answers.clear()
        seen = watch.Watch(broker.look, p.store, p.health, broker=lambda: None, changed=asyncio.Event())
        for _ in range(3):
            seen.changed.set()
            await seen.freshen()
            assert "did not answer" in p.health.problems["broker"]
        assert broker.looks == 1
        broker.answers.set()
        monkeypatch.setattr(watch, "BROKER_PATIENCE", PATIENCE)
        seen.changed.set()
        await seen.freshen()
        assert "broker" not in p.health.problems
        assert broker.looks == 1


async def test_a_change_is_looked_at_though_nobody_asks(tmp_path: Path) -> None:
    """What the broker tells of wakes the watch, long before its minute is over."""
    async with pipeline(tmp_path) as p:
        broker = Broker()
        seen = watch.Watch(broker.look, p.store, p.health, broker=lambda: None)
        task = asyncio.create_task(seen.run())
        await until(lambda: broker.looks == 1, "the first look")
        broker.problem = "paused"
        seen.changed.set()
        await until(lambda: p.health.problems.get("broker") == "paused", "the second")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_locked_database_shows_and_its_release_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process holds the write lock: not ready while it does."""

    monkeypatch.setattr(watch, "STORE_PATIENCE", 0.2)
    async with watched(tmp_path, monkeypatch) as p:
        other = sqlite3.connect(p.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await until(lambda: "another process locks it" in p.health.problems.get("database", ""), "the problem")
        other.execute("ROLLBACK")
        other.close()
        await until(lambda: p.health.ready, "the recovery")


async def test_checks_that_hang_do_not_queue_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One check waits at the writer, however long it hangs."""

    monkeypatch.setattr(watch, "STORE_PATIENCE", 0.02)
    async with watched(tmp_path, monkeypatch) as p:
        go = threading.Event()
        hanging = asyncio.create_task(p.store.write(lambda _: go.wait(PATIENCE)))
        await until(lambda: "database" in p.health.problems, "the problem")
        await asyncio.sleep(0.3)
        assert p.store._writing._work_queue.qsize() <= 1
        go.set()
        await hanging
        await until(lambda: p.health.ready, "the recovery")


async def test_nothing_is_acknowledged_into_a_deleted_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file goes, logs stay in the stream; it comes back, they are stored."""

    async with watched(tmp_path, monkeypatch) as p:
        p.start("recorder")
        p.publish(log("first"))
        await until(lambda: p.bus.state().ack_floor == 1, "the first log")
        aside = tmp_path / "aside.db"
        p.path.rename(aside)
        await until(lambda: "was deleted or moved away" in p.health.problems.get("database", ""), "the problem")
        p.publish(log("second"))
        await until(lambda: "store" in p.health.problems, "the recorder's problem")
        assert p.bus.state().ack_floor == 1
        aside.rename(p.path)
        await until(lambda: p.health.ready, "the recovery")
        await until(lambda: [row.message for row in p.rows()] == ["second", "first"], "the second log")


async def test_a_replaced_database_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file at the same path: told apart from ours, and said so."""

    async with watched(tmp_path, monkeypatch) as p:
        p.publish(log("first"))
        p.start("recorder")
        await until(lambda: p.bus.state().ack_floor == 1, "the first log")
        copy = tmp_path / "copy.db"
        shutil.copy(p.path, copy)
        copy.replace(p.path)
        with pytest.raises(StoreUnavailable, match="was replaced while Andon was running"):
            await p.store.check()


async def test_a_deleted_write_ahead_log_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed into it would be gone with the process."""

    async with watched(tmp_path, monkeypatch) as p:
        p.publish(log("first"))
        p.start("recorder")
        await until(lambda: p.bus.state().ack_floor == 1, "the first log")
        p.path.with_name("agent.db-wal").unlink()
        with pytest.raises(StoreUnavailable, match="write-ahead log"):
            await p.store.check()
