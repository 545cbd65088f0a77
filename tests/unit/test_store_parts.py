"""Several logs in one message: rows with their places, one transaction, recognised by their message ever after."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.core.errors import StoreError
from andon.core.models import STREAM, LogRecord, Reject
from andon.core.settings.database_url import Database
from andon.store import KeepPolicy, KeepRule, Visitor, counts, prepare, recording, search
from andon.store.engine import database as engines
from andon.store.engine.prepare import migrate
from andon.store.schema.tables import HEAD
from support.postgres import Cluster
from support.retaining import answer_all, fill, keeping, retain
from support.store_data import Clock, a_log, a_reject, opened, query

pytest_plugins = ["support.databases"]

IDENTITIES = "SELECT seq, part, message FROM logs ORDER BY seq, part"


def a_message(sequence: int, *parts: str | None, **changes: Any) -> tuple[list[LogRecord], list[Reject]]:
    """The logs and rejects of a message: a part for each pattern, a reject for each None."""
    records = [
        a_log(sequence, pattern, part=place, message=f"{pattern} at {place}", **changes)
        for place, pattern in enumerate(parts)
        if pattern is not None
    ]
    return records, [a_reject(sequence, part=place) for place, pattern in enumerate(parts) if pattern is None]


def test_the_parts_of_a_message_are_rows_with_their_places(database: Database) -> None:
    """Logs and rejects alike; delivered again, alone or beside others, it is recognised whole."""

    async def work() -> None:
        async with opened(database) as store:
            done = await store.record(*a_message(1, "p1", None, "p1", "p2"))
            assert (done.stored, done.rejected, done.new_patterns, done.log_ids) == (3, 1, 2, [1, 2, 3])
            again = await store.record(*a_message(1, "p1", None, "p1", "p2"))
            assert (again.stored, again.rejected, again.duplicates, again.log_ids) == (0, 0, 4, [None] * 3)
            (first, none), (other, bad) = a_message(1, "p1", None, "p1", "p2"), a_message(2, None, "p2")
            both = await store.record(first + other, none + bad)
            assert (both.stored, both.rejected, both.duplicates) == (1, 1, 4)
            found = await store.read(search.log, 3)
            assert (found.sequence, found.part) == (1, 3)

    asyncio.run(work())
    assert query(database, IDENTITIES) == [(1, 0, "p1 at 0"), (1, 2, "p1 at 2"), (1, 3, "p2 at 3"), (2, 1, "p2 at 1")]
    assert query(database, "SELECT seq, part FROM rejects ORDER BY seq, part") == [(1, 1), (2, 0)]
    assert query(database, "SELECT fingerprint, count FROM patterns ORDER BY 1") == [("p1", 2), ("p2", 2)]


def test_a_message_that_is_told_apart_otherwise_by_now_is_recognised_all_the_same(database: Database) -> None:
    """As after an update: what was one reject, or two logs, is not stored anew as three."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record(*a_message(1, None))
            await store.record(*a_message(2, "p1", "p1"))
        async with opened(database) as store:
            for sequence in (1, 2):
                assert (await store.record(*a_message(sequence, "p1", "p2", "p3"))).duplicates == 3
            assert (await store.record(*a_message(2, "p1", "p2", stored_ns=5))).stored == 2

    asyncio.run(work())
    assert len(query(database, IDENTITIES)) == 4


def test_a_message_of_which_a_rule_leaves_out_a_part_is_known_after_a_restart(database: Database) -> None:
    """Whichever part it was, and though the rule is gone by then."""

    async def work() -> None:
        clock = Clock()
        rule = KeepPolicy((KeepRule("noise", "none", frozenset({"DEBUG"})),))
        whole = [
            a_log(n, part=part, severity="DEBUG" if n % 3 == part else "ERROR") for n in range(9) for part in (0, 1)
        ]
        async with keeping(database, rule, clock) as store:
            done = await store.record(whole, [])
            assert (done.stored, done.dropped) == (12, {"noise": 6})
        async with keeping(database, KeepPolicy(()), clock) as store:
            assert (await store.record(whole, [])).duplicates == 18

    asyncio.run(work())


def test_a_message_of_which_a_part_was_deleted_is_not_stored_anew(database: Database) -> None:
    """Nor one of which all were; and its gap in the stream is none."""

    async def work() -> None:
        clock = Clock()
        async with keeping(database, KeepPolicy((KeepRule("r", 60.0, frozenset({"DEBUG"})),)), clock) as store:
            mixed = [a_log(1, part=0, severity="DEBUG"), a_log(1, part=1), a_log(2, part=0, severity="DEBUG")]
            await fill(store, clock, mixed)
            await answer_all(store)
            clock.now += 60
            assert (await retain(store))[0] == {"r": 2}
            assert (await store.record(mixed, [])).duplicates == 3
            assert await store.read(recording.missing_ranges, STREAM, 1, 1) == []
            assert await store.read(recording.newest_sequence, STREAM) == 2

    asyncio.run(work())
    assert query(database, "SELECT seq, part FROM logs") == [(1, 1)]


def test_many_rows_of_a_sequence_are_no_gap(database: Database) -> None:
    """A message counts once, by its logs or by its rejects."""

    async def work() -> None:
        async with opened(database) as store:
            for one in (a_message(2, "p", "p", None), a_message(3, None, None), a_message(6, "p", "p")):
                await store.record(*one)
            assert await store.read(recording.missing_ranges, STREAM, 1, 7) == [(1, 1), (4, 5), (7, 7)]

    asyncio.run(work())


MESSAGES = st.lists(st.lists(st.sampled_from(["p1", "p2", None]), min_size=1, max_size=4), min_size=1, max_size=6)
STATE = (
    IDENTITIES,
    "SELECT seq, part FROM rejects ORDER BY 1, 2",
    "SELECT fingerprint, count FROM patterns ORDER BY 1",
    "SELECT SUM(count) FROM pattern_minutes",
    "SELECT name, value FROM counters WHERE value > 0 ORDER BY 1",
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=MESSAGES, data=st.data())
def test_messages_of_several_parts_delivered_again_give_the_same_state(
    made: list[list[str | None]], data: st.DataObject
) -> None:
    """In any order, in any batches, any number of times: rows and counts are those of one pass."""
    indexes = list(range(len(made)))
    order = data.draw(st.permutations(indexes + data.draw(st.lists(st.sampled_from(indexes), max_size=6))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=3)))

    async def record(path: Path, batches: list[list[int]]) -> list[list[tuple[Any, ...]]]:
        async with opened(path) as store:
            for batch in batches:
                parts = [a_message(index + 1, *made[index]) for index in batch]
                await store.record([r for one in parts for r in one[0]], [r for one in parts for r in one[1]])
        return [query(path, sql) for sql in STATE]

    with tempfile.TemporaryDirectory() as place:
        once = asyncio.run(record(Path(place) / "once.db", [indexes]))
        edges = itertools.pairwise([0, *cuts, len(order)])
        assert asyncio.run(record(Path(place) / "many.db", [list(order[a:b]) for a, b in edges])) == once


def test_recorders_of_several_processes_store_a_message_of_many_parts_once(server: Cluster) -> None:
    """Delivered to both at the same time."""
    address = server.prepared()

    async def one() -> list[int]:
        async with opened(address) as store:
            return [(await store.record(*a_message(n, "p1", None, "p2", "p1"))).stored for n in range(1, 31)]

    async def work() -> list[list[int]]:
        return await asyncio.gather(one(), one())

    assert sum(itertools.chain.from_iterable(asyncio.run(work()))) == 90
    assert query(address, "SELECT count(*), count(DISTINCT (seq, part)) FROM logs") == [(90, 90)]
    assert query(address, "SELECT count(*) FROM rejects") == [(30,)]


def test_what_the_database_refuses_is_found_and_nothing_is_stored_by_looking(database: Database) -> None:
    """A value that no driver can encode refuses the whole transaction, as an error of ours."""

    async def work() -> None:
        async with opened(database) as store:
            batch = [a_log(1, f"p{part}", part=part) for part in range(9)]
            for place in (2, 7):
                batch[place].message = "a lone \ud800 surrogate"
            with pytest.raises(StoreError, match="surrogates not allowed"):
                await store.record(batch, [])
            found = await store.refused(batch)
            assert list(found) == [2, 7]
            assert "surrogates not allowed" in found[2]
            assert await store.refused(batch[:2]) == {}
            assert (await store.read(counts.sizes)).logs == 0
            assert (await store.record([batch[0], batch[8]], [])).new_patterns == 2

    asyncio.run(work())
    assert query(database, "SELECT COUNT(*) FROM patterns") == [(2,)]


def test_bytes_that_are_no_utf_8_are_kept_beside_the_text(database: Database) -> None:
    """Every log of the message has its own, or none."""

    async def work() -> None:
        async with opened(database) as store:
            odd = b'{"message": "M\xf6tor"}\x00'
            await store.record([a_log(1, part=0, raw=odd), a_log(1, part=1), a_log(2)], [])
            assert [(await store.read(search.log, n)).raw for n in (1, 2, 3)] == [odd, None, None]

    asyncio.run(work())


def test_what_else_came_in_the_message_of_a_log_is_found(database: Database) -> None:
    """All logs in the order of their places, and the rejects; a log that came alone is all there is."""

    async def work() -> None:
        async with opened(database) as store:
            await store.record(*a_message(1, None, "p1", "p2", None))
            await store.record([a_log(2)], [])
            assert await store.read(recording.messages_of, [1, 3]) == {
                1: ([1, 2], [(0, "not JSON"), (3, "not JSON")]),
                3: ([3], []),
            }

    asyncio.run(work())


OLD = (
    "INSERT INTO streams (id, name) VALUES (1, 'AGENT_STREAM')",
    "INSERT INTO logs (id, stream_id, seq, stored_ns, timestamp, hostname, severity, service, message, created_at)"
    " VALUES (4, 1, 7, 70, '2025-01-10T00:00:00.000Z', 'h', 'ERROR', 's', 'the log of before', 9)",
    "INSERT INTO rejects (stream_id, seq, stored_ns, subject, reason, data, received_at)"
    " VALUES (1, 8, 80, 'agent.technical.support', 'not JSON', x'5b31', '2025-01-10T00:00:00.000Z')",
)


def _of_before(path: Path) -> None:
    engine = engines.writer_engine(path, "normal")
    with engine.begin() as connection:
        migrate(connection, "0006")
        for sql in OLD:
            connection.exec_driver_sql(sql)
    engine.dispose()


def test_a_database_of_before_gets_the_place_of_each_row(tmp_path: Path) -> None:
    """Rows stay as they are, at place 0; their messages are recognised, and those of several logs are stored."""
    path = tmp_path / "agent.db"
    _of_before(path)
    assert prepare(path, durability="normal").migrated_from == "0006"

    async def work() -> None:
        async with opened(path) as store:
            old = [a_log(7, part=part, stored_ns=70) for part in (0, 1)]
            assert (await store.record(old, [a_reject(8, stored_ns=80, part=2)])).duplicates == 3
            assert (await store.record(*a_message(9, "p1", "p2"))).log_ids == [5, 6]

    asyncio.run(work())
    with Visitor(path) as visitor:
        log, reject = visitor.read(search.log, 4), visitor.read(recording.reject, 1)
    assert (log.message, log.part, log.raw) == ("the log of before", 0, None)
    assert (reject.data, reject.part) == (b"[1", 0)


def test_an_upgrade_that_breaks_off_leaves_the_database_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migration is one transaction: what cannot be done to the end is not done at all."""
    path = tmp_path / "agent.db"
    _of_before(path)

    def broken(*_: object, **__: object) -> None:
        raise OSError("the lights went out")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_index", broken)
        with pytest.raises(OSError, match="the lights"):
            prepare(path, durability="normal")
    assert query(path, "SELECT version_num FROM alembic_version") == [("0006",)]
    assert "part" not in [row[1] for row in query(path, "PRAGMA table_info(logs)")]
    prepare(path, durability="normal")
    assert query(path, "SELECT version_num FROM alembic_version") == [(HEAD,)]
