"""PostgreSQL databases in a file and back, by a real server and PostgreSQL's own programs."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import psycopg
import pytest

from andon.core.errors import StoreUnavailable
from andon.core.models import STREAM
from andon.store import Preparation, dump, prepare
from support import postgres
from support.commands import Commands
from support.store_data import a_log, opened

pytest_plugins = ["support.databases"]


@pytest.fixture
def programs() -> None:
    """PostgreSQL's client programs."""
    if shutil.which("pg_dump") is None:
        pytest.skip("no pg_dump here")


def _logs(address: object) -> list[tuple[object, ...]]:
    with psycopg.connect(address.url) as connection:  # type: ignore[attr-defined]
        return connection.execute("SELECT id, seq, message, context FROM logs ORDER BY id").fetchall()


def test_a_dump_becomes_the_same_database_elsewhere(server: postgres.Cluster, programs: None, tmp_path: Path) -> None:
    """Rows, counters of ids and revision; tables of others stay out, and no password is in the arguments."""
    address, target = server.prepared(), server.empty()

    async def work(place: object, *sequences: int) -> list[int | None]:
        async with opened(place) as store:
            return (await store.record([a_log(number) for number in sequences], [])).log_ids

    asyncio.run(work(address, 1, 2, 3))
    with psycopg.connect(address.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE customers (id integer)")
    dump.dump_database(address, tmp_path / "d")
    dump.check_dump(tmp_path / "d")
    assert dump.held_on_server(target, STREAM) is None
    dump.restore_dump(target, tmp_path / "d")
    assert _logs(target) == _logs(address)
    assert dump.held_on_server(target, STREAM) == dump.held_on_server(address, STREAM)
    assert prepare(target, durability="normal") == Preparation()
    assert asyncio.run(work(target, 4)) == [4]
    with psycopg.connect(target.url) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM customers")


def test_a_backup_of_postgresql_goes_into_an_empty_database_only(
    server: postgres.Cluster, programs: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is deleted: one that holds data is refused, and so is a file of the other kind."""
    address = server.prepared()
    target, wrong = server.empty(), server.prepared()
    andon = Commands(tmp_path / "data", capsys, DB_PATH=address.url)
    (tmp_path / "data").mkdir()
    made = andon("backup", str(tmp_path / "b.tar.gz"), "--json")
    assert made.status == 0, made.err
    assert made.json["dump"] is True
    assert andon("restore", str(tmp_path / "b.tar.gz"), "--check").status == 0
    for place, said in ((wrong.url, "nothing: create an empty one"), ("", "contains a PostgreSQL database")):
        refused = Commands(tmp_path / "other", capsys, DB_PATH=place)("restore", str(tmp_path / "b.tar.gz"))
        assert refused.status == 1
        assert said in refused.err
    done = Commands(tmp_path / "other", capsys, DB_PATH=target.url)("restore", str(tmp_path / "b.tar.gz"))
    assert done.status == 0, done.err
    assert _logs(target) == _logs(address)
    assert postgres.PASSWORD not in done.out + made.out


def test_programs_that_are_missing_or_fail_are_told(
    server: postgres.Cluster, programs: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What to install, and what they said."""
    address = server.prepared()
    (tmp_path / "d").write_bytes(b"PGDMP is not all")
    with pytest.raises(StoreUnavailable, match="pg_restore failed"):
        dump.check_dump(tmp_path / "d")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        StoreUnavailable, match=r"pg_dump copies PostgreSQL databases and is not installed.*postgresql-client"
    ):
        dump.dump_database(address, tmp_path / "e")
    assert not (tmp_path / "e").exists()
