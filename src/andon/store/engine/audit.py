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


def recent(connection: Connection, action: str, since: str, limit: int) -> list[AuditEntry]:
    """Deeds of exactly this kind from ``since`` (stored form) on, the newest first."""
    rows = run(
        connection,
        "SELECT id, at, actor, action, subject, detail FROM audit WHERE at >= ? AND action = ?"
        " ORDER BY at DESC, id DESC LIMIT ?",
        (since, action, max(0, limit)),
    )
    return [
        AuditEntry(row.id, row.at, row.actor, row.action, row.subject, msgspec.json.decode(row.detail)) for row in rows
    ]


def about(connection: Connection, subject: str, since: str, limit: int) -> list[AuditEntry]:
    """Deeds done to one thing from ``since`` (stored form) on, the oldest first."""
    rows = run(
        connection,
        "SELECT id, at, actor, action, subject, detail FROM audit WHERE at >= ? AND subject = ?"
        " ORDER BY at, id LIMIT ?",
        (since, subject, max(0, limit)),
    )
    return [
        AuditEntry(row.id, row.at, row.actor, row.action, row.subject, msgspec.json.decode(row.detail)) for row in rows
    ]


def entries(
    connection: Connection, limit: int, action: str | None = None, before_id: int | None = None
) -> list[AuditEntry]:
    """Deeds, the newest first; only those whose action begins with ``action`` where it is given.

    ``before_id`` continues a listing.
    """
    told: list[str] = []
    values: tuple[str | int, ...] = ()
    if action is not None:
        told, values = ["substr(action, 1, ?) = ?"], (len(action), action)
    if before_id is not None:
        told, values = [*told, "id < ?"], (*values, before_id)
    condition = f" WHERE {' AND '.join(told)}" if told else ""
    rows = run(
        connection,
        f"SELECT id, at, actor, action, subject, detail FROM audit{condition} ORDER BY id DESC LIMIT ?",  # noqa: S608
        (*values, max(0, limit)),
    )
    return [
        AuditEntry(row.id, row.at, row.actor, row.action, row.subject, msgspec.json.decode(row.detail)) for row in rows
    ]
