"""What was acknowledged and is not in the database comes from the stream again, whatever took it; nothing comes twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from andon.bus import jetstream_api
from andon.bus.connection import BusConnection
from andon.bus.jetstream_api import ensure_stream
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.publisher import JetStreamPublisher
from andon.core.models import CONSUMER, STREAM, SUBJECT, Recorded, StreamState
from andon.core.settings.database_url import Database
from andon.core.telemetry import Health, Metrics
from andon.ingest import recovery
from andon.ingest.recorder import Batch, Recorder
from andon.store import KeepPolicy, KeepRule, Store, keep_all, prepare
from support import postgres
from support.bus import client, drain, recreate_consumer, running_broker, until
from support.patience import PATIENCE
from support.splitting import Splitter, message
from support.store_data import query

pytest_plugins = ["support.databases"]

ANOTHER = "another client, or an Andon with another database, takes messages from AGENT_CONSUMER of AGENT_STREAM: "


def change(database: Database, *statements: str) -> None:
    """What somebody does to a database while Andon does not run."""
    if not isinstance(database, Path):
        for statement in statements:
            query(database, statement)
        return
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


class Site:
    """A recorder at work; ``count`` is the number of logs in its database."""

    def __init__(self, database: Database, stream: JetStreamLogStream) -> None:
        self.database, self.stream = database, stream
        self.metrics, self.health = Metrics(), Health()
        self.health.report("service", None)

    def count(self, table: str = "logs") -> int:
        return int(query(self.database, f"SELECT COUNT(*) FROM {table}")[0][0])

    @property
    def recovered(self) -> float:
        return self.metrics.registry.get_sample_value("andon_logs_recovered_total") or 0.0

    @property
    def told(self) -> str:
        return self.health.problems.get(recovery.PART, "")


async def _nothing() -> None:
    pass


@contextlib.asynccontextmanager
async def recording(
    database: Database, nc: BusConnection, keeping: KeepPolicy = keep_all, *, pulling: bool = True
) -> AsyncIterator[Site]:
    """Records until the end of the block; the first comparison is over when it begins.

    Without ``pulling`` nothing is delivered, as where another client is always the quicker one.
    """
    prepare(database, durability="normal")
    store = await Store.open(database, keeping=keeping)
    stream = await JetStreamLogStream.open(nc, batch=50)
    site = Site(database, stream)
    if not pulling:
        stream.reader.ask = _nothing  # type: ignore[method-assign]

    async def stored(_batch: Batch, _recorded: Recorded) -> None:
        pass

    recorder = Recorder(
        stream, store, Splitter(), site.metrics, site.health, batch=50,
        on_stored=stored, on_stalled=lambda _: None, queued=lambda: None,
    )  # fmt: skip
    site.health.report(recovery.PART, recovery.BEGINS)
    task = asyncio.create_task(recorder.run())
    try:
        await until(lambda: task.done() or not site.told.startswith(recovery.BEGINS), "the first comparison")
        if task.done():
            task.result()
        yield site
    finally:
        task.cancel()
        result = (await asyncio.gather(task, return_exceptions=True))[0]
        await stream.close()
        await store.close()
    assert isinstance(result, asyncio.CancelledError), result


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for, not how long."""
    monkeypatch.setattr(recovery, "EVERY", 0.05)
    monkeypatch.setattr(recovery, "QUIET_EVERY", 0.05)


async def publish(nc: BusConnection, count: int, what: str = "log") -> None:
    publisher = JetStreamPublisher(nc, timeout=PATIENCE)
    logs = ({"message": f"Drive {n} hot", "service": what, "severity": "ERROR"} for n in range(count))
    result = await publisher.store_many((SUBJECT, json.dumps(log).encode(), None, None) for log in logs)
    assert (result.stored, result.failed) == (count, 0)
    await publisher.close()


async def steal(nc: BusConnection, count: int, *, ack: bool = True) -> None:
    """What another client does: pull from our consumer and acknowledge."""
    puller = await nc.jetstream(timeout=PATIENCE).pull_subscribe_bind(CONSUMER, STREAM)
    left = count
    while left > 0:
        for each in await puller.fetch(left, timeout=PATIENCE):
            left -= 1
            if ack:
                await each.ack()
    await nc.flush()
    await puller.unsubscribe()


async def remake(nc: BusConnection, **config: Any) -> None:
    """Replace the consumer, being quicker than Andon, which makes a missing one again."""

    async def made() -> bool:
        with contextlib.suppress(jetstream_api.ApiError):
            await recreate_consumer(nc, **config)
            return True
        return False

    await until(made, "the other consumer")


async def floor(nc: BusConnection) -> int:
    consumer = await jetstream_api.request(nc, f"CONSUMER.INFO.{STREAM}.{CONSUMER}")
    return int(consumer["ack_floor"]["stream_seq"])


async def reaches(nc: BusConnection, wanted: int) -> None:
    async def there() -> bool:
        return await floor(nc) >= wanted

    await until(there, f"the ack floor at {wanted}")


async def recorded(database: Database, nc: BusConnection, count: int, what: str = "log") -> None:
    """Publish logs and record them; stopped afterwards."""
    await ensure_stream(nc)
    before = await floor(nc)
    await publish(nc, count, what)
    async with recording(database, nc):
        await reaches(nc, before + count)


async def test_a_stream_made_anew_beside_a_database_from_before(tmp_path: Path, database: Database) -> None:
    """The same sequences are other logs: fewer, as many and more of them than are stored."""
    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await recorded(database, nc, 60)
        total = 60
        for count in (40, 60, 150):
            await jetstream_api.request(nc, f"STREAM.DELETE.{STREAM}")
            await ensure_stream(nc)
            await publish(nc, count, f"new {count}")
            await steal(nc, count)
            total += count
            async with recording(database, nc) as site:
                assert (site.count(), site.recovered, site.told) == (total, count, "")
                await publish(nc, 5)
                await until(lambda: site.count() == total + 5, "what comes afterwards")  # noqa: B023
            total += 5


@pytest.mark.parametrize("lost", ["seq > 60", "seq BETWEEN 20 AND 49", "seq < 3 OR seq % 9 = 0"])
async def test_rows_that_a_restored_database_lacks(tmp_path: Path, database: Database, lost: str) -> None:
    """At its end, in the middle, here and there: they come back, and no other comes twice."""
    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await recorded(database, nc, 100)
        gone = 100 - query(database, f"SELECT COUNT(*) FROM logs WHERE NOT ({lost})")[0][0]
        change(database, f"DELETE FROM logs WHERE {lost}")
        async with recording(database, nc) as site:
            assert (site.count(), site.recovered) == (100, gone)
            assert site.told == ""
        assert query(database, "SELECT COUNT(DISTINCT seq) FROM logs") == [(100,)]


async def test_a_tail_that_the_broker_lost_and_used_again(tmp_path: Path) -> None:
    """Other logs under sequences that are stored: all of the same stream, acknowledged by another client."""
    database, store = tmp_path / "agent.db", tmp_path / "jetstream"
    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await recorded(database, nc, 30)
        port = int(broker.url.rpartition(":")[2])
        await broker.stop()
        shutil.copytree(store, tmp_path / "before")
    async with running_broker(tmp_path, nats_port=port) as broker, client(broker.url) as nc:
        await recorded(database, nc, 20)
    shutil.rmtree(store)
    shutil.move(tmp_path / "before", store)
    async with running_broker(tmp_path, nats_port=port) as broker, client(broker.url) as nc:
        await publish(nc, 40, "others")
        await steal(nc, 40)
        async with recording(database, nc) as site:
            assert (site.count(), site.recovered) == (90, 40)


async def test_an_ack_floor_above_the_end_makes_the_consumer_anew(tmp_path: Path) -> None:
    """Found at the start and while it runs, told while it lasts; logs below that floor are recorded."""
    database = tmp_path / "agent.db"
    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        await publish(nc, 10)
        beyond = {"deliver_policy": "by_start_sequence", "opt_start_seq": 500}
        await remake(nc, **beyond)
        async with recording(database, nc) as site:
            assert site.count() == 10
            await publish(nc, 10)
            await until(lambda: site.count() == 20, "what lies below the old floor")
            await remake(nc, **beyond)
            await publish(nc, 10)
            await until(lambda: site.count() == 30, "what came meanwhile")
            await reaches(nc, 30)
            assert await floor(nc) == 30
            await until(lambda: site.told == "", "nothing to tell")


async def test_another_client_is_heard_of_though_nobody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing happens the broker is not asked again and again; the other's request for logs ends that."""
    monkeypatch.setattr(recovery, "QUIET_EVERY", 10 * PATIENCE)
    database = tmp_path / "agent.db"
    async with running_broker(tmp_path) as broker, client(broker.url) as nc, client(broker.url) as other:
        async with recording(database, nc, pulling=False) as site:
            await site.stream.guard.listen()
            await until(lambda: bool(site.stream.moved._waiters), "the rest")  # type: ignore[attr-defined]
            await publish(nc, 30)
            assert site.count() == 0
            await steal(other, 30)
            await until(lambda: site.count() == 30, "what the other took")
            await site.stream.guard.close()


async def test_logs_that_another_client_acknowledges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once while nothing comes to us, then a few among ours: all are stored, and it is told until it is over."""
    database = tmp_path / "agent.db"
    async with running_broker(tmp_path) as broker, client(broker.url) as nc, client(broker.url) as other:
        async with recording(database, nc, pulling=False) as site:
            await publish(nc, 120)
            await steal(other, 120)
            await until(lambda: site.count() == 120, "what the other took")
            await until(lambda: site.told.startswith(f"{ANOTHER}120 logs were read again;"), "what is told")
            assert site.recovered == 120  # counted before it is told
            with monkeypatch.context() as patched:
                patched.setattr(recovery, "QUIET", 0.0)
                await until(lambda: site.told == "", "its end")
        async with recording(database, nc) as site:
            stealing = asyncio.create_task(steal(other, 40))
            while not stealing.done():
                await publish(nc, 20)
                await asyncio.sleep(0)
            last = (await site.stream.state()).last_sequence
            await until(lambda: (site.count(), site.recovered) == (last, 40), "all")
            await until(lambda: site.told.startswith(ANOTHER), "what is told")


async def test_logs_that_another_client_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulled and never acknowledged: they are stored long before the broker would deliver them again."""
    monkeypatch.setattr(recovery, "HELD", PATIENCE)
    async with running_broker(tmp_path) as broker, client(broker.url) as nc, client(broker.url) as other:
        async with recording(tmp_path / "agent.db", nc, pulling=False) as site:
            await publish(nc, 30)
            await steal(other, 30, ack=False)
            monkeypatch.setattr(recovery, "HELD", 0.5)
            await until(lambda: site.count() == 30, "what the other holds")
            await until(lambda: site.told.startswith(f"{ANOTHER}30 logs"), "what is told")


async def test_two_databases_behind_one_consumer(tmp_path: Path) -> None:
    """Each gets its share of the deliveries, reads the other's again, and says so."""
    async with running_broker(tmp_path) as broker, client(broker.url) as nc, client(broker.url) as other:
        async with recording(tmp_path / "one.db", nc) as one, recording(tmp_path / "two.db", other) as two:
            while not (one.told and two.told):
                await publish(nc, 20)
            last = (await one.stream.state()).last_sequence
            await until(lambda: one.count() == two.count() == last, "all in both")
            await until(lambda: one.recovered + two.recovered == last, "each log twice")
            assert one.told.startswith(ANOTHER)
            assert two.told.startswith(ANOTHER)


async def test_recorders_of_one_database_share_the_consumer(tmp_path: Path, server: postgres.Cluster) -> None:
    """PostgreSQL: nothing is missing, nothing is read again, nothing is told."""
    database = server.prepared()
    async with running_broker(tmp_path) as broker, client(broker.url) as nc, client(broker.url) as other:
        async with recording(database, nc) as one, recording(database, other) as two:
            shares = (one.stream.reader, two.stream.reader)
            while min(reader.received for reader in shares) < 100:
                await publish(nc, 50)
                assert (one.told, two.told) == ("", "")
            last = (await one.stream.state()).last_sequence
            await reaches(nc, last)
            assert one.count() == last
            assert (one.recovered, two.recovered, one.told, two.told) == (0, 0, "", "")


async def test_a_consumer_that_delivers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody paused it: what waits is read from the stream, and said, until it goes on."""
    monkeypatch.setattr(recovery, "HELD", 0.2)
    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        async with recording(tmp_path / "agent.db", nc) as site:
            pause = f"CONSUMER.PAUSE.{STREAM}.{CONSUMER}"
            await jetstream_api.request(nc, pause, {"pause_until": "2999-01-01T00:00:00Z"})
            for total in (30, 60):
                await publish(nc, 30)
                await until(lambda: site.count() == total, "what waits")  # noqa: B023
            await until(lambda: "delivers nothing" in site.told, "what is told")
            await jetstream_api.request(nc, pause, {})
            await until(lambda: site.told == "", "its end")
            await publish(nc, 30)
            await until(lambda: site.count() == 90, "what comes then")


async def test_the_consumer_is_led_past_what_is_stored(tmp_path: Path) -> None:
    """It goes on after the sequence, at once and for others that share it."""
    async with running_broker(tmp_path) as broker, client(broker.url) as nc, client(broker.url) as other:
        one, two = await JetStreamLogStream.open(nc), await JetStreamLogStream.open(other)
        assert await two.pull(1, 0.1) == []
        await publish(nc, 30)
        await one.skip(20)
        got = await drain(one, 5, ack=False)
        assert min(each.sequence for each in got) > 20
        assert await floor(nc) == 20
        await one.close()
        await two.close()


@pytest.mark.parametrize(("first", "last", "end"), [(11, 400, 400), (11, 11, 11), (11, 5000, 5000), (11, 268, 268)])
async def test_what_the_broker_cannot_read_is_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int, last: int, end: int
) -> None:
    """A reader that stands still though more is there: the end of what is not given is found, and reading goes on."""
    asked: list[int] = []

    async def answering(_nc: Any, operation: str, body: Any = None, **_: Any) -> dict[str, Any]:
        if operation.startswith("CONSUMER.INFO"):
            return {"num_pending": 1}
        asked.append(body["seq"])
        if first <= body["seq"] <= last:
            raise jetstream_api.ApiError("no message found", jetstream_api.MESSAGE_MISSING)
        return {}

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        stream = await JetStreamLogStream.open(nc)
        with monkeypatch.context() as patched:
            patched.setattr(jetstream_api, "request", answering)
            with pytest.raises(Exception, match=str(end)) as caught:
                await stream._look_for_damage("reader", first, 20_000)
            assert caught.value.args == (first, end)
            assert len(asked) < 50
            await stream._look_for_damage("reader", last + 1, 20_000)  # nothing is the matter there
        await stream.close()


@pytest.mark.parametrize(
    "config",
    [
        {"deliver_policy": "new"},
        {"deliver_policy": "last"},
        {"deliver_policy": "by_start_sequence", "opt_start_seq": 25},
        {"deliver_policy": "all"},
    ],
)
async def test_a_consumer_that_somebody_made_anew(tmp_path: Path, config: dict[str, Any]) -> None:
    """It begins anywhere: what it skips is read, while Andon runs and when it starts."""
    database = tmp_path / "agent.db"
    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        await publish(nc, 30)
        await remake(nc, **config)
        async with recording(database, nc) as site:
            await until(lambda: site.count() == 30, "what the consumer skips")
            await publish(nc, 10)
            await remake(nc, **config)
            await publish(nc, 10)
            await until(lambda: site.count() == 50, "what the second skips")
            await until(lambda: not site.told.startswith("AGENT_CONSUMER"), "no trouble with the consumer")


async def test_a_purged_stream_brings_nothing_back(tmp_path: Path) -> None:
    """Purged up to a sequence, or wholly, with sequences far beyond: what comes then is recorded, nothing is told."""
    database = tmp_path / "agent.db"
    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await recorded(database, nc, 30)
        change(database, "DELETE FROM logs WHERE seq > 10")
        await jetstream_api.request(nc, f"STREAM.PURGE.{STREAM}", {"seq": 21})
        async with recording(database, nc) as site:
            assert (site.count(), site.recovered) == (20, 10)
            await jetstream_api.request(nc, f"STREAM.PURGE.{STREAM}")
            await publish(nc, 5)
            await until(lambda: site.count() == 25, "what comes then")
        await jetstream_api.request(nc, f"STREAM.DELETE.{STREAM}")
        await jetstream_api.when_removed(
            nc, f"STREAM.CREATE.{STREAM}", {"name": STREAM, "subjects": [SUBJECT], "first_seq": 100_000}
        )
        await publish(nc, 5)
        async with recording(database, nc) as site:
            await until(lambda: site.count() == 30, "logs of high sequences")
            assert site.told == ""


@pytest.mark.parametrize(
    ("operation", "body", "lost"),
    [
        ("STREAM.PURGE", {}, "5 messages"),
        ("STREAM.PURGE", {"keep": 3}, "2 messages"),
        ("STREAM.MSG.DELETE", {"seq": 23}, "1 message"),
        ("STREAM.DELETE", None, "5 messages"),
    ],
)
async def test_what_is_removed_before_it_is_stored_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str, body: dict[str, Any] | None, lost: str
) -> None:
    """However somebody removes it: what is lost is counted and said, what is left is recorded."""
    monkeypatch.setattr(recovery, "HELD", PATIENCE)
    database, seen = tmp_path / "agent.db", []
    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await recorded(database, nc, 20)
        async with recording(database, nc, pulling=False) as site:
            asked = site.stream.state

            async def state() -> StreamState:
                seen.append(await asked())
                return seen[-1]

            site.stream.state = state  # type: ignore[method-assign]
            await publish(nc, 5)
            await until(lambda: len(seen) > 1 and seen[-2].last_sequence == 25, "a look at all of them")
            await jetstream_api.request(nc, f"{operation}.{STREAM}", body)
            await until(lambda: f"{lost} of {STREAM} are lost" in site.told, "word of what is lost")
            assert site.told == site.health.notes[recovery.PART]
            assert site.metrics.registry.get_sample_value("andon_logs_lost_total") == int(lost[0])
            monkeypatch.setattr(recovery, "HELD", 0.5)
            await until(lambda: site.count() == 25 - int(lost[0]), "what is left")


async def test_what_was_removed_while_nobody_recorded_is_told(tmp_path: Path) -> None:
    """The stream's age limit, for one, on a box that was switched off for two days."""
    database = tmp_path / "agent.db"
    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await recorded(database, nc, 20)
        await publish(nc, 8)
        await jetstream_api.request(nc, f"STREAM.PURGE.{STREAM}", {"seq": 26})
        async with recording(database, nc) as site:
            await until(lambda: site.count() == 23, "what is left")
            await until(lambda: "5 messages" in site.told, "word of what is lost")


async def test_what_was_left_out_or_deleted_stays_away(tmp_path: Path, database: Database) -> None:
    """A rule kept it from being stored: not even a comparison of everything brings it back."""
    policy = KeepPolicy((KeepRule("noise", "none", service="noise"),))
    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        async with recording(database, nc, policy) as site:
            await publish(nc, 30, "noise")
            await publish(nc, 10)
            await publish(nc, 30, "noise")
            await reaches(nc, 70)
            assert site.count() == 10
        for forgotten in ("1 = 0", "name LIKE 'checked%'"):
            change(database, f"DELETE FROM counters WHERE {forgotten}")
            async with recording(database, nc) as site:
                assert site.count() == 10
        assert query(database, "SELECT COUNT(DISTINCT seq) FROM logs") == [(10,)]


async def test_rejects_and_messages_of_several_logs(tmp_path: Path, database: Database) -> None:
    """Rejects alone, and messages with both: known by their message, read again whole, also when others took them."""
    messages = [message(1, 2), message({"message": "a"}, 7, {"message": "b"}), b"\xff", message({"message": "c"})]
    async with running_broker(tmp_path) as broker, client(broker.url) as nc, client(broker.url) as other:
        publisher = JetStreamPublisher(nc, timeout=PATIENCE)
        async with recording(database, nc) as site:
            for data in messages * 5:
                await publisher.store(data, subject=SUBJECT)
            await reaches(nc, 20)
            whole = (site.count(), site.count("rejects"))
        change(database, "DELETE FROM logs WHERE seq IN (2, 4)", "DELETE FROM rejects WHERE seq IN (1, 2, 19)")
        async with recording(database, nc, pulling=False) as site:
            assert (site.count(), site.count("rejects")) == whole
            for data in messages:
                await publisher.store(data, subject=SUBJECT)
            await steal(other, 4)
            await until(lambda: (site.count(), site.count("rejects")) == tuple(n * 6 // 5 for n in whole), "theirs")
        await publisher.close()


async def test_a_later_start_reads_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the stream holds: one message to see that it is the same stream, and what came since."""
    database = tmp_path / "agent.db"
    read: list[int] = []
    keys = JetStreamLogStream.keys

    async def counting(self: JetStreamLogStream, first: int, last: int) -> AsyncIterator[list[tuple[int, int]]]:
        async for found in keys(self, first, last):
            read.append(len(found))
            yield found

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await recorded(database, nc, 2000)
        async with recording(database, nc):
            pass
        monkeypatch.setattr(JetStreamLogStream, "keys", counting)
        async with recording(database, nc) as site:
            assert sum(read) == 1
            read.clear()
            await publish(nc, 500)
            await reaches(nc, 2500)
            assert site.count() == 2500
        assert read == []  # counting was enough
