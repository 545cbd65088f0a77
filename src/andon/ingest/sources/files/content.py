"""What a path holds, as one stream of bytes: files, packed ones, journals, standard input."""

from __future__ import annotations

import builtins
import bz2
import glob
import gzip
import importlib
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, cast

from andon.core.errors import AndonError

_GZIP, _BZIP2, _XZ, _ZSTD, _JOURNAL = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"LPKSHHRH"
_PACKED = ((_GZIP, gzip.open), (_BZIP2, bz2.open), (_XZ, lzma.open))
#: What reading a packed file that is damaged or cut off raises.
DAMAGED = (OSError, EOFError, lzma.LZMAError, zlib.error)
_COPIED = 1 << 20


class NotReadable(AndonError):
    """A file that cannot be imported: correct what its sentence says, then import it again."""


def paths_of(names: Iterable[str]) -> list[str]:
    """The files that are meant: directories with all below them, globs, ``-`` for standard input; each once, in order.

    Raises NotReadable where a name means nothing.
    """
    found: dict[str, None] = {}
    for name in names:
        if name == "-":
            found[name] = None
            continue
        matches = [name] if os.path.lexists(name) else sorted(glob.glob(os.path.expanduser(name), recursive=True))
        if not matches:
            raise NotReadable(f"there is no file {name}; nothing was imported")
        for match in matches:
            for path in _below(match):
                found[path] = None
    return list(found)


def _below(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    return sorted(
        os.path.join(place, name) for place, _, names in os.walk(path) for name in names
        if os.path.isfile(os.path.join(place, name))
    )  # fmt: skip


class Content:
    """The bytes of a path; a context manager. ``size`` is how many of the file's own bytes there are (0 where nobody
    knows), ``plain`` whether they are the content itself, ``shown`` its whole path."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.shown = "" if path == "-" else os.path.abspath(path)
        self.size = 0
        self.plain = False
        self._child: subprocess.Popen[bytes] | None = None
        self._raw: IO[bytes] | None = None
        self._file: IO[bytes] | None = None

    @property
    def file(self) -> IO[bytes]:
        """The bytes, once they were opened."""
        assert self._file is not None  # noqa: S101 - who reads has opened
        return self._file

    def open(self) -> Content:
        """Open it. Raises NotReadable."""
        self._file = self._opened()
        return self

    def _opened(self) -> IO[bytes]:
        if self.path == "-":
            return cast("IO[bytes]", sys.stdin.buffer)
        try:
            status = os.stat(self.path)
            if not stat.S_ISREG(status.st_mode) and not stat.S_ISFIFO(status.st_mode):
                raise NotReadable(f"{self.path} is not a file")
            self.size = status.st_size
            self._raw = raw = builtins.open(self.path, "rb")  # noqa: SIM115 - closed with this
            head = raw.peek(8)[:8]
        except OSError as error:
            raise NotReadable(f"{self.path} cannot be read: {error.strerror}") from None
        if head.startswith(_JOURNAL):
            return self._journal()
        if head.startswith(_ZSTD):
            return self._zstd(raw)
        for mark, opener in _PACKED:
            if head.startswith(mark):
                return cast("IO[bytes]", opener(raw, "rb"))
        self.plain = True
        return raw

    def _journal(self) -> IO[bytes]:
        if shutil.which("journalctl") is None:
            raise NotReadable(f"{self.path} is a journal and needs journalctl: import it on a machine with systemd")
        command = ["journalctl", "--file", self.path, "--output", "json", "--all", "--no-pager", "--quiet"]
        nothing = subprocess.DEVNULL
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=nothing, stderr=nothing)
        assert self._child.stdout is not None  # noqa: S101 - asked for above
        return self._child.stdout

    def _zstd(self, raw: IO[bytes]) -> IO[bytes]:
        try:
            zstd: Any = importlib.import_module("compression.zstd")  # Python 3.14
        except ImportError:
            raise NotReadable(
                f"{self.path} is compressed with zstd, which this Python cannot read: run zstdcat FILE | andon import -"
            ) from None
        return cast("IO[bytes]", zstd.open(raw, "rb"))

    def tell(self) -> int:
        """How many of the file's own bytes were read, for progress."""
        return self._raw.tell() if self._raw is not None and self._child is None else 0

    def rewind(self) -> None:
        """Begin again; of what comes through a pipe behind :meth:`keep` only."""
        self.file.seek(0)

    def keep(self, head: bytes) -> None:
        """Make it possible to begin again behind ``head``, which was read already."""
        if self._child is not None or not self.file.seekable():
            kept = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this
            kept.write(head)
            shutil.copyfileobj(self.file, kept, _COPIED)
            kept.seek(0)
            self._end_child()
            self._file = kept

    def _end_child(self) -> None:
        if self._child is not None:
            if self._child.poll() is None and self._child.stdout is not None and self._child.stdout.read(1):
                self._child.terminate()
            self._child.wait(10)
            code, self._child = self._child.returncode, None
            if code > 0:
                raise NotReadable(f"journalctl could not read {self.path} to its end (exit status {code})")

    def __enter__(self) -> Content:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait(10)
        if self.path != "-" and self._file is not None:
            self._file.close()
        if self._raw is not None:
            self._raw.close()


def written_at(path: str) -> float | None:
    """When a file was written last (unix seconds); None for standard input."""
    return None if path == "-" else Path(path).stat().st_mtime
