"""Databases that programs of every schema revision wrote are brought up to date, and nothing in them is lost."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from andon.core.models import STREAM, LogQuery
from andon.store import Visitor, check_integrity, counts, held_in, prepare, recording, search
from andon.store.schema.tables import HEAD, KNOWN_REVISIONS
from support.kept_databases import REVISIONS, messages, restored


def _tables(path: Path) -> dict[str, list[str]]:
    """Each real table with its columns, and ``logs``, which was a table once."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        listed = connection.execute("PRAGMA table_list").fetchall()
        return {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            for schema, name, kind, *_ in listed
            if schema == "main"
            and (kind == "table" or name == "logs")
            and not name.startswith("sqlite_")
            and name != "alembic_version"
        }


def _rows(path: Path, table: str, columns: list[str]) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return sorted(connection.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall(), key=repr)


def test_there_is_one_of_each_revision() -> None:
    """A new revision comes with a database that the program of before wrote."""
    assert REVISIONS == KNOWN_REVISIONS


@pytest.mark.parametrize("revision", REVISIONS)
def test_no_table_of_a_kept_database_is_empty(revision: str, tmp_path: Path) -> None:
    """Else nothing would be shown by it."""
    path = restored(revision, tmp_path)
    assert [name for name in _tables(path) if not _rows(path, name, ["1"])] == []
    assert held_in(path, STREAM).revision == revision


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_kept_database_is_brought_up_to_date(revision: str, tmp_path: Path) -> None:
    """Every row keeps its values, the reference's SQL answers as before, and figures are those of the rows."""
    old, path = restored(revision, tmp_path), tmp_path / "new" / "agent.db"
    path.parent.mkdir()
    path.write_bytes(old.read_bytes())
    done = prepare(path, durability="normal")
    assert done.migrated_from == (None if revision == HEAD else revision)
    check_integrity(path)
    before, after = _tables(old), _tables(path)
    for table, columns in before.items():
        kept = [name for name in columns if name in after.get(table, [])]
        assert _rows(path, table, kept) == _rows(old, table, kept), table
    columns = ["id", "timestamp", "hostname", "severity", "service", "message", "context", "analysis", "created_at"]
    assert _rows(path, "agent_logs", columns) == _rows(old, "agent_logs", columns)
    with Visitor(path) as visitor:
        sizes = visitor.read(counts.sizes)
        assert sizes.logs == len(_rows(old, "logs", ["id"]))
        assert sizes.rejects == len(_rows(old, "rejects", ["id"]))
        assert visitor.read(recording.newest_message, STREAM) == (len(list(messages())), max(_stored(old)))
        found = visitor.read(search.find, LogQuery(limit=100))
        assert {log.message for log in found} == {row[0] for row in _rows(old, "logs", ["message"])}
        assert len(found) == sizes.logs


def _stored(path: Path) -> list[int]:
    return [int(str(row[0])) for table in ("logs", "rejects") for row in _rows(path, table, ["stored_ns"])]
