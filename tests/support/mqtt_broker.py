"""A broker of MQTT for tests, of which each connection does what a script says: it may lie, fall silent and break off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 14


class Packet(NamedTuple):
    """What a client sent."""

    kind: int
    flags: int
    body: bytes

    @property
    def mid(self) -> int:
        """Its number, where it begins with one."""
        return int.from_bytes(self.body[:2], "big")


class Peer:
    """The client of one connection, as the broker's side sees it. ``level`` is the protocol's: 5, or 4 for 3.1.1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self.level = 0
        self.client_id = ""

    async def read(self) -> Packet:
        """The next packet but pings. Raises IncompleteReadError at the end."""
        while True:
            (head,) = await self._reader.readexactly(1)
            size = shift = 0
            while True:
                (byte,) = await self._reader.readexactly(1)
                size |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            packet = Packet(head >> 4, head & 15, await self._reader.readexactly(size))
            if packet.kind == PINGREQ:
                self.send(13 << 4, b"")
                continue
            if packet.kind == CONNECT:
                self.level = packet.body[6]
            return packet

    def send(self, head: int, body: bytes, claimed: int | None = None) -> None:
        """A packet; ``claimed`` is the length that it says it has."""
        size, coded = len(body) if claimed is None else claimed, bytearray()
        while True:
            coded.append(size % 128 | (128 if size > 127 else 0))
            size //= 128
            if not size:
                break
        self.writer.write(bytes([head]) + coded + body)

    @property
    def _no_properties(self) -> bytes:
        return b"\0" if self.level == 5 else b""

    async def accept(self, *, present: bool = False, granted: int | None = None) -> list[Packet]:
        """Take CONNECT and SUBSCRIBE; ``granted`` is the answer for each topic, what was asked for unless given."""
        connect = await self.read()
        self.send(CONNACK << 4, bytes([present, 0]) + self._no_properties)
        subscribe = await self.read()
        await self.grant(subscribe, granted)
        return [connect, subscribe]

    async def grant(self, subscribe: Packet, granted: int | None = None) -> None:
        """Answer a subscription."""
        body, asked = subscribe.body[2 + len(self._no_properties) :], []
        while body:
            size = int.from_bytes(body[:2], "big")
            asked.append(body[2 + size] & 3)
            body = body[3 + size :]
        codes = bytes(asked if granted is None else [granted] * len(asked))
        self.send(SUBACK << 4, subscribe.body[:2] + self._no_properties + codes)
        await self.writer.drain()

    def publish(
        self, topic: str, payload: bytes, mid: int = 0, *, qos: int = 1, dup: bool = False, retain: bool = False
    ) -> None:
        """Send a message."""
        name = topic.encode("utf-8", "surrogateescape")
        body = len(name).to_bytes(2, "big") + name + (mid.to_bytes(2, "big") if qos else b"")
        self.send(PUBLISH << 4 | dup << 3 | qos << 1 | retain, body + self._no_properties + payload)

    async def acked(self) -> int:
        """The number of the next message that is acknowledged."""
        packet = await self.read()
        assert packet.kind == PUBACK, packet
        return packet.mid


#: What a broker does with a connection; the next connection gets the next script, the last one all that follow.
Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[str]:
    """A broker on a free port, by its address; a script that fails fails the test."""
    tasks: list[asyncio.Task[None]] = []
    failed: list[BaseException] = []
    number = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        script = scripts[min(number, len(scripts) - 1)]
        number += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        try:
            await script(Peer(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        except AssertionError as error:
            failed.append(error)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if failed:
        raise failed[0]
