"""Hearing of changes in directories: from the kernel on Linux, nowhere else.

Whoever waits here looks from time to time all the same: network file systems tell nothing of what others write.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from types import TracebackType

_MODIFY, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _OVERFLOW, _IGNORED = 0x400, 0x800, 0x4000, 0x8000
_ONLY_DIRECTORIES = 0x01000000
_WANTED = _MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ONLY_DIRECTORIES
_STRUCTURE = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _OVERFLOW
_EVENT = struct.Struct("iIII")
_NONBLOCK, _CLOEXEC = 0x800, 0x80000


class DirectoryWatch:
    """Directories that are watched, without those below them. Use it as a context manager, within the loop.

    ``grown`` are directories in which a file was written since it was emptied last; ``moved`` says that files or
    directories came, went or were renamed.
    """

    def __init__(self) -> None:
        self.grown: set[str] = set()
        self.moved = False
        #: Why not every directory is watched, None where each is.
        self.problem: str | None = None
        self._fd = -1
        self._libc: ctypes.CDLL | None = None
        self._places: dict[int, str] = {}
        self._event = asyncio.Event()

    def __enter__(self) -> DirectoryWatch:
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._fd = self._libc.inotify_init1(_NONBLOCK | _CLOEXEC)
            if self._fd < 0:
                self.problem = f"inotify: {os.strerror(ctypes.get_errno())}"
            else:
                asyncio.get_running_loop().add_reader(self._fd, self._read)
        else:
            self.problem = "this system has no inotify"
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def watch(self, directories: Iterable[str]) -> None:
        """Watch these directories and no others; one that cannot be watched is left to those who look."""
        if self._fd < 0 or self._libc is None:
            return
        wanted = set(directories)
        for number, place in list(self._places.items()):
            if place not in wanted:
                self._libc.inotify_rm_watch(self._fd, number)
                del self._places[number]
        known = set(self._places.values())
        self.problem = None
        for place in wanted - known:
            number = self._libc.inotify_add_watch(self._fd, os.fsencode(place), _WANTED)
            if number >= 0:
                self._places[number] = place
            elif (code := ctypes.get_errno()) not in (2, 13, 20):  # gone, closed to us, or no directory: told elsewhere
                self.problem = f"inotify: {os.strerror(code)}"

    async def wait(self, seconds: float) -> None:
        """Return after a change, at the latest after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._event.wait()
        self._event.clear()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65_536)
        except BlockingIOError:
            return
        position = 0
        while position + _EVENT.size <= len(data):
            number, mask, _, length = _EVENT.unpack_from(data, position)
            position += _EVENT.size + length
            if mask & _IGNORED:
                self._places.pop(number, None)
            if mask & _STRUCTURE:
                self.moved = True
            if place := self._places.get(number):
                self.grown.add(place)
        self._event.set()
