"""What systemd is told of a service that it started (sd_notify): ready, stopping, problems, and that its loop turns.

The protocol is one datagram of ``NAME=value`` lines to the socket that ``NOTIFY_SOCKET`` names. Outside of systemd
there is no such socket, and nothing happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, MutableMapping

import structlog

from andon.core.telemetry import Health

log = structlog.get_logger(__name__)

#: How often it is told that the loop turns, in seconds, where systemd names no time of its own.
BEAT = 20.0
#: A start may take so long again from each beat, in seconds: it waits for a full disk or a large backlog.
START_EXTENDED = 90
_STATUS_MAX = 400


class Systemd:
    """Tells systemd. Made once for a process: what systemd put into the environment is taken out of it.

    So no child of ours speaks in our name.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        limit, process = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        self._socket: socket.socket | None = None
        if address[:1] in ("/", "@"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = not process or process == str(os.getpid())
        #: Seconds between two beats: a third of what systemd waits for one.
        self.beat = int(limit) / 3_000_000 if ours and limit.isdecimal() and int(limit) else BEAT
        self._ready = False
        self._failed = False

    def tell(self, **said: str | int) -> bool:
        """Send it, by names of the protocol in small letters. False where nobody takes it, which stops nothing."""
        if self._socket is None:
            return False
        text = "\n".join(f"{name.upper()}={' '.join(str(value).split())}" for name, value in said.items())
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError as error:
            if not self._failed:
                log.warning("systemd could not be notified", reason=str(error))
            self._failed = True
            return False
        self._failed = False
        return True

    def ready(self) -> None:
        """Logs are taken from now on."""
        self._ready = True
        self.tell(ready=1, status="ready")

    def stopping(self) -> None:
        """The orderly stop has begun."""
        self.tell(stopping=1, status="stopping")

    @contextlib.asynccontextmanager
    async def kept_informed(self, health: Health) -> AsyncIterator[None]:
        """While this lasts, each beat says that the loop turns, and what ``health`` names as a problem."""
        beating = asyncio.create_task(self._keep(health), name="systemd") if self._socket else None
        try:
            yield
        finally:
            if beating is not None:
                beating.cancel()
                await asyncio.gather(beating, return_exceptions=True)
            self.close()

    def close(self) -> None:
        """Tell nothing any more; idempotent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _keep(self, health: Health) -> None:
        while True:
            status = "; ".join(f"{part}: {problem}" for part, problem in health.problems.items()) or "ready"
            alive = {"watchdog": 1} if self._ready else {"extend_timeout_usec": START_EXTENDED * 1_000_000}
            self.tell(**alive, status=status[:_STATUS_MAX])
            await asyncio.sleep(self.beat)
