"""Copies of an SQLite database: one state of it, made while others write, complete and on the disk."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from andon.core.errors import StoreError, StoreFull, StoreUnavailable
from andon.core.private_files import FileAccess
from andon.core.text import shown_size
from andon.store.engine.database import disposed, revision, translated, untouched_engine, visitor_engine
from andon.store.recording.sequences import newest_message
from andon.store.schema.dialect import run

#: Pages copied at a time, and the rest in between (seconds), in which the disk is the writer's.
_PAGES, _REST = 2_000, 0.001
#: Room that an upgrade leaves on the disk, in bytes, beside the copy: the migration itself writes too.
_SPARE = 64 * 1024 * 1024
_HEADER, _BLOCK = 100, 1 << 20
_UPGRADE = "{name}.before-{version}-revision-{revision}"

Told = Callable[[int, int], None]


class Held(msgspec.Struct, frozen=True):
    """What a database holds: its schema ``revision``, how many logs, and the newest message of the log stream.

    ``sequence`` and ``stored_ns`` (ns since 1970) are 0 where no message of the stream is stored.
    """

    revision: str
    logs: int
    sequence: int
    stored_ns: int


def copy_database(source: Path, target: Path, access: FileAccess, told: Told = lambda _done, _total: None) -> None:
    """Copy the database at ``source`` into the new file ``target``; nothing stays of one that was not completed.

    Writers go on meanwhile: what they commit after the beginning is not in the copy. ``told`` hears of pages done and
    of all. Raises StoreFull, StoreUnavailable, OSError.
    """
    access.make_file(target)
    try:
        with translated(source), disposed(visitor_engine(source)) as engine:
            raw = engine.raw_connection()
            try:
                connection: Any = raw.driver_connection
                _copy(connection, target, told)
            finally:
                raw.close()
        flush(target)
        flush(target.parent)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _copy(connection: sqlite3.Connection, target: Path, told: Told) -> None:
    def step(_status: int, remaining: int, total: int) -> None:
        told(total - remaining, total)
        time.sleep(_REST)

    # Within one transaction: SQLite begins the whole copy again with each commit of another process otherwise.
    connection.execute("BEGIN")
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        with contextlib.closing(sqlite3.connect(target)) as copy:
            try:
                connection.backup(copy, pages=_PAGES, progress=step, sleep=0)
            except sqlite3.Error as error:
                raise _not_written(target, error) from error
    finally:
        connection.execute("ROLLBACK")


def _not_written(target: Path, error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(f"no disk space is left for the copy {target}: free some, or choose another place")
    return StoreUnavailable(f"the copy {target} cannot be made ({error}): check the disk of both files")


def flush(path: Path) -> None:
    """What was written to this file or directory is on the disk when this returns. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_beside(path: Path, name: str, access: FileAccess) -> Path:
    """Copy a database into its own directory as ``<name>-<time>.bak``; never overwrites one. Raises as above."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = path.with_name(f"{name}-{stamp}.bak")
    number = 2
    while target.exists():
        target = path.with_name(f"{name}-{stamp}-{number}.bak")
        number += 1
    unfinished = path.with_name(f"{name}.part")
    unfinished.unlink(missing_ok=True)
    copy_database(path, unfinished, access)
    unfinished.rename(target)
    flush(target.parent)
    return target


def copy_before_upgrade(path: Path, found: str, version: str, keep: int, access: FileAccess) -> Path | None:
    """Copy the database of schema revision ``found`` beside itself, and remove all but the ``keep`` newest such copies.

    ``version`` is the program that is about to upgrade it. None where ``keep`` is 0. Raises StoreFull where the disk
    has no room for it, StoreUnavailable, OSError.
    """
    if keep < 1:
        return None
    name = _UPGRADE.format(name=path.name, version=re.sub(r"[^A-Za-z0-9.]+", "_", version), revision=found)
    before = [one for one in upgrade_copies(path) if one.name.startswith(f"{name}-")]
    if before and _same(path, before[-1]):
        return before[-1]  # of an upgrade that was broken off
    size = sum(file.stat().st_size for file in (path, path.with_name(path.name + "-wal")) if file.exists())
    free = shutil.disk_usage(path.parent).free
    if free < size + _SPARE:
        raise StoreFull(
            f"the database {path} is copied before the upgrade, which needs {shown_size(size + _SPARE)}, but only "
            f"{shown_size(free)} are free: free some disk space, or set ANDON_UPGRADE_COPIES=0 and keep a copy "
            "elsewhere"
        )
    made = copy_beside(path, name, access)
    for old in upgrade_copies(path)[:-keep]:
        old.unlink(missing_ok=True)
    return made


def _same(path: Path, copy: Path) -> bool:
    """Whether a copy holds what the database holds now, page by page."""
    log = path.with_name(path.name + "-wal")
    if (log.exists() and log.stat().st_size) or path.stat().st_size != copy.stat().st_size:
        return False
    with path.open("rb") as one, copy.open("rb") as other:
        if _header(one.read(_HEADER)) != _header(other.read(_HEADER)):
            return False
        return all(block == other.read(_BLOCK) for block in iter(functools.partial(one.read, _BLOCK), b""))


def _header(header: bytes) -> bytes:
    """The file's header without what SQLite counts there: changes of the file (twice) and of the schema."""
    return header[:24] + header[28:40] + header[44:92]


def upgrade_copies(path: Path) -> list[Path]:
    """The copies that upgrades made of this database, the oldest first."""
    form = re.compile(rf"{re.escape(path.name)}\.before-.*-revision-\w+-(\d{{8}}T\d{{6}}Z(?:-\d+)?)\.bak")
    found = [(match[1], one) for one in path.parent.iterdir() if (match := form.fullmatch(one.name))]
    return [one for _, one in sorted(found)]


def held_in(path: Path, stream: str) -> Held:
    """What the database file holds of us, which is looked at without being changed.

    Raises StoreUnavailable where it is none of ours, StoreTooNew where a newer Andon made it.
    """
    with translated(path), disposed(untouched_engine(path)) as engine, engine.begin() as connection:
        found = revision(connection, path)
        if found is None:
            raise StoreUnavailable(f"{path} is not an Andon database: name another file")
        sequence, stored_ns = newest_message(connection, stream)
        logs = run(connection, "SELECT COUNT(*) FROM logs").scalar_one()
    return Held(found, int(logs), sequence, stored_ns)


def check_integrity(path: Path) -> None:
    """Raises StoreUnavailable where SQLite finds anything wrong in the file, which is left as it is."""
    with translated(path), disposed(untouched_engine(path)) as engine, engine.begin() as connection:
        found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise StoreUnavailable(f"the database {path} is damaged ({'; '.join(found)[:300]}): use another copy")
