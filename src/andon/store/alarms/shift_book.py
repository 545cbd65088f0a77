"""What people wrote down for a shift, and who signed for it. Moments are unix seconds."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from andon.core.models.history import ShiftWindow
from andon.store.schema.dialect import run


class ShiftNote(msgspec.Struct, frozen=True):
    """What somebody wrote down for the next shift. ``at`` is unix seconds."""

    id: int
    at: float
    author: str | None
    text: str


class Handover(msgspec.Struct, frozen=True):
    """A signature under a working of a shift (unix seconds); ``report`` is the JSON that it froze, if it did."""

    id: int
    shift: str
    started: float
    ended: float
    signed_by: str
    signed_at: float
    report: str | None


def notes(connection: Connection, since: float, until: float) -> list[ShiftNote]:
    """The notes of a time, the oldest first."""
    rows = run(
        connection,
        "SELECT id, at, author, text FROM shift_notes WHERE at >= ? AND at < ? ORDER BY at, id LIMIT 1000",
        (since, until),
    )
    return [ShiftNote(*row) for row in map(tuple, rows)]


def handovers(connection: Connection, window: ShiftWindow) -> list[Handover]:
    """Who signed for a working of a shift, in order; the first holds the report."""
    rows = run(
        connection,
        "SELECT id, shift, started, ended, signed_by, signed_at, report FROM handovers"
        " WHERE shift = ? AND started = ? AND ended = ? ORDER BY id",
        (window.name, window.start, window.end),
    )
    return [Handover(*row) for row in map(tuple, rows)]
