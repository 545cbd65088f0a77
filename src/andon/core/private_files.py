"""Files that hold what a plant logs: made for the user who runs Andon, and for a group where the site names one.

Only what is made new gets a mode; what is there keeps its own.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from andon.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FileAccess:
    """Who may read what is made, beside the user who makes it: nobody, or the members of ``group`` (its number)."""

    group: int | None = None

    @property
    def file_mode(self) -> int:
        """Mode of a new file."""
        return 0o600 if self.group is None else 0o640

    @property
    def directory_mode(self) -> int:
        """Mode of a new directory."""
        return 0o700 if self.group is None else 0o750

    def make_directory(self, path: Path) -> None:
        """Make a directory, and those that it lies in, where there are none. Raises OSError."""
        missing = []
        place = path.absolute()
        while not place.exists() and not place.is_symlink():
            missing.append(place)
            place = place.parent
        for one in reversed(missing):
            with contextlib.suppress(FileExistsError):  # by another process, in this moment
                one.mkdir(0o700)
                self._settle(one, self.directory_mode)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))

    def make_file(self, path: Path) -> None:
        """Make an empty file where there is none. Raises OSError."""
        target = os.path.realpath(path)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            self._settle(Path(target), self.file_mode)

    def _settle(self, path: Path, mode: int) -> None:
        if self.group is not None:
            os.chown(path, -1, self.group)
        with contextlib.suppress(PermissionError):  # of a file system without modes, which doctor tells
            path.chmod(mode)  # whatever the process's umask took away


#: The largest number of a group; the next one means "as it is" to the system.
_GROUP_MAX = 2**32 - 2

#: For the user who runs Andon, and for nobody else.
PRIVATE = FileAccess()


def access_for(group: str) -> FileAccess:
    """The access that ``ANDON_DATA_GROUP`` asks for; empty means nobody else. Raises ConfigError."""
    if not group:
        return PRIVATE
    try:
        number = int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError:
        number = _GROUP_MAX + 1
    if number > _GROUP_MAX:
        raise ConfigError(f"ANDON_DATA_GROUP={group}: this machine has no such group; create it or set another one")
    if os.geteuid() != 0 and number not in {os.getegid(), *os.getgroups()}:
        raise ConfigError(
            f"ANDON_DATA_GROUP={group}: the user who runs Andon is not a member of this group; add the user to it and "
            "start Andon from a new login, or set another group"
        )
    return FileAccess(number)


def give_like(path: Path, like: Path, *, whole: bool = True) -> None:
    """Where root made what a service's user is to use: let it be whose ``like`` is; ``whole``: with all in it.

    Raises OSError.
    """
    if os.geteuid() != 0:
        return
    owner = like.stat()
    for top, directories, names in os.walk(path) if whole and path.is_dir() else ():
        for name in (*directories, *names):
            os.chown(Path(top, name), owner.st_uid, owner.st_gid, follow_symlinks=False)
    os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


@contextlib.contextmanager
def private_umask() -> Iterator[None]:
    """Within this, what programs and libraries make by themselves, the broker among them, is the user's alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def share_sidecars(path: Path) -> None:
    """Give the files that SQLite keeps beside a database the group of the database; their mode they have from it."""
    with contextlib.suppress(OSError):  # there are none, or they are another user's
        group = path.stat().st_gid
        for sidecar in (path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            if sidecar.stat().st_gid != group:
                os.chown(sidecar, -1, group)


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that a person named, to be written: it appears, or takes the place of the one there, when it is whole.

    A new one is for its user alone; one that is there keeps its mode, and a link its target. What is no file (a pipe, a
    terminal, ``/dev/stdout``) is written as it is. Raises OSError.
    """
    target = Path(os.path.realpath(path))
    before = _status(path)
    if before is not None and (not stat.S_ISREG(before.st_mode) or _is_descriptor(path)):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC), "wb") as file:
            yield file
        return
    part = target.with_name(f".{target.name[:200]}.part-{os.getpid()}")
    try:
        opened = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except PermissionError:
        if before is None:
            raise
        with target.open("wb") as file:  # a file that may be written in a directory that may not
            yield file
        return
    try:
        with os.fdopen(opened, "wb") as file:
            if before is not None:
                with contextlib.suppress(OSError):  # another user's
                    os.fchown(opened, before.st_uid, before.st_gid)
                with contextlib.suppress(OSError):
                    os.fchmod(opened, stat.S_IMODE(before.st_mode))
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _is_descriptor(path: Path) -> bool:
    """Whether the path names something this process has open, such as ``/dev/stdout`` turned to a file by the shell."""
    return str(path.absolute()).startswith(("/dev/std", "/dev/fd/", "/proc/"))
