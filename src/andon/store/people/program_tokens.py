"""Tokens of programs: shown once when they are made, found by their digest, revoked by their name."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from andon.core.credentials import checked_name, name_key
from andon.core.errors import NotFound, StoreError
from andon.core.models import Role
from andon.store.engine import audit
from andon.store.schema.dialect import run

_SELECT = "SELECT id, name, role, created, created_by, last_used, revoked FROM tokens"


class Token(msgspec.Struct, frozen=True):
    """A program that may ask. Moments are unix seconds; ``revoked`` says since when not any more."""

    id: int
    name: str
    role: str
    created: float
    created_by: str | None = None
    last_used: float | None = None
    revoked: float | None = None


def add_token(connection: Connection, name: str, digest: str, role: Role, by: str | None, *, now: float) -> Token:
    """Let a program ask with the token of this digest.

    Raises ConfigError for what is no name, and StoreError where a token that holds is called so.
    """
    shown = checked_name(name)
    if _holding(connection, shown) is not None:
        raise StoreError(f"the token {shown} already exists: revoke it first, or choose another name")
    run(
        connection,
        "INSERT INTO tokens (digest, name, role, created, created_by) VALUES (?, ?, ?, ?, ?)",
        (digest, shown, role.word, now, by),
    )
    audit.note(connection, by, "token.add", f"token {shown}", {"role": role.word})
    made = _holding(connection, shown)
    assert made is not None, "it was stored in this transaction"  # noqa: S101 - for mypy
    return made


def tokens_listed(connection: Connection) -> list[Token]:
    """All of them, the newest last, the revoked too."""
    return [Token(*row) for row in run(connection, f"{_SELECT} ORDER BY id")]


def revoke_token(connection: Connection, name: str, by: str | None, *, now: float) -> Token:
    """Refuse a token from now on. Raises NotFound where none that holds is called so."""
    found = _holding(connection, name)
    if found is None:
        raise NotFound(f"there is no valid token {name[:100]!r}: `andon token list` shows all tokens")
    run(connection, "UPDATE tokens SET revoked = ? WHERE id = ?", (now, found.id))
    audit.note(connection, by, "token.revoke", f"token {found.name}", {})
    return msgspec.structs.replace(found, revoked=now)


def token_of(connection: Connection, digest: str) -> Token | None:
    """The token with this digest; None where there is none that holds."""
    row = run(connection, f"{_SELECT} WHERE digest = ? AND revoked IS NULL", (digest,)).one_or_none()
    return None if row is None else Token(*row)


def token_used(connection: Connection, token_id: int, *, now: float) -> None:
    """Note that a token was used now."""
    run(connection, "UPDATE tokens SET last_used = ? WHERE id = ?", (now, token_id))


def _holding(connection: Connection, name: str) -> Token | None:
    """The token of this name that holds: there are few, and names are compared as those of people."""
    wanted = name_key(name)
    held = run(connection, f"{_SELECT} WHERE revoked IS NULL ORDER BY id")
    return next((Token(*row) for row in held if name_key(row.name) == wanted), None)
