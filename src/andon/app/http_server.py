"""uvicorn inside our loop: the service owns signals and shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from email.utils import formatdate
from typing import TYPE_CHECKING, NamedTuple

import structlog
import uvicorn
from uvicorn.server import ServerState

from andon.app.http_connection import Connection
from andon.core.errors import ConfigError, InUseError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

#: How long open connections get to finish when the server stops, in seconds.
GRACE = 1
BACKLOG = 128


class _NothingCut(logging.Filter):
    """Drops the error "Cancel 0 running task(s)": a reader that was slow to leave is cut off, and no answer is."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.args != (0,) or not str(record.msg).startswith("Cancel %s running task")


_NOTHING_CUT = _NothingCut()


class _State(ServerState):
    """What the connections share; the date of an answer is made when there is one."""

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._headers = headers
        self._made: tuple[int, list[tuple[bytes, bytes]]] = (-1, [])
        super().__init__()

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:  # the base class stores a list
        """The headers of every answer, with the time of now."""
        now = int(time.time())
        if now != self._made[0]:
            self._made = (now, [(b"date", formatdate(now, usegmt=True).encode()), *self._headers])
        return self._made[1]

    @default_headers.setter
    def default_headers(self, _: list[tuple[bytes, bytes]]) -> None:
        """The base class begins with none."""


class _Server(uvicorn.Server):
    """uvicorn's own loop wakes ten times a second, to renew the date and to see whether it should end; this sleeps."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        logging.getLogger("uvicorn.error").addFilter(_NOTHING_CUT)  # one of its own is not added twice
        self._leaving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.server_state = _State(self.config.encoded_headers)
        await super().startup(sockets)

    async def main_loop(self) -> None:
        await self._leaving.wait()

    def leave(self) -> None:
        """Let :meth:`serve` end; idempotent."""
        self.should_exit = True
        self._leaving.set()


class Named(NamedTuple):
    """What the settings of a listener are called, and what it is for."""

    host: str = "ANDON_HTTP_HOST"
    port: str = "ANDON_HTTP_PORT"
    purpose: str = "HTTP"


class HttpServer:
    """One listener. ``bind`` first (it reports a taken port), then ``run`` as a task until ``stop``."""

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        beside: Callable[[], Coroutine[object, object, None]] | None = None,
        named: Named = Named(),  # noqa: B008 - it is never changed
    ) -> None:
        """``beside`` runs as long as the server does, and is cancelled when it ends."""
        self._beside, self._named = beside, named
        self._host, self._wanted = host, port
        self._socket: socket.socket | None = None
        config = uvicorn.Config(
            self._serve,
            interface="asgi3",
            http=Connection,
            log_config=None,
            access_log=False,
            lifespan="off",
            loop="none",
            ws="none",
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=GRACE,
            server_header=False,
        )
        self._app = app
        self._server = _Server(config)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application; an answer that is cut off as the server stops ends there, and is no failure to be logged.

        A file that is cut off shows that to its reader; a stream of events just ends.
        """
        started = whole = False

        async def sent(message: Message) -> None:
            nonlocal started, whole
            if message["type"] == "http.response.start":
                started, whole = True, (b"content-type", b"text/event-stream; charset=utf-8") not in message["headers"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except asyncio.CancelledError:
            if not self._server.should_exit:
                raise
            if whole:
                return
            if not started:
                await send({"type": "http.response.start", "status": 503, "headers": [(b"connection", b"close")]})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE):  # who reads nothing more holds nothing up
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

    def bind(self) -> int:
        """Take the port and return its number. Raises InUseError, ConfigError where the address is not ours."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._wanted))
            listener.listen(BACKLOG)  # now, so that the port is ours and early callers wait instead of failing
        except OSError as error:
            listener.close()
            named = self._named
            place = f"cannot listen on {self._host} port {self._wanted} for {named.purpose} ({error.strerror}): "
            if error.errno == errno.EADDRINUSE:
                said = f"{place}stop the program that uses it or set {named.port}"
                raise InUseError(said, self._wanted) from None
            if error.errno == errno.EACCES:
                raise ConfigError(f"{place}set {named.port} to one above 1023") from None
            raise ConfigError(f"{place}set {named.host} to an address of this machine") from None
        self._socket = listener
        return int(listener.getsockname()[1])

    def close(self) -> None:
        """Give the port back; idempotent."""
        listener, self._socket = self._socket, None
        if listener is not None:
            listener.close()

    async def run(self) -> None:
        """Serve until ``stop`` or cancellation."""
        assert self._socket is not None, "bind first"  # noqa: S101 - for mypy
        beside = None if self._beside is None else asyncio.create_task(self._beside(), name="http-beside")
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self.close()
            if beside is not None:
                beside.cancel()
                await asyncio.wait({beside}, timeout=GRACE)
                if beside.done() and not beside.cancelled() and (error := beside.exception()) is not None:
                    log.error("a task next to the HTTP server failed", exc_info=error)

    async def stop(self, task: asyncio.Task[None]) -> None:
        """Finish open requests (bounded) and end ``task``, which is running :meth:`run`; idempotent."""
        self._server.leave()
        _, pending = await asyncio.wait({task}, timeout=GRACE + 2)
        for late in pending:
            late.cancel()
