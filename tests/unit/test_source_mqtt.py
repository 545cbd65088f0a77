"""The MQTT client against a broker that does what a script says: what is acknowledged, and what no broker can do to us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import ConfigError
from andon.ingest.sources import mqtt, mqtt_connection
from andon.ingest.sources.mqtt import MqttSource, client_id_of, mqtt_sources
from andon.ingest.sources.outlet import Outlet
from support.bus import until
from support.intake import KeptFeed, kept_outlet
from support.mqtt_broker import CONNACK, DISCONNECT, SUBSCRIBE, Packet, Peer, scripted
from support.patience import PATIENCE
from support.settings import settings_of
from support.sparkplug import metric, payload


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No long pauses between connections."""
    monkeypatch.setattr(mqtt, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(mqtt, "LAST_PAUSE", 0.05)


def source_of(place: Path, url: str, **table: Any) -> MqttSource:
    """The source of one table."""
    entry = {"url": url, "topics": ["plant/#"], **table}
    return mqtt_sources(settings_of(data_dir=place, mqtt=[entry]))[0]


@asynccontextmanager
async def hearing(place: Path, url: str, **table: Any) -> AsyncIterator[tuple[Outlet, KeptFeed]]:
    """A running source with its outlet, and what it put there."""
    outlet, feed = kept_outlet("mqtt test")
    running = asyncio.create_task(source_of(place, url, **table).run(outlet))
    try:
        yield outlet, feed
    finally:
        running.cancel()
        await asyncio.wait({running})
        if not running.cancelled():
            running.result()


def texts(feed: KeptFeed) -> list[str]:
    """The texts that were put."""
    return [str(one["message"]) for one in feed.logs]


async def test_a_message_is_acknowledged_when_the_stream_has_it(tmp_path: Path) -> None:
    """Not before, in their order, and those of one that is no log as well."""
    stored = asyncio.Event()
    acked: list[int] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        peer.publish("plant/a", b"first", 7)
        peer.publish("plant/a", bytes(range(256)), 9)
        peer.publish("plant/a", b"qos 0", qos=0)
        peer.publish("plant/a", b"second", 8)
        while True:
            mid = await peer.acked()
            assert stored.is_set()
            acked.append(mid)

    async with scripted(script) as url, hearing(tmp_path, url) as (outlet, feed):
        feed.hold()
        await until(lambda: outlet.counts.refused == {"binary": 1} and outlet.counts.last_heard is not None, "all read")
        stored.set()
        feed.release()
        await until(lambda: acked == [7, 9, 8], "the acknowledgements")
        assert texts(feed) == ["first", "qos 0", "second"]


async def test_what_comes_again_is_stored_once(tmp_path: Path) -> None:
    """As long as Andon runs: what it has, and what is still on its way. The same words in another message are two."""
    acked: list[int] = []

    async def first(peer: Peer) -> None:
        await peer.accept()
        peer.publish("plant/a", b"unacknowledged", 1)
        peer.publish("plant/a", b"another", 2)
        await peer.writer.drain()
        await gone.wait()

    async def second(peer: Peer) -> None:
        await peer.accept(present=True)
        peer.publish("plant/a", b"unacknowledged", 1, dup=True)
        peer.publish("plant/a", b"other text", 2, dup=True)
        peer.publish("plant/a", b"unacknowledged", 3)
        while True:
            acked.append(await peer.acked())

    gone = asyncio.Event()
    async with scripted(first, second) as url, hearing(tmp_path, url) as (_, feed):
        feed.hold()
        await until(lambda: len(feed.held) == 2, "two messages")
        gone.set()
        await until(lambda: len(feed.held) == 4, "two more")
        feed.release()
        await until(lambda: acked == [1, 2, 3], "the acknowledgements")
        assert texts(feed) == ["unacknowledged", "another", "other text", "unacknowledged"]


async def test_what_is_taken_after_the_loss_is_not_taken_for_acknowledged(tmp_path: Path) -> None:
    """What waited to be read when the connection broke comes again, and is stored once too."""
    count = 200
    acked: list[int] = []

    async def first(peer: Peer) -> None:
        await peer.accept()
        for mid in range(1, count + 1):
            peer.publish("plant/a", b"log %d" % mid, mid)
        await peer.writer.drain()
        peer.writer.write_eof()  # it speaks no more, but hears what is acknowledged until the other side gives up
        while True:
            acked.append(await peer.acked())

    async def second(peer: Peer) -> None:
        await peer.accept(present=True)
        left = [mid for mid in range(1, count + 1) if mid not in acked]
        for mid in left:
            peer.publish("plant/a", b"log %d" % mid, mid, dup=True)
        for mid in left:
            assert await peer.acked() == mid
        done.set()
        await peer.read()

    done = asyncio.Event()
    async with scripted(first, second) as url, hearing(tmp_path, url) as (_, feed):
        await until(done.is_set, "the acknowledgements")
        assert texts(feed) == [f"log {mid}" for mid in range(1, count + 1)]


async def test_a_session_is_asked_for_that_outlives_us(tmp_path: Path) -> None:
    """In both versions; 3.1.1 where 5 is refused, by a code or by hanging up."""
    seen: list[tuple[int, Packet]] = []

    async def refuses(peer: Peer) -> None:
        seen.append((peer.level, await peer.read()))
        peer.send(CONNACK << 4, b"\0\x84\0")
        await peer.writer.drain()

    async def hangs_up(peer: Peer) -> None:
        await peer.read()

    async def takes(peer: Peer) -> None:
        connect, subscribe = await peer.accept()
        seen.extend([(peer.level, connect), (peer.level, subscribe)])
        await peer.read()

    for refusing in (refuses, hangs_up):
        seen.clear()
        async with scripted(refusing, takes) as url, hearing(tmp_path, url, client_id="andon-1") as (outlet, _):
            await until(lambda: bool(seen) and seen[-1][1].kind == SUBSCRIBE, "a subscription")
            await until(lambda: outlet.counts.trouble is None, "no trouble")
        level, connect = seen[-2]
        assert level == 4
        assert connect.body[7] & 2 == 0  # no clean session
        assert connect.body.endswith(b"andon-1")
    async with scripted(takes) as url, hearing(tmp_path, url, version="5"):
        seen.clear()
        await until(lambda: len(seen) == 2, "a subscription")
    level, connect = seen[0]
    assert level == 5
    assert connect.body[7] & 2 == 0
    assert b"\x11" + (168 * 3600).to_bytes(4, "big") in connect.body
    assert b"\x21" + mqtt_connection.RECEIVE_MAXIMUM.to_bytes(2, "big") in connect.body


async def test_what_is_refused_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Subscriptions, which are tried again, a lower QoS, and a login."""
    monkeypatch.setattr(mqtt, "ASK_AGAIN", 0.01)
    granted = asyncio.Event()

    async def grudging(peer: Peer) -> None:
        await peer.accept(granted=0x80)
        again = await peer.read()
        await granted.wait()
        await peer.grant(again)
        await peer.read()

    async def lower(peer: Peer) -> None:
        await peer.accept(granted=0)
        await peer.read()

    async def closed(peer: Peer) -> None:
        await peer.read()
        peer.send(CONNACK << 4, b"\0\x05")
        await peer.writer.drain()

    for script, sentence in (
        (grudging, "refused the subscription to plant/#"),
        (lower, "only QoS 0"),
        (closed, "not authorized"),
    ):
        async with scripted(script) as url, hearing(tmp_path, url, version="3.1.1") as (outlet, _):
            await until(lambda: sentence in (outlet.counts.trouble or ""), sentence)  # noqa: B023
            granted.set()
            if script is grudging:
                await until(lambda: outlet.counts.trouble is None, "no trouble")


async def test_many_topics_are_asked_for_in_parts(tmp_path: Path) -> None:
    """Of a size that each broker takes; what is refused in one of them is named, and only that."""
    answered: list[int] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        for code in (None, 0x87):
            asked = await peer.read()
            answered.append(len(asked.body))
            await peer.grant(asked, code)
        await peer.read()

    topics = [f"plant/{number}" for number in range(20)]
    async with scripted(script) as url, hearing(tmp_path, url, topics=topics) as (outlet, _):
        await until(lambda: outlet.counts.trouble is not None and len(answered) == 2, "the refusal")
        assert "refused the subscription to plant/16, plant/17, plant/18, plant/19:" in (outlet.counts.trouble or "")


async def test_old_state_is_taken_once(tmp_path: Path) -> None:
    """It is marked; after a reconnect it is no news, and where it is not wanted it never is."""
    connections = 0

    async def script(peer: Peer) -> None:
        nonlocal connections
        await peer.accept()
        peer.publish("plant/a", b"old state", 1, retain=True)
        assert await peer.acked() == 1
        connections += 1
        if connections >= 2:
            await peer.read()

    async with scripted(script) as url, hearing(tmp_path, url) as (_, feed):
        await until(lambda: connections == 2, "two connections")
        assert [one["context"] for one in feed.logs] == [{"mqtt_topic": "plant/a", "mqtt_retained": True}]
    connections = 1
    async with scripted(script) as url, hearing(tmp_path, url, retained=False) as (_, feed):
        await until(lambda: connections == 2, "the connection")
        assert feed.logs == []


async def test_topics_of_an_earlier_configuration_are_counted(tmp_path: Path) -> None:
    """The session has them still."""

    async def script(peer: Peer) -> None:
        await peer.accept(present=True)
        peer.publish("other/a", b"text", 1)
        assert await peer.acked() == 1
        await peer.read()

    async with scripted(script) as url, hearing(tmp_path, url) as (outlet, feed):
        await until(lambda: outlet.counts.refused == {"not subscribed to": 1}, "the count")
        assert feed.logs == []


async def test_a_packet_beyond_all_bounds_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its beginning is stored and says so, and what follows is heard."""
    monkeypatch.setattr(mqtt_connection, "PACKET_KEPT", 200_000)

    async def script(peer: Peer) -> None:
        await peer.accept()
        peer.publish("plant/a", b"word " * 2_000_000, 1)
        peer.publish("plant/a", b"next", 2)
        assert [await peer.acked(), await peer.acked()] == [1, 2]
        await peer.read()

    async with scripted(script) as url, hearing(tmp_path, url) as (_, feed):
        await until(lambda: len(feed.kept) == 2, "both")
        first, second = feed.logs
        assert 190_000 < len(first["message"]) < 300_000
        assert first["context"]["cut_from_bytes"] > 10_000_000
        assert (second["message"], second["context"]) == ("next", {"mqtt_topic": "plant/a"})


async def silent(peer: Peer) -> None:
    """Says nothing at all."""
    await peer.read()
    await peer.read()


async def deaf(peer: Peer) -> None:
    """Never answers the subscription."""
    await peer.read()
    peer.send(CONNACK << 4, b"\0\0")
    await peer.read()
    await peer.read()


async def other(peer: Peer) -> None:
    """Speaks something else."""
    peer.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await peer.writer.drain()
    await peer.read()


async def lying(peer: Peer) -> None:
    """Announces a subscription's answer of a quarter of a gigabyte."""
    await peer.accept()
    peer.send(SUBSCRIBE << 4, b"abc", claimed=268_435_455)
    await peer.writer.drain()
    await peer.read()


async def exactly_once(peer: Peer) -> None:
    """Sends with QoS 2, which nobody asked for."""
    await peer.accept()
    peer.publish("plant/a", b"text", 1, qos=2)
    await peer.writer.drain()
    await peer.read()


async def no_utf8(peer: Peer) -> None:
    """A topic that is no text."""
    await peer.accept()
    peer.publish("plant/\udcff", b"text", 1)
    await peer.writer.drain()
    await peer.read()


async def no_room(peer: Peer) -> None:
    """A message that says its topic is longer than itself."""
    await peer.accept()
    peer.send(0x32, b"\xff\xffab")
    await peer.writer.drain()
    await peer.read()


async def leaving(peer: Peer) -> None:
    """Says good-bye at once."""
    await peer.accept()
    peer.send(DISCONNECT << 4, b"")
    await peer.writer.drain()


@pytest.mark.parametrize("bad", [silent, deaf, other, lying, exactly_once, no_utf8, no_room, leaving])
async def test_a_bad_broker_is_left_and_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: Any) -> None:
    """Within a deadline, with a sentence that names it; when it has recovered, logs come."""
    monkeypatch.setattr(mqtt_connection, "CONNECT_SECONDS", 0.3)
    troubles: list[str] = []

    async def good(peer: Peer) -> None:
        await peer.accept()
        peer.publish("plant/a", b"text", 1)
        assert await peer.acked() == 1
        await peer.read()

    async with scripted(bad, good) as url:
        outlet, feed = kept_outlet("mqtt test")
        monkeypatch.setattr(outlet, "trouble", lambda told: troubles.append(told) if told else None)
        running = asyncio.create_task(source_of(tmp_path, url, version="3.1.1").run(outlet))
        await until(lambda: texts(feed) == ["text"], "a log")
        running.cancel()
        await asyncio.wait({running})
        assert url in troubles[0]
        assert "check that the broker is running" in troubles[0]


async def test_nobody_there(tmp_path: Path) -> None:
    """A port where nothing listens is a trouble that is told, and a stop in the middle of it ends at once."""
    async with hearing(tmp_path, "mqtt://127.0.0.1:1") as (outlet, _):
        await until(lambda: "cannot be reached" in (outlet.counts.trouble or ""), "the trouble")


async def test_reading_stops_while_too_much_is_on_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood with QoS 0 waits in the broker's socket, and comes when there is room; nothing of it is dropped."""
    monkeypatch.setattr(mqtt_connection, "QUEUE", 100)
    count, size = 6_000, 2_000

    async def script(peer: Peer) -> None:
        await peer.accept()
        for number in range(count):
            peer.publish("plant/a", str(number).encode() + b" text" * (size // 5), qos=0)
            await peer.writer.drain()
        await peer.read()

    async with scripted(script) as url, hearing(tmp_path, url) as (outlet, feed):
        feed.hold()
        await until(lambda: len(feed.held) >= 1_000, "a full window")
        await asyncio.sleep(0)
        assert len(feed.held) <= 1_024
        feed.release()
        async with asyncio.timeout(PATIENCE):
            await until(lambda: len(feed.kept) == count, "all of them")
        assert outlet.counts.refused == {}


async def test_certificates_that_cannot_be_used_are_a_mistake(tmp_path: Path) -> None:
    """Of the settings, not of the broker: the source says so and ends."""
    for name, table in (("ca", {"ca": tmp_path / "none.pem"}), ("password_file", {"password_file": tmp_path / "none"})):
        outlet, _ = kept_outlet("mqtt test")
        with pytest.raises(ConfigError, match=name):
            await source_of(tmp_path, "mqtts://127.0.0.1:1", user="u", **table).run(outlet)


def test_the_client_keeps_its_name(tmp_path: Path) -> None:
    """So the broker's session is found again; another installation has another."""
    table = {"url": "mqtt://h", "topics": ["a"]}
    here, again, there = (
        settings_of(data_dir=place, mqtt=[{**table, "topics": [topic]}])
        for place, topic in ((tmp_path, "a"), (tmp_path, "b"), (tmp_path / "x", "a"))
    )
    names = [client_id_of(one.mqtt[0], one) for one in (here, again, there)]
    assert names[0] == names[1] != names[2]
    assert all(len(name) <= 23 and name.isalnum() for name in names)  # what each broker must take


def test_sources_are_named_without_secrets(tmp_path: Path) -> None:
    """By broker and client; what is one of both is told apart."""
    table = {"url": "mqtt://h:1884", "topics": list("abcd"), "password": "hush"}
    tables = [{**table, "user": "u", "client_id": "second"}, {**table, "user": "u"}, {**table, "user": "v"}]
    sources = mqtt_sources(settings_of(data_dir=tmp_path, mqtt=tables))
    assert [one.name for one in sources] == ["mqtt h:1884 second", "mqtt h:1884", "mqtt h:1884 (2)"]
    assert sources[0].address == "mqtt://h:1884 a, b, c …"


async def test_what_was_active_is_kept_for_the_next_start(tmp_path: Path) -> None:
    """Soon after it changed, and without another message."""
    sent = [payload(metric("Fault", True), seq=1)]

    async def script(peer: Peer) -> None:
        await peer.accept()
        for number, one in enumerate(sent):
            peer.publish("spBv1.0/press/NDATA/l2", one, number + 1)
        await peer.writer.drain()
        await peer.read()
        await peer.read()

    async with scripted(script) as url:
        table = {"topics": ["spBv1.0/#"], "alarms": ["Fault"], "client_id": "one", "version": "5"}
        async with hearing(tmp_path, url, **table) as (_, feed):
            await until(lambda: [one["severity"] for one in feed.logs] == ["ERROR"], "the alarm")
            await until(lambda: any(b"Fault" in one.read_bytes() for one in tmp_path.glob("mqtt/*.json")), "the file")
        sent[:] = [payload(metric("Fault", True), seq=1), payload(metric("Fault", False), seq=2)]
        async with hearing(tmp_path, url, **table) as (_, feed):
            await until(lambda: [one["severity"] for one in feed.logs] == ["INFO"], "its end")
