"""The file of a backup: a compressed tar, the manifest first, written once and read from front to end."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from andon.app.backup.manifest import MANIFEST, MOST, Manifest, Part, decoded, encoded
from andon.core.disk import no_room
from andon.core.errors import BackupError

#: Text of logs shrinks to a fifth already at the quickest level; the broker's blocks are compressed as they are.
_LEVEL = 1
_BLOCK = 1 << 20

Told = Callable[[int], None]


def digested(path: Path, name: str) -> Part:
    """A file as the manifest names it. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return Part(name, size, digest.hexdigest())


def write(target: Path, manifest: Manifest, places: dict[str, Path], told: Told) -> None:
    """Write the new file ``target``, for its user alone, on the disk when this returns.

    ``places`` says where each file of the manifest lies; ``told`` hears of each bytes taken in. Raises OSError.
    """
    opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "wb") as file:
        with (
            gzip.GzipFile("", "wb", compresslevel=_LEVEL, fileobj=file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            data = encoded(manifest)
            archive.addfile(_entry(MANIFEST, len(data)), io.BytesIO(data))
            for part in manifest.files:
                with places[part.path].open("rb") as content:
                    archive.addfile(_entry(part.path, part.size), _Told(content, told))
        file.flush()
        os.fsync(opened)


class _Told:
    """A file that says how much of it was read."""

    def __init__(self, content: IO[bytes], told: Told) -> None:
        self._content = content
        self._told = told

    def read(self, size: int = _BLOCK, /) -> bytes:
        block = self._content.read(size)
        self._told(len(block))
        return block


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


class Content:
    """A file in a backup, whose bytes are counted and digested as they are read."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = _BLOCK, /) -> bytes:
        """The next bytes, b"" at the end."""
        block = self._content.read(size)
        self.digest.update(block)
        self.size += len(block)
        return block


@contextmanager
def reading(path: Path) -> Iterator[tuple[Manifest, Iterator[tuple[Part, Content]]]]:
    """The manifest of a backup, and then its files one after the other; each is checked while it is read to its end.

    Raises BackupError where it is none, is damaged or incomplete, StoreTooNew where a newer Andon made it.
    """
    try:
        if not _is_packed(path):
            raise _no_backup(path)
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|gz") as archive:
            entry = archive.next()
            if entry is None or entry.name != MANIFEST or entry.size > MOST or not entry.isreg():
                raise _no_backup(path)
            content = archive.extractfile(entry)
            manifest = decoded(content.read() if content else b"", path)
            yield manifest, _files(path, archive, manifest)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, str(error) or "it is cut off") from error
    except OSError as error:
        if no_room(error):
            raise BackupError(f"no disk space is left to unpack {path}: free some") from error
        named = error.filename or path
        raise BackupError(f"{named} cannot be used ({error.strerror or error}): check path and permissions") from error


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _files(path: Path, archive: tarfile.TarFile, manifest: Manifest) -> Iterator[tuple[Part, Content]]:
    left = {part.path: part for part in manifest.files}
    while (entry := archive.next()) is not None:
        part = left.pop(entry.name, None)
        content = archive.extractfile(entry) if entry.isreg() else None
        if part is None or content is None or entry.size != part.size:
            raise _damaged(path, f"{entry.name} does not match its manifest")
        checked = Content(content)
        yield part, checked
        while checked.read(_BLOCK):
            pass
        if (checked.size, checked.digest.hexdigest()) != (part.size, part.sha256):
            raise _damaged(path, f"{part.path} has changed since it was made")
    if left:
        raise _damaged(path, f"{next(iter(left))} is missing")


def _no_backup(path: Path) -> BackupError:
    return BackupError(f"{path} is not an Andon backup: name a file that `andon backup` made")


def _damaged(path: Path, why: str) -> BackupError:
    return BackupError(f"the backup {path} is damaged or incomplete ({why}): use another one, or copy it here again")


def verify(path: Path, told: Told) -> Manifest:
    """Read a backup from front to end. Raises as :func:`reading`."""
    with reading(path) as (manifest, files):
        for _, content in files:
            while block := content.read(_BLOCK):
                told(len(block))
    return manifest
