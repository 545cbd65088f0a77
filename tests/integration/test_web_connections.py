"""Clients that hold a connection open without use: every one of them is ended, and none keeps the others from an answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from andon.app import http_connection
from andon.app.http_server import HttpServer
from andon.app.lifetime import loop_factory
from support.patience import PATIENCE

REQUEST = b"GET /held HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class App:
    """Answers ``/`` at once, holds ``/held`` until released, never ends ``/endless``, and reads the body of a POST."""

    def __init__(self) -> None:
        self.held = 0
        self.release = threading.Event()
        self.ended = threading.Event()
        self.bodies: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["method"] == "POST":
            while (message := await receive()).get("more_body"):
                pass
            self.bodies.append(message["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/held":
            self.held += 1
            await asyncio.to_thread(self.release.wait, PATIENCE)
        try:
            while scope["path"] == "/endless" and not self.ended.is_set():
                await send({"type": "http.response.body", "body": bytes(1 << 16), "more_body": True})
                if (await asyncio.wait({asyncio.ensure_future(receive())}, timeout=0))[0]:
                    return  # the client is gone
        finally:
            self.ended.set()
        await send({"type": "http.response.body", "body": b"answer", "more_body": False})


@pytest.fixture(params=["uvloop", "asyncio"])
def served(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[App, int]]:
    """The app and its port, with deadlines of moments but for heads, which a busy machine may read late."""
    monkeypatch.setattr(http_connection, "HEAD_SECONDS", PATIENCE)
    monkeypatch.setattr(http_connection, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(http_connection, "STALL_SECONDS", 0.3)
    monkeypatch.setattr(http_connection, "CONNECTIONS", 4)
    factory = loop_factory() if request.param == "uvloop" else None
    if request.param == "uvloop" and factory is None:
        pytest.skip("there is no uvloop here")
    app = App()
    with _serving(app, factory) as port:
        yield app, port


@contextmanager
def _serving(app: App, factory: Callable[[], asyncio.AbstractEventLoop] | None) -> Iterator[int]:
    server = HttpServer(app, "127.0.0.1", 0)  # type: ignore[arg-type]  # any ASGI application
    port = server.bind()
    ends: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        stop = asyncio.Event()
        ends.append((asyncio.get_running_loop(), stop))
        task = asyncio.create_task(server.run())
        await stop.wait()
        await server.stop(task)

    def run() -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield port
    finally:
        app.release.set()
        app.ended.set()
        for loop, stop in ends:
            loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)


@contextmanager
def connected(port: int, data: bytes = b"") -> Iterator[socket.socket]:
    """A connection on which ``data`` was sent."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(data)
        yield client


def rest(client: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while part := client.recv(1 << 16):
            got += part
    return got


def answered(port: int) -> bool:
    """Whether a whole request gets its answer."""
    with connected(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") as client:
        return rest(client).endswith(b"answer\r\n0\r\n\r\n")


def drip(client: socket.socket, pieces: bytes) -> bytes:
    """Send a byte now and then until the server ends the connection; what it said."""
    client.settimeout(0.02)
    got, until = b"", time.monotonic() + PATIENCE
    with contextlib.suppress(ConnectionError):
        for number in range(10**6):
            assert time.monotonic() < until, "the server waits for ever"
            client.sendall(pieces[number % len(pieces) :][:1])
            with contextlib.suppress(TimeoutError):
                part = client.recv(1 << 16)
                got += part
                if not part:
                    break
    return got


def test_a_head_that_does_not_come_whole_is_told_and_ended(
    served: tuple[App, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, after an answer on the same connection, and where bytes keep coming."""
    _, port = served
    monkeypatch.setattr(http_connection, "HEAD_SECONDS", 1.0)
    with connected(port, b"GET / HTTP/1.1\r\nHost: loc") as client:
        said = rest(client)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert "head" in json.loads(said.partition(b"\r\n\r\n")[2])["detail"]
    with connected(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT") as client:
        said = rest(client)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in said
    with connected(port, b"GET / HTTP/1.1\r\n") as client:
        assert drip(client, b"X-A: b\r\n").startswith(b"HTTP/1.1 408 ")
    assert answered(port)


def test_a_connection_without_a_byte_ends_without_a_word(
    served: tuple[App, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Browsers open some ahead of need."""
    monkeypatch.setattr(http_connection, "HEAD_SECONDS", 0.3)
    with connected(served[1]) as client:
        assert rest(client) == b""


def test_a_body_that_does_not_come_whole_is_told_and_ended(served: tuple[App, int]) -> None:
    """The application hears that the client is gone; so it is where bytes keep coming."""
    app, port = served
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    with connected(port, head + b"begun") as client:
        assert rest(client).startswith(b"HTTP/1.1 408 ")
    with connected(port, head) as client:
        assert drip(client, b"x").startswith(b"HTTP/1.1 408 ")
    deadline = time.monotonic() + PATIENCE
    while len(app.bodies) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)  # the application hears of it in its own time
    assert app.bodies == ["http.disconnect"] * 2
    with connected(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n") as client:
        assert rest(client).startswith(b"HTTP/1.1 200 ")  # answered without its body, and ended all the same


def test_a_client_that_does_not_read_its_answer_is_ended(served: tuple[App, int]) -> None:
    """What makes the answer ends with it."""
    app, port = served
    with connected(port, b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        assert app.ended.wait(PATIENCE)


def test_clients_that_only_hold_connections_make_room_for_others(
    served: tuple[App, int],
) -> None:
    """Many times as many as there are places; the one that waits longest goes first."""
    _, port = served
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connected(port, b"GET / HT")) for _ in range(40)]
        assert answered(port)
        assert rest(held[0]) == b""  # ended for want of room, before its time


def test_where_every_place_is_at_work_the_next_is_told_so(served: tuple[App, int]) -> None:
    """Requests that are being answered are not given up for a new one."""
    app, port = served
    with contextlib.ExitStack() as stack:
        working = [stack.enter_context(connected(port, REQUEST)) for _ in range(4)]
        until = time.monotonic() + PATIENCE
        while app.held < 4 and time.monotonic() < until:
            time.sleep(0.005)
        with connected(port) as client:
            assert rest(client).startswith(b"HTTP/1.1 503 ")
        app.release.set()
        for client in working:
            assert b"answer" in rest(client)
