"""Putting a backup back: checked before anything is touched, and what was there is moved aside, never deleted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, NamedTuple

from andon.app.backup import archive, site_copies
from andon.app.backup.making import Told, waiting_of
from andon.app.backup.manifest import ALARMS, BROKER, DATA, DATABASE, DUMP, SITE, SOURCES, Manifest, Part, StreamPart
from andon.bus.embedded.lock import FILE_NAME, StoreLock
from andon.core.disk import free_bytes, no_room
from andon.core.errors import BackupError
from andon.core.models import STREAM
from andon.core.private_files import give_like
from andon.core.settings.database_url import PostgresAddress
from andon.core.settings.settings import Settings
from andon.core.text import shown_size
from andon.store import Held, check_integrity, dump, flush, held_in, lock_database

#: Directories in the data directory: what is being put back, what was there before, settings that are only to be read.
_STAGING, ASIDE, SETTINGS = ".andon-restore-", "before-restore-", "restored-settings"
_BLOCK = 1 << 20
#: How long the broker keeps logs.
_KEPT = timedelta(hours=24)
_SIDECARS = ("", "-wal", "-shm", "-journal")


class Restored(NamedTuple):
    """What was put back, and where. ``manifest`` is None where the file was a database alone.

    ``streams`` are those that the broker has now; ``aside`` is where lies what was there before, ``left`` a sentence
    for each thing of the backup that was not put where it belongs. ``waiting`` logs are in the broker's
    part alone, and ``late`` says that they are too old for it.
    """

    held: Held
    manifest: Manifest | None
    streams: list[StreamPart]
    aside: list[Path]
    left: list[str]
    waiting: int
    late: bool


def check(file: Path, told: Told) -> tuple[Held, Manifest | None]:
    """Read a backup, or a copy of a database, to its end and check all of it; nothing is changed.

    Raises BackupError, StoreTooNew, StoreUnavailable.
    """
    if _is_database(file):
        return _checked(file, told), None
    with _room_for_check(file) as place:
        manifest = _unpack(file, told, lambda part: place / "database" if part.path in (DATABASE, DUMP) else None)
        _check_database(place / "database", manifest, told)
    return manifest.database, manifest


def restore(
    settings: Settings, file: Path, *, database_only: bool, agree: Callable[[list[Path]], None], told: Told
) -> Restored:
    """Put a backup, or a copy of a database, where the settings say that Andon keeps its data.

    ``database_only`` leaves the broker's store, and how far sources have read, as they are.
    ``agree`` hears what is there now and would be moved aside, and raises where that is not wanted. Raises InUseError
    while Andon runs, BackupError, StoreTooNew, StoreUnavailable, BrokerError; nothing is changed then.
    """
    database, access = settings.database, settings.file_access
    with contextlib.ExitStack() as stack:
        manifest = None if _is_database(file) else _read_manifest(file)
        _require_kind(file, manifest, database)
        try:
            access.make_directory(settings.data_dir)
            stack.enter_context(lock_database(database, access))
            _lock_store(settings, stack)
            target = _Target(settings, manifest, stack, database_only=database_only)
            if there := target.there():
                agree(there)
            held = target.unpack(file, told)
            aside = target.put()
        except OSError as error:
            if no_room(error):
                raise BackupError(f"no disk space is left for the content of {file}: free some") from error
            named = error.filename or settings.data_dir
            raise BackupError(f"{named} cannot be used ({error.strerror or error}): check its permissions") from error
    streams = manifest.streams if manifest and target.with_broker else []
    late = manifest is not None and datetime.now(UTC) - datetime.fromisoformat(manifest.made_at) > _KEPT
    return Restored(held, manifest, streams, aside, target.left, waiting_of(held, streams), late)


def _is_database(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(site_copies.SQLITE)) == site_copies.SQLITE
    except OSError as error:
        raise BackupError(f"{file} cannot be read ({error.strerror}): name a backup") from None


def _read_manifest(file: Path) -> Manifest:
    with archive.reading(file) as (manifest, _):
        return manifest


def _require_kind(file: Path, manifest: Manifest | None, database: Path | PostgresAddress) -> None:
    """Refuse what cannot go into the database that the settings name, before anything is looked at."""
    dumped = manifest is not None and manifest.dump
    if dumped and isinstance(database, Path):
        raise BackupError(
            f"{file} contains a PostgreSQL database: set DB_PATH to an empty one (createdb -E UTF8 NAME), then restore"
        )
    if not isinstance(database, PostgresAddress):
        return
    if not dumped:
        raise BackupError(
            f"{file} contains an SQLite database, which cannot be restored into PostgreSQL: unset DB_PATH, and restore "
            "again"
        )
    if dump.held_on_server(database, STREAM) is not None:
        raise BackupError(
            f"the database {database} contains Andon data, and a restore deletes nothing: create an empty one "
            "(createdb -E UTF8 NAME), set DB_PATH to it, and restore again"
        )


def _lock_store(settings: Settings, stack: contextlib.ExitStack) -> None:
    """Take the broker's store where there is one: its server may outlive a service that was killed."""
    store = settings.data_dir / "jetstream"
    if store.is_dir():
        lock = StoreLock(store)
        asyncio.run(lock.take())
        stack.callback(lock.release)


class _Target:
    """Where things go: unpacked beside their places, and then renamed, which cannot stop half-way for want of room."""

    def __init__(
        self, settings: Settings, manifest: Manifest | None, stack: contextlib.ExitStack, *, database_only: bool
    ) -> None:
        self._settings = settings
        self._manifest = manifest
        self._database = settings.database
        self._data = settings.data_dir
        self._staging = _staging(self._data, stack)
        self._beside = self._staging
        if isinstance(self._database, Path) and self._database.parent.resolve() != self._data.resolve():
            settings.file_access.make_directory(self._database.parent)
            self._beside = _staging(self._database.parent, stack)
        self._renamed: list[tuple[Path, Path]] = []
        parts = [part.path for part in manifest.files] if manifest and not database_only else []
        self.left: list[str] = []
        #: Whether streams are put back.
        self.with_broker = settings.embedded_broker and any(path.startswith(f"{BROKER}/") for path in parts)
        #: What of the sources is put back, by its name in the data directory.
        self._of_sources = [name for name in (*SOURCES, *ALARMS) if any(_within(path, name) for path in parts)]
        self._with_site = not database_only
        if parts and manifest and manifest.broker != "none" and not settings.embedded_broker:
            self.left.append("the streams: NATS_URL names a broker that is not Andon's own")

    def there(self) -> list[Path]:
        """What is there and would be moved aside."""
        found: list[Path] = []
        if isinstance(self._database, Path):
            paths = (self._database.with_name(self._database.name + end) for end in _SIDECARS)
            found += [path for path in paths if path.exists() and (path.stat().st_size or path != self._database)]
        store = self._data / "jetstream"
        if self.with_broker and store.is_dir():
            found += [path for path in sorted(store.iterdir()) if path.name != FILE_NAME]
        there = (self._data / f"{name}{end}" for name in self._of_sources for end in _SIDECARS)
        return found + [path for path in there if path.exists()]

    def unpack(self, file: Path, told: Told) -> Held:
        """Unpack and check everything beside its place; what the database holds."""
        if self._manifest is None:
            log = file.with_name(f"{file.name}-wal")
            if log.exists() and log.stat().st_size:
                raise BackupError(f"{file} is in use, or was not closed ({log.name}): use a copy, or a backup, of it")
            held = _checked(file, told)
            self._require_room(file.stat().st_size)
            shutil.copyfile(file, self._beside / "agent.db")
            return held
        self._require_room(self._manifest.size)
        _unpack(file, told, self._place)
        _check_database(self._beside / "agent.db", self._manifest, told)
        return self._manifest.database

    def _require_room(self, needed: int) -> None:
        free = min(free_bytes(self._beside, 1 << 62), free_bytes(self._staging, 1 << 62))
        if free < needed:
            raise BackupError(
                f"the content of the backup needs {shown_size(needed)}, but only {shown_size(free)} are free at "
                f"{self._data}: free some disk space, or set ANDON_DATA_DIR to another place"
            )

    def _place(self, part: Part) -> Path | None:
        """Where a file is unpacked."""
        if part.path in (DATABASE, DUMP):
            return self._beside / "agent.db"
        wanted = (
            (self.with_broker and part.path.startswith(f"{BROKER}/"))
            or (self._with_site and part.path.startswith(f"{SITE}/"))
            or any(_within(part.path, name) for name in self._of_sources)
        )
        return self._staging / part.path if wanted else None

    def put(self) -> list[Path]:
        """Move what is there aside and what was unpacked into its place; the directories in which the former lies.

        What cannot be done to its end is undone. Raises OSError, StoreError.
        """
        try:
            return self._put()
        except BaseException:
            for before, now in reversed(self._renamed):
                with contextlib.suppress(OSError):
                    now.rename(before)
            raise

    def _put(self) -> list[Path]:
        stamp = f"{ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        aside = [self._move_aside(path, stamp) for path in self.there()]
        if self.with_broker:
            for path in sorted((self._staging / BROKER).iterdir()):
                self._settle(path, self._data / "jetstream" / path.name)
        for name in self._of_sources:
            self._settle(self._staging / DATA / name, self._data / name)
        unpacked = self._beside / "agent.db"
        if isinstance(self._database, PostgresAddress):
            dump.restore_dump(self._database, unpacked)
        else:
            self._database.unlink(missing_ok=True)  # an empty one, of a start that found no room
            unpacked.chmod(self._settings.file_access.file_mode)
            if (group := self._settings.file_access.group) is not None:
                os.chown(unpacked, -1, group)
            self._settle(unpacked, self._database)
        self._put_site_files()
        return sorted(set(aside))

    def _move_aside(self, path: Path, stamp: str) -> Path:
        """Move it into a directory beside it, the store's parts into the data directory's; the directory."""
        inside = path.parent == self._data / "jetstream"
        aside = (self._data if inside else path.parent) / stamp
        folder = aside / "jetstream" if inside else aside
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        give_like(aside, self._data)
        self._rename(path, folder / path.name)
        return aside

    def _rename(self, before: Path, now: Path) -> None:
        before.rename(now)
        self._renamed.append((before, now))

    def _put_site_files(self) -> None:
        for folder, field in site_copies.FOLDERS.items():
            unpacked, place = self._staging / folder, getattr(self._settings, field)
            if not unpacked.is_dir():
                continue
            if place.is_dir() and any(place.iterdir()):
                if not _same(unpacked, place):
                    self.left.append(f"{field}: {place} already contains files, which are left unchanged")
                continue
            shutil.copytree(unpacked, place, dirs_exist_ok=True)
            give_like(place, self._data)
        unpacked = self._staging / SITE
        names = [Path(path).name for path in (site_copies.SETTINGS, site_copies.TOML, site_copies.DOTENV)]
        found = [name for name in names if (unpacked / name).exists()]
        if not found or (found == names[:1] and (unpacked / names[0]).read_bytes() == site_copies.told(self._settings)):
            return
        place = self._data / SETTINGS
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(0o700)
        for name in found:
            shutil.move(unpacked / name, place / name)
        give_like(place, self._data)
        self.left.append(f"settings: those of the backup are in {place}; compare them with the settings in force here")

    def _settle(self, unpacked: Path, place: Path) -> None:
        place.parent.mkdir(exist_ok=True, mode=0o700)
        give_like(unpacked, self._data)
        give_like(place.parent, self._data, whole=False)
        self._rename(unpacked, place)
        flush(place.parent)


def _within(path: str, name: str) -> bool:
    """Whether a file of the archive is that of this name in the data directory, or lies in it."""
    return path == f"{DATA}/{name}" or path.startswith(f"{DATA}/{name}/")


def _same(unpacked: Path, place: Path) -> bool:
    """Whether all files of one directory are in the other, byte for byte."""
    return all(
        (place / name).is_file() and (place / name).read_bytes() == path.read_bytes()
        for name, path in ((path.relative_to(unpacked), path) for path in unpacked.rglob("*") if path.is_file())
    )


def _staging(folder: Path, stack: contextlib.ExitStack) -> Path:
    """A directory for what is unpacked, removed at the end; what a killed restore left there goes too."""
    for left in folder.glob(f"{_STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)
    place = Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))
    stack.callback(shutil.rmtree, place, ignore_errors=True)
    return place


@contextlib.contextmanager
def _room_for_check(file: Path) -> Iterator[Path]:
    """A directory for the database of a backup that is only checked: beside the file, or where temporary files go."""
    beside = file.absolute().parent
    parent = beside if os.access(beside, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=".andon-check-", dir=parent) as place:
        yield Path(place)


def _unpack(file: Path, told: Told, place: Callable[[Part], Path | None]) -> Manifest:
    """Read a backup to its end, and write its files where ``place`` says; what it says None to is only checked."""
    done = 0
    with archive.reading(file) as (manifest, files):
        for part, content in files:
            target = place(part)
            with contextlib.ExitStack() as stack:
                out: IO[bytes] | None = None
                if target is not None:
                    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                    opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                    out = stack.enter_context(os.fdopen(opened, "wb"))
                while block := content.read(_BLOCK):
                    if out is not None:
                        out.write(block)
                    done += len(block)
                    told("reading", done, manifest.size)
                if out is not None:
                    out.flush()
                    os.fsync(out.fileno())
    return manifest


def _check_database(unpacked: Path, manifest: Manifest, told: Told) -> None:
    if manifest.dump:
        dump.check_dump(unpacked)
        return
    _checked(unpacked, told)


def _checked(file: Path, told: Told) -> Held:
    """What a database file holds, which SQLite finds sound. Raises StoreUnavailable, StoreTooNew."""
    held = held_in(file, STREAM)
    told("checking the database", 0, 0)
    check_integrity(file)
    return held
