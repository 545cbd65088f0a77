"""Streams of a broker as snapshots: taken while it goes on, and put into another.

JetStream sends a snapshot as messages to an inbox, the next ones as the first are acknowledged, and takes one as
requests. Inside it is a compressed archive of the server's own, which only a server reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import IO, Any

import msgspec
import nats.errors
from nats.aio.msg import Msg

from andon.bus.connection import BusConnection, closed_error
from andon.bus.jetstream_api import ApiError, request
from andon.core.errors import BrokerError, BrokerUnavailable

#: Bytes of one message of a snapshot; less where the broker takes less.
CHUNK = 256 * 1024
#: How long the broker may be silent, in seconds: it may have to write out much before the first message.
SILENCE = 60.0
#: Without this much sent, but unacknowledged, the broker waits for us: what waits here is no more than that.
_PENDING_MESSAGES, _PENDING_BYTES = 4096, 64 << 20

Told = Callable[[int], None]


class StreamSnapshot(msgspec.Struct, frozen=True):
    """What the broker says of a stream and of its snapshot; ``first`` and ``last`` are sequences."""

    name: str
    messages: int
    bytes: int
    first: int
    last: int
    last_at: str
    config: dict[str, Any] = {}
    state: dict[str, Any] = {}


async def described(nc: BusConnection, name: str) -> StreamSnapshot:
    """What a stream holds now. Raises BrokerError."""
    info = await request(nc, f"STREAM.INFO.{name}")
    return _described(name, info["config"], info["state"])


async def stream_names(nc: BusConnection) -> tuple[list[str], list[str]]:
    """The broker's streams that it keeps in files, and those it keeps in memory. Raises BrokerError."""
    files: list[str] = []
    memory: list[str] = []
    while True:
        found = len(files) + len(memory)
        page = await request(nc, "STREAM.LIST", {"offset": found})
        for stream in page.get("streams") or ():
            config = stream["config"]
            (files if config.get("storage", "file") == "file" else memory).append(config["name"])
        if len(files) + len(memory) in (found, page.get("total", 0)):
            return sorted(files), sorted(memory)


async def snapshot(
    nc: BusConnection, stream: str, file: IO[bytes], told: Told = lambda _bytes: None, silence: float = SILENCE
) -> StreamSnapshot:
    """Write a snapshot of ``stream`` with its consumers into ``file``. ``told`` hears of the bytes written so far.

    Its last sequence is not less than it was when this was called. Raises BrokerUnavailable, BrokerError, OSError.
    """
    arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
    inbox = nc.new_inbox()
    subscription = await nc.subscribe(
        inbox, cb=arrived.put, pending_msgs_limit=_PENDING_MESSAGES, pending_bytes_limit=_PENDING_BYTES
    )
    unwatch = nc.watch(lambda _up: arrived.put_nowait(None))  # it does not go on with a snapshot after that
    try:
        body = {"deliver_subject": inbox, "chunk_size": min(CHUNK, nc.max_payload), "no_consumers": False}
        answer = await request(nc, f"STREAM.SNAPSHOT.{stream}", body, timeout=silence)
        done = 0
        async for chunk in _chunks(nc, stream, arrived, silence):
            await asyncio.to_thread(file.write, chunk)
            done += len(chunk)
            told(done)
    finally:
        unwatch()
        if not nc.is_closed:
            await subscription.unsubscribe()
    return _described(stream, answer["config"], answer["state"])


async def _chunks(
    nc: BusConnection, stream: str, arrived: asyncio.Queue[Msg | None], silence: float
) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(silence):
                message = await arrived.get()
        except TimeoutError:
            message = None
        if message is None:
            raise BrokerUnavailable(
                f"the broker at {nc.address} ended the snapshot of {stream} early: check its log, and try again"
            )
        status = (message.headers or {}).get("Status", "")
        if not message.data:
            if status not in ("", "204"):
                reason = (message.headers or {}).get("Description", status)
                raise BrokerError(f"the broker at {nc.address} cannot copy the stream {stream}: {reason}")
            return
        yield message.data
        if message.reply:
            await message.respond(b"")


async def put_snapshot(
    nc: BusConnection,
    taken: StreamSnapshot,
    read: Callable[[int], Awaitable[bytes]],
    told: Told = lambda _bytes: None,
    silence: float = SILENCE,
) -> StreamSnapshot:
    """Make the stream from its snapshot, whose bytes ``read`` gives; what the broker then says it holds.

    There must be no stream of that name. Raises BrokerUnavailable, BrokerError, OSError.
    """
    body = {"config": taken.config, "state": taken.state}
    answer = await request(nc, f"STREAM.RESTORE.{taken.name}", body, timeout=silence)
    done = 0
    while chunk := await read(min(CHUNK, nc.max_payload)):
        _accepted(nc, taken.name, await _sent(nc, answer["deliver_subject"], chunk, silence))
        done += len(chunk)
        told(done)
    final = _accepted(nc, taken.name, await _sent(nc, answer["deliver_subject"], b"", silence))
    return _described(taken.name, final["config"], final["state"])


async def _sent(nc: BusConnection, subject: str, data: bytes, silence: float) -> bytes:
    try:
        return (await nc.request(subject, data, timeout=silence)).data
    except nats.errors.ConnectionClosedError:
        raise closed_error(nc) from None
    except nats.errors.Error as error:
        raise BrokerUnavailable(
            f"the broker at {nc.address} stopped accepting the stream ({error}): try again"
        ) from None


def _accepted(nc: BusConnection, stream: str, answer: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(answer) if answer else {}
    if problem := found.get("error"):
        reason = problem.get("description", "no reason given")
        raise ApiError(f"the broker at {nc.address} does not accept the stream {stream}: {reason}", 0)
    return found


def _described(name: str, config: dict[str, Any], state: dict[str, Any]) -> StreamSnapshot:
    return StreamSnapshot(
        name=name,
        messages=state["messages"],
        bytes=state["bytes"],
        first=state["first_seq"],
        last=state["last_seq"],
        last_at=state.get("last_ts", ""),
        config=config,
        state=state,
    )
