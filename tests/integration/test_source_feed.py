"""What sources put into the stream, with a real broker that dies, fills up and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from andon.bus import jetstream_api
from andon.bus.connection import BusConnection
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.feed import Feed, Stored
from andon.bus.log_stream import JetStreamLogStream
from andon.core.errors import BrokerUnavailable
from andon.core.models import STREAM, SUBJECT
from andon.core.telemetry import Health, Metrics
from andon.ingest.sources import outlet as outlets
from andon.ingest.sources.heard import IMPORTED_HEADER, Heard, Place
from andon.ingest.sources.outlet import WINDOW, WINDOW_BYTES, Outlet
from support.bus import client, run, running_broker, until
from support.intake import kept_outlet
from support.patience import PATIENCE


class _Way(NamedTuple):
    """A source's way into the stream of a broker of the test's own."""

    broker: EmbeddedBroker
    nc: BusConnection
    feed: Feed
    outlet: Outlet

    async def kill(self) -> None:
        """kill -9 of the broker, which stays away; returns once the connection knows."""
        assert self.broker.pid is not None
        os.kill(self.broker.pid, signal.SIGKILL)
        await until(lambda: not self.nc.is_connected, "the loss of the connection")

    @contextlib.asynccontextmanager
    async def back(self) -> AsyncIterator[None]:
        """The broker comes back, on the same port and store."""
        watching = asyncio.create_task(self.broker.supervise())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def stored(self) -> list[dict[str, Any]]:
        """Every message of the stream."""
        log = await JetStreamLogStream.open(self.nc)
        last = (await log.state()).last_sequence
        found = [json.loads(each.data) async for batch in log.replay(1, last) for each in batch]
        await log.close()
        return found


@contextlib.asynccontextmanager
async def _way(place: Path, **options: Any) -> AsyncIterator[_Way]:
    async with running_broker(place, **options) as broker, client(broker.url) as nc:
        await jetstream_api.ensure_stream(nc)
        feed = Feed(nc)
        sending = asyncio.create_task(feed.run())
        try:
            yield _Way(broker, nc, feed, Outlet("test", feed, Metrics(), Health()))
        finally:
            sending.cancel()
            await asyncio.wait({sending})
            await feed.close()


def test_every_log_is_stored_once_though_the_broker_is_killed(tmp_path: Path) -> None:
    """5,000 logs, a kill -9 among them; while the broker is not reachable no more than the window is on its way."""

    async def work() -> None:
        async with _way(tmp_path) as way:
            promises: list[asyncio.Future[Stored]] = []

            async def put(first: int, last: int) -> None:
                promises.extend([await way.outlet.put(Heard(f"Belt {n} slips")) for n in range(first, last)])

            await put(0, 2_000)
            await way.kill()
            lost = [one for one in promises if not one.done()]
            putting = asyncio.create_task(put(2_000, 5_000))
            await until(lambda: way.outlet._count == WINDOW and bool(way.outlet._waiting), "a full window")
            assert not putting.done()
            assert not way.outlet._idle.is_set()
            async with way.back():
                await putting
                await asyncio.wait_for(way.outlet.settled(), PATIENCE)
            assert len(lost) < len(promises) == 5_000
            outcomes = [one.result() for one in promises]
            assert {one.refused for one in outcomes} == {None}
            found = await way.stored()
            assert sorted(one["message"] for one in found) == sorted(f"Belt {n} slips" for n in range(5_000))
            assert {found[one.sequence - 1]["message"] for one in outcomes} == {one["message"] for one in found}
            assert way.outlet.counts.taken == 5_000
            assert way.outlet.counts.refused == {}
            assert way.feed.problem is None

    run(work())


def test_large_logs_fill_the_window_by_their_bytes(tmp_path: Path) -> None:
    """What is on its way is bounded in bytes too, and a log too large for the broker is cut and stored."""

    async def work() -> None:
        async with _way(tmp_path) as way:
            huge = await (await way.outlet.put(Heard("x" * 3_000_000, place=Place("graz", "a1"), imported=True)))
            assert huge.refused is None
            raw = await (await way.outlet.put_message(SUBJECT, b"y" * 3_000_000))
            assert raw.refused is not None
            assert "max_payload" in raw.refused
            await way.outlet.settled()
            assert way.outlet.counts.refused == {"refused by the broker": 1}
            message = await way.nc.jetstream().get_msg(STREAM, huge.sequence)
            assert message.subject == f"{SUBJECT}.graz.a1"
            assert (message.headers or {})[IMPORTED_HEADER] == "1"
            stored = json.loads(message.data or b"")
            assert stored["context"]["cut_from_bytes"] > 3_000_000
            assert 900_000 < len(stored["message"]) < 1_048_576
            await way.kill()
            putting = [asyncio.create_task(way.outlet.put(Heard("z" * 900_000))) for _ in range(30)]
            await until(lambda: len(way.outlet._waiting) == 30 - WINDOW_BYTES // 900_000, "a full window")
            assert way.outlet._bytes <= WINDOW_BYTES
            async with way.back():
                outcomes = [await one for one in await asyncio.gather(*putting)]
            assert {one.refused for one in outcomes} == {None}
            assert len(await way.stored()) == 31

    run(work())


def test_what_is_on_its_way_ends_with_the_feed(tmp_path: Path) -> None:
    """Promises are cancelled rather than left, nothing is counted as taken, and nothing can be put any more."""

    async def work() -> None:
        async with _way(tmp_path) as way:
            await way.kill()
            promises = [await way.outlet.put(Heard(f"Belt {n} slips")) for n in range(10)]
            await way.feed.close()
            await way.feed.close()
            await asyncio.wait_for(way.outlet.settled(), PATIENCE)
            assert all(one.cancelled() for one in promises)
            assert (way.outlet.counts.taken, way.outlet.counts.refused) == (0, {})
            await way.nc.close()
            with pytest.raises(BrokerUnavailable):
                await way.outlet.put(Heard("too late"))
            assert way.outlet._count == 0

    run(work())


def test_a_full_stream_is_told_and_waited_for(tmp_path: Path) -> None:
    """The broker has no room: the feed says why, whoever wants an answer in time gets it, and it goes on by itself."""

    async def work() -> None:
        async with _way(tmp_path, nats_max_store=2 << 20) as way:
            texts = [os.urandom(100_000).hex() for _ in range(20)]
            promises = [await way.outlet.put(Heard(text)) for text in texts]
            await until(lambda: way.feed.problem is not None, "word of the full store")
            assert "resources" in str(way.feed.problem) or "store" in str(way.feed.problem)
            with pytest.raises(BrokerUnavailable, match=r"within 0\.2 s .*send it again later"):
                await way.outlet.store([Heard(texts[0])], 0.2)
            assert not all(one.done() for one in promises)
            await until(
                lambda: len(way.feed._pending) == way.outlet._count, "the end of what nobody waits for any more"
            )
            settled = asyncio.create_task(way.outlet.settled())

            async def made_room() -> bool:
                await jetstream_api.request(way.nc, f"STREAM.PURGE.{STREAM}")
                return settled.done()

            await until(made_room, "the rest, as there is room again and again")
            assert {one.result().refused for one in promises} == {None}
            assert way.feed.problem is None
            assert way.outlet.counts.taken == 20

    run(work())


def test_a_place_that_nobody_takes_goes_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is cancelled just as it may go on leaves its place to the one that waits behind it."""

    async def work() -> None:
        monkeypatch.setattr(outlets, "WINDOW", 1)
        outlet, feed = kept_outlet()
        feed.hold()
        first = await outlet.put(Heard("first"))
        second, third = (asyncio.create_task(outlet.put(Heard(text))) for text in ("second", "third"))
        await until(lambda: len(outlet._waiting) == 2, "two that wait")
        first.add_done_callback(lambda _: second.cancel())  # behind the outlet's own, before the one that waits goes on
        feed.release()
        await asyncio.wait_for(third, PATIENCE)
        await outlet.settled()
        assert second.cancelled()
        assert [one["message"] for one in feed.logs] == ["first", "third"]

    run(work())
