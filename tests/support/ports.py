"""Loopback ports that stay a test's own while it starts, kills and starts again what listens there.

A port that the system hands out (a bind to 0) may go to any other process as soon as it is closed, and a client that
calls it again and again may even be connected with itself. So these lie below the range from which the system takes
ports, and each process of the tests draws from a block that is its own for as long as it lives.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 20_000
_BLOCK = 100

#: Where nobody listens, as tests of what happens then have it in their addresses. See :func:`kept_silent`.
SILENT = (1, 9)


def free_ports(count: int) -> list[int]:
    """Ports nobody uses, another set with each call."""
    ports = (port for port in _mine() if _is_free(port))
    return list(itertools.islice(ports, count))


@contextmanager
def kept_silent() -> Iterator[None]:
    """Nothing can listen on the ports of :data:`SILENT` until the block ends: they are taken, and refuse who calls.

    Else whatever root starts could, such as a service that is told one of them as its own; where only root may have
    them and we are not, nothing that tests start may either. All processes of tests have them together
    (``SO_REUSEPORT``), so that none gives them up for the others.
    """
    with ExitStack() as stack:
        for port in SILENT:
            taken = stack.enter_context(socket.socket())
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with suppress(OSError):
                taken.bind(("", port))
        yield


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@functools.cache
def _mine() -> Iterator[int]:
    """The ports of a block that no other process of tests has, over and over."""
    blocks = range(_LOWEST, _highest() - _BLOCK, _BLOCK)
    first = os.getpid() % len(blocks)
    for number in range(len(blocks)):
        block = blocks[(first + number) % len(blocks)]
        if _claim(block):
            return itertools.cycle(range(block, block + _BLOCK))
    raise RuntimeError(f"every block of ports from {_LOWEST} on is in use by other tests")


def _highest() -> int:
    """Where the system's own range begins; where that leaves too little, all ports are as good."""
    try:
        begins = int(_RANGE.read_text().split()[0])
    except OSError:
        begins = 32_768
    return begins if begins >= _LOWEST + 20 * _BLOCK else 60_000


def _claim(block: int) -> bool:
    """Whether the block is ours until we end: its name in the system's own table of sockets, which forgets us then."""
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0andon-tests-ports-{block}")
    except OSError:
        mark.close()
        return False
    atexit.register(mark.close)
    return True
