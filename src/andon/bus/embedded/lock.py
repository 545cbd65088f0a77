"""One owner per broker store.

nats-server takes no lock on its store: a second one on the same directory starts happily and what it acknowledges is
lost at the next start. So Andon locks the directory before it starts a server, and the server inherits the lock: it
stays taken until both are gone, whoever dies first.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path

from andon.core.errors import BrokerStartError, InUseError

FILE_NAME = "andon.lock"
#: Seconds a server that outlived its killed owner gets to go away.
ORPHAN_GRACE = 5.0


class StoreLock:
    """An exclusive lock on a store directory, held from :meth:`take` to :meth:`release`."""

    def __init__(self, store_dir: Path) -> None:
        self._path = store_dir / FILE_NAME
        #: The locked file descriptor, to be inherited by the server; -1 while the lock is not taken.
        self.fd = -1

    async def take(self) -> None:
        """Lock the directory. Raises InUseError when another process has it, BrokerStartError when it is not usable."""
        deadline = time.monotonic() + ORPHAN_GRACE
        while not self._try():
            owner = self._owner()
            if owner is None or _alive(owner) or time.monotonic() >= deadline:
                who = "another process" if owner is None else f"another Andon (process {owner})"
                raise InUseError(
                    f"the broker store {self._path.parent} is in use by {who}: stop that process, or set "
                    "ANDON_DATA_DIR to another directory"
                )
            await asyncio.sleep(0.02)

    def release(self) -> None:
        """Give the directory back; idempotent."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _try(self) -> bool:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BrokerStartError(
                f"the broker store {self._path.parent} cannot be written ({error.strerror}): "
                "correct its permissions, or set ANDON_DATA_DIR to another directory"
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            with contextlib.suppress(OSError):  # no room: only a message to others would name us
                os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise BrokerStartError(
                f"the broker store {self._path.parent} cannot be locked ({error.strerror}): check the disk"
            ) from error
        self.fd = fd
        return True

    def _owner(self) -> int | None:
        try:
            return int(self._path.read_text())
        except (OSError, ValueError):
            return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
