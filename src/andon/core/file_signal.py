"""Hearing that a file is written, once each time one asks for it: from the kernel on Linux, nowhere else."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from pathlib import Path
from types import TracebackType

_MODIFY, _ONESHOT = 0x2, 0x80000000
_NONBLOCK, _CLOEXEC = 0x800, 0x80000


class FileSignal:
    """Sets ``written`` after the next write to ``path``, by whichever process. Use it as a context manager in the loop.

    It tells of one write for each :meth:`arm`: however much is written, that costs nothing more. A network file system
    tells nothing of what others write, so whoever waits looks from time to time all the same.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.written = asyncio.Event()
        self._fd = -1
        self._libc: ctypes.CDLL | None = None

    def __enter__(self) -> FileSignal:
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._fd = self._libc.inotify_init1(_NONBLOCK | _CLOEXEC)
            if self._fd >= 0:
                asyncio.get_running_loop().add_reader(self._fd, self._read)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def arm(self) -> bool:
        """Tell of the next write; False where nobody will, so that one has to look."""
        self.written.clear()
        if self._fd < 0 or self._libc is None:
            return False
        return bool(self._libc.inotify_add_watch(self._fd, os.fsencode(self._path), _MODIFY | _ONESHOT) >= 0)

    def _read(self) -> None:
        try:
            os.read(self._fd, 4096)
        except BlockingIOError:
            return
        self.written.set()
