"""Making a backup, beside a running service or a stopped one."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import andon
from andon.app.backup import archive, broker_store, site_copies
from andon.app.backup.latest import ACTION
from andon.app.backup.manifest import ALARMS, BROKER, DATA, DATABASE, DUMP, FORMAT, SOURCES, Manifest, StreamPart
from andon.core.disk import free_bytes, no_room
from andon.core.errors import BackupError, StoreUnavailable
from andon.core.models import STREAM
from andon.core.private_files import PRIVATE, give_like
from andon.core.settings.database_url import PostgresAddress
from andon.core.settings.settings import Settings
from andon.core.text import shown_size
from andon.store import Connection, Held, audit, change, check_integrity, copy_database, dump, flush, held_in

#: Where backups lie unless told otherwise, in the data directory.
FOLDER = "backups"
_NAME = "andon-{:%Y%m%dT%H%M%SZ}.tar.gz"
_NAMED = re.compile(r"andon-\d{8}T\d{6}Z\.tar\.gz")
#: What is being made lies in such a directory beside the backup; its lock says that it is.
_STAGING, _LOCK = ".andon-backup-", "lock"

#: What is being done, how far it is, and of how much; 0 of 0 where nobody knows.
Told = Callable[[str, int, int], None]


class Made(NamedTuple):
    """A backup that was made: its file with its size in bytes, what is in it, and older ones that were removed.

    ``noted`` is None, or why the database does not know of it.
    """

    path: Path
    size: int
    manifest: Manifest
    removed: list[Path]
    noted: str | None


def make(
    settings: Settings, wanted: Path | None, *, keep: int | None, with_secrets: bool, by: str | None, told: Told
) -> Made:
    """Write a backup to ``wanted``, a directory or a new file; None for a place in the data directory.

    ``keep`` is how many backups of this command its directory holds then; the older ones go. Nothing stays of one that
    could not be completed. Raises BackupError, StoreError, BrokerError.
    """
    target = _target(settings, wanted)
    try:
        with _staging(target.parent) as staging:
            manifest, places = _gathered(settings, staging, with_secrets=with_secrets, told=told)
            finished = staging / target.name
            done = 0

            def packed(count: int) -> None:
                nonlocal done
                done += count
                told("packing", min(done, manifest.size), manifest.size)

            archive.write(finished, manifest, places, packed)
            done = 0

            def checked(count: int) -> None:
                nonlocal done
                done += count
                told("checking", done, manifest.size)

            archive.verify(finished, checked)
            give_like(finished, target.parent)
            _publish(finished, target)
    except OSError as error:
        if no_room(error):
            raise BackupError(
                f"no disk space is left in {target.parent} for the backup: free some, or choose another place"
            ) from error
        named = error.filename or target.parent
        raise BackupError(
            f"{named} cannot be used ({error.strerror or error}): check the path and its permissions"
        ) from error
    removed = _rotated(target, keep) if keep else []
    return Made(target, target.stat().st_size, manifest, removed, _noted(settings, target, manifest, by))


def _target(settings: Settings, wanted: Path | None) -> Path:
    name = _NAME.format(datetime.now(UTC))
    if wanted is None:
        folder = settings.data_dir / FOLDER
        try:
            settings.data_dir.stat()
            PRIVATE.make_directory(folder)
            give_like(folder, settings.data_dir, whole=False)
        except OSError as error:
            raise BackupError(
                f"{folder} cannot be created ({error.strerror}): correct ANDON_DATA_DIR, or choose another place"
            ) from error
        wanted = folder
    target = wanted / name if wanted.is_dir() else wanted
    if target.exists() or target.is_symlink():
        raise BackupError(f"{target} already exists, and a backup never overwrites a file: choose another name")
    if not target.parent.is_dir():
        raise BackupError(f"{target.parent} is not a directory: create it, or choose another place for the backup")
    if not target.name.endswith((".tar.gz", ".tgz")):
        # a directory that is not there, or not mounted: a file of its name would be in the way later
        raise BackupError(f"{target} is not a directory: create it, or name a file that ends in .tar.gz")
    return target.absolute()


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A directory for what is being made, removed at the end; so are those of killed backups. Raises OSError."""
    for left in folder.glob(f"{_STAGING}*"):
        with contextlib.suppress(OSError), (left / _LOCK).open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    place = Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))
    try:
        with (place / _LOCK).open("wb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _gathered(settings: Settings, staging: Path, *, with_secrets: bool, told: Told) -> tuple[Manifest, dict[str, Path]]:
    """Copy everything, in the order that makes it fit together; the manifest, and where each file of it lies."""
    began = datetime.now(UTC)
    _require_room(settings, staging)
    data = staging / DATA
    data.mkdir()
    left_out: list[str] = []
    site_copies.of_sources(settings, staging, SOURCES)
    if settings.embedded_broker and asyncio.run(_waited(settings, told)):
        left_out.append(
            "some logs are only in the broker's part because they are not yet recorded: they come back only if the "
            "backup is restored before the broker drops them, 24 hours after they arrived"
        )
    held = _database(settings, staging, told)
    # behind the database and before the streams: what they told of is then in one of the two
    site_copies.of_sources(settings, staging, ALARMS)
    copied = broker_store.Copied("none", [], ["the streams of the broker NATS_URL names, which is not Andon's own"])
    if settings.embedded_broker:
        copied = asyncio.run(broker_store.copy_store(settings, data, told))
        broker_store.remove_passing(data / "jetstream")
        shutil.rmtree(data / "run", ignore_errors=True)
    files, without = site_copies.site_files(settings, staging, with_secrets=with_secrets)
    places = dict(site_copies.below(data, DATA)) | files
    manifest = Manifest(
        format=FORMAT,
        andon=andon.__version__,
        made_at=began.strftime("%Y-%m-%dT%H:%M:%SZ"),
        host=socket.gethostname(),
        site=settings.site_name,
        database=held,
        dump=isinstance(settings.database, PostgresAddress),
        broker=copied.how,
        streams=copied.streams,
        waiting=waiting_of(held, copied.streams),
        files=[archive.digested(path, name) for name, path in sorted(places.items(), key=_order)],
        left_out=[*left_out, *copied.left_out, *without],
    )
    return manifest, places


def _order(entry: tuple[str, Path]) -> tuple[bool, bool, str]:
    """The database first, then what else belongs into the data directory."""
    name = entry[0]
    return name not in (DATABASE, DUMP), not name.startswith(BROKER), name


async def _waited(settings: Settings, told: Told) -> bool:
    """Whether a running service has not recorded what came before the backup began, though it got the time."""
    if not await broker_store.running(settings):
        return False
    told("waiting until all received logs are recorded", 0, 0)
    return not await broker_store.recorded(settings)


def waiting_of(held: Held, streams: list[StreamPart]) -> int:
    """How many logs are in the copied stream and came after the newest one in the copied database."""
    stream = next((one for one in streams if one.name == STREAM), None)
    if stream is None or held.sequence > stream.last:
        return 0
    return min(stream.last - held.sequence, stream.messages)


def _database(settings: Settings, staging: Path, told: Told) -> Held:
    """Copy the database, and see that the copy is sound; what it holds."""
    database = settings.database
    if isinstance(database, PostgresAddress):
        told("database (pg_dump)", 0, 0)
        held = dump.held_on_server(database, STREAM)
        if held is None:
            raise StoreUnavailable(f"the database {database} is empty: start `andon run` once, or correct DB_PATH")
        dump.dump_database(database, staging / DUMP)
        dump.check_dump(staging / DUMP)
        return held
    if not database.exists():
        raise StoreUnavailable(f"there is no database at {database} to back up: correct ANDON_DATA_DIR or DB_PATH")
    target = staging / DATABASE
    copy_database(database, target, PRIVATE, lambda done, total: told("database", done, total))
    told("checking the database's copy", 0, 0)
    check_integrity(target)
    return held_in(target, STREAM)


def _require_room(settings: Settings, staging: Path) -> None:
    """Refuse at once what cannot fit. Raises BackupError."""
    database = settings.database
    size = database.stat().st_size if isinstance(database, Path) and database.exists() else 0
    store = settings.data_dir / "jetstream" if settings.embedded_broker else None
    streams = sum(path.stat().st_size for _, path in site_copies.below(store, "")) if store else 0
    # The copies, a stream's snapshot beside its copy, and the packed file at the end.
    needed, free = size + size // 2 + 3 * streams, free_bytes(staging, 1 << 62)
    if free < needed:
        raise BackupError(
            f"a backup in {staging.parent} needs about {shown_size(needed)} while it is being made, but only "
            f"{shown_size(free)} are free: free some disk space, or choose another place"
        )


def _publish(finished: Path, target: Path) -> None:
    """Let the file appear under its name, which nobody else may have taken meanwhile. Raises BackupError, OSError."""
    try:
        os.link(finished, target)
    except FileExistsError:
        raise BackupError(
            f"{target} appeared in the meantime, and a backup never overwrites a file: choose another name"
        ) from None
    except OSError:  # a file system without links
        finished.rename(target)
    flush(target.parent)


def backups_in(folder: Path) -> list[Path]:
    """The backups in a directory that this command named itself, the oldest first."""
    return sorted(path for path in folder.iterdir() if _NAMED.fullmatch(path.name) and path.is_file())


def _rotated(target: Path, keep: int) -> list[Path]:
    """Remove all but the newest ``keep`` backups beside this one, which stays; those that are gone now."""
    older = [path for path in backups_in(target.parent) if path != target]
    gone = older[: len(older) - (keep - 1)] if len(older) >= keep else []
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


def _noted(settings: Settings, target: Path, manifest: Manifest, by: str | None) -> str | None:
    """Write into the database that there is a backup, for `andon doctor`; why not where that cannot be done."""
    detail = {"bytes": target.stat().st_size, "logs": manifest.database.logs, "host": manifest.host}

    def note(connection: Connection) -> None:
        audit.note(connection, by, ACTION, str(target), detail)

    try:
        change(settings.database, note)
    except (StoreUnavailable, OSError) as error:
        return str(error)
    return None
