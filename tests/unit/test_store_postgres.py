"""What is PostgreSQL's own: several processes at once, a server that refuses, stops and starts, its errors in our words."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection

from andon.core.errors import ConfigError, QueryTooSlow, StoreError, StoreFull, StoreTooNew, StoreUnavailable
from andon.core.extras import install_command
from andon.core.models import STREAM, HistoryQuery, LogRecord, Recorded
from andon.core.settings.database_url import PostgresAddress
from andon.store import (
    Preparation,
    Store,
    Visitor,
    agent_history,
    change,
    counts,
    lock_database,
    prepare,
    problems,
    queue,
    recording,
    search,
)
from andon.store.engine.database import store_error, translated, writer_engine
from andon.store.engine.postgres import table_kinds
from andon.store.engine.prepare import migrate
from andon.store.schema.tables import HEAD, metadata
from support.patience import PATIENCE
from support.postgres import PASSWORD, Cluster
from support.store_data import NOW, a_log, a_reject, an_answer, opened, query

pytest_plugins = ["support.databases"]

#: The writers' advisory lock, to hold it from outside.
LOCK = "SELECT pg_advisory_lock(1095648334)"


@pytest.fixture
def address(server: Cluster) -> PostgresAddress:
    """A database with our schema."""
    return server.prepared()


def _shape(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    shape: dict[str, list[tuple[Any, ...]]] = {}
    for name in table_kinds(connection):
        if name == "alembic_version":
            continue
        columns = connection.exec_driver_sql(
            "SELECT column_name, data_type, is_nullable, collation_name, column_default FROM information_schema.columns"
            " WHERE table_name = %s",
            (name,),
        )
        shape[name] = sorted((tuple(row) for row in columns), key=repr)
    for kind, sql in {
        "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    }.items():
        rows = (tuple(row) for row in connection.exec_driver_sql(sql))
        shape[kind] = sorted(row for row in rows if not row[0].startswith("alembic"))
    return shape


def test_the_migrations_make_the_same_schema_as_the_tables(server: Cluster) -> None:
    """A migrated database and a fresh one cannot be told apart, and every text is compared by its bytes."""
    shapes = []
    for address in (server.prepared(), server.empty()):
        engine = writer_engine(address, "normal")
        with engine.begin() as connection:
            if not table_kinds(connection):
                migrate(connection)
            shapes.append(_shape(connection))
        engine.dispose()
        assert prepare(address, durability="normal") == Preparation()
    assert shapes[0] == shapes[1]
    texts = [(name, row[0], row[3]) for name in metadata.tables for row in shapes[0].get(name, []) if row[1] == "text"]
    assert texts
    assert [one for one in texts if one[2] != "C"] == []


def test_an_older_schema_is_brought_up_to_date_without_loss(server: Cluster) -> None:
    """One step at a time, all in one transaction."""
    address = server.empty()
    engine = writer_engine(address, "normal")
    with engine.begin() as connection:
        migrate(connection, "0001")
        connection.exec_driver_sql(
            "INSERT INTO patterns (fingerprint, template, first_seen, last_seen, count, worst_severity, created_at,"
            " analysis_id) VALUES ('p1', 't', 'a', 'b', 2, 'ERROR', 'c', 1)"
        )
        connection.exec_driver_sql(
            "INSERT INTO analyses (pattern_id, reason, status, caller, tier, score, not_before, attempts, provisional,"
            " text, finished_at) VALUES (1, 'new', 'done', false, 0, 0, 0, 0, false, 'x', '1970-01-01T00:01:00.000Z')"
        )
    engine.dispose()
    with pytest.raises(StoreUnavailable, match="has an older schema"):
        Visitor(address)
    assert prepare(address, durability="normal") == Preparation(migrated_from="0001")
    assert query(address, "SELECT explained_at, explained_severity FROM patterns") == [(60.0, "ERROR")]


def test_many_may_prepare_at_once(server: Cluster) -> None:
    """One makes the tables while the others wait."""
    address = server.empty()
    done: list[Preparation] = []
    threads = [threading.Thread(target=lambda: done.append(prepare(address, durability="normal"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.created for one in done) == [False, False, False, True]


def test_a_database_that_is_not_for_us_is_refused_and_left_alone(server: Cluster) -> None:
    """A newer one, one of another program, one without our right, one that cannot hold every character."""
    newer, foreign, closed, hidden = server.prepared(), server.empty(), server.empty(), server.empty()
    query(newer, "UPDATE alembic_version SET version_num = '9999'")
    query(foreign, "CREATE TABLE customers (id int)")
    latin = server.empty("ENCODING 'LATIN1'", "LOCALE 'C'")
    with server.admin(closed.url.rpartition("/")[2]) as connection:
        connection.execute("ALTER SCHEMA public OWNER TO admin")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO PUBLIC")
    with server.admin(hidden.url.rpartition("/")[2]) as connection:
        connection.execute("DROP SCHEMA public")
    for address, kind, words in (
        (newer, StoreTooNew, f"revision 9999, but this Andon supports revisions up to {HEAD}"),
        (foreign, StoreUnavailable, r"another program \(it contains customers\)"),
        (closed, StoreUnavailable, "GRANT CREATE, USAGE ON SCHEMA"),
        (hidden, StoreUnavailable, "has no schema that Andon may use"),
        (latin, StoreUnavailable, "encoding LATIN1"),
    ):
        with pytest.raises(kind, match=words) as caught:
            prepare(address, durability="normal")
        assert "\n" not in str(caught.value)
    with pytest.raises(StoreTooNew):
        Visitor(newer)
    with pytest.raises(StoreUnavailable, match="is empty"):
        Visitor(server.empty())
    assert query(foreign, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("customers",)]


def test_no_lock_is_taken_for_a_whole_run(address: PostgresAddress) -> None:
    """Two services may have the same database."""
    with lock_database(address), lock_database(address) as second:
        second.close()


def _deliveries(last: int) -> list[LogRecord]:
    return [a_log(i, f"p{i % 5}", hostname=f"h{i % 3}") for i in range(1, last + 1)]


def test_recorders_of_several_processes_store_each_message_once(address: PostgresAddress) -> None:
    """The same messages delivered to all of them at the same time, in batches that overlap."""
    messages = _deliveries(300)

    async def one(start: int) -> list[Recorded]:
        async with opened(address) as store:
            order = messages[start:] + messages[:start]
            return [await store.record(order[i : i + 20], [a_reject(1000 + i)]) for i in range(0, 300, 20)]

    async def work() -> list[list[Recorded]]:
        return await asyncio.gather(*(one(start) for start in (0, 7, 150)))

    done = [recorded for mine in asyncio.run(work()) for recorded in mine]
    assert sum(recorded.stored for recorded in done) == 300
    assert sum(recorded.rejected for recorded in done) == 15
    ids = [one for recorded in done for one in recorded.log_ids if one is not None]
    assert len(ids) == len(set(ids)) == 300
    assert query(address, "SELECT count(*), count(DISTINCT seq) FROM logs") == [(300, 300)]
    assert query(address, "SELECT fingerprint, count FROM patterns ORDER BY 1") == [(f"p{i}", 60) for i in range(5)]
    assert query(address, "SELECT sum(count) FROM pattern_minutes") == [(300,)]
    assert query(address, "SELECT count(*) FROM analyses") == [(5,)]
    assert query(address, "SELECT name, value FROM counters ORDER BY 1") == [
        ("logs", 300),
        ("patterns", 5),
        ("rejects", 15),
    ]


def test_analysts_of_several_processes_claim_each_row_once(address: PostgresAddress) -> None:
    """At the same time, and while others record."""

    async def claims(store: Store, owner: str) -> list[int]:
        found = []
        while (job := await store.write(queue.claim, owner, 60, NOW)) is not None:
            found.append(job.id)
            await store.write(queue.finish, job, an_answer(owner), NOW)
        return found

    async def work() -> None:
        async with contextlib.AsyncExitStack() as stack:
            stores = [await stack.enter_async_context(opened(address)) for _ in range(4)]
            await stores[0].record([a_log(i, f"p{i}") for i in range(1, 61)], [])
            recording = asyncio.create_task(stores[0].record([a_log(i, f"p{i - 60}") for i in range(61, 121)], []))
            found = await asyncio.gather(*(claims(store, f"box-{i}") for i, store in enumerate(stores)))
            await recording
            ids = [one for mine in found for one in mine]
            assert len(ids) == len(set(ids)) == 60
            sizes = await stores[1].read(counts.sizes)
            assert (sizes.pending, sizes.analyses_by_rung) == (0, {"model": 60})

    asyncio.run(work())


def test_a_claim_waits_for_no_writer_and_skips_what_another_claims(address: PostgresAddress) -> None:
    """A row that somebody is claiming at the moment is left to him."""

    async def work() -> None:
        async with opened(address, busy_timeout=0.1) as store:
            await store.record([a_log(1, "a", severity="CRITICAL"), a_log(2, "b")], [])
            with psycopg.connect(address.url) as other:
                other.execute(LOCK)
                other.execute("SELECT id FROM analyses WHERE id = 1 FOR UPDATE")
                job = await store.write(queue.claim, "me", 60, NOW)
                assert job is not None
                assert job.fingerprint == "b"
                with pytest.raises(StoreUnavailable, match="locked by another Andon"):
                    await store.write(queue.finish, job, an_answer(), NOW)
            await store.write(queue.finish, job, an_answer(), NOW)
            job = await store.write(queue.claim, "me", 60, NOW)
            assert job is not None
            assert job.fingerprint == "a"

    asyncio.run(work())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in threads and other processes
            await asyncio.sleep(0.005)


def test_recording_goes_on_after_the_server_was_killed(server: Cluster) -> None:
    """Its processes die in the middle of batches; every batch is stored once, the pools connect again by themselves."""
    address = server.prepared()
    failures: list[str] = []

    async def record(store: Store, progress: list[int]) -> None:
        for start in range(1, 4001, 40):
            batch = [a_log(i, f"p{i % 7}") for i in range(start, start + 40)]
            while True:
                try:
                    await store.record(batch, [])
                    break
                except StoreUnavailable as error:
                    failures.append(str(error))
                    await asyncio.sleep(0.02)
            progress.append(start)

    async def work() -> None:
        async with opened(address) as store:
            progress: list[int] = []
            recording = asyncio.create_task(record(store, progress))
            for _ in range(2):
                before = len(progress)
                await _until(lambda count=before + 10: len(progress) >= count)
                server.kill()
                seen = len(failures)
                await _until(lambda count=seen: len(failures) > count)
                server.start()
            await recording
            assert (await store.read(counts.sizes)).logs == 4000

    asyncio.run(work())
    assert all("does not answer" in text or "is starting or stopping" in text for text in failures)
    assert not any("\n" in text or PASSWORD in text for text in failures)
    assert query(address, "SELECT count(*), count(DISTINCT seq) FROM logs") == [(4000, 4000)]
    assert query(address, "SELECT sum(count) FROM patterns") == [(4000,)]
    assert query(address, "SELECT sum(count) FROM pattern_hosts") == [(4000,)]


def test_a_reader_survives_a_restart_of_the_server(server: Cluster) -> None:
    """Its connection is tried before it is used."""
    address = server.prepared()
    with Visitor(address) as visitor:
        assert visitor.read(counts.sizes).logs == 0
        server.kill()
        with pytest.raises(StoreUnavailable, match="does not answer"):
            visitor.read(counts.sizes)
        server.start()
        assert visitor.read(counts.sizes).logs == 0


def test_a_server_that_refuses_says_what_to_do_and_no_secret(server: Cluster) -> None:
    """Nobody there, an unknown host, wrong user or password, no such database, no connection left, no writes."""
    good = server.prepared()
    name = good.url.rpartition("/")[2]
    with server.admin() as connection:
        connection.execute("CREATE ROLE crowd LOGIN PASSWORD 'hush' CONNECTION LIMIT 0")
        connection.execute("CREATE ROLE standby LOGIN PASSWORD 'hush'")
        connection.execute("ALTER ROLE standby SET default_transaction_read_only = on")
        connection.execute("GRANT andon TO standby")
    cases: list[tuple[PostgresAddress, str]] = [
        (PostgresAddress.parse("postgresql://u:hush@127.0.0.1:9/andon"), "does not answer: check that the server runs"),
        (PostgresAddress.parse("postgresql://u:hush@no-such-host.invalid/andon"), "DB_PATH"),
        (server.address(name, password="hush"), "rejected the user or password"),
        (server.address(name, user="nobody", password="hush"), "rejected the user or password"),
        (server.address("missing"), "does not exist: create it"),
        (server.address(name, user="crowd", password="hush"), "accepts no more connections"),
        (server.address(name, user="standby", password="hush"), "accepts no writes"),
    ]
    for address, words in cases:
        with pytest.raises(StoreUnavailable, match=words) as caught:
            prepare(address, durability="normal")
        text = str(caught.value)
        assert "\n" not in text
        assert "hush" not in text
        assert PASSWORD not in text


def test_a_statement_that_takes_too_long_is_ended_and_reported(address: PostgresAddress) -> None:
    """The server ends it, so that it holds nothing any more."""

    async def work() -> None:
        async with opened(address) as store:
            await store.close()
        store = await Store.open(address, deadline=1.0)
        try:
            with psycopg.connect(address.url) as other:
                other.execute("LOCK TABLE logs")
                with pytest.raises(StoreUnavailable, match="did not answer"):
                    await store.record([a_log(1)], [])
            for _ in range(200):
                with contextlib.suppress(StoreUnavailable):
                    assert (await store.record([a_log(1)], [])).stored + (await store.read(counts.sizes)).logs >= 1
                    break
            else:
                pytest.fail("nothing can be stored any more")
        finally:
            await store.close()

    asyncio.run(work())


def test_a_question_to_the_history_that_takes_too_long_is_ended(
    address: PostgresAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words for whoever asked, and the connection goes on."""

    async def work(visitor: Visitor) -> None:
        with psycopg.connect(address.url) as other, monkeypatch.context() as patched:
            patched.setattr("andon.store.engine.deadline.DEADLINE", 0.05)
            other.execute("LOCK TABLE logs")
            with pytest.raises(QueryTooSlow, match="shorter time"):
                await visitor.ask(agent_history.find, HistoryQuery())
        assert await visitor.ask(agent_history.find, HistoryQuery()) == []

    with Visitor(address) as visitor:
        asyncio.run(work(visitor))


def test_an_address_that_libpq_cannot_read_is_a_mistake_in_the_settings() -> None:
    """Without its own words, which may quote a password."""
    with pytest.raises(ConfigError, match="percent-encoded") as caught:
        prepare(PostgresAddress.parse("postgresql://u:hu%zzsh@db/andon"), durability="normal")
    assert "hu%" not in str(caught.value)


def test_without_the_driver_the_extra_is_named() -> None:
    """Before anything is tried."""
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from andon.core.errors import ConfigError\nfrom andon.core.settings.database_url import PostgresAddress\nfrom andon.store import prepare\n"
        "try: prepare(PostgresAddress.parse('postgresql://h/d'), durability='normal')\n"
        "except ConfigError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "DB_PATH names a PostgreSQL database, which needs the library psycopg" in done.stdout
    assert install_command("postgres") in done.stdout


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (psycopg.errors.DiskFull("could not extend file"), StoreFull, "free some on its server"),
        (psycopg.errors.TooManyConnections("x"), StoreUnavailable, "max_connections"),
        (psycopg.errors.DeadlockDetected("x"), StoreUnavailable, "try again"),
        (psycopg.errors.AdminShutdown("terminating"), StoreUnavailable, "starting or stopping"),
        (psycopg.errors.DataCorrupted("x"), StoreUnavailable, "may be damaged"),
        (psycopg.errors.IoError("x"), StoreUnavailable, "its disk"),
        (psycopg.errors.UniqueViolation("x"), type(None), ""),
    ],
)
def test_states_of_the_server_become_our_errors(error: psycopg.Error, kind: type, words: str) -> None:
    """What is a mistake of ours does not."""
    found = store_error(PostgresAddress.parse("postgresql://u:hush@h/d"), error)
    assert type(found) is kind
    assert words in str(found)


@pytest.fixture
def small_disk(server: Cluster, tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB that the server may use; skips where we may not mount."""
    place = server.shared / "disk"
    place.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place], check=False, capture_output=True
        )
    except OSError:
        mounted = None
    if mounted is None or mounted.returncode:
        pytest.skip("mounting needs root")
    try:
        (place / "space").mkdir()
        server.own(place / "space")
        yield place
    finally:
        try:
            server.drop_tablespace("small")
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_stops_recording_until_there_is_room(server: Cluster, small_disk: Path) -> None:
    """Nothing of the refused batch is stored, probing says the same, and then it goes on."""
    with server.admin() as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{small_disk / 'space'}'".encode())
        connection.execute("GRANT CREATE ON TABLESPACE small TO andon")
    address = server.empty("TABLESPACE small")

    async def work() -> None:
        async with opened(address) as store:
            refused = None
            for start in range(1, 100_000, 500):
                batch = [a_log(i, message=f"{i} " + "x" * 1500) for i in range(start, start + 500)]
                try:
                    await store.record(batch, [])
                except StoreFull as error:
                    refused = str(error)
                    break
            assert refused is not None
            assert "no disk space is left for the database postgresql://andon@" in refused
            assert (await store.read(counts.sizes)).logs == start - 1
            subprocess.run(["mount", "-o", "remount,size=96m", small_disk], check=True)  # noqa: ASYNC221 - a moment
            await store.probe()
            assert (await store.record(batch, [])).stored == 500
            assert (await store.read(counts.sizes)).rejects == 0

    asyncio.run(work())


def test_nul_characters_are_replaced_where_the_server_takes_none(address: PostgresAddress) -> None:
    """In what is recorded, in explanations and in fixes."""

    async def work() -> None:
        async with opened(address) as store:
            await store.record([a_log(1, message="a\0b", hostname="h\0")], [a_reject(2, reason="x\0")])
            job = await store.write(queue.claim, "me", 60, NOW)
            assert job is not None
            await store.write(queue.finish, job, an_answer("c\0d"), NOW)
            log = await store.read(search.log_or_none, 1)
            assert log is not None
            assert (log.message, log.hostname, log.analysis) == ("a\ufffdb", "h\ufffd", "c\ufffdd")

    asyncio.run(work())
    assert change(address, problems.resolve, 1, "e\0f", None, None, NOW).fix.startswith("e")
    assert query(address, "SELECT fix FROM resolutions") == [("e\ufffdf",)]


def test_times_sort_by_their_bytes(address: PostgresAddress) -> None:
    """Whatever the server's locale makes of small and capital letters and signs."""

    async def work() -> None:
        async with opened(address) as store:
            await store.record([a_log(i, timestamp=text) for i, text in enumerate(("a", "B", "_", "Z", "é", "z"))], [])

    asyncio.run(work())
    assert [row[0] for row in query(address, "SELECT timestamp FROM logs ORDER BY timestamp")] == sorted("aB_Zéz")


def test_probing_leaves_nothing(address: PostgresAddress) -> None:
    """And needs the right to write."""

    async def work() -> None:
        async with opened(address) as store:
            await store.probe()
            assert (await store.record([a_log(1)], [])).stored == 1
            assert await store.read(recording.missing_ranges, STREAM, 1, 2) == [(2, 2)]

    asyncio.run(work())
    assert query(address, "SELECT count(*) FROM rejects") == [(0,)]


def test_a_mistake_of_ours_is_not_called_a_state_of_the_server(address: PostgresAddress) -> None:
    """It keeps its traceback."""
    engine = writer_engine(address, "strict")
    try:
        with pytest.raises(Exception, match="syntax error") as caught:
            with translated(address), engine.begin() as connection:
                connection.exec_driver_sql("SELEKT 1")
        assert not isinstance(caught.value, StoreError)
    finally:
        engine.dispose()
