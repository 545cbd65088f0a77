"""From which host logs come that do not say so."""

from __future__ import annotations

import functools
import socket

from starlette.requests import HTTPConnection

from andon.app.web.access import address_of
from andon.core.settings.listeners import is_loopback


def peer_of(request: HTTPConnection) -> str:
    """The address of who sent them; the name of this machine where that is itself."""
    address = address_of(request)
    return own_name() if address and is_loopback(address) else address


@functools.cache
def own_name() -> str:
    """What this machine is called."""
    return socket.gethostname()
