"""Records, stores and reference databases for the tests of the store."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from andon.core.models import STREAM, Explanation, LogRecord, Reject, Rung, StoredAnalysis
from andon.core.settings.database_url import Database, PostgresAddress
from andon.store import AnalysisPolicy, Store, novel, prepare, queue

NS = 1_736_907_263_000_000_000
#: The time of a :class:`Clock` that nobody moved, in unix seconds.
NOW = 1_736_907_300.0

REFERENCE_TABLE = """CREATE TABLE agent_logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, hostname TEXT NOT NULL,
    severity TEXT NOT NULL, service TEXT NOT NULL, message TEXT NOT NULL, context TEXT, analysis TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP)"""


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def a_log(sequence: int, pattern: str = "p1", **changes: Any) -> LogRecord:
    """A record of ``pattern`` with this stream sequence; every field can be changed."""
    values: dict[str, Any] = {
        "stream": STREAM,
        "sequence": sequence,
        "stored_ns": NS + sequence,
        "timestamp": f"2025-01-15T02:{14 + sequence // 60 % 40:02d}:{sequence % 60:02d}.123Z",
        "hostname": "plc-01",
        "severity": "ERROR",
        "service": "drive",
        "message": f"fault {sequence} of {pattern}",
        "fingerprint": pattern,
        "template": f"fault <*> of {pattern}",
    }
    return LogRecord(**{**values, **changes})


def a_reject(sequence: int, **changes: Any) -> Reject:
    """A reject with this stream sequence."""
    values: dict[str, Any] = {
        "stream": STREAM,
        "sequence": sequence,
        "stored_ns": NS + sequence,
        "subject": "agent.technical.support",
        "reason": "not JSON",
        "data": b"\xff{",
    }
    return Reject(**{**values, **changes})


def an_answer(text: str = "check the cable", rung: Rung = Rung.MODEL) -> Explanation:
    """An explanation with a finding."""
    return Explanation(rung=rung, text=text, finding={"summary": text}, model="m", provider="OLLAMA", latency=1.5)


@contextlib.asynccontextmanager
async def opened(
    path: Database, *, clock: Clock | None = None, policy: AnalysisPolicy = novel, busy_timeout: float = 5.0
) -> AsyncIterator[Store]:
    """A prepared and open store, closed at the end."""
    prepare(path, durability="normal")
    store = await Store.open(path, clock=clock or Clock(), policy=policy, busy_timeout=busy_timeout)
    try:
        yield store
    finally:
        await store.close()


async def analysis_of(store: Store, log_id: int) -> StoredAnalysis | None:
    """What a log shows now."""
    return (await store.read(queue.log_and_analysis, log_id))[1]


def written(path: Database) -> str:
    """The place as DB_PATH names it."""
    return path.url if isinstance(path, PostgresAddress) else str(path)


def query(path: Database, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Rows of a query on a connection of its own; ``?`` stands for a value."""
    if isinstance(path, PostgresAddress):
        with psycopg.connect(path.url, autocommit=True) as server:
            cursor = server.execute(sql.replace("%", "%%").replace("?", "%s").encode(), parameters)
            return cursor.fetchall() if cursor.description else []
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, parameters).fetchall()


def reference_database(path: Path, rows: Sequence[tuple[Any, ...]], table: str = REFERENCE_TABLE) -> None:
    """A file as the reference system writes it; rows are (timestamp, host, severity, service, message, …)."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(table)
        names = [row[1] for row in connection.execute("PRAGMA table_info(agent_logs)")][1:]
        for row in rows:
            marks = ",".join("?" * len(row))
            connection.execute(f"INSERT INTO agent_logs ({','.join(names[: len(row)])}) VALUES ({marks})", row)
        connection.commit()
