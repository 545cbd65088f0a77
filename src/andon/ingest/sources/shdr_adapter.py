"""An MTConnect adapter that is listened to over SHDR, with the signs of life that it promises."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator

from andon.core.errors import AndonError
from andon.ingest.sources.shdr import ShdrLines, pong

#: Characters of a line, and of what is joined from several.
LINE_MAX = 1024 * 1024
#: An adapter has so many seconds to take a connection; one that promises no sign of life may be silent for so long.
CONNECT, SILENT = 10.0, 600.0
#: A promise beyond these, in seconds, is not believed.
PROMISE_MIN, PROMISE_MAX = 0.1, 1_800.0
#: Lines that are handed on at once, and bytes that are read at once.
BATCH, READ = 500, 64 * 1024
#: An answer to the first ping is waited for so long before others are sent.
_SPACE = b" \t\r\n"


class PeerLost(AndonError):
    """The adapter or agent is away, or does not keep what its protocol promises; the text says why."""


def os_reason(error: OSError) -> str:
    """What an error of the system says in words: the event loop's own text names its calls."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


class ShdrAdapter:
    """A connection to an adapter. ``refused`` counts by reason what was no line to work with."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.refused: dict[str, int] = {}
        self._limit = SILENT
        self._beat: float | None = None

    async def lines(self, tick: float) -> AsyncGenerator[list[str]]:
        """Lines in batches, an empty one after ``tick`` seconds without any. Raises PeerLost at the end."""
        try:
            async with asyncio.timeout(CONNECT):
                reader, writer = await asyncio.open_connection(self._host, self._port, limit=READ)
        except TimeoutError:
            raise PeerLost(f"no connection within {CONNECT:g} seconds") from None
        except OSError as error:
            raise PeerLost(os_reason(error)) from error
        try:
            async with contextlib.aclosing(self._lines(reader, writer, tick)) as batches:
                async for batch in batches:
                    yield batch
        except OSError as error:
            raise PeerLost(os_reason(error)) from error
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT):
                    await writer.wait_closed()

    async def _lines(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tick: float
    ) -> AsyncGenerator[list[str]]:
        loop = asyncio.get_running_loop()
        split = LineSplitter(LINE_MAX)
        joined = ShdrLines(LINE_MAX)
        heard = pinged = loop.time()
        writer.write(b"* PING\n")
        yield []
        while True:
            data = b""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(tick if self._beat is None else min(tick, self._beat / 2)):
                    data = await reader.read(READ)
                    if not data:
                        raise PeerLost("the adapter ended the connection")
            now = loop.time()
            if data:
                heard = now
            elif now - heard > self._limit:
                raise PeerLost(
                    f"the adapter sent nothing for {self._limit:g} seconds, although it announced a heartbeat"
                )
            if self._beat is not None and now - pinged >= self._beat:
                writer.write(b"* PING\n")
                pinged = now
            batch = [whole for line in split.feed(data) if (whole := self._whole(line, joined)) is not None]
            self._count(split, joined)
            for at in range(0, max(len(batch), 1), BATCH):
                yield batch[at : at + BATCH]

    def _whole(self, data: bytes, joined: ShdrLines) -> str | None:
        line = data.strip(_SPACE).decode("utf-8", "replace")
        if (promised := pong(line)) is not None:
            if self._beat is None and PROMISE_MIN <= promised <= PROMISE_MAX:
                self._beat, self._limit = promised, 2 * promised
            return None
        return joined.add(line) if line else None

    def _count(self, split: LineSplitter, joined: ShdrLines) -> None:
        if dropped := split.dropped + joined.dropped:
            self.refused["too long"] = self.refused.get("too long", 0) + dropped
            split.dropped = joined.dropped = 0


class LineSplitter:
    """Cuts bytes into lines, however they arrive. One longer than ``most`` is dropped whole, and counted."""

    def __init__(self, most: int) -> None:
        self.dropped = 0
        self._most = most
        self._rest = bytearray()
        self._skips = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that end in ``data``."""
        if b"\n" not in data:
            self._hold(data)
            return []
        first, *whole = data.split(b"\n")
        last = whole.pop()
        self._hold(first)
        found = [] if self._skips else [bytes(self._rest)]
        self._rest.clear()
        self._skips = False
        for line in whole:
            if len(line) > self._most:
                self.dropped += 1
            else:
                found.append(line)
        self._hold(last)
        return found

    def _hold(self, data: bytes) -> None:
        if self._skips:
            return
        self._rest += data
        if len(self._rest) > self._most:
            self.dropped += 1
            self._rest.clear()
            self._skips = True
