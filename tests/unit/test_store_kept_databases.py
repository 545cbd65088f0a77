"""Databases that programs of every schema revision wrote are brought up to date, and nothing in them is lost."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from andon.core.models import STREAM, LogQuery
from andon.store import Visitor, check_integrity, counts, held_in, prepare, recording, search
from andon.store.schema.tables import HEAD, KNOWN_REVISIONS, SHOWN
from support.kept_databases import REVISIONS, messages, restored
from support.store_data import opened


def _tables(path: Path) -> dict[str, list[str]]:
    """Each real table with its columns, and the views that were tables once."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        listed = connection.execute("PRAGMA table_list").fetchall()
        return {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            for schema, name, kind, *_ in listed
            if schema == "main"
            and (kind == "table" or name in SHOWN)
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
        if table == "facets" and "hour" in columns:
            continue  # counted by day since then; see below
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


def _made(path: Path) -> set[tuple[str, ...]]:
    """Every table, view and index, and the columns of each."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        made = connection.execute("SELECT type, name, tbl_name FROM sqlite_master").fetchall()
    return {*made, *(("columns", name, *sorted(columns)) for name, columns in _tables(path).items())}


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_kept_database_becomes_what_a_new_one_is(revision: str, tmp_path: Path) -> None:
    """Those too of programs between two releases, whose tables had another form."""
    path, fresh = restored(revision, tmp_path), tmp_path / "fresh.db"
    prepare(path, durability="normal")
    prepare(fresh, durability="normal")
    assert _made(path) == _made(fresh)


_COUNTS = {
    "log_hours": "SELECT * FROM log_hours",
    "pattern_hours": "SELECT * FROM pattern_hours",
    **{
        table: f"SELECT f.name, v.value, v.rest, c.* FROM {table} AS c JOIN fields AS f ON f.id = c.field_id"
        " JOIN field_values AS v ON v.id = c.value_id"
        for table in ("facets", "facet_hours", "facet_days")
    },
}


def _counted(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {
            table: sorted((tuple(row) for row in connection.execute(sql)), key=repr) for table, sql in _COUNTS.items()
        }


async def test_counts_that_a_version_between_two_releases_lacked_are_those_of_its_logs(tmp_path: Path) -> None:
    """They are what the indexer counts where it begins anew, and it goes on from there."""
    path = restored("0004", tmp_path)
    prepare(path, durability="normal")
    upgraded = _counted(path)
    assert all(upgraded.values())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table in _COUNTS:
            connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE counters SET value = 0 WHERE name = 'indexed'")
        connection.commit()
    async with opened(path) as store:
        assert await store.index(100) == (25, False)
    assert _counted(path) == upgraded


def test_alarms_by_days_that_a_version_between_two_releases_lacked_are_counted(tmp_path: Path) -> None:
    """From those of ten minutes."""
    path = restored("0005", tmp_path)
    periods = _rows(path, "alarm_periods", ["period / 144", "alarm_id", "count", "most"])
    prepare(path, durability="normal")
    assert _rows(path, "alarm_days", ["day", "alarm_id", "count", "most"]) == periods != []


def _stored(path: Path) -> list[int]:
    return [int(str(row[0])) for table in ("logs", "rejects") for row in _rows(path, table, ["stored_ns"])]
