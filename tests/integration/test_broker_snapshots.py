"""Snapshots of a real broker's streams, taken while it goes on, and put into another."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
from pathlib import Path

import pytest

from andon.bus import jetstream_api
from andon.bus.connection import BusConnection
from andon.bus.log_stream import JetStreamLogStream
from andon.bus.snapshots import described, put_snapshot, snapshot, stream_names
from andon.core.errors import BrokerError, BrokerUnavailable
from andon.core.models import STREAM, SUBJECT
from support.bus import client, drain, run, running_broker


async def _fill(nc: BusConnection, count: int, size: int = 10_000) -> None:
    """Publish what no compression makes smaller, the acknowledgement of the last awaited."""
    for _ in range(count - 1):
        await nc.publish(SUBJECT, os.urandom(size // 2).hex().encode())
    await nc.jetstream().publish(SUBJECT, b"the last")


def _reader(data: bytes):  # type: ignore[no-untyped-def]
    file = io.BytesIO(data)

    async def read(size: int) -> bytes:
        return file.read(size)

    return read


def test_a_snapshot_of_a_busy_stream_becomes_the_same_stream_elsewhere(tmp_path: Path) -> None:
    """With what was acknowledged, times and sequences; all that was there when it began is in it."""

    async def work() -> None:
        async with running_broker(tmp_path / "a") as broker, client(broker.url) as nc, client(broker.url) as other:
            log = await JetStreamLogStream.open(nc)
            await _fill(nc, 600)
            read = await drain(log, 600)
            await log.close()
            await nc.flush()
            object_store = await nc.jetstream().create_object_store("pictures")
            await object_store.put("scratch", os.urandom(300_000))
            await nc.jetstream().add_stream(name="passing", subjects=["passing"], storage="memory")
            assert await stream_names(nc) == ([STREAM, "OBJ_pictures"], ["passing"])
            publishing = asyncio.create_task(_endless(other))
            told: list[int] = []
            taken = []
            try:
                for name in (STREAM, "OBJ_pictures"):
                    file = io.BytesIO()
                    taken.append((await snapshot(nc, name, file, told.append), file.getvalue()))
            finally:
                publishing.cancel()
                await asyncio.wait({publishing})
        assert taken[0][0].last >= 600
        assert len(told) > 10, "one chunk shows nothing of its flow"
        async with running_broker(tmp_path / "b") as broker, client(broker.url) as nc:
            for one, data in taken:
                there = await put_snapshot(nc, one, _reader(data))
                assert there.last >= one.last
                assert there.first == one.first
                assert await described(nc, one.name) == there
            _, consumer = await jetstream_api.infos(nc)
            assert consumer["ack_floor"]["stream_seq"] + consumer["num_ack_pending"] >= 600
            log = await JetStreamLogStream.open(nc)
            again = [each async for batch in log.replay(1, 600) for each in batch]
            assert [(one.sequence, one.stored_ns, one.data) for one in again] == [
                (one.sequence, one.stored_ns, one.data) for one in read
            ]
            await log.close()
            found = await (await nc.jetstream().object_store("pictures")).get("scratch")
            assert len(found.data or b"") == 300_000
            with pytest.raises(BrokerError, match="name already in use"):
                await put_snapshot(nc, taken[0][0], _reader(taken[0][1]))

    run(work())


async def _endless(nc: BusConnection) -> None:
    while True:
        await nc.jetstream().publish(SUBJECT, os.urandom(2_000).hex().encode())


def test_a_broker_that_goes_away_breaks_a_snapshot_off(tmp_path: Path) -> None:
    """At once, in one sentence; and a stream that is not there is told."""

    async def work() -> None:
        async with running_broker(tmp_path) as broker, client(broker.url) as nc:
            await jetstream_api.ensure_stream(nc)
            await _fill(nc, 2_000)
            pid = broker.pid
            assert pid is not None

            def kill(_done: int) -> None:
                with contextlib.suppress(ProcessLookupError):  # of what it had sent already there is more
                    os.kill(pid, signal.SIGKILL)

            with pytest.raises(BrokerUnavailable, match=f"ended the snapshot of {STREAM}"):
                await snapshot(nc, STREAM, io.BytesIO(), kill)

    run(work())


def test_what_is_no_snapshot_is_refused(tmp_path: Path) -> None:
    """By the broker, which keeps nothing of it."""

    async def work() -> None:
        async with running_broker(tmp_path) as broker, client(broker.url) as nc:
            await jetstream_api.ensure_stream(nc)
            file = io.BytesIO()
            taken = await snapshot(nc, STREAM, file)
            with pytest.raises(jetstream_api.ApiError, match="stream not found"):
                await snapshot(nc, "none", io.BytesIO())
            await jetstream_api.request(nc, f"STREAM.DELETE.{STREAM}")
            with pytest.raises(BrokerError, match=f"does not accept the stream {STREAM}"):
                await put_snapshot(nc, taken, _reader(b"garbage" * 1000))
            assert await stream_names(nc) == ([], [])
            assert (await put_snapshot(nc, taken, _reader(file.getvalue()))).name == STREAM

    run(work())
