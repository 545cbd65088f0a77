"""Objects read from the object store of a real broker, as a client of NATS put them there."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.js.api import ObjectLink, ObjectMeta, ObjectMetaOptions
from nats.js.object_store import ObjectStore

from andon.bus.connection import BusConnection
from andon.bus.object_store import NatsObjects
from andon.core.errors import BrokerError, BrokerUnavailable, ObjectMissing, PictureRefused
from support.bus import client, run, running_broker
from support.patience import PATIENCE

LIMIT = 4 * 1024 * 1024


@asynccontextmanager
async def bucket(directory: Path) -> AsyncIterator[tuple[NatsObjects, ObjectStore, BusConnection]]:
    """A broker with a bucket ``shots``; our reader and the library's store on it."""
    async with running_broker(directory) as broker, client(broker.url) as nc:
        yield NatsObjects(nc), await nc.jetstream(timeout=PATIENCE).create_object_store("shots"), nc


def with_bucket(directory: Path, work: Callable[[NatsObjects, ObjectStore, BusConnection], Awaitable[None]]) -> None:
    """Run ``work`` on a bucket of its own."""

    async def main() -> None:
        async with bucket(directory) as (objects, shots, nc):
            await work(objects, shots, nc)

    run(main())


def test_objects_come_back_to_the_byte(tmp_path: Path) -> None:
    """Empty, small, of many chunks, with odd names, replaced ones."""
    large, name = os.urandom(700_001), "line 3/ü.png"

    async def work(objects: NatsObjects, shots: ObjectStore, nc: BusConnection) -> None:
        await shots.put("empty", b"")
        await shots.put("small", b"x")
        await shots.put(name, b"first")
        await shots.put(name, large)
        await shots.put("tiny chunks", large[:5000], ObjectMeta(options=ObjectMetaOptions(max_chunk_size=512)))
        assert await objects.fetch("shots", "empty", 0) == b""
        assert await objects.fetch("shots", "small", 1) == b"x"
        assert await objects.fetch("shots", name, LIMIT) == large
        assert await objects.fetch("shots", "tiny chunks", LIMIT) == large[:5000]

    with_bucket(tmp_path, work)


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    """No bucket, no object, one that was deleted."""

    async def work(objects: NatsObjects, shots: ObjectStore, nc: BusConnection) -> None:
        await shots.put("gone", b"x")
        await shots.delete("gone")
        with pytest.raises(ObjectMissing, match="no bucket other"):
            await objects.fetch("other", "x", LIMIT)
        with pytest.raises(ObjectMissing, match="has no object x"):
            await objects.fetch("shots", "x", LIMIT)
        with pytest.raises(ObjectMissing, match="was deleted"):
            await objects.fetch("shots", "gone", LIMIT)

    with_bucket(tmp_path, work)


def test_an_object_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """Its description says how large it is."""

    async def work(objects: NatsObjects, shots: ObjectStore, nc: BusConnection) -> None:
        await shots.put("large", bytes(2000))
        with pytest.raises(PictureRefused, match=r"has 2,000 bytes, ANDON_PICTURE_MAX_BYTES allows 1,999"):
            await objects.fetch("shots", "large", 1999)

    with_bucket(tmp_path, work)


def test_a_link_is_refused(tmp_path: Path) -> None:
    """It could lead anywhere in the broker."""

    async def work(objects: NatsObjects, shots: ObjectStore, nc: BusConnection) -> None:
        options = ObjectMetaOptions(link=ObjectLink(bucket="shots", name="other"), max_chunk_size=1024)
        await shots.put("link", b"", ObjectMeta(options=options))
        with pytest.raises(PictureRefused, match="link"):
            await objects.fetch("shots", "link", LIMIT)

    with_bucket(tmp_path, work)


async def describe(nc: BusConnection, name: str, description: bytes) -> None:
    """Write an object's description by hand."""
    encoded = base64.urlsafe_b64encode(name.encode()).decode()
    await nc.jetstream(timeout=PATIENCE).publish(f"$O.shots.M.{encoded}", description, headers={"Nats-Rollup": "sub"})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"digest": "SHA-256=" + base64.urlsafe_b64encode(bytes(32)).decode()}, "does not match what was stored"),
        ({"digest": "MD5=AAAA"}, "does not match what was stored"),
        ({"digest": "nonsense"}, "does not match what was stored"),
        ({"size": 99}, "does not match what was stored"),
        ({"size": 101}, "does not match what was stored"),
        ({"nuid": "0000000000000000000000"}, "does not match what was stored"),
        ({"nuid": ">"}, "damaged metadata"),
        ({"nuid": None}, "damaged metadata"),
        ({"size": "many"}, "damaged metadata"),
    ],
)
def test_an_object_that_is_not_what_its_description_says_is_refused(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    """Digest, size and place are checked; more bytes than announced are not kept."""

    async def work(objects: NatsObjects, shots: ObjectStore, nc: BusConnection) -> None:
        info = await shots.put("x", bytes(100))
        await describe(nc, "x", json.dumps({**info.as_dict(), **change}).encode())
        with pytest.raises(BrokerError, match=reason):
            await objects.fetch("shots", "x", LIMIT)

    with_bucket(tmp_path, work)


@pytest.mark.parametrize("description", [b"", b"{", b"[1]", b"\xff"])
def test_a_description_that_cannot_be_read_is_refused(tmp_path: Path, description: bytes) -> None:
    """Whoever wrote it."""

    async def work(objects: NatsObjects, shots: ObjectStore, nc: BusConnection) -> None:
        await describe(nc, "x", description)
        with pytest.raises(BrokerError, match="damaged metadata"):
            await objects.fetch("shots", "x", LIMIT)

    with_bucket(tmp_path, work)


def test_a_broker_that_goes_away_is_unavailable(tmp_path: Path) -> None:
    """In a bounded time, and nothing is left behind."""

    async def work() -> None:
        async with running_broker(tmp_path) as broker, client(broker.url) as nc:
            await nc.jetstream(timeout=PATIENCE).create_object_store("shots")
            objects = NatsObjects(nc, timeout=0.5)
            await broker.stop()
            with pytest.raises(BrokerUnavailable):
                await objects.fetch("shots", "x", LIMIT)

    run(work())
