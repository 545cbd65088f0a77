"""Reading beside a running service, and the reference's own SQL."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from andon.core.errors import NotFound, StoreUnavailable
from andon.core.models import LogQuery
from andon.core.settings.database_url import Database
from andon.store import Visitor, change, counts, prepare, queue, recording, search
from support.store_data import NOW, REFERENCE_TABLE, a_log, a_reject, an_answer, opened, query

pytest_plugins = ["support.databases"]

THEIR_QUERY = (
    "SELECT timestamp, severity, message, analysis FROM agent_logs"
    " WHERE severity = 'ERROR' ORDER BY timestamp DESC LIMIT 5"
)


def _filled(path: Database) -> None:
    """Forty logs of all severities, one of two patterns explained, and three rejects."""
    severities = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    batch = [
        a_log(
            i,
            f"p{i % 2}",
            severity=severities[i % 5],
            hostname=f"plc-{i % 3}",
            service=["drive", "dri*e", "[x]", "x"][i % 4],
            message=f"100% load_{i} Überdruck" if i % 10 == 0 else f"fault {i}",
            timestamp=f"2025-01-15T02:{i // 2:02d}:00.000Z",
        )
        for i in range(40)
    ]

    async def work() -> None:
        async with opened(path) as store:
            await store.record(batch, [a_reject(100 + i) for i in range(3)])
            job = await store.write(queue.claim, "me", 60, NOW)
            assert job is not None
            await store.write(queue.finish, job, an_answer("cable"), NOW)

    asyncio.run(work())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A filled SQLite database."""
    _filled(tmp_path / "agent.db")
    return tmp_path / "agent.db"


@pytest.fixture
def filled(database: Database) -> Database:
    """A filled database of either kind."""
    _filled(database)
    return database


def test_the_view_has_the_references_columns_in_order(path: Path) -> None:
    """And renders the time of storing as the reference's database does."""
    assert [row[1] for row in query(path, "PRAGMA table_info(agent_logs)")] == [
        "id", "timestamp", "hostname", "severity", "service", "message", "context", "analysis", "created_at",
    ]  # fmt: skip
    assert query(path, "SELECT created_at FROM agent_logs LIMIT 1") == [("2025-01-15 02:15:00",)]


def test_the_references_query_is_answered(filled: Database) -> None:
    """The newest errors with the analysis of their pattern; times of storing as the reference wrote them."""
    rows = query(filled, THEIR_QUERY)
    assert rows[0] == ("2025-01-15T02:19:00.000Z", "ERROR", "fault 38", "cable")
    assert rows[1] == ("2025-01-15T02:16:00.000Z", "ERROR", "fault 33", None)
    assert len(rows) == 5
    assert query(filled, "SELECT id, hostname, service, context, created_at FROM agent_logs WHERE id = 1") == [
        (1, "plc-0", "drive", None, "2025-01-15 02:15:00")
    ]


def test_the_references_query_walks_an_index(path: Path) -> None:
    """No scan of the logs and no sorting, however many there are."""
    plan = " / ".join(row[3] for row in query(path, "EXPLAIN QUERY PLAN " + THEIR_QUERY))
    assert "SCAN l USING INDEX logs_error_time" in plan  # which holds the errors alone
    assert plan.count("SCAN") == 1
    assert "TEMP B-TREE" not in plan
    newest = "EXPLAIN QUERY PLAN SELECT * FROM agent_logs ORDER BY timestamp DESC LIMIT 5"
    assert "SCAN l USING INDEX logs_time" in query(path, newest)[0][3]


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="no sqlite3 shell here")
def test_the_sqlite3_shell_answers_the_references_query(path: Path) -> None:
    """The newest errors with the analysis of their pattern."""
    shell = ["sqlite3", "-separator", "|", str(path), THEIR_QUERY + ";"]
    lines = subprocess.run(shell, check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines[0] == "2025-01-15T02:19:00.000Z|ERROR|fault 38|cable"
    assert lines[1] == "2025-01-15T02:16:00.000Z|ERROR|fault 33|"
    assert len(lines) == 5


def _messages(path: Database, **filters: object) -> list[int]:
    with Visitor(path) as visitor:
        found = visitor.read(search.find, LogQuery(**{"limit": 100, **filters}))  # type: ignore[arg-type] # many kinds of filters
    return [log.sequence for log in found]


def test_filters_hold_together(filled: Database) -> None:
    """Newest first; times inclusive and exclusive; globs know only * and ?; text knows no wildcards."""
    assert _messages(filled) == list(range(39, -1, -1))
    assert _messages(filled, limit=0) == []
    assert _messages(filled, since="2025-01-15T02:01:00.000Z", until="2025-01-15T02:02:00.000Z") == [3, 2]
    assert _messages(filled, severity="CRITICAL") == list(range(39, 0, -5))
    assert _messages(filled, severity="ERROR", until="2025-01-15T02:05:00.000Z") == [9, 8, 4, 3]
    assert _messages(filled, severity="DEBUG", until="2025-01-15T02:01:00.000Z") == [1, 0]
    assert _messages(filled, host="plc-2", until="2025-01-15T02:05:00.000Z") == [8, 5, 2]
    assert _messages(filled, host="plc-[0-9]") == []
    assert _messages(filled, service="[x]") == _messages(filled, service="[?]") == list(range(38, 0, -4))
    assert len(_messages(filled, service="dri*")) == 20
    assert _messages(filled, text="LOAD_1") == [10]
    assert _messages(filled, text="100%") == [30, 20, 10, 0]
    assert _messages(filled, text="1_0%") == []
    assert _messages(filled, text="üBERDRUCK") == [30, 20, 10, 0]
    assert _messages(filled, pattern_id=1, severity="WARNING", text="fault", until="2025-01-15T02:04:00.000Z") == [4, 2]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 7),
    severity=st.sampled_from([None, "DEBUG", "INFO", "ERROR", "CRITICAL"]),
    text=st.sampled_from([None, "fault", "ü"]),
)
def test_a_listing_can_be_continued_without_gap_or_repeat(
    filled: Database, limit: int, severity: str | None, text: str | None
) -> None:
    """Although two logs share each timestamp."""
    seen: list[int] = []
    before: tuple[str, int] | None = None
    with Visitor(filled) as visitor:
        while page := visitor.read(search.find, LogQuery(limit=limit, severity=severity, text=text, before=before)):
            seen += [log.sequence for log in page]
            before = (page[-1].timestamp, page[-1].id)
    assert seen == _messages(filled, severity=severity, text=text)


@pytest.mark.parametrize("severity", ["DEBUG", "INFO", "ERROR", "CRITICAL"])
def test_a_listing_walks_indexes(path: Path, severity: str) -> None:
    """Also from some severity up: no severity's logs are sorted or scanned."""
    plans: list[str] = []
    with Visitor(path) as visitor, visitor._engine.connect() as connection:

        def explain(_: object, cursor: sqlite3.Cursor, statement: str, parameters: Any, *__: object) -> None:
            plans.extend(row[3] for row in cursor.execute("EXPLAIN QUERY PLAN " + statement, parameters).fetchall())

        event.listen(connection, "before_cursor_execute", explain)
        search.find(connection, LogQuery(severity=severity, since="2025-01-15T02:01:00.000Z", limit=5))
    walks = [line for line in plans if re.search(r"INDEX logs_(time|error_time|critical_time)", line)]
    assert len(walks) == {"DEBUG": 1, "INFO": 1, "ERROR": 2, "CRITICAL": 1}[severity], plans
    assert not [line for line in plans if line.startswith("SCAN logs") and "USING" not in line]


def test_rejects_are_listed_shown_and_marked(filled: Database) -> None:
    """Newest first, with their raw bytes; the mark is the time of the retry."""
    with Visitor(filled) as visitor:
        assert [r.id for r in visitor.read(recording.list_rejects, 2)] == [3, 2]
        assert [r.id for r in visitor.read(recording.list_rejects, 2, before_id=2)] == [1]
        assert (visitor.read(recording.reject, 1).data, visitor.read(recording.reject, 1).retried_at) == (
            b"\xff{",
            None,
        )
        change(filled, recording.mark_retried, 1, "2025-01-15T03:00:00.000Z")
        assert visitor.read(recording.reject, 1).retried_at is not None
        with pytest.raises(NotFound, match="no reject 77"):
            visitor.read(recording.reject, 77)
    with pytest.raises(NotFound, match="no reject 77"):
        change(filled, recording.mark_retried, 77, "2025-01-15T03:00:00.000Z")


def test_logs_and_analyses_are_shown(filled: Database) -> None:
    """With what the view shows; an unknown id says so."""
    with Visitor(filled) as visitor:
        explained, waiting = visitor.read(search.log, 1), visitor.read(search.log, 2)
        assert (explained.analysis, explained.rung, explained.analysis_status) == ("cable", "model", "done")
        assert (waiting.analysis, waiting.rung, waiting.analysis_status) == (None, None, "pending")
        assert [(e.status, e.text) for e in visitor.read(queue.entries)] == [("pending", None), ("done", "cable")]
        assert [e.status for e in visitor.read(queue.entries, "done", limit=1)] == ["done"]
        kept = visitor.read(counts.sizes)
        assert (kept.logs, kept.patterns, kept.rejects, kept.pending) == (40, 2, 3, 1)
        with pytest.raises(NotFound, match="no log 4711"):
            visitor.read(search.log, 4711)


def test_reading_goes_on_while_the_service_writes(filled: Database) -> None:
    """And sees each commit."""

    async def work() -> None:
        async with opened(filled) as store:
            with Visitor(filled) as visitor:
                for i in range(1000, 1010):
                    await store.record([a_log(i)], [])
                    assert visitor.read(counts.sizes).logs == i - 959

    asyncio.run(work())


def test_counting_reads_no_logs(path: Path) -> None:
    """The numbers are kept, and agree with the tables."""
    with Visitor(path) as visitor:
        kept = visitor.read(counts.sizes)
    for table, number in (("logs", kept.logs), ("patterns", kept.patterns), ("rejects", kept.rejects)):
        assert query(path, f"SELECT COUNT(*) FROM {table}") == [(number,)]
    plan = query(path, "EXPLAIN QUERY PLAN SELECT COUNT(*) FROM analyses WHERE finished_at IS NULL")
    assert "analyses_open" in plan[0][3]


def test_a_missing_foreign_or_untaken_database_says_what_to_do(tmp_path: Path) -> None:
    """Before any query is tried."""
    with pytest.raises(StoreUnavailable, match="start `andon run` or set DB_PATH"):
        Visitor(tmp_path / "none.db")
    with pytest.raises(StoreUnavailable, match="start `andon run` or set DB_PATH"):
        change(tmp_path / "none.db", recording.mark_retried, 1, "2025-01-15T03:00:00.000Z")
    for name, table, hint in (
        ("reference.db", REFERENCE_TABLE, "imports it"),
        ("other.db", "CREATE TABLE other (x)", "belongs to another program"),
    ):
        query(tmp_path / name, table)
        with pytest.raises(StoreUnavailable, match=hint):
            Visitor(tmp_path / name)
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(StoreUnavailable, match="not an SQLite database"):
        Visitor(tmp_path / "text.db")
    prepare(tmp_path / "empty.db", durability="normal")
    (tmp_path / "stale.db").touch()
    with pytest.raises(StoreUnavailable, match="is empty"):
        Visitor(tmp_path / "stale.db")
    with Visitor(tmp_path / "empty.db") as visitor:
        assert visitor.read(search.find, LogQuery()) == []


def test_a_database_on_a_read_only_disk_can_be_read(path: Path, tmp_path: Path) -> None:
    """Where SQLite's helper files cannot be made and none are left, the file is read as it lies."""
    place = tmp_path / "disk"
    place.mkdir()
    shutil.copy(path, place / "agent.db")
    try:
        mount = subprocess.run(["mount", "--bind", place, place], check=False, capture_output=True).returncode
    except OSError:
        mount = 1
    if mount:
        pytest.skip("mounting needs root")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        with Visitor(place / "agent.db") as visitor:
            assert visitor.read(counts.sizes).logs == 40
        with pytest.raises(StoreUnavailable, match="cannot be created or written"):
            prepare(place / "agent.db", durability="normal")
    finally:
        subprocess.run(["umount", place], check=True)
