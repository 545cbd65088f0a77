"""Which files there are, and which of them are new, renamed or copies of others. Blocks: called in threads."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from andon.core.settings.sources.file_settings import FollowedFiles
from andon.ingest.sources.files.file_positions import HEAD_MAX, TAIL_MAX
from andon.ingest.sources.files.followed_file import FollowedFile

#: So many files are followed, and so many directories watched; beyond that it is told, and they are left out.
FILES_MAX, DIRECTORIES_MAX = 5_000, 5_000
#: Files that a rotation packed away: all in them was read before, when they had another name.
_PACKED = re.compile(r"\.(?:gz|xz|bz2|zst|lz4|lzma|zip|7z|Z)(?:\.\d+)?$")
#: A beginning shorter than this tells no copy from another file.
_LEAST_HEAD = 64


class Found(NamedTuple):
    """A file at one of a table's places."""

    table: int
    path: str
    device: int
    inode: int
    size: int


class Sweep(NamedTuple):
    """What lies at the places of all tables, each file once, and the directories in which that may change."""

    files: list[Found]
    directories: list[str]
    beyond: int


def sweep(tables: Sequence[FollowedFiles]) -> Sweep:
    """Look at the places of all tables. A file that is meant by several is of the first."""
    found: dict[tuple[int, int], Found] = {}
    directories: dict[str, None] = {}
    beyond = 0
    for number, table in enumerate(tables):
        for pattern in map(os.path.expanduser, table.paths):
            for place in _directories(pattern):
                directories[place] = None
            for path in glob.iglob(pattern, recursive=True):
                if _PACKED.search(path):
                    continue
                try:
                    status = os.stat(path)
                except OSError:
                    continue
                if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) in found:
                    continue
                if len(found) >= FILES_MAX:
                    beyond += 1
                    continue
                found[status.st_dev, status.st_ino] = Found(number, path, status.st_dev, status.st_ino, status.st_size)
    return Sweep(list(found.values()), list(directories)[:DIRECTORIES_MAX], beyond)


def _directories(pattern: str) -> Iterable[str]:
    """Where files of a pattern lie or may come to lie; where there is none yet, the nearest place above it."""
    above: list[str] = []
    levels = pattern.split(os.sep)
    for count in range(len(levels) - 1, 0, -1):
        part = os.sep.join(levels[:count]) or os.sep
        places = [one for one in glob.iglob(part, recursive=True) if os.path.isdir(one)]
        if places and not above:
            above = places
        elif places and glob.has_magic(part):
            above += places
        if not glob.has_magic(part) and places:
            return dict.fromkeys([*above, *places])
    return above


def find_renamed(path: str, device: int, inode: int) -> str | None:
    """Where in its directory a file lies by now that lay at ``path``; None where it is gone or packed."""
    try:
        with os.scandir(os.path.dirname(path)) as entries:
            for entry in entries:
                if entry.inode() == inode and entry.stat().st_dev == device and not _PACKED.search(entry.name):
                    return entry.path
    except OSError:
        pass
    return None


def copied_from(path: str, known: Iterable[FollowedFile]) -> int | None:
    """Where to begin a new file that is a copy of one that is followed, as logrotate's ``copytruncate`` makes them.

    It is begun behind what was read of the original before that was emptied; where that goes on, at the copy's end.
    None where it is no copy. Raises OSError.
    """
    beside = [
        one
        for one in known
        if os.path.dirname(one.position.path) == os.path.dirname(path) and (one.before or one.position.head_size)
    ]
    if not beside:
        return None
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        for one in beside:
            for end, tail, there in ((*(one.before or (0, b"")), False), (one.read_to, one.tail, one.intact())):
                if not tail or end > size or (there and end < _LEAST_HEAD):
                    continue
                file.seek(end - len(tail))
                if len(tail) == min(TAIL_MAX, end) and file.read(len(tail)) == tail:
                    return size if there else end
    return None


def last_line_start(path: str, size: int) -> int:
    """Where the line begins that is being written at the end of a file; its size where none is. Raises OSError."""
    with open(path, "rb") as file:
        begin = max(size - 4 * HEAD_MAX, 0)
        file.seek(begin)
        found = file.read(size - begin).rfind(b"\n")
    return size if found < 0 else begin + found + 1


def head_of_file(path: str) -> bytes:
    """The first bytes of a file, by which it is known again. Raises OSError."""
    with open(path, "rb") as file:
        return file.read(HEAD_MAX)
