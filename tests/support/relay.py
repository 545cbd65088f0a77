"""A wire between a browser and Andon that a test can cut, or let go dead: then it stays open and carries nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from support.patience import PATIENCE


class Relay:
    """Listens on ``port`` of the loopback and passes bytes on to ``target``, both ways."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._open: list[tuple[socket.socket, threading.Event]] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def deaden(self) -> None:
        """What is connected now stays so, and carries nothing any more; new connections do."""
        for _, dead in self._open:
            dead.set()

    def cut(self) -> None:
        """End every connection."""
        for one, _ in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Cut, and take no more."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in self._threads:
            thread.join(PATIENCE)
        for one, _ in self._open:
            one.close()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:  # nobody listens there: nor do we
                near.close()
                continue
            dead = threading.Event()
            self._open += [(near, dead), (far, dead)]
            for one, other in ((near, far), (far, near)):
                self._threads.append(threading.Thread(target=self._pass, args=(one, other, dead), daemon=True))
                self._threads[-1].start()

    @staticmethod
    def _pass(one: socket.socket, other: socket.socket, dead: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while part := one.recv(65_536):
                if not dead.is_set():
                    other.sendall(part)
        if not dead.is_set():
            for each in (one, other):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay(target: int) -> Iterator[Relay]:
    """A relay to this port of the loopback, for the length of the block."""
    made = Relay(target)
    try:
        yield made
    finally:
        made.close()
