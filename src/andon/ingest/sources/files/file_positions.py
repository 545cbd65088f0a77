"""How far each followed file was taken into the stream: kept in a small file, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import msgspec

from andon.core.errors import ConfigError
from andon.core.private_files import FileAccess

#: A file is recognised by so many of its first bytes, beside its number.
HEAD_MAX = 1_024
#: A copy of what was followed is recognised by so many of the last bytes that were read as well.
TAIL_MAX = 256
#: Where the positions lie below the data directory.
PLACE = Path("sources") / "files.json"
_STEP = 1 << 20


class Position(msgspec.Struct):
    """How far a file was read. ``head`` is a digest of its first ``head_size`` bytes.

    Everything from ``since`` up to ``offset`` is in the stream. ``generation`` counts how often the file began anew
    under the same number. ``seen`` is when it lay there last, in unix seconds. ``table`` is the key of what it was of.
    ``tail`` is a digest of the ``tail_size`` bytes before ``tail_at``, which is not behind ``offset``.
    """

    path: str
    device: int
    inode: int
    head_size: int
    head: str
    offset: int
    since: int
    generation: int = 0
    seen: float = 0.0
    table: str = ""
    tail_at: int = 0
    tail_size: int = 0
    tail: str = ""

    @property
    def identity(self) -> tuple[int, int]:
        """What the system calls the file, whatever its name is."""
        return self.device, self.inode


class Book(msgspec.Struct):
    """All positions. ``name`` tells this installation from others; ``tables`` are those that were followed before."""

    name: str = ""
    tables: list[str] = []
    files: list[Position] = []


def load(path: Path) -> Book:
    """The book as it was written last, a new one where there is none. Raises ConfigError where it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Book)
    except FileNotFoundError:
        return Book(secrets.token_hex(4))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the read positions of files cannot be loaded from {path} ({error}): repair it, or delete it to start "
            "over as [[files]] says"
        ) from None


def save(path: Path, book: Book, access: FileAccess) -> None:
    """Write the book in one step: a crash leaves the old one or this one. Raises OSError."""
    access.make_directory(path.parent)
    made = path.with_suffix(".new")
    made.unlink(missing_ok=True)
    access.make_file(made)
    with made.open("wb") as file:
        file.write(msgspec.json.encode(book))
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)


def digest_of(data: bytes) -> str:
    """A name for bytes."""
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def table_key(paths: list[str]) -> str:
    """A name for a table by what it follows."""
    return digest_of("\0".join(sorted(paths)).encode())


def part_of_copy(file: IO[bytes], head: bytes, positions: Iterable[Position]) -> range | None:
    """Which bytes of a content are in the stream, because it is what one of ``positions`` was followed as.

    ``head`` are its first bytes; ``file`` is read from where it is (its start) as far as it must. Raises OSError.
    """
    candidates = [one for one in positions if one.tail and digest_of(head[: one.head_size]) == one.head]
    read, kept = 0, b""
    best: Position | None = None
    for one in sorted(candidates, key=lambda one: one.tail_at):
        while read < one.tail_at and (data := file.read(min(_STEP, one.tail_at - read))):
            read += len(data)
            kept = (kept + data)[-TAIL_MAX:]
        if read < one.tail_at:
            break
        if digest_of(kept[-one.tail_size :]) == one.tail:
            best = one
    return None if best is None else range(best.since, best.offset)
