"""What sources put into the stream through the feed, on a real server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from andon.bus.connection import BusConnection
from andon.bus.feed import Feed
from andon.bus.jetstream_api import ensure_stream
from andon.core.models import STREAM, SUBJECT
from support.bus import client, running_broker
from support.patience import PATIENCE


@contextlib.asynccontextmanager
async def running_feed(nc: BusConnection) -> AsyncIterator[Feed]:
    """A feed that sends again."""
    feed = Feed(nc)
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        await asyncio.wait({task})
        await feed.close()


async def test_messages_lie_in_the_stream_as_they_were_put(tmp_path: Path) -> None:
    """The first of a subject, which is checked, and those behind it; with headers and ids of their own or without."""
    async with (
        running_broker(tmp_path, nats_max_payload=2048) as broker,
        client(broker.url) as nc,
        running_feed(nc) as feed,
    ):
        await ensure_stream(nc)
        place = f"{SUBJECT}.north.press"
        futures = [await feed.put(place, text.encode()) for text in ("one", "zwö", "")]
        futures.append(await feed.put(place, b"marked", {"Andon-Imported": "1"}))
        futures.append(await feed.put(place, b"named", message_id="an id"))
        futures.append(await feed.put(place, b"named", message_id="an id"))
        too_long = await (await feed.put(place, b"x" * 2048))
        assert "2048" in str(too_long.refused)
        assert (await (await feed.put("bad subject", b"x"))).refused
        sequences = [(await future).sequence for future in futures]
        assert sequences == [1, 2, 3, 4, 5, 5]
        stored = [await nc.jetstream(timeout=PATIENCE).get_msg(STREAM, number) for number in range(1, 6)]
        assert [(one.subject, one.data or b"") for one in stored] == [
            (place, text) for text in (b"one", "zwö".encode(), b"", b"marked", b"named")
        ]
        ids = [(one.headers or {})["Nats-Msg-Id"] for one in stored]
        assert len(set(ids)) == 5
        assert ids[4] == "an id"
        assert (stored[3].headers or {})["Andon-Imported"] == "1"


async def test_a_killed_server_costs_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """All of it is stored once, although the server dies while messages are on their way."""
    async with running_broker(tmp_path, supervised=True) as broker, client(broker.url) as nc, running_feed(nc) as feed:
        await ensure_stream(nc)
        futures = []
        for number in range(3_000):
            if number == 1_500 and broker.pid is not None:
                os.kill(broker.pid, signal.SIGKILL)
            futures.append(await feed.put(SUBJECT, str(number).encode()))
        async with asyncio.timeout(PATIENCE):
            stored = [await future for future in futures]
        assert not [one for one in stored if one.refused]
        state = await nc.jetstream(timeout=PATIENCE).stream_info(STREAM)
        assert state.state.messages == 3_000
        assert broker.restarts == 1
