"""When the last backup was made, as the database knows."""

from __future__ import annotations

import msgspec

from andon.store import Connection, audit

#: The action in the audit.
ACTION = "backup"


class BackupState(msgspec.Struct, frozen=True):
    """The last backup: when it was made, and the path it was written to."""

    at: str
    path: str


def last_backup(connection: Connection) -> BackupState | None:
    """The last one, None where there never was any."""
    found = audit.entries(connection, 1, ACTION)
    return BackupState(found[0].at, found[0].subject) if found else None
