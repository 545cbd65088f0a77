"""Who may log in. A change of password or role, and the end of an access, end the sessions that go on.

``by`` is who does it, for the audit. Moments are unix seconds. Of passwords only hashes come here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row

from andon.core.credentials import checked_name, name_key
from andon.core.errors import NotFound, StoreError
from andon.core.models import Role
from andon.store.engine import audit
from andon.store.schema.dialect import run

_COLUMNS = "id, name, role, created, disabled, last_login"


class User(msgspec.Struct, frozen=True):
    """Somebody who may log in; ``disabled`` says since when not any more. Moments are unix seconds."""

    id: int
    name: str
    role: str
    created: float
    disabled: float | None = None
    last_login: float | None = None


class Stored(NamedTuple):
    """What a log-in is held against."""

    id: int
    name: str
    password: str
    enabled: bool


def add(connection: Connection, name: str, password: str, role: Role, by: str | None, *, now: float) -> User:
    """Let somebody log in with the password of which this is the hash.

    Raises ConfigError for what is no name, and StoreError where somebody is called so.
    """
    shown = checked_name(name)
    if (there := _found(connection, shown)) is not None:
        raise StoreError(
            f"the user {there.name} already exists: choose another name, or see `andon user passwd` and `andon user "
            "enable`"
        )
    made = run(
        connection,
        f"INSERT INTO users (name_key, name, password, role, created) VALUES (?, ?, ?, ?, ?) RETURNING {_COLUMNS}",  # noqa: S608
        (name_key(shown), shown, password, role.word, now),
    ).one()
    audit.note(connection, by, "user.add", f"user {shown}", {"role": role.word})
    return _user(made)


def listing(connection: Connection) -> list[User]:
    """All of them by name, those who may not log in any more too."""
    return [_user(row) for row in run(connection, f"SELECT {_COLUMNS} FROM users ORDER BY name_key")]  # noqa: S608


def any_enabled(connection: Connection) -> bool:
    """Whether there is anybody who may log in."""
    return run(connection, "SELECT 1 FROM users WHERE disabled IS NULL LIMIT 1").scalar() is not None


def stored(connection: Connection, name: str) -> Stored | None:
    """Whom a name means, with the hash of the password; None for nobody."""
    row = run(
        connection, "SELECT id, name, password, disabled FROM users WHERE name_key = ?", (name_key(name),)
    ).one_or_none()
    return None if row is None else Stored(row.id, row.name, row.password, row.disabled is None)


def set_password(connection: Connection, name: str, password: str, by: str | None) -> User:
    """Give somebody another password (its hash), and end their sessions. Raises NotFound."""
    return _change(connection, _known(connection, name), {"password": password}, by, "password", {})


def set_role(connection: Connection, name: str, role: Role, by: str | None) -> User:
    """Give somebody another role, and end their sessions. Raises NotFound."""
    user = _known(connection, name)
    if user.role == role.word:
        return user
    return _change(connection, user, {"role": role.word}, by, "role", {"role": role.word, "before": user.role})


def set_enabled(connection: Connection, name: str, by: str | None, *, enabled: bool, now: float) -> User:
    """Let somebody log in again, or not any more, which ends their sessions. Raises NotFound."""
    user = _known(connection, name)
    if (user.disabled is None) == enabled:
        return user
    verb = "enable" if enabled else "disable"
    return _change(connection, user, {"disabled": None if enabled else now}, by, verb, {})


def _change(
    connection: Connection, user: User, columns: dict[str, Any], by: str | None, verb: str, told: dict[str, str]
) -> User:
    changes = ", ".join(f"{name} = ?" for name in columns)
    made = run(
        connection,
        f"UPDATE users SET {changes} WHERE id = ? RETURNING {_COLUMNS}",  # noqa: S608
        (*columns.values(), user.id),
    ).one()
    ended = run(connection, "DELETE FROM sessions WHERE user_id = ?", (user.id,)).rowcount
    audit.note(connection, by, f"user.{verb}", f"user {user.name}", {**told, "sessions_ended": ended})
    return _user(made)


def _known(connection: Connection, name: str) -> User:
    found = _found(connection, name)
    if found is None:
        raise NotFound(f"there is no user {name[:100]!r}: `andon user list` shows all users")
    return found


def _found(connection: Connection, name: str) -> User | None:
    row = run(connection, f"SELECT {_COLUMNS} FROM users WHERE name_key = ?", (name_key(name),)).one_or_none()  # noqa: S608
    return None if row is None else _user(row)


def _user(row: Row[Any]) -> User:
    return User(row.id, row.name, row.role, row.created, row.disabled, row.last_login)
