"""A firewall before a model's server, over real sockets: what has a word in it is refused, all else passes.

In a test ``with Firewall(url, "word", how="403") as wall:`` and ``wall.url`` takes the place of ``url``; from another
process ``python tests/support/firewall.py URL WORD HOW`` prints its port. ``how`` is a status, or one of ``html``,
``empty``, ``half``, ``redirect``, ``reset``, ``cut`` and ``hang``. ``refused`` are the requests it refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from urllib.parse import urlsplit

_PAGE = b"<!doctype html><html><head><title>Blocked by policy</title></head><body>no</body></html>"


class Firewall:
    """Refuses a POST with ``word`` in its body; every POST where ``word`` is empty."""

    def __init__(self, url: str, word: str, *, how: str = "403", port: int = 0) -> None:
        self._host, self._port = urlsplit(url).hostname or "", urlsplit(url).port or 80
        self._word = word.encode()
        self.how = how
        self.port = port
        self.refused = 0
        self._loop = asyncio.new_event_loop()
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self.serve()), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pass_all(self) -> None:
        """Refuse nothing from now on."""
        self._word = b"\x00"

    def __enter__(self) -> Firewall:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        self._loop.close()

    async def serve(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [
                line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
            ]
            body = await reader.readexactly(int(lengths[0])) if lengths else b""
            if head.startswith(b"POST") and b"/api/show" not in head and self._word in body:
                self.refused += 1
                await self._refuse(writer)
            else:
                await self._pass(head, body, reader, writer)
        with contextlib.suppress(ConnectionError):
            writer.close()

    async def _refuse(self, writer: asyncio.StreamWriter) -> None:
        if self.how == "hang":
            await self._stop.wait()
        elif self.how == "reset":
            writer.transport.abort()
        elif self.how == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 900\r\n\r\ndata: {")
        elif self.how == "html":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n" + _PAGE)
        elif self.how in ("empty", "half"):
            piece = b'{"id": "x", "choices": [{"index": 0, "mess' if self.how == "half" else b""
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n" + piece)
        elif self.how == "redirect":
            writer.write(b"HTTP/1.1 302 Found\r\nlocation: http://login.example/\r\ncontent-length: 0\r\n\r\n")
        else:
            head = f"HTTP/1.1 {self.how} X\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n"
            writer.write(head.encode() + _PAGE)
        with contextlib.suppress(ConnectionError):
            await writer.drain()

    async def _pass(self, head: bytes, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request and its answer; the connection ends behind it, so that each request is looked at."""
        there, back = await asyncio.open_connection(self._host, self._port)
        back.write(head + body)
        leaves = asyncio.create_task(reader.read(1))
        started = False
        try:
            while True:
                piece = asyncio.create_task(there.read(65_536))
                await asyncio.wait({piece, leaves}, return_when=asyncio.FIRST_COMPLETED)
                if not piece.done() or not (data := piece.result()):
                    piece.cancel()
                    break
                if not started:
                    data = data.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
                    started = True
                writer.write(data)
                await writer.drain()
        finally:
            leaves.cancel()
            back.close()


if __name__ == "__main__":
    wall = Firewall(sys.argv[1], sys.argv[2], how=sys.argv[3], port=int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    with wall:
        print(wall.port, flush=True)
        threading.Event().wait()
