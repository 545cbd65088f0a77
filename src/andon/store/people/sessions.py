"""Log-ins that go on: made with the right password, found by the digest of what the cookie holds."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from andon.core.models import Role
from andon.store.engine import audit
from andon.store.people.users import Stored
from andon.store.schema.dialect import run

#: A session ends so many seconds after it was used last, …
IDLE = 12 * 3600.0
#: … and so many after the log-in, whatever happens.
LONGEST = 7 * 86_400.0
#: That a session or token was used is written down once in so many seconds.
TOUCHED_AFTER = 300.0

_FIND = (
    "SELECT sessions.id, users.name, users.role, sessions.csrf, sessions.last_seen FROM sessions"
    " JOIN users ON users.id = sessions.user_id"
    " WHERE sessions.digest = ? AND sessions.expires > ? AND sessions.last_seen > ? AND users.disabled IS NULL"
)
_MAKE = (
    "INSERT INTO sessions (digest, user_id, csrf, created, expires, last_seen)"
    " SELECT ?, id, ?, ?, ?, ? FROM users WHERE id = ? AND password = ? AND disabled IS NULL"
)


class Session(msgspec.Struct, frozen=True):
    """A log-in that goes on. ``csrf`` is what forms of its pages send back; ``last_seen`` is in unix seconds."""

    id: int
    name: str
    role: Role
    csrf: str
    last_seen: float


def log_in(
    connection: Connection, user: Stored, digest: str, csrf: str, before: str | None, address: str, *, now: float
) -> bool:
    """Begin a session for who gave the right password; False where user or password changed in that moment.

    ``before`` is the digest of the session that the same browser had: it ends. So do those whose time is over.
    """
    run(
        connection,
        "DELETE FROM sessions WHERE digest = ? OR expires <= ? OR last_seen <= ?",
        (before or "", now, now - IDLE),
    )
    made = run(connection, _MAKE, (digest, csrf, now, now + LONGEST, now, user.id, user.password)).rowcount
    if not made:
        return False
    run(connection, "UPDATE users SET last_login = ? WHERE id = ?", (now, user.id))
    audit.note(connection, user.name, "user.login", f"user {user.name}", {"address": address})
    return True


def note_failed(connection: Connection, user: Stored | None, address: str, reason: str) -> None:
    """Write a failed log-in into the audit. A name that nobody has is not kept: it may be a password."""
    subject = f"user {user.name}" if user is not None else "no user"
    audit.note(connection, None, "user.login_failed", subject, {"address": address, "reason": reason})


def session_of(connection: Connection, digest: str, *, now: float) -> Session | None:
    """The session whose cookie has this digest; None where there is none, or not any more."""
    row = run(connection, _FIND, (digest, now, now - IDLE)).one_or_none()
    return None if row is None else Session(row.id, row.name, Role.named(row.role), row.csrf, row.last_seen)


def touch(connection: Connection, session_id: int, *, now: float) -> None:
    """Note that a session was used now."""
    run(connection, "UPDATE sessions SET last_seen = ? WHERE id = ? AND last_seen < ?", (now, session_id, now))


def log_out(connection: Connection, digest: str, address: str, *, now: float) -> None:
    """End a session; nothing happens where there is none."""
    found = session_of(connection, digest, now=now)
    run(connection, "DELETE FROM sessions WHERE digest = ?", (digest,))
    if found is not None:
        audit.note(connection, found.name, "user.logout", f"user {found.name}", {"address": address})
