"""The fixed work that ``counts.py`` counts: messages are decoded, fingerprinted, stored and indexed, answers found.

A program of its own, so that nothing else is counted; no thread works beside the one that waits for it.
``prepare`` makes an empty database. ``counts`` prints what Python itself can count, as JSON. ``instructions`` is run
under cachegrind: it imports once and forks a child for each piece of work, whose instructions cachegrind writes to a
file of that child's own.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import shutil
import sqlite3
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from andon.core.models import SUBJECT, Delivery, LogRecord, Question
from andon.grouping.fingerprint import Fingerprinter
from andon.ingest.decode import Decoder
from andon.store import Store, prepare

#: Messages in a transaction, those that come first so that caches are full, and those that are counted after them.
BATCH, FIRST, COUNTED = 500, 500, 1000
#: Answers that are counted.
ANSWERS = 40
_NOW = 1_760_000_100


def deliveries(file: Path) -> list[Delivery]:
    """The messages of ``file``, a line each, as the broker hands them out."""
    return [
        Delivery(data, SUBJECT, "COUNTS", number, _NOW * 10**9 + number, "")
        for number, data in enumerate(file.read_bytes().splitlines(), 1)
    ]


class Statements:
    """Statements that all connections execute from now on, one for each row of an ``executemany``."""

    def __init__(self) -> None:
        self.count = 0
        self.connections: list[sqlite3.Connection] = []
        self._connect = sqlite3.connect
        sqlite3.connect = self._traced  # type: ignore[assignment]

    def close(self) -> None:
        """Later connections are not counted."""
        sqlite3.connect = self._connect

    def _traced(self, *given: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = self._connect(*given, **named)
        connection.set_trace_callback(self._executed)
        self.connections.append(connection)
        return connection

    def _executed(self, _: str) -> None:
        self.count += 1


@asynccontextmanager
async def opened(database: Path) -> AsyncIterator[Store]:
    """A store whose clock stands still."""
    store = await Store.open(database, clock=lambda: float(_NOW))
    try:
        yield store
    finally:
        await store.close()


def decoded(decode: Decoder, batch: Sequence[Delivery]) -> list[LogRecord]:
    """The logs of some messages."""
    return [record for delivery in batch for record in decode(delivery).records]


async def record(store: Store, decode: Decoder, given: Sequence[Delivery]) -> None:
    """Decode, fingerprint, store, batch by batch."""
    for start in range(0, len(given), BATCH):
        await store.record(decoded(decode, given[start : start + BATCH]), [])


async def index(store: Store) -> None:
    """Index all that is stored."""
    while (await store.index(BATCH))[1]:
        pass


async def counted(database: Path, given: Sequence[Delivery]) -> dict[str, float]:
    """Statements and written bytes for a log: of recording, and of indexing; the file's bytes for a log."""
    log = database.with_name(f"{database.name}-wal")
    empty, statements = database.stat().st_size, Statements()
    found: Counter[str] = Counter()
    try:
        async with opened(database) as store:
            for connection in statements.connections:  # the log only grows, so that its size is what was written
                connection.execute("PRAGMA wal_autocheckpoint=0")
            decode = Decoder(Fingerprinter())

            async def step(kind: str, work: Coroutine[Any, Any, None]) -> None:
                before, size = statements.count, log.stat().st_size if log.exists() else 0
                await work
                found[f"{kind}: statements"] += statements.count - before
                found[f"{kind}: bytes written"] += log.stat().st_size - size

            await record(store, decode, given[:FIRST])
            await index(store)
            await step("record", record(store, decode, given[FIRST:]))
            await step("index", index(store))
    finally:
        statements.close()
    each = {name: value / (len(given) - FIRST) for name, value in found.items()}
    return {**each, "file: bytes": (database.stat().st_size - empty) / len(given)}


async def allocated(database: Path, given: Sequence[Delivery]) -> dict[str, float]:
    """Blocks that a decoded log holds, and the most bytes that a log of a batch needs until it is stored."""
    async with opened(database) as store:
        decode = Decoder(Fingerprinter())
        await record(store, decode, given[:FIRST])
        tracemalloc.start()
        blocks, highest = [], []
        try:
            for start in range(FIRST, len(given), BATCH):
                before = tracemalloc.get_traced_memory()[0]
                held = len(tracemalloc.take_snapshot().traces)
                tracemalloc.reset_peak()
                records = decoded(decode, given[start : start + BATCH])
                await store.record(records, [])
                highest.append(tracemalloc.get_traced_memory()[1] - before)
                blocks.append(len(tracemalloc.take_snapshot().traces) - held)
                del records
        finally:
            tracemalloc.stop()
    return {"record: blocks": max(blocks) / BATCH, "record: peak bytes": max(highest) / BATCH}


def calls_of_answers() -> dict[str, float]:
    """Calls of functions, Python's and C's, in one answer of the built-in rules."""
    from andon.app.evals.bundled import bundled_cases
    from andon.explain.playbook import Playbook
    from andon.explain.trials.questions import Questions

    playbook, questions = Playbook.load(), Questions()
    asked = [questions(case) for case in list(bundled_cases())[:ANSWERS]]
    calls = 0

    def called(_: Any, event: str, __: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    for question in asked:  # what is made when it is first needed is no part of an answer
        playbook.explain(question)
    asked = [_elsewhere(question) for question in asked]
    sys.setprofile(called)
    try:
        for question in asked:
            playbook.explain(question)
    finally:
        sys.setprofile(None)
    return {"playbook: calls": calls / len(asked)}


def _elsewhere(question: Question) -> Question:
    """The same of another host: what was chosen for a question is remembered for a while."""
    logs = [msgspec.structs.replace(log, hostname=f"{log.hostname}2") for log in question.logs]
    return msgspec.structs.replace(question, logs=logs)


def imported() -> dict[str, float]:
    """Modules that ``andon version`` imports."""
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "andon", "version"], capture_output=True, text=True, check=True
    ).stderr
    return {"andon version: modules": float(said.count("import time:") - 1)}


async def _recorded(database: Path, given: Sequence[Delivery], *, indexed: bool) -> None:
    async with opened(database) as store:
        await record(store, Decoder(Fingerprinter()), given)
        if indexed:
            await index(store)


def _do(database: Path, given: Sequence[Delivery], indexed: bool) -> None:
    asyncio.run(_recorded(database, given, indexed=indexed))


def instructions(empty: Path, given: Sequence[Delivery]) -> dict[str, int]:
    """The process that did each piece of work. Raises ChildProcessError where one failed."""
    fork, some = multiprocessing.get_context("fork"), given[:FIRST]
    children = {}
    for name, logs in {"all indexed": given, "first indexed": some, "all": given, "first": some}.items():
        database = Path(shutil.copy(empty, empty.with_name(f"{name}.db")))
        children[name] = fork.Process(target=_do, args=(database, logs, name.endswith("indexed")))
        children[name].start()
    for name, child in children.items():
        child.join()
        if child.exitcode:
            raise ChildProcessError(f"the piece {name!r} ended with {child.exitcode}")
    return {name: child.pid or 0 for name, child in children.items()}


def main(kind: str, empty: Path, messages: Path) -> None:
    """Make the ``empty`` database, or do the work of ``kind`` on copies of it."""
    if kind == "prepare":
        prepare(empty, durability="normal")
        return
    given = deliveries(messages)
    if kind == "instructions":
        print(json.dumps(instructions(empty, given)))
        return
    copies = [Path(shutil.copy(empty, empty.with_name(f"{name}.db"))) for name in ("counted", "allocated")]
    found = asyncio.run(counted(copies[0], given)) | asyncio.run(allocated(copies[1], given))
    print(json.dumps(found | calls_of_answers() | imported()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
