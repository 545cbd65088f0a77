"""Recording: exactly once, whatever is delivered again, cancelled, killed or refused by the disk."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.core.errors import StoreFull, StoreUnavailable
from andon.core.models import STREAM, LogRecord
from andon.core.settings.database_url import Database, PostgresAddress
from andon.core.times import unix_minute
from andon.store import KeepPolicy, KeepRule, Store, counts, novel, prepare, queue, recording, search
from andon.store.recording.writer import Recorder
from support import mounts
from support.postgres import Cluster
from support.service import until
from support.store_data import NOW, NS, Clock, a_log, a_reject, an_answer, opened, query, written

pytest_plugins = ["support.databases"]


def test_a_batch_is_told_and_stored(database: Database) -> None:
    """Ids stand beside the records; patterns, hosts and minutes are counted; the new problems are queued."""

    async def work() -> None:
        async with opened(database) as store:
            batch = [a_log(1), a_log(2, "p2", hostname="plc-02", severity="CRITICAL"), a_log(3)]
            done = await store.record(batch, [a_reject(4)])
            assert (done.stored, done.duplicates, done.rejected) == (3, 0, 1)
            assert (done.new_patterns, done.queued, done.explained) == (2, 2, set())
            assert done.log_ids == [1, 2, 3]
            assert done.pattern_ids == [1, 2, 1]
            found = await store.read(counts.sizes)
            assert (found.logs, found.patterns, found.rejects, found.pending) == (3, 2, 1, 2)
            assert found.bytes > 0

    asyncio.run(work())
    assert query(database, "SELECT fingerprint, count, worst_severity, first_seen, last_seen FROM patterns") == [
        ("p1", 2, "ERROR", "2025-01-15T02:14:01.123Z", "2025-01-15T02:14:03.123Z"),
        ("p2", 1, "CRITICAL", "2025-01-15T02:14:02.123Z", "2025-01-15T02:14:02.123Z"),
    ]
    assert query(database, "SELECT * FROM pattern_minutes") == [
        (28_948_454, 1, "plc-01", 2),
        (28_948_454, 2, "plc-02", 1),
    ]
    assert query(database, "SELECT pattern_id, log_id, reason, status, tier, score FROM analyses") == [
        (1, 1, "new", "pending", 0, 60),
        (2, 2, "new", "pending", 1, 200),
    ]


def test_every_field_comes_back(database: Database) -> None:
    """Optional fields too, in a batch where only one record has them."""
    full = a_log(
        1,
        context='{"a": 1}',
        severity_native="Fehler",
        site="s",
        area="a",
        line="l",
        machine="m",
        notes="n",
        message="Überdruck 压力 🙂",
    )

    async def work() -> None:
        async with opened(database) as store:
            await store.record([full, a_log(2)], [])
            log = await store.read(search.log_or_none, 1)
            assert log is not None
            elsewhere = {"fingerprint", "template", "reply_to", "images", "pictures", "references", "refused", "late"}
            for name in LogRecord.__struct_fields__:
                if name not in elsewhere:
                    assert getattr(log, name) == getattr(full, name)
            assert (log.created_at, log.analysis_status) == ("2025-01-15T02:15:00.000Z", "pending")
            bare = await store.read(search.log_or_none, 2)
            assert bare is not None
            assert (bare.context, bare.site, bare.notes) == (None, None, None)
            assert await store.read(search.log_or_none, 3) is None

    asyncio.run(work())


def test_a_message_delivered_again_is_a_duplicate(database: Database) -> None:
    """In a later batch, in the same one, as a log or as a reject; a reused sequence is another message."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1), a_log(2)], [a_reject(3)])
            again = await store.record(
                [a_log(2), a_log(3), a_log(4), a_log(4)], [a_reject(1), a_reject(3), a_reject(4)]
            )
            assert (again.stored, again.duplicates, again.rejected) == (1, 6, 0)
            assert again.log_ids == [None, None, 3, None]
            assert again.pattern_ids == [None, None, 1, None]
            reused = await store.record([a_log(2, stored_ns=NS + 999_999)], [])
            assert (reused.stored, reused.duplicates) == (1, 0)
            other = await store.record([a_log(1, stream="OTHER")], [])
            assert other.stored == 1
            assert await store.read(recording.newest_sequence, STREAM) == 4
            assert await store.read(recording.newest_sequence, "OTHER") == 1
            assert await store.read(recording.newest_sequence, "NONE") == 0

    asyncio.run(work())
    assert query(database, "SELECT count FROM patterns") == [(5,)]


STATE = (
    "SELECT l.seq, l.stored_ns, l.hostname, l.severity, l.message, p.fingerprint FROM logs l"
    " JOIN patterns p ON p.id = l.pattern_id ORDER BY l.seq, l.stored_ns",
    "SELECT fingerprint, first_seen, last_seen, count, worst_severity FROM patterns ORDER BY 1",
    "SELECT p.fingerprint, h.hostname, h.first_seen, h.count FROM pattern_hosts h"
    " JOIN patterns p ON p.id = h.pattern_id ORDER BY 1, 2",
    "SELECT p.fingerprint, m.hostname, m.minute, m.count FROM pattern_minutes m"
    " JOIN patterns p ON p.id = m.pattern_id ORDER BY 1, 2, 3",
    "SELECT p.fingerprint, a.reason, a.status, a.tier, a.score FROM analyses a"
    " JOIN patterns p ON p.id = a.pattern_id ORDER BY 1",
    "SELECT w.reply_to FROM waiters w ORDER BY 1",
    "SELECT seq, stored_ns, reason FROM rejects ORDER BY 1, 2",
    "SELECT name, value FROM counters WHERE value > 0 ORDER BY 1",
)


def _state(path: Database) -> list[list[tuple[Any, ...]]]:
    return [query(path, sql) for sql in STATE]


async def _record_all(path: Database, batches: list[list[int]], messages: list[LogRecord | None]) -> None:
    async with opened(path) as store:
        for batch in batches:
            logs = [m for i in batch if (m := messages[i]) is not None]
            await store.record(logs, [a_reject(i + 1) for i in batch if messages[i] is None])


messages_of = st.lists(
    st.one_of(
        st.none(),
        st.tuples(
            st.sampled_from(["p1", "p2", "p3"]),
            st.sampled_from(["h1", "h2"]),
            st.sampled_from(["INFO", "ERROR", "CRITICAL"]),
            st.integers(0, 59),
            st.booleans(),
        ),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=messages_of, data=st.data())
def test_redelivery_in_any_order_and_split_gives_the_same_state(
    made: list[tuple[str, str, str, int, bool] | None], data: st.DataObject
) -> None:
    """Counts, rollups, the queue and the callers are those of one pass over the messages."""
    with tempfile.TemporaryDirectory() as place:
        _compare_with_redelivery(Path(place) / "once.db", Path(place) / "many.db", made, data)


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(made=messages_of, data=st.data())
def test_redelivery_gives_the_same_state_on_a_server(
    server: Cluster, made: list[tuple[str, str, str, int, bool] | None], data: st.DataObject
) -> None:
    """The same on PostgreSQL, which a file of SQLite's is compared with."""
    with tempfile.TemporaryDirectory() as place:
        _compare_with_redelivery(Path(place) / "once.db", server.prepared(), made, data)


def _compare_with_redelivery(
    once: Database, many: Database, made: list[tuple[str, str, str, int, bool] | None], data: st.DataObject
) -> None:
    messages: list[LogRecord | None] = []
    for i, drawn in enumerate(made):
        if drawn is None:
            messages.append(None)
            continue
        pattern, host, severity, minute, waits = drawn
        messages.append(
            a_log(
                i + 1,
                pattern,
                hostname=host,
                severity=severity,
                timestamp=f"2025-01-15T02:{minute:02d}:00.000Z",
                reply_to=f"inbox.{i}" if waits else None,
            )
        )
    indexes = list(range(len(messages)))
    extra = data.draw(st.lists(st.sampled_from(indexes), max_size=12))
    order = data.draw(st.permutations(indexes + extra))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
    edges = [0, *cuts, len(order)]
    batches = [list(order[a:b]) for a, b in itertools.pairwise(edges)]
    asyncio.run(_record_all(once, [indexes], messages))
    asyncio.run(_record_all(many, batches, messages))
    assert _state(many) == _state(once)


def test_a_big_batch_with_all_kinds_of_minutes_and_patterns(database: Database) -> None:
    """More rows than one statement takes, each of another minute, host and pattern."""
    batch = [
        a_log(
            i,
            f"p{i}",
            hostname=f"h{i}",
            timestamp=f"2025-01-{1 + i // 1440:02d}T{i // 60 % 24:02d}:{i % 60:02d}:00.000Z",
        )
        for i in range(1, 2051)
    ]

    async def work() -> None:
        async with opened(database) as store:
            assert (await store.record(batch, [])).new_patterns == 2050
            assert (await store.record(batch, [])).duplicates == 2050

    asyncio.run(work())
    assert query(database, "SELECT COUNT(*), COUNT(DISTINCT minute), SUM(count) FROM pattern_minutes") == [
        (2050, 2050, 2050)
    ]
    assert query(database, "SELECT COUNT(*), SUM(count) FROM pattern_hosts") == [(2050, 2050)]


def test_a_pattern_that_is_explained_is_told_and_not_asked_again(database: Database) -> None:
    """A provisional explanation does not count as one."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([a_log(1)], [])
            job = await store.write(queue.claim, "me", 60, NOW)
            assert job is not None
            await store.write(queue.postpone, job, "away", NOW, an_answer("for now"))
            done = await store.record([a_log(2)], [])
            assert (done.queued, done.explained) == (0, set())
            job = await store.write(queue.claim, "me", 60, NOW)
            assert job is not None
            await store.write(queue.finish, job, an_answer(), NOW)
            done = await store.record([a_log(3)], [])
            assert (done.queued, done.explained) == (0, {1})

    asyncio.run(work())


def test_the_memory_of_patterns_is_bounded_and_forgets_what_was_rolled_back(tmp_path: Path) -> None:
    """An id that a failed transaction gave out is not trusted; forgotten patterns are found in the database."""
    path = tmp_path / "agent.db"

    async def work() -> None:
        async with opened(path) as store:
            store._recorder = Recorder(novel, Clock(), remembered=3)
            poison = a_log(2, "bad", hostname=object())
            with pytest.raises(Exception, match="type 'object' is not supported"):
                await store.record([a_log(1, "lost"), poison], [])
            assert (await store.read(counts.sizes)).logs == 0
            for i in range(1, 9):
                await store.record([a_log(i, f"p{i}")], [])
                assert len(store._recorder._patterns) <= 3
            done = await store.record([a_log(20 + i, f"p{i}") for i in range(1, 9)] + [a_log(30, "lost")], [])
            assert done.pattern_ids == [*range(1, 9), 9]

    asyncio.run(work())
    assert query(path, "SELECT DISTINCT count FROM patterns WHERE fingerprint <> 'lost'") == [(2,)]


def test_the_start_of_a_message_without_a_byte(database: Database) -> None:
    """A broker takes empty messages too: they are listed beside the others."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record([], [a_reject(1, data=b""), a_reject(2, data=b"abcdef")])
            found = await store.read(recording.reject_starts, 5, retried=False, length=3)
            assert [(row.data, size) for row, size in found] == [(b"abc", 6), (b"", 0)]

    asyncio.run(work())


def test_missing_ranges_count_logs_and_rejects(database: Database) -> None:
    """At both ends and in between; a sequence stored twice is no gap."""

    async def work() -> None:
        async with opened(database) as store:
            assert await store.read(recording.missing_ranges, STREAM, 1, 9) == [(1, 9)]
            await store.record([a_log(3), a_log(5), a_log(5, stored_ns=1), a_log(8)], [a_reject(6)])
            assert await store.read(recording.missing_ranges, STREAM, 1, 10) == [(1, 2), (4, 4), (7, 7), (9, 10)]
            assert await store.read(recording.missing_ranges, STREAM, 5, 6) == []
            assert await store.read(recording.missing_ranges, STREAM, 9, 8) == []
            assert await store.read(recording.missing_ranges, "OTHER", 2, 3) == [(2, 3)]

    asyncio.run(work())


def test_rows_of_another_stream_and_messages_left_out(database: Database) -> None:
    """Rows of before the stream's first message do not count; what has no row but was handled does."""

    async def work() -> None:
        policy = KeepPolicy((KeepRule("none", "none", service="noise"),))
        async with opened(database) as store:
            await store.record([a_log(n, stored_ns=100 + n) for n in range(1, 11)], [])
            await store.record([a_log(n) for n in (2, 3, 9)], [a_reject(5), a_reject(9, part=1)])
            ranges = store.read(recording.missing_ranges, STREAM, 1, 10, NS)
            assert await ranges == [(1, 1), (4, 4), (6, 8), (10, 10)]
            ranges = store.read(recording.missing_ranges, STREAM, 1, 10, NS, 3)
            assert await ranges == [(1, 10)]
            assert await store.read(recording.missing_ranges, STREAM, 1, 10) == []
        keeping = await Store.open(database, clock=Clock(), keeping=policy)
        await keeping.record([a_log(n, service="noise") for n in (6, 7)], [])
        ranges = keeping.read(recording.missing_ranges, STREAM, 1, 12, NS)
        assert await ranges == [(1, 1), (4, 4), (8, 8), (10, 12)]
        keys = [(n, NS + n) for n in range(1, 11)]
        assert await keeping.read(recording.unknown, STREAM, keys) == {(n, NS + n) for n in (1, 4, 8, 10)}
        old = [(n, 100 + n) for n in range(1, 12)]
        assert await keeping.read(recording.unknown, STREAM, old) == {(11, 111)}
        assert await keeping.read(recording.unknown, "OTHER", old) == set(old)
        await keeping.close()

    asyncio.run(work())


def test_up_to_where_all_is_stored(database: Database) -> None:
    """The newest row of it, a log or a reject; nothing while nothing is stored."""

    async def work() -> None:
        async with opened(database) as store:
            await store.write(recording.set_checked, STREAM, 5)
            assert await store.read(recording.checked, STREAM) == (0, 0)
            await store.record([a_log(3), a_log(3, stored_ns=7), a_log(9)], [a_reject(6)])
            for last, newest in ((5, (3, NS + 3)), (8, (6, NS + 6)), (99, (9, NS + 9)), (4, (3, NS + 3))):
                await store.write(recording.set_checked, STREAM, last)
                assert await store.read(recording.checked, STREAM) == newest
            assert await store.read(recording.checked, "OTHER") == (0, 0)

    asyncio.run(work())


def test_a_cancelled_caller_leaves_a_whole_batch_or_none(database: Database) -> None:
    """Whenever it is cancelled; recording the same again completes it."""

    async def work() -> None:
        async with opened(database) as store:
            for start in range(1, 200, 10):
                batch = [a_log(i) for i in range(start, start + 10)]
                task = asyncio.create_task(store.record(batch, []))
                for _ in range(start % 5):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                done = await store.record(batch, [])
                assert done.stored in {0, 10}
            assert (await store.read(counts.sizes)).logs == 200

    asyncio.run(work())


def test_closing_ends_what_is_queued_and_refuses_what_comes_later(tmp_path: Path) -> None:
    """Twice is as good as once; the write-ahead log is folded into the file."""
    path = tmp_path / "agent.db"

    async def work() -> None:
        prepare(path, durability="strict")
        store = await Store.open(path, durability="strict")
        waiting = [asyncio.create_task(store.record([a_log(i)], [])) for i in range(1, 30)]
        await asyncio.sleep(0)
        await asyncio.gather(store.close(), store.close())
        await store.close()
        assert sum(done.stored for done in await asyncio.gather(*waiting)) == 29
        with pytest.raises(StoreUnavailable, match="is closed"):
            await store.record([a_log(99)], [])

    asyncio.run(work())
    assert not path.with_name("agent.db-wal").exists()
    assert query(path, "SELECT COUNT(*) FROM logs") == [(29,)]


def test_opening_what_was_not_prepared_is_refused(tmp_path: Path) -> None:
    """No file, and a file without our schema."""
    with pytest.raises(StoreUnavailable, match="no database at"):
        asyncio.run(Store.open(tmp_path / "none.db"))
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreUnavailable, match="is empty"):
        asyncio.run(Store.open(tmp_path / "empty.db"))


def _limit_pages(store: Store, pages: int | None) -> None:
    with store._writer.connect() as connection:
        current = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={current + pages if pages is not None else 2**30}")


def test_a_full_disk_stops_recording_until_there_is_room(tmp_path: Path) -> None:
    """Nothing of the refused batch is stored, the probe says the same, and then it goes on."""
    big = [a_log(i, message="x" * 2000) for i in range(1, 400)]

    async def work() -> None:
        async with opened(tmp_path / "agent.db") as store:
            await store.record([a_log(1000)], [])
            _limit_pages(store, 20)
            with pytest.raises(StoreFull, match=r"no disk space is left for the database .* free some") as caught:
                await store.record(big, [])
            assert "\n" not in str(caught.value)
            with pytest.raises(StoreFull):
                await store.probe()
            assert (await store.read(counts.sizes)).logs == 1
            _limit_pages(store, None)
            await store.probe()
            assert (await store.record(big, [])).stored == len(big)
            assert (await store.read(counts.sizes)).rejects == 0

    asyncio.run(work())


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A mounted disk of 2 MiB; skips where we may not mount."""
    with mounts.small_disk(tmp_path / "disk", 2 << 20) as mounted:
        if not mounted:
            pytest.skip("mounting a small disk needs root")
        yield tmp_path / "disk"


def test_a_truly_full_disk_is_a_full_store(tiny_disk: Path) -> None:
    """The system's own answer is understood, by recording and by the probe; room brings it back."""
    ballast = tiny_disk / "ballast"

    async def work() -> None:
        async with opened(tiny_disk / "agent.db") as store:
            ballast.write_bytes(b"x" * (1536 * 1024))
            stored = 0

            async def fill() -> None:
                nonlocal stored
                for i in range(1, 3000, 10):
                    done = await store.record([a_log(j, message="x" * 4000) for j in range(i, i + 10)], [])
                    stored += done.stored

            with pytest.raises(StoreFull):
                await fill()
            with pytest.raises(StoreFull):
                await store.probe()
            assert (await store.read(counts.sizes)).logs == stored
            ballast.unlink()
            await store.probe()
            assert (await store.record([a_log(5000)], [])).stored == 1

    asyncio.run(work())


def test_the_probe_reaches_the_disk_and_leaves_nothing(tmp_path: Path) -> None:
    """It writes into the write-ahead log and rolls back."""
    path = tmp_path / "agent.db"

    async def work() -> None:
        async with opened(path) as store:
            before = path.with_name("agent.db-wal").stat().st_size
            with store._writer.connect() as connection:
                kept = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
            await store.probe()
            assert path.with_name("agent.db-wal").stat().st_size > before
            assert query(path, "SELECT COUNT(*) FROM rejects") == [(0,)]
            with store._writer.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA cache_size").scalar_one() == kept

    asyncio.run(work())


def _until_nobody_else_works_on(database: Database) -> None:
    """A server may still be busy with the last words of a client that is dead."""
    if isinstance(database, PostgresAddress):
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        until(lambda: query(database, others) == [(0,)], "the end of the dead client's sessions")


def test_everything_committed_survives_kill_9(database: Database) -> None:
    """A process killed between and within batches leaves whole batches, consistent counts and its leases."""
    code = f"""
import asyncio, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from andon.core.settings.database_url import parse_database
from andon.store import queue
from support.store_data import NOW, a_log, opened
async def work():
    async with opened(parse_database({written(database)!r})) as store:
        for start in range(1, 10**6, 50):
            await store.record([a_log(i, f"p{{i % 7}}") for i in range(start, start + 50)], [])
            if start == 1:
                await store.write(queue.claim, "killed", 3600, NOW)
            print(start + 49, flush=True)
asyncio.run(work())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = 0
        for line in child.stdout:
            if line.strip().isdigit():
                told = int(line)
            if told >= 500 and child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    _until_nobody_else_works_on(database)
    stored = query(database, "SELECT COUNT(*) FROM logs")[0][0]
    assert stored >= told
    assert stored % 50 == 0
    for sql in ("SELECT SUM(count) FROM patterns", "SELECT SUM(count) FROM pattern_minutes"):
        assert query(database, sql) == [(stored,)]
    assert query(database, "SELECT value FROM counters WHERE name = 'logs'") == [(stored,)]

    async def resume() -> None:
        async with opened(database) as store:
            again = [a_log(i, f"p{i % 7}") for i in range(1, stored + 51)]
            assert (await store.record(again, [])).stored == 50
            assert await store.write(queue.release, "killed") == 1
            assert await store.read(recording.missing_ranges, STREAM, 1, stored + 50) == []

    asyncio.run(resume())


@pytest.mark.parametrize(
    ("text", "minute"),
    [("1970-01-01T00:01:59.999Z", 1), ("2025-01-15T02:14", 28_948_454), ("", 0), ("15.01.2025 02:14", 0)],
)
def test_minutes_of_stored_times(text: str, minute: int) -> None:
    """Text that is no time does not stop recording."""
    assert unix_minute(text) == minute


def test_an_impossible_statement_is_not_called_a_state_of_the_disk(tmp_path: Path) -> None:
    """A mistake of ours surfaces as what it is."""

    async def work() -> None:
        async with opened(tmp_path / "agent.db") as store:
            with pytest.raises(Exception, match="UNIQUE") as caught:
                await store.write(
                    lambda connection: connection.exec_driver_sql("INSERT INTO streams (name) VALUES ('a'), ('a')")
                )
            assert not isinstance(caught.value, StoreUnavailable)
            assert isinstance(caught.value.__cause__, sqlite3.IntegrityError)

    asyncio.run(work())
