"""uvicorn inside our loop: the service owns signals and shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import uvicorn

from andon.app.http_connection import Connection
from andon.core.errors import ConfigError, InUseError

if TYPE_CHECKING:
    from fastapi import FastAPI

#: How long open connections get to finish when the server stops, in seconds.
GRACE = 1
BACKLOG = 128


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """One listener. ``bind`` first (it reports a taken port), then ``run`` as a task until ``stop``."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._host, self._wanted = host, port
        self._socket: socket.socket | None = None
        config = uvicorn.Config(
            app,
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
        self._server = _Server(config)

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
            place = f"cannot listen on {self._host} port {self._wanted} for HTTP ({error.strerror}): "
            if error.errno == errno.EADDRINUSE:
                raise InUseError(f"{place}stop what uses it or set ANDON_HTTP_PORT") from None
            if error.errno == errno.EACCES:
                raise ConfigError(f"{place}set ANDON_HTTP_PORT to one above 1023") from None
            raise ConfigError(f"{place}set ANDON_HTTP_HOST to an address of this machine") from None
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
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self.close()

    async def stop(self, task: asyncio.Task[None]) -> None:
        """Finish open requests (bounded) and end ``task``, which is running :meth:`run`; idempotent."""
        self._server.should_exit = True
        _, pending = await asyncio.wait({task}, timeout=GRACE + 2)
        for late in pending:
            late.cancel()
