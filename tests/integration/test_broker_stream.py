"""The log stream on a real server when things go wrong: restarts, lost stores, old consumers, large messages."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.bus import jetstream_api
from andon.bus.address import masked
from andon.bus.connection import BusConnection, connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.jetstream_api import ensure_stream
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.publisher import JetStreamPublisher
from andon.bus.pull_consumer import parse_ack_subject
from andon.bus.stream_guard import StreamGuard
from andon.core.errors import BrokerUnavailable
from andon.core.models import CONSUMER, STREAM, SUBJECT
from support.bus import client, drain, recreate_consumer, running_broker, until
from support.patience import PATIENCE


async def publish(nc: BusConnection, count: int, payload: bytes = b"x", first: int = 0) -> None:
    publisher = JetStreamPublisher(nc, timeout=PATIENCE)
    items = ((SUBJECT, payload, None, f"id-{i}") for i in range(first, first + count))
    result = await publisher.store_many(items)
    assert (result.stored, result.failed) == (count, 0)
    await publisher.close()


async def kill(broker: EmbeddedBroker) -> None:
    """kill -9 the server and wait for its successor."""
    before = broker.restarts
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    await until(lambda: broker.restarts == before + 1 and broker.problem is None, "the restart")


async def test_the_stream_goes_on_over_a_killed_server(tmp_path: Path) -> None:
    """Messages of before and after the crash all come through the same object, and are acknowledged."""

    async with running_broker(tmp_path, supervised=True) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        # Acks reach the disk up to 0.1 s late: after the crash some messages come again when the ack wait is over.
        await recreate_consumer(nc, ack_wait=jetstream_api.SECOND // 2)
        stream = await JetStreamLogStream.open(nc, batch=100)
        await publish(nc, 500)
        got = {d.sequence for d in await drain(stream, 250)}
        await kill(broker)
        await publish(nc, 100, first=500)

        async def settled() -> bool:
            batch = await stream.pull(1000, 0.1)
            await stream.ack(batch)
            got.update(d.sequence for d in batch)
            return (await stream.state()).ack_floor == 600

        await until(settled, "all acknowledged")
        assert got == set(range(1, 601))
        assert stream.reconnects >= 1
        assert stream.recreated == 0
        await stream.close()


async def test_acks_given_while_the_broker_is_away_arrive(tmp_path: Path) -> None:
    """They are held until the same stream is there again."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        stream = await JetStreamLogStream.open(nc)
        await publish(nc, 10)
        got = await drain(stream, 10, ack=False)
        port = int(broker.url.rpartition(":")[2])
        await broker.stop()  # in order: a killed server may forget that it delivered these
        await until(lambda: not nc.is_connected, "the loss of the connection")
        await stream.ack(got)
        async with running_broker(tmp_path, nats_port=port):
            await until(lambda: nc.is_connected, "the reconnect")

            async def settled() -> bool:
                assert await stream.pull(1, 0.05) == []
                return (await stream.state()).ack_floor == 10

            await until(settled, "the held acks")
            await stream.close()


async def test_an_emptied_store_is_set_up_again(tmp_path: Path) -> None:
    """A broker that comes back without its data gets stream and consumer anew; old acks do not touch new messages."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        stream = await JetStreamLogStream.open(nc)
        await publish(nc, 5)
        old = await drain(stream, 5, ack=False)
        port = int(broker.url.rpartition(":")[2])
        await broker.stop()
        shutil.rmtree(tmp_path / "jetstream")
        async with running_broker(tmp_path, nats_port=port):
            await stream.ack(old)  # held: nobody knows yet what is there
            await until(lambda: nc.is_connected, "the reconnect")
            assert await stream.pull(10, 0.4) == []
            assert stream.recreated == 1
            await publish(nc, 5, b"new", first=100)
            await stream.ack(old)
            assert [d.data for d in await drain(stream, 5, ack=False)] == [b"new"] * 5
            assert (await stream.state()).ack_floor == 0
            assert stream.dropped_answers == 10
            await stream.close()


@pytest.mark.parametrize("what", ["CONSUMER", "STREAM"])
async def test_what_is_deleted_under_us_is_made_again(tmp_path: Path, what: str) -> None:
    """The consumer goes on after what was acknowledged; a stream starts empty. Both are counted."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        stream = await JetStreamLogStream.open(nc)
        await publish(nc, 5)
        await drain(stream, 5)

        async def settled() -> bool:
            return (await stream.state()).ack_floor == 5

        await until(settled, "the floor")
        target = f"{STREAM}.{CONSUMER}" if what == "CONSUMER" else STREAM
        await jetstream_api.request(nc, f"{what}.DELETE.{target}")
        pulling = asyncio.create_task(drain(stream, 1))
        await until(lambda: stream.recreated == 1, "the consumer's return")
        await publish(nc, 1, b"next", first=50)
        assert [d.data for d in await pulling] == [b"next"]
        await stream.close()


@pytest.mark.parametrize(
    "old",
    [
        {"deliver_subject": "push.there", "ack_policy": "explicit"},
        {"ack_policy": "all"},
        {"ack_policy": "none", "deliver_subject": "push.there"},
        {"ack_policy": "explicit", "filter_subject": SUBJECT},
    ],
)
async def test_an_unfit_consumer_is_replaced(tmp_path: Path, old: dict[str, str]) -> None:
    """A consumer of the reference's kind gives way to ours, which begins after its ack floor."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        await publish(nc, 3)
        await recreate_consumer(nc, **old)
        floor = 0
        if old == {"ack_policy": "all"}:
            puller = await nc.jetstream(timeout=PATIENCE).pull_subscribe_bind(CONSUMER, STREAM)
            await (await puller.fetch(2))[-1].ack_sync()
            floor = 2
        guard = StreamGuard(nc, ours=True)
        assert (await guard.settle()).max_ack_pending == jetstream_api.MAX_ACK_PENDING
        stream = await JetStreamLogStream.open(nc, guard=guard)
        got = await drain(stream, 3 - floor)
        if old["ack_policy"] != "none":  # without acks everything delivered counts as done
            assert [d.sequence for d in got] == list(range(floor + 1, 4))
        await stream.close()


async def test_limits_that_lose_logs_are_lifted(tmp_path: Path) -> None:
    """An explicit pull consumer stays, but a small max_ack_pending goes."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        await recreate_consumer(nc, max_ack_pending=10, ack_wait=7 * jetstream_api.SECOND)
        await StreamGuard(nc, ours=True).settle()
        config = (await jetstream_api.request(nc, f"CONSUMER.INFO.{STREAM}.{CONSUMER}"))["config"]
        assert config["max_ack_pending"] == jetstream_api.MAX_ACK_PENDING
        assert config["ack_wait"] == 7 * jetstream_api.SECOND


async def test_an_existing_stream_keeps_messages_and_limits(tmp_path: Path) -> None:
    """Only the missing subjects are added to what an administrator made."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        config = {"name": STREAM, "subjects": [SUBJECT, "other"], "storage": "file", "max_msgs": 7, "max_age": 0}
        await jetstream_api.request(nc, f"STREAM.CREATE.{STREAM}", config)
        publisher = JetStreamPublisher(nc)
        await publisher.store(b"kept", subject=SUBJECT)
        await ensure_stream(nc)
        await ensure_stream(nc)
        info = await jetstream_api.request(nc, f"STREAM.INFO.{STREAM}")
        assert info["config"]["subjects"] == [SUBJECT, "other", f"{SUBJECT}.>"]
        assert (info["config"]["max_msgs"], info["config"]["max_age"]) == (7, 0)
        assert info["state"]["messages"] == 1


async def test_a_new_stream_is_as_documented(tmp_path: Path) -> None:
    """Subjects, 24 hours, file storage, compression, duplicate window; set up by several at once."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc, client(broker.url) as other:
        await asyncio.gather(*(ensure_stream(each) for each in (nc, other, nc, other)))
        config = (await jetstream_api.request(nc, f"STREAM.INFO.{STREAM}"))["config"]
        assert config["subjects"] == [SUBJECT, f"{SUBJECT}.>"]
        assert (config["retention"], config["storage"], config["discard"]) == ("limits", "file", "old")
        assert (config["max_age"], config["duplicate_window"]) == (
            24 * 3600 * jetstream_api.SECOND,
            120 * jetstream_api.SECOND,
        )
        assert config["compression"] == "s2"


async def test_large_messages_stay_bounded_in_memory(tmp_path: Path) -> None:
    """A hundred messages of almost 1 MB come through with only a few pulls' bytes waiting here."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        await publish(nc, 100, b"x" * 1_000_000)
        stream = await JetStreamLogStream.open(nc, max_bytes=4 << 20)
        got = len(await stream.pull(1, PATIENCE))
        # A reader that is away for a while: what is asked for arrives, then no more.
        await until(lambda: stream.reader.buffered_bytes > 2 << 20, "what was asked for")
        most = stream.reader.buffered_bytes
        while got < 100:
            batch = await stream.pull(1, PATIENCE)
            most = max(most, stream.reader.buffered_bytes)
            await stream.ack(batch)
            got += len(batch)
        assert most <= 2 * (4 << 20)
        await stream.close()


async def test_many_messages_come_once_and_in_order(tmp_path: Path) -> None:
    """Twenty thousand, with several pulls, none lost, none twice."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        await publish(nc, 20_000)
        stream = await JetStreamLogStream.open(nc)
        got = [d.sequence for d in await drain(stream, 20_000)]
        assert got == list(range(1, 20_001))
        await stream.close()


async def test_two_recorders_share_the_work(tmp_path: Path) -> None:
    """Two readers of the same consumer get each message once between them."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc, client(broker.url) as other:
        one = await JetStreamLogStream.open(nc, batch=50)
        two = await JetStreamLogStream.open(other, batch=50)
        got: list[int] = []

        async def record(stream: JetStreamLogStream) -> int:
            mine = 0
            while len(got) < 2000:
                batch = await stream.pull(50, 0.1)
                await stream.ack(batch)
                got.extend(d.sequence for d in batch)
                mine += len(batch)
            return mine

        shares = asyncio.gather(record(one), record(two))
        await publish(nc, 2000)
        assert min(await shares) > 0
        assert sorted(got) == list(range(1, 2001))
        await one.close()
        await two.close()


async def test_a_reader_with_an_odd_batch_never_stalls(tmp_path: Path) -> None:
    """Messages whose sizes add up to exactly the byte bound of a pull, and every other remainder."""

    async with running_broker(tmp_path, nats_max_payload=1024) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        for size in (1, 500, 900):
            await publish(nc, 100, b"x" * size, first=size * 1000)
        stream = await JetStreamLogStream.open(nc, batch=7, max_bytes=1)
        assert len(await drain(stream, 300)) == 300
        await stream.close()


async def test_connecting_nowhere_is_one_sentence() -> None:
    """The error names the address without the credentials, and comes when the timeout is over."""

    with pytest.raises(BrokerUnavailable) as caught:
        await connect("nats://andon:secret@127.0.0.1:1", name="test", timeout=0.3)
    assert "127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "NATS_URL" in str(caught.value)


async def test_state_changes_are_told(tmp_path: Path) -> None:
    """A watcher hears of the connection's loss and its return; closing ends it for good."""
    async with running_broker(tmp_path, supervised=True) as broker:
        nc = await connect(broker.url, name="test")
        heard = [nc.is_connected]
        nc.watch(heard.append)
        stream = await JetStreamLogStream.open(nc)
        await kill(broker)
        await until(lambda: heard == [True, False, True], "loss and return")
        await nc.close()
        assert heard[-1] is False
        with pytest.raises(BrokerUnavailable):
            await stream.pull(1, PATIENCE)
        with pytest.raises(BrokerUnavailable):
            await JetStreamPublisher(nc).store(b"x", subject=SUBJECT)
        with pytest.raises(BrokerUnavailable):
            await JetStreamPublisher(nc).send("x", b"x")
        await stream.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ("nats://user:pa:ss@plant:4222", "nats://***@plant:4222"),
        ("nats://token@plant", "nats://***@plant"),
        ("user:secret@plant:4222", "***@plant:4222"),
        ("nats://a:b@one:1, tls://c:d@two:2", "nats://***@one:1,tls://***@two:2"),
    ],
)
def test_credentials_are_masked(url: str, shown: str) -> None:
    """No password or token survives."""
    assert masked(url) == shown


names = st.text(alphabet="ABCdef_-09", min_size=1, max_size=12)
counts = st.integers(min_value=0, max_value=2**62)


@given(stream=names, consumer=names, sequence=counts, cseq=counts, ns=counts, domain=names, random=st.booleans())
def test_both_forms_of_ack_subjects_are_read(
    stream: str, consumer: str, sequence: int, cseq: int, ns: int, domain: str, random: bool
) -> None:
    """The old and the new form give the same facts."""
    tail = f"{stream}.{consumer}.1.{sequence}.{cseq}.{ns}.0"
    expected = (stream, sequence, cseq, ns)
    assert parse_ack_subject(f"$JS.ACK.{tail}") == expected
    assert parse_ack_subject(f"$JS.ACK.{domain}.hash.{tail}{'.rnd' if random else ''}") == expected


@given(st.text(max_size=60))
def test_other_subjects_are_refused(text: str) -> None:
    """Whatever it is, it is read or refused with a ValueError."""
    with contextlib.suppress(ValueError):
        parse_ack_subject(text)


parts = st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=4)


@given(pattern=parts, subject=st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4), rest=st.booleans())
def test_covers_agrees_with_the_definition(pattern: list[str], subject: list[str], rest: bool) -> None:
    """``*`` is one token, ``>`` is one or more at the end."""
    full = [*pattern, ">"] if rest else pattern
    fits = len(subject) > len(pattern) if rest else len(subject) == len(pattern)
    expected = fits and all(p in ("*", s) for p, s in zip(pattern, subject, strict=False))
    assert jetstream_api.covers(".".join(full), ".".join(subject)) == expected


def test_subjects_are_added_only_where_missing() -> None:
    """Wider patterns suffice, narrower ones are absorbed."""
    assert jetstream_api.with_subjects(["agent.>"]) == ["agent.>"]
    assert jetstream_api.with_subjects([]) == list(jetstream_api.SUBJECTS)
    assert jetstream_api.with_subjects([f"{SUBJECT}.line1"]) == list(jetstream_api.SUBJECTS)
