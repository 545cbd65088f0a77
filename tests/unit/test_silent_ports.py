"""The ports on which tests take for granted that nobody listens."""

from __future__ import annotations

import socket

import pytest

from support.patience import PATIENCE
from support.ports import SILENT


@pytest.mark.parametrize("port", SILENT)
def test_nobody_listens_there_and_nothing_here_can(port: int) -> None:
    """Not even what root starts, which a service of a test may be."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), PATIENCE)
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        with pytest.raises(OSError, match=r"in use|[Pp]ermission"):
            ours.bind(("127.0.0.1", port))
