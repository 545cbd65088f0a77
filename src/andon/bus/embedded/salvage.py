"""What the broker clears away while it reads its store is kept: linked before it starts, put back without what is bad.

nats-server removes a whole stream from the disk where it cannot read one compressed block of it, and names neither.
Hard links take no room and no time. Which blocks are bad only the server can tell: it is let try them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

#: Directories beside the store proper: the links, and a store of its own in which blocks are tried.
KEPT, TRIAL = "kept", "trial"


class Kept:
    """Links to all files of the ``streams`` of a store, in its ``directory``. Blocks on the disk."""

    def __init__(self, directory: Path, streams: Path) -> None:
        self._streams = streams
        self._kept = directory / KEPT
        self._trial = directory / TRIAL

    def take(self) -> None:
        """Link what is there, after putting back what a start that was interrupted left cleared. Raises OSError."""
        for stream in self._kept.iterdir() if self._kept.is_dir() else ():
            if not (self._streams / stream.name).exists():
                log.warning("the broker had removed a stream, Andon restored it", stream=stream.name)
                self.put_back(stream.name)
        self.drop()
        try:
            for top, _, files in os.walk(self._streams):
                place = self._kept / Path(top).relative_to(self._streams)
                place.mkdir(parents=True, exist_ok=True, mode=0o700)
                for name in files:
                    os.link(Path(top, name), place / name)
        except OSError as error:  # a full disk, or a file system without links
            log.warning("the broker's store is being read without a safety copy", reason=str(error))
            self.drop()

    def drop(self) -> None:
        """The store was read: the links go."""
        for directory in (self._kept, self._trial):
            shutil.rmtree(directory, ignore_errors=True)

    def holds(self, stream: str) -> bool:
        """Whether there are links to it."""
        return (self._kept / stream).is_dir()

    def put_back(self, stream: str) -> None:
        """Make it lie again where it lay; without its index, which is made anew. Raises OSError."""
        self._streams.mkdir(parents=True, exist_ok=True)
        (self._kept / stream).rename(self._streams / stream)
        (self._streams / stream / "msgs" / "index.db").unlink(missing_ok=True)

    def blocks(self, stream: str) -> list[str]:
        """The names of its blocks, in order."""
        return sorted((path.name for path in (self._kept / stream / "msgs").glob("*.blk")), key=lambda n: (len(n), n))

    def try_out(self, stream: str, blocks: Sequence[str]) -> Path:
        """A store of its own that holds only these blocks of the stream. Raises OSError."""
        shutil.rmtree(self._trial, ignore_errors=True)
        place = self._trial / "jetstream" / self._streams.relative_to(self._streams.parents[1]) / stream
        (place / "msgs").mkdir(parents=True, mode=0o700)
        for name in ("meta.inf", "meta.sum", *(f"msgs/{block}" for block in blocks)):
            os.link(self._kept / stream / name, place / name)
        return self._trial


async def unreadable(blocks: Sequence[str], reads: Callable[[Sequence[str]], Awaitable[bool]]) -> list[str]:
    """Those of ``blocks`` that ``reads`` refuses, which tells of several at once whether all are good."""
    if not blocks or await reads(blocks):
        return []
    if len(blocks) == 1:
        return list(blocks)
    middle = len(blocks) // 2
    return [*await unreadable(blocks[:middle], reads), *await unreadable(blocks[middle:], reads)]
