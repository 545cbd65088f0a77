"""Counts by minute name hosts by number, and every question about hosts is answered by their names."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from andon.core.errors import StoreError
from andon.core.models.history import Place
from andon.core.settings.database_url import Database
from andon.store import Visitor, counts, prepare
from andon.store.counts.hosts import hosts_in, last_minutes
from andon.store.recording import host_names
from support.kept_databases import restored
from support.store_data import a_log, opened, query

pytest_plugins = ["support.databases"]

_MINUTE = 28_948_454  # 2025-01-15T02:14
_COUNTED = "SELECT minute, pattern_id, hostname, count FROM pattern_minutes ORDER BY minute, pattern_id, hostname"


def test_each_host_has_one_number(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over batches, restarts, a batch that was not stored, and with a memory for fewer hosts than there are."""
    monkeypatch.setattr(host_names, "_REMEMBERED", 3)
    names = ["h1", "h2", "H1", "ħ1", "h'1", "12", "h\0"]

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(n, hostname=name) for n, name in enumerate(names, 1)], [])
            with pytest.raises(StoreError):
                await store.record([a_log(20, hostname="lost", notes="\ud800"), a_log(21, hostname="h1")], [])
            await store.record([a_log(30 + n, hostname=name) for n, name in enumerate(names)], [])
        async with opened(database) as store:
            await store.record([a_log(40, hostname="h1"), a_log(41, hostname="lost")], [])

    asyncio.run(work())
    found = query(database, "SELECT hostname, SUM(count) FROM pattern_minutes GROUP BY hostname")
    told = {host.replace("\0", "\ufffd"): int(count) for host, count in found}
    assert told == {**dict.fromkeys(names[:-1], 2), "h\ufffd": 2, "h1": 3, "lost": 1}
    assert query(database, "SELECT COUNT(*), COUNT(DISTINCT id) FROM host_names") == [(8, 8)]


def test_questions_about_hosts_are_answered_by_name(database: Database) -> None:
    """When each was heard last, in which ten minutes each logged, and what one or several of them logged."""

    async def work() -> None:
        async with opened(database) as store:
            times = ("2025-01-15T02:14:01.000Z", "2025-01-15T02:15:02.000Z", "2025-01-15T02:31:00.000Z")
            batch = [a_log(n, hostname="press-1", timestamp=time) for n, time in enumerate(times, 1)]
            batch += [a_log(9, "p2", hostname="press-2", timestamp=times[0])]
            await store.record(batch, [])

    asyncio.run(work())
    with Visitor(database) as visitor:
        last = visitor.read(last_minutes, _MINUTE, _MINUTE + 60)
        assert last == {"press-1": _MINUTE + 17, "press-2": _MINUTE}
        assert visitor.read(last_minutes, _MINUTE + 1, _MINUTE + 2) == {"press-1": _MINUTE + 1}
        periods = [_MINUTE // 10, _MINUTE // 10 + 1, _MINUTE // 10 + 2]
        assert visitor.read(hosts_in, periods) == {"press-1": [periods[0], periods[2]], "press-2": [periods[0]]}
        since, until = 60.0 * _MINUTE, 60.0 * (_MINUTE + 60)
        for names, logs in (("press-1", {1: 3}), ("press-*", {1: 3, 2: 1}), ("nobody", {})):
            found = visitor.read(counts.activity, since, until, Place("hostname", names))
            assert {problem: one.logs for problem, one in found.problems.items()} == logs
        assert visitor.read(counts.minutely, since, until, ["press-2"]) == {_MINUTE: 1}
        assert visitor.read(counts.minutely, since, until, []) == {}


@pytest.mark.parametrize("revision", ["0001", "0014"])
def test_older_counts_keep_their_hosts(revision: str, tmp_path: Path) -> None:
    """And the same host goes on under its number."""
    path = restored(revision, tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO pattern_minutes VALUES (?, 1, 'host-0', 7)", (_MINUTE,))
        before = connection.execute(_COUNTED).fetchall()
    prepare(path, durability="normal")
    assert query(path, _COUNTED) == before

    async def work() -> None:
        async with opened(path) as store:
            await store.record([a_log(900, "p-new", hostname="host-0")], [])

    asyncio.run(work())
    assert query(path, "SELECT COUNT(*) FROM host_names WHERE hostname = 'host-0'") == [(1,)]
    assert sum(row[3] for row in query(path, _COUNTED)) == sum(row[3] for row in before) + 1
