"""Publishing many messages and listening for callers, on a real server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from andon.bus import jetstream_api
from andon.bus import requests as replies_module
from andon.bus.jetstream_api import ensure_stream, infos, state_of
from andon.bus.publisher import Item, JetStreamPublisher
from andon.bus.requests import NatsCallers
from andon.core.errors import BrokerUnavailable, MessageRejected
from andon.core.models import ANALYZE_SUBJECT, STREAM, SUBJECT
from support.bus import client, running_broker, until
from support.patience import PATIENCE


async def test_many_are_stored_in_order(tmp_path: Path) -> None:
    """The count, the order and the progress calls are right for a source that is asynchronous."""

    async def source() -> AsyncIterator[Item]:
        for i in range(3000):
            yield SUBJECT, str(i).encode(), None, None

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        told: list[int] = []
        result = await JetStreamPublisher(nc).store_many(source(), window=100, on_stored=told.append)
        assert (result.stored, result.failed, result.duplicates) == (3000, 0, 0)
        assert sum(told) == 3000
        for sequence in (1, 1500, 3000):
            stored = await nc.jetstream(timeout=PATIENCE).get_msg(STREAM, sequence)
            assert stored.data == str(sequence - 1).encode()


async def test_refused_items_are_named_and_the_rest_is_stored(tmp_path: Path) -> None:
    """Too large, a bad subject and a bad header each fail alone, with index and reason."""

    async with running_broker(tmp_path, nats_max_payload=2048) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        items: list[Item] = [
            (SUBJECT, b"good", None, "1"),
            (SUBJECT, b"x" * 2048, None, "2"),
            ("bad subject", b"x", None, "3"),
            (SUBJECT, b"x", {"bad header:": "x"}, "4"),
            (SUBJECT, b"again", None, "1"),
        ]
        result = await JetStreamPublisher(nc).store_many(items)
        assert (result.stored, result.duplicates, result.failed) == (2, 1, 3)
        assert [f.index for f in result.failures] == [1, 2, 3]
        assert "2048" in result.failures[0].reason
        assert nc.is_connected


async def test_many_survive_a_killed_server(tmp_path: Path) -> None:
    """Everything is stored exactly once although the server dies in the middle."""

    async with running_broker(tmp_path, supervised=True) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        stored = 0

        def on_stored(count: int) -> None:
            nonlocal stored
            if stored < 2000 <= stored + count and broker.pid is not None:
                os.kill(broker.pid, signal.SIGKILL)
            stored += count

        items = ((SUBJECT, str(i).encode(), None, f"id-{i}") for i in range(5000))
        result = await JetStreamPublisher(nc).store_many(items, on_stored=on_stored)
        assert (result.stored, result.failed) == (5000, 0)
        assert broker.restarts == 1
        state = (await jetstream_api.request(nc, f"STREAM.INFO.{STREAM}"))["state"]
        assert state["messages"] == 5000


async def test_without_a_stream_it_gives_up(tmp_path: Path) -> None:
    """Both ways to store raise BrokerUnavailable with the reason when nothing takes the subject."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        publisher = JetStreamPublisher(nc, timeout=2.0)
        with pytest.raises(BrokerUnavailable, match="no stream"):
            await publisher.store(b"x", subject=SUBJECT)
        with pytest.raises(BrokerUnavailable, match="no stream"):
            await publisher.store_many([(SUBJECT, b"x", None, None)], patience=2.0)


async def test_store_waits_for_the_broker(tmp_path: Path) -> None:
    """A message published while the server restarts is stored once it is back."""

    async with running_broker(tmp_path, supervised=True) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        assert await JetStreamPublisher(nc, timeout=PATIENCE).store(b"x", subject=SUBJECT) == 1


async def nothing(_data: bytes) -> bytes:
    return b""


async def test_requests_beyond_the_limit_wait_their_turn(tmp_path: Path) -> None:
    """None is refused: what is more than may be in hand is taken up when one of those is done."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        go = asyncio.Event()
        most = now = 0

        async def analyze(_data: bytes) -> bytes:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await go.wait()
            now -= 1
            return b"done"

        callers = NatsCallers(nc, version="1.2.3", max_concurrent=2)
        await callers.listen(analyze, lambda *_: None)
        waiting = [asyncio.create_task(nc.request(ANALYZE_SUBJECT, b"x", timeout=PATIENCE)) for _ in range(5)]
        await until(lambda: callers.held_up == 1, "the request that has to wait")
        go.set()
        assert [each.data for each in await asyncio.gather(*waiting)] == [b"done"] * 5
        assert most == 2
        await callers.close()


async def test_requests_that_wait_are_answered_when_andon_stops(tmp_path: Path) -> None:
    """Those in hand and those held up: error 503, and the end is not held up."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:

        async def analyze(_data: bytes) -> bytes:
            await asyncio.Event().wait()
            return b""

        callers = NatsCallers(nc, version="1.2.3", max_concurrent=1)
        await callers.listen(analyze, lambda *_: None)
        waiting = [asyncio.create_task(nc.request(ANALYZE_SUBJECT, b"x", timeout=PATIENCE)) for _ in range(2)]
        await until(lambda: callers.held_up == 1, "the request that has to wait")
        await callers.close()
        codes = [(each.headers or {})["Nats-Service-Error-Code"] for each in await asyncio.gather(*waiting)]
        assert codes == ["503", "503"]


async def test_the_service_can_be_discovered(tmp_path: Path) -> None:
    """The micro-service protocol shows name, version and endpoint."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        callers = NatsCallers(nc, version="1.2.3")
        await callers.listen(nothing, lambda *_: None)
        info = await nc.request("$SRV.INFO.andon", timeout=PATIENCE)
        assert b'"1.2.3"' in info.data
        assert ANALYZE_SUBJECT.encode() in info.data
        await callers.close()


async def test_discovery_tells_errors_and_how_long_answers_took(tmp_path: Path) -> None:
    """A refused request is an error with its sentence; the time is that until the answer, not until it was taken in."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        go, begun = asyncio.Event(), asyncio.Event()

        async def analyze(data: bytes) -> bytes:
            if data == b"bad":
                raise MessageRejected("it is no log")
            begun.set()
            await go.wait()
            return b"done"

        callers = NatsCallers(nc, version="1.2.3")
        await callers.listen(analyze, lambda *_: None)
        before = time.perf_counter_ns()
        asking = asyncio.create_task(nc.request(ANALYZE_SUBJECT, b"good", timeout=PATIENCE))
        await begun.wait()
        began = time.perf_counter_ns()
        await nc.request(ANALYZE_SUBJECT, b"bad", timeout=PATIENCE)
        waited = time.perf_counter_ns()
        go.set()
        await asking
        stats = json.loads((await nc.request("$SRV.STATS.andon", timeout=PATIENCE)).data)["endpoints"][0]
        assert (stats["num_requests"], stats["num_errors"], stats["last_error"]) == (2, 1, "400:it is no log")
        assert stats["processing_time"] <= 2 * (time.perf_counter_ns() - before)
        assert stats["average_processing_time"] == stats["processing_time"] // 2
        assert stats["processing_time"] >= waited - began  # the good one waited for the bad one's answer
        await callers.close()


@pytest.mark.parametrize("reply", [SUBJECT, f"{SUBJECT}.graz", ANALYZE_SUBJECT])
async def test_an_answer_is_never_sent_where_it_would_be_a_log(tmp_path: Path, reply: str) -> None:
    """A request may name our own subjects for its reply: it is worked on, and the answer goes nowhere."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        asked: list[bytes] = []

        async def analyze(data: bytes) -> bytes:
            asked.append(data)
            return b"the answer"

        callers = NatsCallers(nc, version="1.2.3")
        await callers.listen(analyze, lambda *_: None)
        await nc.publish(ANALYZE_SUBJECT, b"question", reply=reply)
        await nc.request(ANALYZE_SUBJECT, b"last", timeout=PATIENCE)
        assert asked == [b"question", b"last"]
        state = state_of(*await infos(nc))
        assert state.messages == 0
        await callers.close()


async def test_a_flood_is_stepped_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While too much comes with a reply subject nothing is heard; afterwards callers are heard again."""
    monkeypatch.setattr(replies_module, "FLOOD_SECONDS", 0.15)
    monkeypatch.setattr(replies_module, "PROBE_SECONDS", 0.06)
    monkeypatch.setattr(replies_module, "ASIDE_SECONDS", 0.1)

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        await ensure_stream(nc)
        seen: list[bytes] = []
        callers = NatsCallers(nc, version="1.2.3", flood_rate=100)
        await callers.listen(nothing, lambda data, *_: seen.append(data))
        flooding = True

        async def flood() -> None:
            while flooding:
                for _ in range(20):
                    await nc.publish(SUBJECT, b"flood", reply="nobody.there")
                await asyncio.sleep(0.01)

        task = asyncio.create_task(flood())
        await until(lambda: callers.floods >= 2, "the flood to be noticed, and again after a look")
        flooding = False
        await task

        async def heard() -> bool:
            await nc.publish(SUBJECT, b"caller", reply="nobody.there")
            await nc.flush()
            return b"caller" in seen

        await until(heard, "a caller to be heard again")
        await callers.close()


async def test_a_flush_that_was_given_up_leaves_the_connection_sound(tmp_path: Path) -> None:
    """The broker's answer comes to nobody; what follows it is read all the same, without a new connection."""

    async with running_broker(tmp_path) as broker, client(broker.url) as nc:
        messages: list[bytes] = []

        async def heard(message: Msg) -> None:
            messages.append(message.data)

        await nc.subscribe("plant.test", cb=heard)
        await nc.flush()
        given_up = asyncio.get_running_loop().create_future()
        given_up.cancel()
        await nc._send_ping(given_up)  # what a flush does that is cancelled before the broker answers
        await nc.publish("plant.test", b"still here")
        await until(lambda: messages == [b"still here"], "the message")
        await nc.flush(timeout=int(PATIENCE))
        assert nc.stats["reconnects"] == 0
