"""The book of what people and policies did: acknowledged, shelved, signed, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from andon.core.models import now_text
from andon.store.schema.dialect import run

#: Where nobody knows who it was.
NOBODY = "unknown"


class AuditEntry(msgspec.Struct, frozen=True):
    """One deed: who (``actor``) did what (``action``) to what (``subject``), and the particulars."""

    id: int
    at: str
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


def note(connection: Connection, actor: str | None, action: str, subject: str, detail: Mapping[str, Any]) -> None:
    """Write a deed down, in the transaction that does it. ``action`` is a short verb, such as ``alarm.shelve``."""
    keep_note(connection, 0, actor or NOBODY, action, subject, detail)


def keep_note(
    connection: Connection, entry: int, actor: str, action: str, subject: str, detail: Mapping[str, Any]
) -> int:
    """Write down a deed that goes on over several transactions: a new row where ``entry`` is 0, else its figures anew.

    Returns the row's id.
    """
    text = msgspec.json.encode(detail).decode()
    if entry:
        run(connection, "UPDATE audit SET at = ?, detail = ? WHERE id = ?", (now_text(), text, entry))
        return entry
    made: int = run(
        connection,
        "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?) RETURNING id",
        (now_text(), actor, action, subject, text),
    ).scalar_one()
    return made


def entries(connection: Connection, limit: int, action: str | None = None) -> list[AuditEntry]:
    """Deeds, the newest first; only those whose action begins with ``action`` where it is given."""
    condition, values = ("", ()) if action is None else (" WHERE substr(action, 1, ?) = ?", (len(action), action))
    rows = run(
        connection,
        f"SELECT id, at, actor, action, subject, detail FROM audit{condition} ORDER BY id DESC LIMIT ?",  # noqa: S608
        (*values, max(0, limit)),
    )
    return [
        AuditEntry(row.id, row.at, row.actor, row.action, row.subject, msgspec.json.decode(row.detail)) for row in rows
    ]
