"""Syslog over TCP and TLS: connections, each read no faster than its messages go into the stream."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import time
from collections import deque
from pathlib import Path
from typing import cast

import structlog

from andon.core.errors import AndonError, ConfigError
from andon.core.settings.settings import Settings
from andon.ingest.sources.outlet import Outlet
from andon.ingest.sources.syslog_framing import Frame, Framer
from andon.ingest.sources.syslog_ports import TURN, bound, tell_once, written_address
from andon.ingest.sources.syslog_senders import Allowed, Senders, nothing_in, plain_address

log = structlog.get_logger(__name__)

#: Seconds: until a last line is a whole message, for a message that has begun, for TLS to be agreed.
HOLD, HALF_WITHIN, HANDSHAKE_WITHIN = 0.25, 30.0, 10.0
#: Seconds that a stop gives senders which were told of it, and after which one that is silent has ended.
FINISH_WITHIN, SILENT_AFTER = 2.0, 0.3
#: Bytes of a connection that may wait to be read, with us and in the system; beyond them its sender has to wait.
WAITING = 64 * 1024
RECEIVE_BUFFER = 64 * 1024
_BACKLOG = 512
#: Seconds until a silent peer is asked whether it is still there, between two such questions; and how many of them.
_KEEPALIVE = (("TCP_KEEPIDLE", 120), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))


def tls_of(settings: Settings) -> ssl.SSLContext:
    """What TLS shows clients, and asks of them. Raises ConfigError with a sentence."""
    certificate, key, ca = settings.syslog_tls_cert, settings.syslog_tls_key, settings.syslog_tls_ca
    if certificate is None or key is None:
        raise ConfigError("syslog over TLS needs ANDON_SYSLOG_TLS_CERT and ANDON_SYSLOG_TLS_KEY: set both")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _readable("ANDON_SYSLOG_TLS_CERT", certificate)
    _readable("ANDON_SYSLOG_TLS_KEY", key)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(
            f"ANDON_SYSLOG_TLS_CERT={certificate} and ANDON_SYSLOG_TLS_KEY={key} cannot be used ({_reason(error)}): "
            "set a certificate and the key that belongs to it, both PEM, the key without a password"
        ) from None
    if ca is not None:
        _readable("ANDON_SYSLOG_TLS_CA", ca)
        try:
            context.load_verify_locations(ca)
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"ANDON_SYSLOG_TLS_CA={ca} cannot be used ({_reason(error)}): set a file of certificates in PEM"
            ) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _readable(setting: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise ConfigError(
            f"{setting}={path} cannot be read ({error.strerror}): correct the path, or give the user who runs Andon "
            "read access"
        ) from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error).replace("_", " ").lower()


class SyslogStreams:
    """Syslog over TCP, or over TLS."""

    def __init__(self, settings: Settings, senders: Senders, port: int, *, tls: bool = False) -> None:
        self.name = "syslog tls" if tls else "syslog tcp"
        self._settings, self._port, self._tls = settings, port, tls
        self._allowed = Allowed(settings.syslog_allow)
        self._senders = senders
        self._told: set[str] = set()
        self._connections: dict[_Connection, asyncio.Task[None]] = {}
        self._failed: asyncio.Future[None]
        self.address = written_address(settings.syslog_host, port)

    async def run(self, outlet: Outlet) -> None:
        loop = asyncio.get_running_loop()
        context = tls_of(self._settings) if self._tls else None
        self._failed = loop.create_future()
        host, port = self._settings.syslog_host, max(self._port, 0)
        opening = loop.create_server(
            lambda: _Connection(self, outlet) if context is None else _Door(self, outlet, context),
            host,
            port,
            backlog=_BACKLOG,
        )
        setting = "ANDON_SYSLOG_TLS_PORT" if self._tls else "ANDON_SYSLOG_TCP_PORT"
        server = await bound(opening, setting, host, self._port)
        try:
            names = [written_address(*one.getsockname()[:2]) for one in server.sockets]
            log.info("listening for syslog", over="tls" if self._tls else "tcp", address=", ".join(names))
            await self._failed
        finally:
            server.close()
            await self._end()

    def admit(self, connection: _Connection, outlet: Outlet) -> bool:
        """Whether a connection may stay; it is served then."""
        if not self._allowed(connection.peer):
            outlet.refuse("address not allowed")
            tell_once(self._told, connection.peer, self.name)
            return False
        if len(self._connections) >= self._settings.syslog_max_connections:
            outlet.refuse("too many connections")
            return False
        task = asyncio.get_running_loop().create_task(connection.serve(), name=f"{self.name} {connection.peer}")
        self._connections[connection] = task
        task.add_done_callback(lambda done: self._served(connection, done))
        return True

    @property
    def longest(self) -> int:
        """Most bytes of a message."""
        return self._settings.syslog_max_bytes

    async def take(self, frames: list[Frame], peer: str, outlet: Outlet) -> None:
        """Put messages into the stream. Raises BrokerUnavailable where Andon stops."""
        for start in range(0, len(frames), TURN):
            logs = []
            for frame in frames[start : start + TURN]:
                heard = self._senders.heard(frame, peer)
                if heard is None:
                    outlet.refuse(nothing_in(frame))
                    continue
                if frame.size > len(frame.data):
                    outlet.refuse("rest of what is too long")
                logs.append(heard)
            await outlet.put_many(logs)
            await asyncio.sleep(0)

    def _served(self, connection: _Connection, done: asyncio.Task[None]) -> None:
        self._connections.pop(connection, None)
        if done.cancelled() or (error := done.exception()) is None or self._failed.done():
            return
        if not isinstance(error, AndonError):
            log.error("a connection failed unexpectedly", source=self.name, exc_info=error)
        self._failed.set_exception(error)

    async def _end(self) -> None:
        """Let connections finish what they have, then close them."""
        tasks = list(self._connections.values())
        for connection in self._connections:
            connection.finish()
        if tasks:
            await asyncio.wait(tasks, timeout=FINISH_WITHIN)
            for connection in self._connections:
                connection.connection_lost(None)
            _, late = await asyncio.wait(tasks, timeout=SILENT_AFTER)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        if self._failed.done() and not self._failed.cancelled():
            self._failed.exception()  # looked at, also where the cancellation came first


class _Door(asyncio.Protocol):
    """Where a sender of TLS comes in: it hands the socket on before anything is read of it.

    ``loop.start_tls`` will not do: uvloop begins to read once ``connection_made`` returns, whatever was paused there,
    and what it reads is then lost to TLS.
    """

    def __init__(self, source: SyslogStreams, outlet: Outlet, context: ssl.SSLContext) -> None:
        self._source, self._outlet, self._context = source, outlet, context

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once, before TLS."""
        accepted = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        accepted.setblocking(False)
        name = transport.get_extra_info("peername")
        cast("asyncio.Transport", transport).abort()  # which closes its own number of the socket only
        _Connection(self._source, self._outlet, self._context, accepted).admitted(name)


class _Connection(asyncio.Protocol):
    """One sender; over TLS with the socket that was ``accepted``."""

    def __init__(
        self,
        source: SyslogStreams,
        outlet: Outlet,
        context: ssl.SSLContext | None = None,
        accepted: socket.socket | None = None,
    ) -> None:
        self._source, self._outlet, self._context, self._accepted = source, outlet, context, accepted
        self._transport: asyncio.Transport | None = None
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._ended = self._finishing = False
        self._news = asyncio.Event()
        self.peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once, over TLS when that is agreed."""
        self._transport = cast("asyncio.Transport", transport)
        if self._context is None:
            _prepare(transport.get_extra_info("socket"))
            self.admitted(transport.get_extra_info("peername"))

    def admitted(self, name: tuple[str, int] | None) -> None:
        """Begin to serve the sender at the address ``name``, if it may stay."""
        self.peer = plain_address(name[0]) if name else ""
        if self._source.admit(self, self._outlet):
            return
        self._leave()

    def _leave(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        elif self._accepted is not None:
            self._accepted.close()

    def data_received(self, data: bytes) -> None:
        """More bytes; beyond what may wait, no more are read."""
        self._chunks.append(data)
        self._size += len(data)
        if self._size > WAITING and self._transport is not None:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        """The peer has sent everything."""
        self.connection_lost(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._ended = True
        self._news.set()

    def finish(self) -> None:
        """Say that this is the end, and take what was sent before the peer heard of it.

        rsyslog and syslog-ng look whether a connection was closed before they use it; what they sent already they take
        for delivered.
        """
        self._finishing = True
        transport = self._transport
        if transport is not None and transport.can_write_eof() and not transport.is_closing():
            with contextlib.suppress(OSError):
                transport.write_eof()
        self._news.set()

    async def serve(self) -> None:
        """Take messages until the connection ends."""
        try:
            if await self._agreed():
                await self._serve(Framer(self._source.longest))
        finally:
            self._leave()

    async def _agreed(self) -> bool:
        """Agree on TLS, where it is asked for; whether the peer did."""
        if self._context is None or self._accepted is None:
            return True
        loop = asyncio.get_running_loop()
        try:
            _prepare(self._accepted)
            await loop.connect_accepted_socket(
                lambda: self, self._accepted, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_WITHIN
            )
        except (ssl.SSLError, OSError) as error:
            self._outlet.refuse("TLS not agreed")
            log.info("TLS handshake failed", source=self._source.name, sender=self.peer, reason=_reason(error))
            return False
        return True

    async def _serve(self, framer: Framer) -> None:
        begun: float | None = None  # when the message that has not ended began
        while True:
            chunk = await self._next(framer, begun)
            if chunk is None and not framer.holds:
                self._outlet.refuse("half a message")
                return
            frames = framer.flush() if chunk is None else framer.feed(chunk) if chunk else framer.end()
            await self._source.take(frames, self.peer, self._outlet)
            if framer.lost is not None:
                self._outlet.refuse(framer.lost)
                return
            if chunk == b"":
                return
            if not framer.half:
                begun = None
            elif begun is None or frames:
                begun = time.monotonic()

    async def _next(self, framer: Framer, begun: float | None) -> bytes | None:
        """What came next, b"" at the end; None where nothing came for as long as it may last."""
        while not self._chunks and not self._ended:
            finishing = self._finishing
            self._news.clear()
            try:
                async with asyncio.timeout(self._patience(framer, begun)):
                    await self._news.wait()
            except TimeoutError:
                return b"" if finishing else None
        if not self._chunks:
            return b""
        chunk = self._chunks.popleft()
        self._size -= len(chunk)
        transport = self._transport
        if not self._chunks and not self._ended and transport is not None and not transport.is_closing():
            transport.resume_reading()
        return chunk

    def _patience(self, framer: Framer, begun: float | None) -> float | None:
        if self._finishing:
            return SILENT_AFTER
        if framer.holds:
            return HOLD
        return None if begun is None else max(begun + HALF_WITHIN - time.monotonic(), 0.0)


def _prepare(opened: socket.socket | None) -> None:
    """Have the system ask silent peers whether they are there (one without power says nothing), and hold little for us.

    What the system holds for us is lost if we die, and its sender takes it for delivered.
    """
    if opened is None:
        return
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
