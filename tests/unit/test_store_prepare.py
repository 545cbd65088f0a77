"""Preparing a database file: created, refused, migrated, locked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import andon.store
from andon.core.errors import InUseError, StoreTooNew, StoreUnavailable
from andon.store import Preparation, Store, Visitor, lock_database, prepare
from andon.store.engine.database import table_kinds, writer_engine
from andon.store.engine.prepare import migrate
from andon.store.schema.tables import HEAD, KNOWN_REVISIONS
from support.store_data import a_log, opened, query


def test_a_fresh_database_is_made_with_its_directories(tmp_path: Path) -> None:
    """Directories and file appear, and a second time there is nothing to do."""
    path = tmp_path / "a" / "b" / "agent.db"
    assert prepare(path, durability="normal") == Preparation(created=True)
    assert prepare(path, durability="strict") == Preparation()


def _foreign(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in ("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)", *statements):
            connection.execute(statement)


@pytest.mark.parametrize(
    "statements",
    [
        (),
        ("CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('1975ea83b712')"),
        ("PRAGMA journal_mode=WAL", "INSERT INTO customers (name) VALUES ('x')"),
    ],
)
def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path, statements: tuple[str, ...]) -> None:
    """One sentence says whose it is (another program's, not a newer Andon's), and not a byte of it changes."""
    path = tmp_path / "other.db"
    _foreign(path, *statements)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(StoreUnavailable, match=r"another program \(it contains customers"):
        prepare(path, durability="normal")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_database_of_another_program_that_runs_is_left_alone(tmp_path: Path) -> None:
    """The same while that program has it open, with what it wrote still in its write-ahead log."""
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY)")
        before = (path.read_bytes(), path.with_name("other.db-wal").read_bytes())
        with pytest.raises(StoreUnavailable, match="belongs to another program"):
            prepare(path, durability="normal")
        assert (path.read_bytes(), path.with_name("other.db-wal").read_bytes()) == before


def test_a_fresh_database_does_not_import_alembic(tmp_path: Path) -> None:
    """The migrations' machinery is loaded only when there is something to migrate."""
    code = (
        "import sys; from pathlib import Path; from andon.store import prepare;"
        f"prepare(Path({str(tmp_path / 'agent.db')!r}), durability='normal'); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _shape(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    shape: dict[str, list[tuple[object, ...]]] = {}
    for name in table_kinds(connection):
        if name == "alembic_version":
            continue
        rows = [tuple(row) for row in connection.exec_driver_sql(f"PRAGMA table_xinfo({name})")]
        for index in connection.exec_driver_sql(f"PRAGMA index_list({name})").fetchall():
            columns = connection.exec_driver_sql(f"PRAGMA index_xinfo({index[1]})").fetchall()
            rows.append((index[1], *index[2:], *(tuple(c) for c in columns)))
        listed = connection.exec_driver_sql(f"PRAGMA table_list({name})").one()
        shape[name] = [*sorted(rows, key=repr), tuple(listed[1:])]
    partial = connection.exec_driver_sql(
        "SELECT name, substr(sql, instr(sql, 'WHERE')) FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'"
    )
    shape["partial"] = sorted(tuple(row) for row in partial)
    counting = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")
    shape["counting"] = sorted(tuple(row) for row in counting)
    view = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'agent_logs'").scalar_one()
    shape["view"] = [(" ".join(view.split()),)]
    return shape


def test_the_migrations_make_the_same_schema_as_the_tables(tmp_path: Path) -> None:
    """A migrated database and a fresh one cannot be told apart."""
    prepare(tmp_path / "fresh.db", durability="normal")
    shapes = []
    for name in ("fresh.db", "migrated.db"):
        engine = writer_engine(tmp_path / name, "normal")
        with engine.begin() as connection:
            if name == "migrated.db":
                migrate(connection)
            shapes.append(_shape(connection))
        engine.dispose()
    assert shapes[0] == shapes[1]
    assert prepare(tmp_path / "migrated.db", durability="normal") == Preparation()


def test_the_known_revisions_are_the_migrations_in_order() -> None:
    """Every migration file is named in KNOWN_REVISIONS, the newest last."""
    config = Config()
    config.set_main_option("script_location", str(Path(andon.store.__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(KNOWN_REVISIONS)
    assert scripts.get_current_head() == HEAD


def test_a_newer_database_is_refused_with_both_revisions(tmp_path: Path) -> None:
    """Preparing, opening and reading all refuse, in one sentence, and leave the file alone."""
    path = tmp_path / "agent.db"
    prepare(path, durability="normal")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    for attempt in (
        lambda: prepare(path, durability="normal"),
        lambda: asyncio.run(Store.open(path)),
        lambda: Visitor(path),
    ):
        with pytest.raises(
            StoreTooNew, match=f"revision 9999, but this Andon supports revisions up to {HEAD}"
        ) as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert query(path, "SELECT version_num FROM alembic_version") == [("9999",)]


@pytest.mark.parametrize("content", [b"hello", b"x" * 5000, b"SQLite format 3\x00" + b"\xff" * 4000])
def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """A file of another kind keeps its bytes."""
    path = tmp_path / "agent.db"
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match=r"not an SQLite database|is damaged"):
        prepare(path, durability="normal")
    assert path.read_bytes() == content


def test_a_directory_a_file_in_the_way_and_a_foreign_database_are_refused(tmp_path: Path) -> None:
    """Each with the path and what to do."""
    (tmp_path / "dir.db").mkdir()
    with pytest.raises(StoreUnavailable, match=r"dir\.db is a directory"):
        prepare(tmp_path / "dir.db", durability="normal")
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreUnavailable, match="check the path"):
        prepare(tmp_path / "file" / "agent.db", durability="normal")
    other = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    with pytest.raises(StoreUnavailable, match=r"another program \(it contains customers\)"):
        prepare(other, durability="normal")


def test_a_place_that_cannot_be_written_is_refused() -> None:
    """Nothing can be made below /proc, whoever asks."""
    if not Path("/proc/self").exists():
        pytest.skip("no /proc here")
    with pytest.raises(StoreUnavailable, match="cannot be created or written"):
        prepare(Path("/proc/andon/agent.db"), durability="normal")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    """Before anything is stored, not at the first log."""
    path = tmp_path / "agent.db"
    prepare(path, durability="normal")
    path.chmod(0o444)
    with pytest.raises(StoreUnavailable, match="check the path and its permissions"):
        prepare(path, durability="normal")


def test_a_locked_database_is_reported_in_one_sentence(tmp_path: Path) -> None:
    """Another process' write lock is waited for, then named."""
    path = tmp_path / "agent.db"

    async def work() -> None:
        async with opened(path, busy_timeout=0.05) as store:
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(StoreUnavailable, match="locked by another process"):
                    await store.record([a_log(1)], [])
                other.execute("ROLLBACK")
            assert (await store.record([a_log(1)], [])).stored == 1

    asyncio.run(work())


def test_two_services_cannot_use_one_database(tmp_path: Path) -> None:
    """The second is told which process holds it; when the first lets go, it may."""
    path = tmp_path / "data" / "agent.db"
    with lock_database(path) as lock:
        with pytest.raises(InUseError, match=f"process {os.getpid()}"):
            lock_database(path)
        lock.close()
        lock.close()
        lock_database(path).close()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """Nothing has to be cleaned up after kill -9."""
    path = tmp_path / "agent.db"
    code = (
        "import os, signal; from pathlib import Path; from andon.store import lock_database;"
        f"lock = lock_database(Path({str(path)!r})); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    lock_database(path).close()
