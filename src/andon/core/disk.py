"""Whether a disk has room: found out by writing, because quotas, reserved blocks and inodes show in no figure."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from pathlib import Path

MEBIBYTE = 1 << 20
#: The numbers with which a system says that there is no room: the disk is full, or the quota is.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def no_room(error: BaseException | None) -> bool:
    """Whether ``error``, or what it came from, says that a disk or a quota is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return True
        error = error.__cause__
    return False


def has_room(directory: Path, size: int = MEBIBYTE) -> bool:
    """Whether ``size`` bytes can be written in ``directory``, or where it would be made; False only where it is full.

    Any other obstacle is not for this function to tell.
    """
    while not directory.is_dir() and directory != directory.parent:
        directory = directory.parent
    try:
        fd, name = tempfile.mkstemp(prefix=".andon-room-", dir=directory)
    except OSError as error:
        return not no_room(error)
    try:
        _write(fd, size)
    except OSError as error:
        return not no_room(error)
    finally:
        with contextlib.suppress(OSError):
            os.close(fd)
        with contextlib.suppress(OSError):
            os.unlink(name)
    return True


def _write(fd: int, size: int) -> None:
    block = bytes(min(size, 64 * 1024))
    left = size
    while left > 0:
        left -= os.write(fd, block[:left])
    os.fsync(fd)


def free_bytes(directory: Path, unknown: int) -> int:
    """What is free for us where ``directory`` is or would be made; ``unknown`` where that cannot be told."""
    while not directory.is_dir() and directory != directory.parent:
        directory = directory.parent
    try:
        return shutil.disk_usage(directory).free
    except OSError:
        return unknown
