"""What every port for syslog has: how it is opened, how it is called, and who is told that it may not send."""

from __future__ import annotations

import errno
from collections.abc import Awaitable
from typing import TypeVar

import structlog

from andon.core.errors import ConfigError, InUseError

log = structlog.get_logger(__name__)

#: After so many messages the others of this process have their turn.
TURN = 100

T = TypeVar("T")


def written_address(host: str, port: int) -> str:
    """Where a port is heard, as people write it."""
    name = f"[{host}]" if ":" in host else host
    return f"{name}, a free port" if port < 0 else f"{name}:{port}"


async def bound(opening: Awaitable[T], setting: str, host: str, port: int) -> T:
    """What ``opening`` gives. Raises InUseError or ConfigError with a sentence where the address cannot be had."""
    place = written_address(host, port)
    try:
        return await opening
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InUseError(
                f"{setting}: another program uses {place}, often rsyslog or syslog-ng: stop it, have it forward to "
                "Andon, or choose another port",
                port,
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise ConfigError(
                f"{setting}: a port below 1024 needs the capability CAP_NET_BIND_SERVICE, which Andon's systemd unit "
                f"grants; without it use a port such as 1514 instead of {port}"
            ) from None
        raise ConfigError(
            f"ANDON_SYSLOG_HOST: Andon cannot listen on {place} ({error.strerror or error}): set an address of this "
            "machine, or 0.0.0.0 for all of them"
        ) from None


def tell_once(told: set[str], peer: str, name: str) -> None:
    """Log that ``peer`` may not send, once for each of the first hundred."""
    if peer not in told and len(told) < 100:
        told.add(peer)
        log.warning("refused: its address is not in ANDON_SYSLOG_ALLOW", source=name, sender=peer)
