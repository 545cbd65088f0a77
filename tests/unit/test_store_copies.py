"""Copies of an SQLite database: whole, of one moment, made while others write; and those that upgrades make."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from andon.core.errors import StoreFull, StoreUnavailable
from andon.core.models import STREAM
from andon.core.private_files import PRIVATE
from andon.store import check_integrity, copy_database, held_in, prepare, upgrade_copies
from andon.store.engine import copies
from andon.store.schema.tables import HEAD
from support import kept_databases
from support.mounts import small_disk
from support.store_data import query


class _Writer(threading.Thread):
    """Commits rows of two tables, always as many of one as of the other, as fast as it can."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.enough = threading.Event()
        self.commits = 0

    def run(self) -> None:
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as connection:
            while not self.enough.is_set():
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO one (text) VALUES (hex(randomblob(400)))")
                connection.execute("INSERT INTO other (text) VALUES (hex(randomblob(400)))")
                connection.execute("COMMIT")
                self.commits += 1


def test_a_copy_is_made_while_others_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes to an end, holds one moment, is for its user alone, and the writer goes on all the while."""
    path, target = tmp_path / "agent.db", tmp_path / "copy.db"
    prepare(path, durability="normal")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE one (text TEXT); CREATE TABLE other (text TEXT);"
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
            " INSERT INTO one SELECT hex(randomblob(400)) FROM n; INSERT INTO other SELECT text FROM one;"
        )
    monkeypatch.setattr(copies, "_PAGES", 20)
    writer, told, before = _Writer(path), [], []

    def step(done: int, total: int) -> None:
        told.append((done, total))
        before.append(writer.commits)

    writer.start()
    try:
        copy_database(path, target, PRIVATE, step)
    finally:
        writer.enough.set()
        writer.join()
    assert [done for done, _ in told] == sorted({done for done, _ in told}), "it began anew"
    assert told[-1][0] == told[-1][1]
    assert before[-1] > before[0], "the writer was held up"
    check_integrity(target)
    assert query(target, "SELECT (SELECT count(*) FROM one) - (SELECT count(*) FROM other)") == [(0,)]
    assert held_in(target, STREAM).revision == HEAD
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_nothing_stays_of_a_copy_that_finds_no_room(tmp_path: Path) -> None:
    """One sentence, and no half file."""
    path = kept_databases.restored("0011", tmp_path)
    with small_disk(tmp_path / "small", 64 * 1024) as mounted:
        if not mounted:
            pytest.skip("mounting a small disk takes root")
        with pytest.raises(StoreFull, match="no disk space is left for the copy"):
            copy_database(path, tmp_path / "small" / "copy.db", PRIVATE)
        assert list((tmp_path / "small").iterdir()) == []


def test_an_upgrade_keeps_the_newest_copies_of_before(tmp_path: Path) -> None:
    """Named with version and revision; older ones go, and other files beside the database stay."""
    beside = tmp_path / "agent.db.before-lunch.bak"
    beside.touch()
    made = []
    for revision in ("0007", "0008", "0009"):
        path = kept_databases.restored(revision, tmp_path)
        done = prepare(path, durability="normal", copies=2)
        assert done.migrated_from == revision
        made.append(done.backup)
        assert f"-revision-{revision}-" in str(done.backup)
        assert held_in(done.backup, STREAM).revision == revision
        os.utime(done.backup, (1, 1))
    assert upgrade_copies(path) == made[1:]
    assert beside.exists()


def test_an_upgrade_that_is_tried_again_copies_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first try copied is still what there is."""
    path = kept_databases.restored("0010", tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # as the service has it

    def broken(*_: object, **__: object) -> None:
        raise OSError("the lights went out")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_index", broken)
        for _ in range(3):
            with pytest.raises(OSError, match="the lights"):
                prepare(path, durability="normal")
    (copy,) = upgrade_copies(path)
    assert prepare(path, durability="normal").backup == copy


def test_an_upgrade_without_room_for_its_copy_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how much it takes and what else can be done; with no copies wanted it goes on."""
    path = kept_databases.restored("0009", tmp_path)
    usage = type("Usage", (), {"free": 1024})
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: usage)
        with pytest.raises(
            StoreFull, match=r"copied before the upgrade, which needs 64\.\d MiB, but only 1\.0 KiB are free"
        ):
            prepare(path, durability="normal")
        assert query(path, "SELECT version_num FROM alembic_version") == [("0009",)]
        assert prepare(path, durability="normal", copies=0).migrated_from == "0009"
    assert upgrade_copies(path) == []


def test_what_is_no_database_of_ours_is_told(tmp_path: Path) -> None:
    """Another program's file, and a damaged one of ours."""
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    with pytest.raises(StoreUnavailable, match=r"not an Andon database|another program"):
        held_in(tmp_path / "other.db", STREAM)
    path = kept_databases.restored("0011", tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4096] = bytes(4096)
    path.write_bytes(data)
    with pytest.raises(StoreUnavailable, match="damaged"):
        check_integrity(path)
