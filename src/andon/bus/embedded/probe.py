"""Asking the embedded broker over its client port, one short connection a time, how it is and what it holds.

A few lines of the protocol by hand: what watches the broker must neither wait for a reconnect nor share the connection
whose trouble it is to notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

from andon.bus.embedded.login import Login

#: Longest line of the protocol, and longest answer, that are read.
LIMIT = 1 << 20
NAME = "andon supervisor"
PAGE = 1024


class ProbeError(Exception):
    """The broker answers, and says that it cannot serve us; the text is its own word."""


class Probe:
    """An open line to the broker; made by :func:`probing`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._inbox = f"_INBOX.{secrets.token_hex(11)}"
        self._asked = 0

    async def greet(self, login: Login | None) -> None:
        """INFO, CONNECT, PING, PONG. Raises ProbeError where it refuses us."""
        if not (await self._line()).startswith(b"INFO "):
            raise ProbeError("what listens there is not a NATS server")
        options: dict[str, Any] = {
            "name": NAME,
            "lang": "python",
            "version": "1",
            "protocol": 1,
            "verbose": False,
            "pedantic": False,
            "headers": True,
            "no_responders": True,
        }
        if login is not None:
            options |= {"user": login.user, "pass": login.password}
        self._writer.write(f"CONNECT {json.dumps(options)}\r\nSUB {self._inbox}.* 1\r\nPING\r\n".encode())
        while await self._line() != b"PONG":
            pass

    async def ask(self, operation: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer of ``$JS.API.<operation>``. Raises ProbeError where JetStream is not there or refuses."""
        self._asked += 1
        inbox = f"{self._inbox}.{self._asked}"
        data = b"" if body is None else json.dumps(body).encode()
        self._writer.write(f"PUB $JS.API.{operation} {inbox} {len(data)}\r\n".encode() + data + b"\r\n")
        answer = await self._message(inbox)
        if not answer:
            raise ProbeError("it has no JetStream")
        found = json.loads(answer)
        if problem := found.get("error"):
            raise ProbeError(str(problem.get("description") or "JetStream refuses"))
        return dict(found)

    async def names(self, operation: str, key: str) -> set[str]:
        """All that a paged listing of names holds under ``key``. Raises ProbeError."""
        found: set[str] = set()
        while True:
            page = await self.ask(operation, {"offset": len(found)})
            names = page.get(key) or []
            found.update(names)
            if len(names) < PAGE or len(found) >= int(page.get("total", 0)):
                return found

    async def _message(self, inbox: str) -> bytes:
        """The payload of the next message on ``inbox``."""
        while True:
            verb, *parts = (await self._line()).split()
            if verb not in (b"MSG", b"HMSG"):
                continue
            whole = await self._reader.readexactly(int(parts[-1]) + 2)
            if parts[0].decode() == inbox:
                return whole[int(parts[-2]) if verb == b"HMSG" else 0 : -2]

    async def _line(self) -> bytes:
        """The next line; pings are answered on the way. Raises ProbeError for a refusal or an end."""
        while True:
            line = await self._reader.readline()
            if not line.endswith(b"\n"):
                raise ProbeError("it closed the connection")
            if line.startswith(b"-ERR"):
                raise ProbeError(line[4:].strip().strip(b"'").decode("utf-8", "replace"))
            if line.strip() != b"PING":
                return line.strip()
            self._writer.write(b"PONG\r\n")


@contextlib.asynccontextmanager
async def probing(host: str, port: int, login: Login | None) -> AsyncIterator[Probe]:
    """A line to the broker, logged in. Raises OSError, ProbeError, ValueError; the caller sets the deadline."""
    reader, writer = await asyncio.open_connection(host, port, limit=LIMIT)
    try:
        probe = Probe(reader, writer)
        await probe.greet(login)
        yield probe
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
