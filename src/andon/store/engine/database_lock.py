"""One service per database file: an advisory lock beside it. A server's database takes many services at once."""

from __future__ import annotations

import contextlib
import fcntl
import os

from andon.core.disk import no_room
from andon.core.errors import InUseError, StoreFull, StoreUnavailable
from andon.core.private_files import PRIVATE, FileAccess
from andon.core.settings.database_url import Database, PostgresAddress


def lock_database(db_path: Database, access: FileAccess = PRIVATE) -> contextlib.ExitStack:
    """Take the lock ``<db_path>.lock``, our process id inside, without waiting; closing this gives it back.

    ``access`` says who may read what is made new, directories included.

    The operating system does so when the process ends, however it ends. The file stays: removing it would let two
    others lock two files.

    On PostgreSQL there is nothing to take: each writing transaction locks out the others for its own length, so any
    number of services may share the database; they need a broker that they share as well.

    Raises InUseError where another process holds it, StoreFull where the disk has no room for the file,
    StoreUnavailable where it cannot be made.
    """
    if isinstance(db_path, PostgresAddress):
        return contextlib.ExitStack()
    path = db_path.with_name(db_path.name + ".lock")
    try:
        access.make_directory(path.parent)
        access.make_file(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if no_room(error):
            raise StoreFull(f"no disk space is left for the database {db_path}: free some") from error
        raise StoreUnavailable(
            f"the lock file {path} cannot be created ({error.strerror}): check the path and its permissions"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with contextlib.suppress(OSError):  # no room: only a message to others would name us
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise InUseError(
            f"the database {db_path} is in use by another Andon (process {holder}): stop that process, or choose "
            "another DB_PATH"
        ) from error
    except OSError as error:
        os.close(descriptor)
        raise StoreUnavailable(
            f"the lock file {path} cannot be used ({error.strerror}): check the disk, and check that it is a local disk"
        ) from error
    held = contextlib.ExitStack()
    held.callback(os.close, descriptor)
    return held
