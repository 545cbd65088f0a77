"""The faults: each breaks something, looks what /readyz says, and takes its cause away again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from andon.core.models import CONSUMER, STREAM
from chaos.site import Site
from support.service import listening

#: Breaks a site; returns the seconds until that was told or mended, None where there was nothing to tell.
Break = Callable[[Site, random.Random], Awaitable[float | None]]


@dataclass(frozen=True)
class Fault:
    """A kind of fault, and how often it comes in the short and in the whole run."""

    name: str
    breaks: Break
    short: int
    whole: int
    needs_disk: bool = False


async def _some_load(random_: random.Random, least: float = 0.3, most: float = 1.5) -> None:
    await asyncio.sleep(random_.uniform(least, most))


async def kill_service(site: Site, random_: random.Random) -> float | None:
    """kill -9 of the service, and with it of its broker."""
    await _some_load(random_)
    await asyncio.to_thread(site.andon.kill)
    await asyncio.to_thread(site.andon.start)
    return None


async def restart_service(site: Site, random_: random.Random) -> float | None:
    """SIGTERM under load, and a start."""
    await _some_load(random_)
    await asyncio.to_thread(site.andon.stop)
    await site.until(lambda: not listening(site.andon.nats_port), "the broker's end")
    await asyncio.to_thread(site.andon.start)
    return None


async def kill_broker(site: Site, random_: random.Random) -> float | None:
    """kill -9 of the embedded broker alone."""
    await _some_load(random_)
    before = site.broker_pid()
    site.signal_broker(signal.SIGKILL)
    await site.until(lambda: site.broker_pid() not in (None, before), "another broker")
    return None


async def freeze_broker(site: Site, random_: random.Random) -> float | None:
    """The broker stands still for some seconds."""
    site.signal_broker(signal.SIGSTOP)
    try:
        told = await site.until(lambda: site.ready()[0] == 503, "word of the frozen broker", 30)
        await _some_load(random_, 1, 4)
    finally:
        site.signal_broker(signal.SIGCONT)
    return told


async def freeze_service(site: Site, random_: random.Random) -> float | None:
    """The service stands still while the broker takes logs."""
    assert site.andon.process is not None
    site.andon.process.send_signal(signal.SIGSTOP)
    await _some_load(random_, 2, 6)
    site.andon.process.send_signal(signal.SIGCONT)
    return None


async def cut_lines(site: Site, random_: random.Random) -> float | None:
    """Half of the producers lose their line in the middle of what they send."""
    for _ in range(3):
        site.line.cut()
        await _some_load(random_)
        site.line.heal()
        await _some_load(random_)
    return None


async def fill_disk(site: Site, random_: random.Random) -> float | None:
    """No byte is left on the disk of database and broker; later there is room again."""
    assert site.disk is not None
    filler = site.disk / "filler"
    await asyncio.to_thread(_fill, filler)
    try:
        told = await site.until(lambda: site.ready()[0] == 503, "word of the full disk", 30)
        await _some_load(random_, 1, 5)
    finally:
        filler.unlink()
    return told


async def start_on_full_disk(site: Site, random_: random.Random) -> float | None:
    """Killed, started while nothing can be written, and given room after a while."""
    assert site.disk is not None
    filler = site.disk / "filler"
    await asyncio.to_thread(site.andon.kill)
    await asyncio.to_thread(_fill, filler)
    try:
        await asyncio.to_thread(site.andon.start, ready=False)
        told = await site.until(lambda: site.ready()[0] == 503, "word of the full disk", 30)
        await asyncio.sleep(12)
    finally:
        filler.unlink()
    return told


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)


async def lock_database(site: Site, random_: random.Random) -> float | None:
    """Another process holds the database's write lock."""
    connection = await asyncio.to_thread(sqlite3.connect, site.andon.database, check_same_thread=False, timeout=30)
    try:
        await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
        told = await site.until(lambda: site.ready()[0] == 503, "word of the lock", 30)
        await _some_load(random_, 1, 4)
    finally:
        await asyncio.to_thread(connection.close)
    return told


async def restore_database(site: Site, random_: random.Random) -> float | None:
    """The database is set back to a copy of some seconds before; what came since is read from the stream."""
    await asyncio.to_thread(site.andon.stop)
    copy = site.andon.place / "before.db"
    await asyncio.to_thread(shutil.copy2, site.andon.database, copy)
    await asyncio.to_thread(site.andon.start)
    await _some_load(random_, 2, 4)
    await asyncio.to_thread(site.andon.stop)
    for name in ("agent.db-wal", "agent.db-shm"):
        (site.andon.data / name).unlink(missing_ok=True)
    await asyncio.to_thread(copy.replace, site.andon.database)
    await asyncio.to_thread(site.andon.start)
    return None


async def garbage(site: Site, random_: random.Random) -> float | None:
    """A hundred messages of random bytes and cut JSON between the logs."""
    whole = json.dumps(
        {"message": "Spindle overload", "severity": "ERROR", "context": {"a": [1, 2, {"b": "c"}]}}
    ).encode()
    async with site.client() as js:
        for _ in range(100):
            cut = whole[: random_.randrange(len(whole))] + random_.randbytes(random_.randrange(40))
            await js.publish("agent.technical.support", cut)
    return None


async def steal(site: Site, random_: random.Random) -> float | None:
    """Another client takes messages from our consumer and acknowledges them."""
    async with site.client() as js:
        subscription = await js.pull_subscribe_bind(CONSUMER, STREAM)
        stolen = 0
        for _ in range(20):
            with contextlib.suppress(Exception):  # none came in time
                for message in await subscription.fetch(10, timeout=0.5):
                    await message.ack_sync()
                    stolen += 1
            if stolen >= 20:
                break
    return await site.told_or_mended()


def meddle(change: dict[str, Any], *, consumer: bool = False) -> Break:
    """Another client changes the stream's, or the consumer's, configuration."""

    async def breaks(site: Site, _random: random.Random) -> float | None:
        async with site.client() as js:
            kind = f"CONSUMER.INFO.{STREAM}.{CONSUMER}" if consumer else f"STREAM.INFO.{STREAM}"
            client = js._nc
            config = json.loads((await client.request(f"$JS.API.{kind}", timeout=2)).data)["config"] | change
            if consumer:
                body = {"stream_name": STREAM, "config": config, "action": "update"}
                await client.request(
                    f"$JS.API.CONSUMER.CREATE.{STREAM}.{CONSUMER}", json.dumps(body).encode(), timeout=2
                )
            else:
                await client.request(f"$JS.API.STREAM.UPDATE.{STREAM}", json.dumps(config).encode(), timeout=2)
        return await site.told_or_mended()

    return breaks


async def pause_consumer(site: Site, _random: random.Random) -> float | None:
    """Another client pauses our consumer for an hour."""
    async with site.client() as js:
        body = json.dumps({"pause_until": "2099-01-01T00:00:00Z"}).encode()
        await js._nc.request(f"$JS.API.CONSUMER.PAUSE.{STREAM}.{CONSUMER}", body, timeout=2)
    return await site.told_or_mended()


async def delete_consumer(site: Site, _random: random.Random) -> float | None:
    """Another client deletes our consumer."""
    async with site.client() as js:
        await js.delete_consumer(STREAM, CONSUMER)
    return await site.told_or_mended()


async def delete_stream(site: Site, _random: random.Random) -> float | None:
    """Another client deletes the stream, when all in it is stored."""
    async with site.quiet():
        async with site.client() as js:
            await js.delete_stream(STREAM)
        return await site.told_or_mended()


async def purge(site: Site, random_: random.Random) -> float | None:
    """Another client purges the stream but for some messages, when all in it is stored."""
    async with site.quiet(), site.client() as js:
        await js.purge_stream(STREAM, keep=random_.randrange(20))
    return None


async def empty_meta(site: Site, _random: random.Random) -> float | None:
    """The stream's description on the disk is emptied while the broker is down, when all in it is stored."""
    async with site.quiet():
        await asyncio.to_thread(site.andon.kill)
        for meta in (site.andon.data / "jetstream").rglob(f"streams/{STREAM}/meta.inf"):
            meta.write_bytes(b"")
    await asyncio.to_thread(site.andon.start)
    return None


async def damage_block(site: Site, random_: random.Random) -> float | None:
    """Bytes in the middle of the stream's blocks are overwritten while the broker is down, when all in it is stored."""
    async with site.quiet():
        await asyncio.to_thread(site.andon.kill)
        blocks = sorted((site.andon.data / "jetstream").rglob(f"streams/{STREAM}/msgs/*.blk"))
        if blocks:
            data = bytearray(blocks[0].read_bytes())
            middle = len(data) // 2
            data[middle : middle + 200] = random_.randbytes(min(200, len(data) - middle))
            blocks[0].write_bytes(data)
            for index in blocks[0].parent.glob("index.db"):
                index.unlink()
    await asyncio.to_thread(site.andon.start)
    return None


FAULTS = (
    Fault("service killed (kill -9)", kill_service, 30, 200),
    Fault("service restarted under load", restart_service, 3, 6),
    Fault("broker killed (kill -9)", kill_broker, 15, 30),
    Fault("broker frozen", freeze_broker, 2, 4),
    Fault("service frozen", freeze_service, 2, 4),
    Fault("producers' lines cut", cut_lines, 5, 10),
    Fault("disk full", fill_disk, 3, 6, needs_disk=True),
    Fault("start on a full disk", start_on_full_disk, 1, 2, needs_disk=True),
    Fault("database locked by another process", lock_database, 2, 4),
    Fault("database restored from before", restore_database, 2, 4),
    Fault("garbage between the logs", garbage, 3, 6),
    Fault("another client takes and acknowledges our messages", steal, 2, 4),
    Fault("stream: largest message 10 bytes", meddle({"max_msg_size": 10}), 1, 2),
    Fault("stream: at most one message, new ones refused", meddle({"max_msgs": 1, "discard": "new"}), 1, 2),
    Fault("stream: other subjects", meddle({"subjects": ["other.things"]}), 1, 2),
    Fault(
        "consumer: another filter", meddle({"filter_subject": "agent.technical.support.nowhere"}, consumer=True), 1, 4
    ),
    Fault("consumer: headers only", meddle({"headers_only": True}, consumer=True), 1, 2),
    Fault("consumer: one message in hand", meddle({"max_ack_pending": 1}, consumer=True), 1, 2),
    Fault("consumer paused", pause_consumer, 1, 2),
    Fault("consumer deleted", delete_consumer, 2, 4),
    Fault("stream deleted", delete_stream, 1, 2),
    Fault("stream purged", purge, 2, 4),
    Fault("stream's description emptied", empty_meta, 1, 2),
    Fault("stream's blocks damaged", damage_block, 1, 2),
)
