"""Taking over a database of the reference system."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import StoreUnavailable
from andon.core.models import LogQuery
from andon.store import Visitor, counts, prepare, search
from andon.store.schema import tables
from support.store_data import REFERENCE_TABLE, a_log, opened, query, reference_database

ROWS: list[tuple[Any, ...]] = [
    (
        "2025-01-15T02:14:23Z",
        "web-1",
        "ERROR",
        "nginx",
        "upstream timed out",
        '{"a":1}',
        "the reason",
        "2025-01-15 02:14:30",
    ),
    ("15.01.2025 04:00", "web-2", "fatal", "nginx", "Grüße\n\x1b[0m", None, None, None),
    ("", "", "", "", "", "", "", ""),
    ("2025-01-16T00:00:00Z", "db", "CRITICAL", "pg", "down", "{}", "restart it", 1737000000),
    ("2025-01-16T00:00:01Z", b"\xff\x00raw", "ERROR", "pg", "bytes", None, None, 1.5),
]
COLUMNS = "id, timestamp, hostname, severity, service, message, context, analysis, created_at"
THEIR_QUERY = (
    "SELECT timestamp, severity, message, analysis FROM agent_logs"
    " WHERE severity = 'ERROR' ORDER BY timestamp DESC LIMIT 5"
)


def _seen(path: Path) -> list[tuple[Any, ...]]:
    types = ", ".join(f"typeof({name})" for name in COLUMNS.split(", "))
    return query(path, f"SELECT {COLUMNS}, {types} FROM agent_logs ORDER BY id")


def test_every_row_is_seen_as_before(tmp_path: Path) -> None:
    """Values and their types are the same through the view, odd ones and NULLs included; so is the query."""
    path = tmp_path / "agent.db"
    reference_database(path, ROWS)
    before, answer = _seen(path), query(path, THEIR_QUERY)
    done = prepare(path, durability="normal")
    assert done.taken_over == len(ROWS)
    assert not done.created
    assert _seen(path) == before
    assert query(path, THEIR_QUERY) == answer
    assert query(path, "SELECT type FROM sqlite_master WHERE name = 'agent_logs'") == [("view",)]


def test_the_backup_is_the_file_as_it_was_and_is_never_overwritten(tmp_path: Path) -> None:
    """A second take-over in the same second makes a second copy."""
    backups = set()
    for name in ("agent.db", "agent.db"):
        path = tmp_path / name
        path.unlink(missing_ok=True)
        reference_database(path, ROWS)
        before = _seen(path)
        backup = prepare(path, durability="normal").backup
        assert backup is not None
        assert backup.name.startswith("agent.db.reference-")
        assert _seen(backup) == before
        backups.add(backup)
    assert len(backups) == 2
    assert not list(tmp_path.glob("*.part"))


def test_older_tables_without_the_later_columns_are_taken_over(tmp_path: Path) -> None:
    """What a table does not have is NULL."""
    path = tmp_path / "agent.db"
    table = "CREATE TABLE agent_logs (id INTEGER PRIMARY KEY, timestamp, hostname, severity, service, message)"
    reference_database(path, [row[:5] for row in ROWS] + [(None,) * 5], table)
    assert prepare(path, durability="normal").taken_over == len(ROWS) + 1
    assert query(path, f"SELECT {COLUMNS} FROM agent_logs WHERE id = 1") == [(1, *ROWS[0][:5], None, None, None)]
    with Visitor(path) as visitor:
        assert len(visitor.read(search.find, LogQuery())) == len(ROWS) + 1


def test_taken_over_rows_are_logs_with_an_explanation_of_their_own(tmp_path: Path) -> None:
    """They are counted, labelled, found, and nothing about them is waiting."""
    path = tmp_path / "agent.db"
    reference_database(path, ROWS[:2])
    prepare(path, durability="normal")
    with Visitor(path) as visitor:
        log = visitor.read(search.log, 1)
        kept = visitor.read(counts.sizes)
    assert (log.stream, log.sequence, log.stored_ns, log.pattern_id) == ("reference", 1, 0, None)
    assert (log.rung, log.analysis, log.analysis_status) == ("reference", "the reason", "done")
    assert (kept.logs, kept.pending, kept.analyses_by_rung) == (2, 0, {"reference": 1})


def test_ids_go_on_where_the_reference_stopped(tmp_path: Path) -> None:
    """Even where its newest rows were deleted; the new logs get explanations beside the old ones."""
    path = tmp_path / "agent.db"
    reference_database(path, ROWS)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM agent_logs WHERE id > 3")
        connection.commit()

    async def work() -> None:
        async with opened(path) as store:
            done = await store.record([a_log(1)], [])
            assert done.log_ids == [6]
            assert (await store.read(counts.sizes)).logs == 4

    asyncio.run(work())


def test_a_table_of_another_make_is_refused(tmp_path: Path) -> None:
    """Without a backup and without a change."""
    for number, table in enumerate(
        (
            "CREATE TABLE agent_logs (id INTEGER PRIMARY KEY, timestamp TEXT)",
            REFERENCE_TABLE.replace("id INTEGER PRIMARY KEY AUTOINCREMENT", "id TEXT PRIMARY KEY"),
            REFERENCE_TABLE + "; CREATE TABLE logs (x)",
        )
    ):
        path = tmp_path / f"{number}.db"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.executescript(table)
        before = path.read_bytes()
        with pytest.raises(StoreUnavailable, match="choose another DB_PATH"):
            prepare(path, durability="normal")
        assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.bak"))


def test_a_take_over_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is one transaction; the next start succeeds."""
    path = tmp_path / "agent.db"
    reference_database(path, ROWS)
    before = _seen(path)

    def broken(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(tables, "create_view", broken)
        with pytest.raises(StoreUnavailable):
            prepare(path, durability="normal")
    assert _seen(path) == before
    assert query(path, "SELECT name FROM sqlite_master WHERE name = 'logs'") == []
    assert prepare(path, durability="normal").taken_over == len(ROWS)
    assert _seen(path) == before


def test_a_take_over_that_is_killed_leaves_the_old_file(tmp_path: Path) -> None:
    """kill -9 after most of the rows were moved, with batches small enough for several."""
    path = tmp_path / "agent.db"
    reference_database(path, ROWS * 300)
    before = _seen(path)
    code = (
        "import os, signal; from pathlib import Path; from andon.store import prepare; from andon.store.engine import reference_import\n"
        "reference_import._BATCH = 100\n"
        "reference_import.tables.create_view = lambda c: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"prepare(Path({str(path)!r}), durability='normal')"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert _seen(path) == before
    assert prepare(path, durability="normal").taken_over == len(before)
    assert _seen(path) == before
