"""The pipeline on a memory bus and a real SQLite store, with a scripted model: no process, no network."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from andon.core.models import SUBJECT, Decoded, Delivery, LogQuery, StoredLog
from andon.core.telemetry import Health, Metrics
from andon.explain.admission import Admission, Breaker, Budget
from andon.explain.analyzer import Analyzer
from andon.explain.callers.desk import CallerDesk
from andon.explain.ladder import Ladder
from andon.explain.playbook import bundled_playbook
from andon.explain.trust import Trust
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from andon.ingest.recorder import Recorder
from andon.store import AnalysisPolicy, KeepPolicy, Store, Visitor, keep_all, novel, prepare, search
from andon.testing import MemoryBus, ScriptedAnalyst
from support.disk import Disk
from support.patience import LOOK_EVERY, LOOKS, PATIENCE, WHOLE_TEST
from support.settings import settings_of

PLAYBOOK = bundled_playbook()


def run(main: Coroutine[Any, Any, None], seconds: float = WHOLE_TEST) -> None:
    """Run a test's coroutine with a deadline."""
    asyncio.run(asyncio.wait_for(main, seconds))


async def until(condition: Callable[[], Any], what: str) -> Any:
    """Poll a plain condition; its value when true."""
    for _ in range(LOOKS):
        if value := condition():
            return value
        await asyncio.sleep(LOOK_EVERY)
    raise AssertionError(f"{what}: not within {PATIENCE} s")


class Clock:
    """Seconds that move when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class WallClock:
    """The time of day in unix seconds, ``ahead`` of it by as much as the test says."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Pipeline:
    """Recorder, analyzer and desk with their doubles. Start what a test needs."""

    def __init__(
        self,
        store: Store,
        path: Path,
        analyst: ScriptedAnalyst | None,
        policy: AnalysisPolicy,
        *,
        patience: float,
        decode: Callable[[Delivery], Decoded] | None = None,
        trust: Trust | None = None,
    ) -> None:
        self.path = path
        self.bus = MemoryBus()
        self.store = store
        self.disk = Disk(store)
        self.analyst = analyst
        self.metrics, self.health = Metrics(), Health()
        self.clock, self.wall_clock = Clock(), WallClock()
        publisher = self.bus.publisher()
        decode = decode or Decoder(Fingerprinter())
        self.breaker = Breaker(self.clock)
        admission = Admission(Budget(store.read, store.write, settings_of()), self.breaker)
        self.desk = CallerDesk(
            store,
            publisher,
            PLAYBOOK.explain,
            decode,
            self.metrics,
            agent="Agent Sig",
            patience=patience,
            clock=self.clock,
            wall_clock=self.wall_clock,
            away=lambda: admission.unavailable,
            asks=None if policy.asks_all else policy.asks,
        )
        self.analyzer = Analyzer(
            store,
            publisher,
            analyst,
            Ladder(store.read, PLAYBOOK.explain),
            trust or Trust(settings_of()),
            admission,
            self.metrics,
            owner="test",
            attempts=2,
            deadline=5.0,
            explained=self.desk.explained,
            clock=self.wall_clock,
        )
        self.recorder = Recorder(
            self.bus.stream(),
            store,
            decode,
            self.metrics,
            self.health,
            batch=100,
            on_stored=self.desk.on_stored,
            on_stalled=self.desk.on_stalled,
            queued=self.analyzer.wake,
        )
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, *parts: str) -> None:
        """Start ``recorder``, ``analyzer`` and ``desk``, or those named."""
        for name in parts or ("recorder", "analyzer", "desk"):
            self.tasks.append(asyncio.create_task(getattr(self, name).run(), name=name))

    async def stop(self) -> None:
        """Cancel and collect; a part that failed fails the test."""
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def publish(self, *logs: dict[str, object] | bytes, headers: dict[str, str] | None = None, reply: str = "") -> None:
        """Publish logs as producers do; with ``reply`` the plain listener hears of them too."""
        for log in logs:
            data = log if isinstance(log, bytes) else json.dumps(log).encode()
            if reply:
                self.desk.plain(data, SUBJECT, reply)
            self.bus.publish(SUBJECT, data, headers=headers)

    def rows(self) -> list[StoredLog]:
        """Everything stored, newest first."""
        with Visitor(self.path) as visitor:
            return visitor.read(search.find, LogQuery(limit=1000))

    def sql(self, query: str) -> list[Any]:
        """Rows of a query by a connection of its own."""
        import sqlite3

        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


@asynccontextmanager
async def pipeline(
    place: Path,
    analyst: ScriptedAnalyst | None = None,
    *,
    patience: float = 30.0,
    policy: AnalysisPolicy = novel,
    keeping: KeepPolicy = keep_all,
    decode: Callable[[Delivery], Decoded] | None = None,
    trust: Trust | None = None,
) -> AsyncIterator[Pipeline]:
    """A pipeline over a fresh (or the same) database in ``place``; stopped and closed at the end."""
    path = place / "agent.db"
    prepare(path, durability="normal")
    store = await Store.open(path, policy=policy, keeping=keeping)
    made = Pipeline(store, path, analyst, policy, patience=patience, decode=decode, trust=trust)
    try:
        yield made
    finally:
        await made.stop()
        await store.close()


def log(message: str = "Drive fault F30005 on axis 2", **fields: object) -> dict[str, object]:
    """A log in the reference's format."""
    return {
        "timestamp": "2026-03-01T22:00:00Z",
        "hostname": "mill-07",
        "severity": "ERROR",
        "service": "drive",
        "message": message,
        "context": {},
        **fields,
    }


__all__ = ["Clock", "Delivery", "Pipeline", "log", "pipeline", "run", "until"]
