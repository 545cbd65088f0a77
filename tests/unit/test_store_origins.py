"""What many logs share is stored once, and every way to ask for a log shows it as if it stood in its row."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from andon.core.errors import StoreError
from andon.core.models import LogQuery
from andon.core.settings.database_url import Database
from andon.store import compact, prepare, search
from andon.store.recording import log_origins
from support.kept_databases import restored
from support.store_data import a_log, opened, query

pytest_plugins = ["support.databases"]

_SHOWN = "SELECT id, hostname, service, site, area, line, machine, message FROM logs ORDER BY id"
_REFERENCE = "SELECT * FROM agent_logs ORDER BY id"


def _change(path: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def test_logs_of_one_origin_share_its_row(database: Database) -> None:
    """Also over batches, restarts and a batch that was not stored; what differs in anything is another origin."""
    twin = {"hostname": "h", "service": "s", "line": "l"}

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1, **twin), a_log(2, **twin), a_log(3, **twin, site="x")], [])
            with pytest.raises(StoreError):
                await store.record([a_log(4, hostname="new", notes="\ud800")], [])
            await store.record([a_log(5, hostname="new"), a_log(6, **twin)], [])
        async with opened(database) as store:
            await store.record([a_log(7, **twin), a_log(8, hostname="new")], [])
            found = await store.read(search.find, LogQuery(host="h", line="l", site="x"))
            assert [(one.sequence, one.service) for one in found] == [(3, "s")]

    asyncio.run(work())
    assert query(database, "SELECT COUNT(*), COUNT(DISTINCT origin_id), COUNT(hostname) FROM log_rows") == [(7, 3, 0)]
    assert query(database, "SELECT COUNT(*) FROM origins") == [(3,)]
    shown = query(database, "SELECT seq, hostname, service, site, line, machine FROM logs ORDER BY seq")
    assert shown[0] == (1, "h", "s", None, "l", None)
    assert shown[2] == (3, "h", "s", "x", "l", None)
    assert [row[1] for row in shown] == ["h", "h", "h", "new", "h", "h", "new"]
    assert [row[1] for row in query(database, _SHOWN)] == [row[2] for row in query(database, _REFERENCE)]


def test_hosts_with_ever_new_names_fill_no_table(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound logs keep their texts themselves, and those of known origins go on sharing."""
    monkeypatch.setattr(log_origins, "ORIGINS_MAX", 3)
    monkeypatch.setattr(log_origins, "_REMEMBERED", 2)

    async def work() -> None:
        async with opened(database) as store:
            for first in (1, 11, 21):
                await store.record([a_log(first + n, hostname=f"host-{n}", machine="m") for n in range(6)], [])

    asyncio.run(work())
    assert query(database, "SELECT COUNT(*) FROM origins") == [(3,)]
    assert query(database, "SELECT COUNT(origin_id), COUNT(hostname), COUNT(machine) FROM log_rows") == [(9, 9, 9)]
    assert [row[1:4:5] for row in query(database, _SHOWN)] == [(f"host-{n}",) for n in range(6)] * 3
    assert {row[6] for row in query(database, _SHOWN)} == {"m"}


def test_sql_of_people_changes_logs_as_when_it_was_a_table(tmp_path: Path) -> None:
    """Rows are deleted, changed and added through the view, each value in its place."""
    path = tmp_path / "agent.db"

    async def work() -> None:
        async with opened(path) as store:
            await store.record([a_log(n, hostname="h", line="l") for n in (1, 2, 3)], [])

    asyncio.run(work())
    _change(path, "DELETE FROM logs WHERE seq = 1")
    _change(path, "UPDATE logs SET line = NULL, notes = 'n' WHERE seq = 2")
    _change(path, "INSERT INTO logs (stream_id, seq, stored_ns, hostname, message) VALUES (1, 9, 9, 'by hand', 'm')")
    assert query(path, "SELECT id, seq, hostname, line, notes, part FROM logs ORDER BY id") == [
        (2, 2, "h", None, "n", 0),
        (3, 3, "h", "l", None, 0),
        (4, 9, "by hand", None, None, 0),
    ]


def test_compacting_lets_old_logs_share_too(tmp_path: Path) -> None:
    """Nothing that is shown changes, what is new goes on, and what is shared is gone from the rows."""
    path = restored("0012", tmp_path)
    prepare(path, durability="normal")
    before, of_reference = query(path, _SHOWN), query(path, _REFERENCE)
    assert query(path, "SELECT COUNT(origin_id) FROM log_rows") == [(0,)]
    compact(path)
    assert query(path, "SELECT COUNT(*) FROM log_rows WHERE origin_id IS NULL OR hostname IS NOT NULL") == [(0,)]
    assert (query(path, _SHOWN), query(path, _REFERENCE)) == (before, of_reference)
    names = {row[1:7] for row in before}
    assert query(path, "SELECT COUNT(*) FROM origins") == [(len(names),)]
    compact(path)
    assert query(path, "SELECT COUNT(*) FROM origins") == [(len(names),)]
