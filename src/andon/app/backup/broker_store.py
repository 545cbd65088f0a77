"""The store of Andon's own broker as files that a broker has read, beside a running one or from a stopped one's.

A broker of the backup's own, on a port that nobody knows, gets every stream that is copied. It proves that they can be
read, and what it leaves behind is the same directory that `andon run` starts with.
"""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from andon.app.backup.manifest import StreamPart
from andon.app.broker_client import connect_as
from andon.app.wiring import broker_url
from andon.bus import jetstream_api
from andon.bus.connection import BusConnection, connect
from andon.bus.embedded.broker import EmbeddedBroker
from andon.bus.embedded.lock import FILE_NAME, StoreLock
from andon.bus.snapshots import StreamSnapshot, described, put_snapshot, snapshot, stream_names
from andon.core.errors import BackupError, BrokerError, ConfigError, InUseError
from andon.core.models import STREAM
from andon.core.settings.settings import Settings

#: How long a running service gets to record what its broker has taken before the backup began, in seconds.
RECORDED_WITHIN, LOOK_EVERY = 30.0, 0.1
#: What in the store's directory is no part of the store: of a start, and of one that found damage.
_PASSING = (FILE_NAME, "kept", "trial", "damaged-*")
_NAME = "andon backup"

#: Told of what is being done, how far it is, and of how much (bytes; 0 where that is not known).
Told = Callable[[str, int, int], None]


class Copied(NamedTuple):
    """What was copied: ``how`` as :class:`Manifest` has it, and what of it is not there."""

    how: str
    streams: list[StreamPart]
    left_out: list[str]


async def running(settings: Settings) -> bool:
    """Whether the embedded broker runs. Raises BrokerError where its directory cannot be used."""
    store = settings.data_dir / "jetstream"
    if not (store / FILE_NAME).exists():
        return False
    lock = StoreLock(store)
    try:
        await lock.take()
    except InUseError:
        return True
    lock.release()
    return False


async def recorded(settings: Settings) -> bool:
    """Wait until all that the running broker holds by now is in the database; False where that takes too long."""
    async with _connected(settings) as nc:
        try:
            stream, _ = await jetstream_api.infos(nc)
            last, deadline = stream["state"]["last_seq"], asyncio.get_running_loop().time() + RECORDED_WITHIN
            while True:
                _, consumer = await jetstream_api.infos(nc)
                if consumer["ack_floor"]["stream_seq"] >= last:
                    return True
                if asyncio.get_running_loop().time() > deadline:
                    return False
                await asyncio.sleep(LOOK_EVERY)
        except jetstream_api.ApiError as error:
            if error.code not in jetstream_api.MISSING:
                raise
            return True  # nothing was ever published


async def copy_store(settings: Settings, staging: Path, told: Told) -> Copied:
    """Copy the embedded broker's streams into ``jetstream`` of ``staging``, a directory of the backup's own.

    Raises BrokerError where they cannot be copied or read, InUseError, OSError.
    """
    if await running(settings):
        async with _connected(settings) as nc:
            return await _online(nc, settings, staging, told)
    return await _stopped(settings, staging, told)


async def _online(nc: BusConnection, settings: Settings, staging: Path, told: Told) -> Copied:
    names, memory = await stream_names(nc)
    # The logs last: whatever their pictures are is copied by then.
    names.sort(key=lambda name: name == STREAM)
    found: list[StreamPart] = []
    left_out = [f"the stream {name}: the broker keeps it in memory and copies only streams in files" for name in memory]
    broker = EmbeddedBroker(_own(settings, staging))
    async with broker, _line_to(settings, broker) as own:
        for name in names:
            size = (await described(nc, name)).bytes
            found.append(await _moved_over(nc, own, name, staging, functools.partial(_tell, told, name, size)))
    return Copied("online", sorted(found, key=lambda one: one.name), left_out)


async def _moved_over(
    nc: BusConnection, own: BusConnection, name: str, staging: Path, told: Callable[[int], None]
) -> StreamPart:
    """A snapshot of a stream, put into the backup's own broker."""
    place = staging / "snapshot"
    try:
        with place.open("w+b") as file:
            taken = await snapshot(nc, name, file, told)
            file.seek(0)

            async def read(size: int) -> bytes:
                return await asyncio.to_thread(file.read, size)

            there = await put_snapshot(own, taken, read)
    finally:
        place.unlink(missing_ok=True)
    if there.last < taken.last or (not taken.config.get("max_age") and there.messages < taken.messages):
        raise BackupError(
            f"the copy of the stream {name} holds {there.messages:,} messages up to {there.last}, but the broker had "
            f"{taken.messages:,} up to {taken.last}: back up again"
        )
    return _part(there)


async def _stopped(settings: Settings, staging: Path, told: Told) -> Copied:
    source = settings.data_dir / "jetstream"
    if not (source / "jetstream").is_dir():
        return Copied("none", [], ["the broker's store: there is none yet"])
    lock = StoreLock(source)
    await lock.take()
    try:
        told("broker store", 0, 0)
        ignored = shutil.ignore_patterns(*_PASSING)
        await asyncio.to_thread(shutil.copytree, source, staging / "jetstream", ignore=ignored, dirs_exist_ok=True)
    finally:
        lock.release()
    broker = EmbeddedBroker(_own(settings, staging))
    async with broker, _line_to(settings, broker) as nc:
        found = [_part(await described(nc, name)) for name in (await stream_names(nc))[0]]
    return Copied("stopped", found, [*map(str, broker.moved), *broker.lost])


def remove_passing(store: Path) -> None:
    """Remove what the backup's own broker left behind that is no part of the store. Raises OSError."""
    for pattern in _PASSING:
        for path in store.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _tell(told: Told, name: str, size: int, done: int) -> None:
    told(f"stream {name}", min(done, size), size)


@asynccontextmanager
async def _line_to(settings: Settings, broker: EmbeddedBroker) -> AsyncIterator[BusConnection]:
    nc = await connect(broker_url(settings, broker), name=_NAME)
    try:
        yield nc
    finally:
        await nc.close()


def _own(settings: Settings, staging: Path) -> Settings:
    """The same settings for a broker of the backup's own, which only this process finds."""
    return settings.model_copy(update={"data_dir": staging, "nats_host": "127.0.0.1", "nats_port": -1, "mqtt_port": 0})


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[BusConnection]:
    if settings.nats_port == -1:
        raise ConfigError(
            "ANDON_NATS_PORT=-1 takes any free port, which commands cannot know: set it to the port that the service "
            "reported at its start, or stop Andon for the backup"
        )
    try:
        nc = await connect_as(settings, _NAME)
    except BrokerError as error:
        raise BackupError(
            f"the broker is running but does not list its streams ({error}); or stop Andon for the backup"
        ) from error
    try:
        yield nc
    finally:
        await nc.close()


def _part(taken: StreamSnapshot) -> StreamPart:
    return StreamPart(taken.name, taken.messages, taken.bytes, taken.first, taken.last, taken.last_at)
