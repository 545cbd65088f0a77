"""Syslog over UDP."""

from __future__ import annotations

import asyncio
import socket
import struct

import structlog

from andon.core.errors import AndonError
from andon.core.settings.settings import Settings
from andon.ingest.sources.outlet import Outlet
from andon.ingest.sources.syslog_framing import Frame
from andon.ingest.sources.syslog_ports import TURN, bound, tell_once, written_address
from andon.ingest.sources.syslog_senders import Allowed, Senders, nothing_in, plain_address

log = structlog.get_logger(__name__)

#: Bytes that may wait in the system for us, where it gives so many.
RECEIVE_BUFFER = 8 * 1024 * 1024
#: Longest datagram there is.
_LONGEST = 65_535
_SO_RXQ_OVFL, _SO_RCVBUFFORCE = 40, 33  # of Linux; the socket module does not name them
_DROPS = struct.Struct("@I")


class SyslogDatagrams:
    """Syslog over UDP. What comes while the outlet is full waits in the system, which drops what it has no room for."""

    name = "syslog udp"

    def __init__(self, settings: Settings, senders: Senders) -> None:
        self._host, self._port = settings.syslog_host, settings.syslog_udp_port
        self._most = settings.syslog_max_bytes
        self._senders = senders
        self._allowed = Allowed(settings.syslog_allow)
        self._told: set[str] = set()
        self.address = written_address(self._host, self._port)

    async def run(self, outlet: Outlet) -> None:
        sockets = await bound(self._open(), "ANDON_SYSLOG_UDP_PORT", self._host, self._port)
        try:
            names = [written_address(*one.getsockname()[:2]) for one in sockets]
            log.info("listening for syslog", over="udp", address=", ".join(names))
            async with asyncio.TaskGroup() as group:
                for one in sockets:
                    group.create_task(self._hear(one, outlet))
        except BaseExceptionGroup as errors:
            raise next((one for one in errors.exceptions if isinstance(one, AndonError)), errors) from None
        finally:
            for one in sockets:
                one.close()

    async def _open(self) -> list[socket.socket]:
        loop = asyncio.get_running_loop()
        port = max(self._port, 0)
        found = await loop.getaddrinfo(self._host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
        opened: list[socket.socket] = []
        try:
            for family, kind, protocol, _, address in dict.fromkeys(found):
                one = socket.socket(family, kind, protocol)
                opened.append(one)
                _prepare(one)
                one.bind(address)
        except OSError:
            for one in opened:
                one.close()
            raise
        return opened

    async def _hear(self, opened: socket.socket, outlet: Outlet) -> None:
        dropped, turn = 0, 0
        while True:
            try:
                data, ancillary, _, address = opened.recvmsg(_LONGEST, 64)
            except BlockingIOError:
                await _readable(opened)
                continue
            except ConnectionError:
                continue  # an answer that we never sent found nobody
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL and len(value) == _DROPS.size:
                    now = _DROPS.unpack(value)[0]
                    if now != dropped:
                        outlet.refuse("dropped by the system: too many at once", (now - dropped) % 2**32)
                        dropped = now
            await self._take(data, plain_address(address[0]), outlet)
            turn += 1
            if turn % TURN == 0:
                await asyncio.sleep(0)

    async def _take(self, data: bytes, peer: str, outlet: Outlet) -> None:
        if not self._allowed(peer):
            outlet.refuse("address not allowed")
            tell_once(self._told, peer, self.name)
            return
        frame = Frame(data[: self._most], len(data))
        heard = self._senders.heard(frame, peer)
        if heard is None:
            outlet.refuse(nothing_in(frame))
            return
        if len(data) > self._most:
            outlet.refuse("rest of what is too long")
        await outlet.put(heard)


def _prepare(opened: socket.socket) -> None:
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    if opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):  # the first one goes beyond what the system grants everybody
        try:
            opened.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER)
            break
        except OSError:
            continue
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
    except OSError:
        log.info("this system does not report how many datagrams it drops")


async def _readable(opened: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def on_ready() -> None:
        loop.remove_reader(opened)
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(opened, on_ready)
    try:
        await ready
    finally:
        loop.remove_reader(opened)
