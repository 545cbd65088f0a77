"""A directory of files that the people of a site write, read again when they change.

What is wrong with a file is reported, never fatal: its last good version stays in force.
"""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: How often directories are looked at, in seconds, and how many times the processor's time of a look lies between two.
SCAN_EVERY, SCAN_SELDOM, REST = 4.0, 15.0, 1_000.0
FILES_MAX = 500
#: Bytes of one file.
FILE_MAX = 262_144


class _File(NamedTuple, Generic[T]):
    """What is known of a file: its state on disk, what its last good version says, and what is wrong now."""

    state: tuple[int, int]
    content: T | None
    problem: str | None


class SiteFiles(Generic[T]):
    """The files of ``directory``, which need not exist, and of the directories in it, whose names end in one of
    ``suffixes``.

    ``what`` is what one of them is called in the log. ``parse`` takes a file's name as told to people and its text; it
    raises ValueError with what is wrong. :meth:`scan` reads files and belongs in a thread.
    """

    def __init__(self, directory: Path, suffixes: Sequence[str], what: str, parse: Callable[[str, str], T]) -> None:
        self._directory = directory
        self._suffixes = suffixes
        self._what = what
        self._parse = parse
        self._files: dict[str, _File[T]] = {}
        self._unlisted: str | None = None

    def __iter__(self) -> Iterator[tuple[str, T]]:
        """(name as told to people, what it says) of each file in force, by name."""
        for name, file in sorted(self._files.items()):
            if file.content is not None:
                yield self._told(name), file.content

    @property
    def problems(self) -> list[str]:
        """One sentence for the directory and each file that cannot be used as it is, by name."""
        files = [file.problem for _, file in sorted(self._files.items()) if file.problem is not None]
        return [self._unlisted, *files] if self._unlisted else files

    def scan(self, *, tell: bool = True) -> bool:
        """Read what is new or changed, forget what is gone; whether there was anything. Never raises.

        Says each new problem once in the log, unless told not to: then ``problems`` has to be looked at.
        """
        found: dict[str, _File[T]] = {}
        listing = self._listing(tell)
        if self._unlisted is not None:  # a share that is away for a while takes nothing out of force
            return False
        for name, path in listing:
            before = self._files.get(name)
            found[name] = file = self._look(name, path, before)
            if tell and file.problem is not None and (before is None or before.problem != file.problem):
                log.warning(f"{self._what} not usable", reason=file.problem, last_good_version=file.content is not None)
        changed = found != self._files
        self._files = found
        return changed

    def _listing(self, tell: bool) -> list[tuple[str, Path]]:
        unlisted = None
        try:
            next(self._directory.iterdir(), None)  # searching within is silent about what cannot be read
            paths = sorted(path for suffix in self._suffixes for path in self._directory.rglob(f"*{suffix}"))
        except FileNotFoundError:
            paths = []
        except OSError as error:
            paths = []
            unlisted = f"{self._directory} cannot be listed ({error.strerror}): correct the path or its permissions."
        if tell and unlisted is not None and unlisted != self._unlisted:
            log.warning(f"{self._what}s not listed", reason=unlisted)
        self._unlisted = unlisted
        named = [(path.relative_to(self._directory).as_posix(), path) for path in paths]
        named = [(name, path) for name, path in named if not _is_aside(name)]
        if len(named) > FILES_MAX and len(self._files) < FILES_MAX:  # said once, not with every scan
            log.warning(f"too many {self._what}s, the last ones are not read", files=len(named), limit=FILES_MAX)
        return named[:FILES_MAX]

    def _told(self, name: str) -> str:
        return f"{self._directory.name or self._directory.absolute().name}/{name}"

    def _look(self, name: str, path: Path, before: _File[T] | None) -> _File[T]:
        state = (0, -1)
        try:
            found = path.stat()
            state = (found.st_mtime_ns, found.st_size)
            if before is not None and before.state == state:
                return before
            return _File(state, self._parse(self._told(name), _read(path, found.st_mode)), None)
        except OSError as error:
            reason = error.strerror or type(error).__name__
        except UnicodeDecodeError:
            reason = "it is not UTF-8 text"
        except ValueError as error:
            reason = str(error)
        last_good = before.content if before is not None else None
        return _File(state, last_good, f"{self._told(name)} cannot be used ({reason}): correct the file.")


async def scan_always(*scans: Callable[[], bool], changed: Callable[[], None]) -> None:
    """Scan every few seconds, in a thread, for ever; ``changed`` is called where a scan found something."""

    def scan_all() -> tuple[bool, float]:
        begun = time.thread_time()
        found = [scan() for scan in scans]
        return any(found), time.thread_time() - begun

    while True:
        found, took = await asyncio.to_thread(scan_all)
        if found:
            changed()
        await asyncio.sleep(min(max(SCAN_EVERY, REST * took), SCAN_SELDOM))


def _is_aside(name: str) -> bool:
    """Hidden files and directories, and the page that explains a directory."""
    return any(part.startswith(".") for part in name.split("/")) or name.lower().rpartition("/")[2] == "readme.md"


def _read(path: Path, mode: int) -> str:
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # a pipe would never end
        raise ValueError("it is not a regular file")
    with path.open("rb") as file:
        content = file.read(FILE_MAX + 1)
    if len(content) > FILE_MAX:
        raise ValueError(f"it is longer than {FILE_MAX} bytes")
    return content.decode("utf-8-sig")
