"""What was imported: for each content how far, by a digest of all that lies before. Names of files do not matter.

The same content is known again whatever it is called, wherever it lies, packed or not, and where it has grown since.
The ledger is a small SQLite file of its own: imports write it every second beside a service that records, and files are
of this machine, while the database may be anywhere.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import IO

import msgspec

from andon.core.errors import ConfigError
from andon.core.private_files import FileAccess
from andon.ingest.sources.files import file_positions
from andon.ingest.sources.files.file_positions import Position

#: Contents are looked for by so many of their first bytes, then by the digest of all.
HEAD_MAX = 1_024
#: Where the ledger lies below the data directory.
PLACE = Path("sources") / "imports.db"
#: So many contents that were followed are remembered, the newest.
FOLLOWED_MAX = 100_000
_STEP = 1 << 20
_COLUMNS = "id, name, head_size, head, offset, digest, logs, sequence, saved, whole"
_TABLE = (
    "CREATE TABLE IF NOT EXISTS contents (id INTEGER PRIMARY KEY, name TEXT NOT NULL, head_size INTEGER NOT NULL,"
    " head TEXT NOT NULL, offset INTEGER NOT NULL, digest TEXT NOT NULL, logs INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, saved REAL NOT NULL, whole INTEGER NOT NULL)"
)
_FOLLOWED = (
    "CREATE TABLE IF NOT EXISTS followed (id INTEGER PRIMARY KEY, head_size INTEGER NOT NULL, head TEXT NOT NULL,"
    " position TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS followed_head ON followed (head_size, head)",
)


class Content(msgspec.Struct):
    """One content. Up to ``offset`` it is in the stream: ``logs`` logs, whose digest over all bytes is ``digest``.

    ``name`` begins the ids of its messages. ``sequence`` is the last message of it that the stream has for certain,
    ``saved`` when that was noted (unix seconds), ``whole`` whether it was read to its end.
    """

    id: int
    name: str
    head_size: int
    head: str
    offset: int
    digest: str
    logs: int
    sequence: int
    saved: float
    whole: bool


class Ledger:
    """The file at ``path``; a context manager. Raises ConfigError where it cannot be used.

    Whoever imports holds ``lock``, an empty file beside it.
    """

    def __init__(self, path: Path, access: FileAccess) -> None:
        self.path, self.lock = path, path.with_suffix(".lock")
        try:
            access.make_directory(path.parent)
            for one in (path, self.lock):
                access.make_file(one)
                _give_to_owner(one)
            self._db = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA synchronous = NORMAL")
            for statement in (_TABLE, *_FOLLOWED):
                self._db.execute(statement)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"the import cannot be recorded in {path} ({error}): run this as the user who runs Andon, or as root"
            ) from None

    def close(self) -> None:
        """Close it; idempotent."""
        self._db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, head: bytes, sequence: int, before: Content | None = None) -> Content:
        """A content that is met for the first time, or has grown since ``before``: before anything of it is sent.

        ``sequence`` is the newest message of the stream.
        """
        offset, digest = (0, digest_of(b"")) if before is None else (before.offset, before.digest)
        name = secrets.token_hex(8)
        now, of_head = time.time(), digest_of(head)
        made = Content(0, name, len(head), of_head, offset, digest, 0, sequence, now, whole=False)
        values = msgspec.structs.astuple(made)[1:]
        cursor = self._db.execute(
            f"INSERT INTO contents ({_COLUMNS[4:]}) VALUES ({','.join('?' * len(values))})",  # noqa: S608
            values,
        )
        made.id = int(cursor.lastrowid or 0)
        return made

    def forget(self, content: Content) -> None:
        """Nothing was in it that is to be noted."""
        self._db.execute("DELETE FROM contents WHERE id = ?", (content.id,))

    def save(self, content: Content) -> None:
        """Note how far a content is. Raises ConfigError."""
        content.saved = time.time()
        try:
            self._db.execute(
                "UPDATE contents SET head_size = ?, head = ?, offset = ?, digest = ?, logs = ?, sequence = ?,"
                " saved = ?, whole = ? WHERE id = ?",
                (*msgspec.structs.astuple(content)[2:], content.id),
            )
        except sqlite3.Error as error:
            raise ConfigError(
                f"{self.path} cannot be written ({error}): free some disk space, then import again"
            ) from None

    def known(self, head: bytes) -> list[Content]:
        """Contents that may begin as this one does, the longest first."""
        return known(self._db, head)

    def note_followed(self, positions: Iterable[Position]) -> None:
        """Remember what was followed and is no more, the newest :data:`FOLLOWED_MAX`. Raises ConfigError."""
        rows = [(one.head_size, one.head, msgspec.json.encode(one).decode()) for one in positions if one.tail]
        try:
            self._db.executemany("INSERT INTO followed (head_size, head, position) VALUES (?, ?, ?)", rows)
            self._db.execute("DELETE FROM followed WHERE id <= (SELECT max(id) FROM followed) - ?", (FOLLOWED_MAX,))
        except sqlite3.Error as error:
            raise ConfigError(f"{self.path} cannot be written ({error}): free some disk space") from None

    def followed(self, head: bytes) -> list[Position]:
        """What was followed, is no more, and began as this content does."""
        return followed(self._db, head)


def known(db: sqlite3.Connection, head: bytes) -> list[Content]:
    """See :meth:`Ledger.known`."""
    sizes = [int(size) for (size,) in db.execute("SELECT DISTINCT head_size FROM contents")]
    heads = [(size, digest_of(head[:size])) for size in sizes if size <= len(head)]
    found: list[Content] = []
    for size, digest in heads:
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM contents WHERE head_size = ? AND head = ?",  # noqa: S608
            (size, digest),
        )
        found += [Content(*(*row[:-1], bool(row[-1]))) for row in rows]
    return sorted(found, key=lambda one: -one.offset)


def followed(db: sqlite3.Connection, head: bytes) -> list[Position]:
    """See :meth:`Ledger.followed`."""
    sizes = [int(size) for (size,) in db.execute("SELECT DISTINCT head_size FROM followed")]
    found: list[Position] = []
    for size in sizes:
        of_head = (size, file_positions.digest_of(head[:size]))
        rows = db.execute("SELECT position FROM followed WHERE head_size = ? AND head = ?", of_head)
        found += [msgspec.json.decode(row, type=Position) for (row,) in rows]
    return found


def digest_of(data: bytes) -> str:
    """The digest of bytes as the ledger writes it."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def new_digest() -> hashlib.blake2b:
    """A digest to feed with bytes."""
    return hashlib.blake2b(digest_size=16)


def matched(file: IO[bytes], candidates: Iterable[Content]) -> tuple[Content | None, hashlib.blake2b]:
    """The content that lies at the beginning of ``file``, the longest of them, and the digest up to its end.

    Reads from where the file is (its start) as far as it must. Raises OSError.
    """
    best: Content | None = None
    running, digest, at = new_digest(), new_digest(), 0
    for one in sorted(candidates, key=lambda one: one.offset):
        while at < one.offset and (data := file.read(min(_STEP, one.offset - at))):
            running.update(data)
            at += len(data)
        if at < one.offset:
            break
        if running.hexdigest() == one.digest:
            best, digest = one, running.copy()
    return best, digest


def imported_up_to(ledger: Path, path: str) -> int:
    """How much of a file was imported, from its start; 0 for nothing. Raises OSError where the file cannot be read."""
    if not ledger.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=2.0)) as db, open(path, "rb") as file:
            candidates = known(db, file.read(HEAD_MAX))
            file.seek(0)
            found, _ = matched(file, candidates) if candidates else (None, None)
    except sqlite3.Error:
        return 0
    return 0 if found is None else found.offset


def _give_to_owner(path: Path) -> None:
    """What root makes belongs to whom the data directory belongs."""
    if os.geteuid() == 0:
        owner = path.parent.parent.stat()
        for one in (path.parent, path):
            os.chown(one, owner.st_uid, owner.st_gid)
