"""An MTConnect agent in place of a real one: it speaks real HTTP, and says what a test lets it say."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from xml.sax.saxutils import quoteattr


def condition(level: str, item: str = "lp", *, code: str = "", text: str = "") -> str:
    """A condition as an agent writes it."""
    told = f'dataItemId="{item}" name="logic" timestamp="2026-11-30T10:00:00Z" sequence="1" type="LOGIC_PROGRAM"'
    native = f' nativeCode={quoteattr(code)} nativeSeverity="ALARM_B"' if code else ""
    return f"<{level} {told}{native}>{text}</{level}>"


def streams(
    *conditions: str, message: str = "", instance: int = 1, first: int = 1, following: int = 1, version: str = "1.8"
) -> bytes:
    """A document of what one device told."""
    event = f'<Events><Message dataItemId="msg" timestamp="2026-11-30T10:00:00Z">{message}</Message></Events>'
    head = f'instanceId="{instance}" firstSequence="{first}" nextSequence="{following}" bufferSize="10"'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><m:MTConnectStreams xmlns:m="urn:mtconnect.org:MTConnectStreams:{version}">'
        f'<m:Header {head}/><m:Streams><m:DeviceStream name="Mill-1" uuid="u1">'
        f'<m:ComponentStream component="Path" name="path" componentId="p1">{event if message else ""}'
        f"<m:Condition>{''.join(conditions)}</m:Condition></m:ComponentStream></m:DeviceStream></m:Streams>"
        "</m:MTConnectStreams>"
    ).encode()


class FakeAgent:
    """Answers ``/current`` and ``/probe`` with what it holds, and ``/sample`` with an endless stream of :meth:`send`."""

    def __init__(self) -> None:
        self.current = self.probe = streams()
        self.asked: list[str] = []
        self.url = ""
        self._streams: set[asyncio.StreamWriter] = set()
        self._waiting: list[bytes] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in list(self._streams):
            writer.close()
        self._server.close()
        await self._server.wait_closed()

    def send(self, document: bytes) -> None:
        """Put a document into every open stream, or into the next one where none is open."""
        made = b"--mark\r\nContent-type: text/xml\r\nContent-length: %d\r\n\r\n%s\r\n" % (len(document), document)
        if not self._streams:
            self._waiting.append(made)
        for writer in self._streams:
            writer.write(b"%x\r\n%s\r\n" % (len(made), made))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ")[1]
            self.asked.append(path)
            if not path.startswith("/sample"):
                body = self.probe if path.startswith("/probe") else self.current
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n" % len(body))
                writer.write(b"Connection: close\r\n\r\n" + body)
                await writer.drain()
            else:
                kind = b'multipart/x-mixed-replace;boundary="mark"'
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: " + kind + b"\r\n\r\n")
                self._streams.add(writer)
                waiting, self._waiting = self._waiting, []
                for one in waiting:
                    writer.write(b"%x\r\n%s\r\n" % (len(one), one))
                await reader.read()
        self._streams.discard(writer)
        writer.close()
