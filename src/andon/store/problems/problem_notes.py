"""What people write down about a problem, for whoever works on it next."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from andon.core.errors import StoreError
from andon.core.models import Moment
from andon.store.engine import audit
from andon.store.problems import members
from andon.store.schema.dialect import run

_TEXT_MAX = 20_000
_LISTED = 500
_TOLD = 500


class ProblemNote(msgspec.Struct, frozen=True):
    """What somebody wrote down about a problem. ``at`` is unix seconds; ``pattern_id`` the pattern it was said of."""

    id: int
    pattern_id: int
    at: Moment
    author: str | None
    text: str


def add_note(connection: Connection, pattern_id: int, text: str, author: str | None, *, now: float) -> ProblemNote:
    """Keep a note about a problem. Raises StoreError where it is empty or too long, and NotFound."""
    words = text.strip()
    if not words:
        raise StoreError("a note needs a text: write a few words")
    if len(words) > _TEXT_MAX or "\x00" in words:
        raise StoreError(f"a note has at most {_TEXT_MAX:,} characters and no NUL character: shorten it")
    members.known_root(connection, pattern_id)
    found: int = run(
        connection,
        "INSERT INTO problem_notes (pattern_id, at, author, text) VALUES (?, ?, ?, ?) RETURNING id",
        (pattern_id, now, author, words),
    ).scalar_one()
    audit.note(connection, author, "problem.note", f"pattern {pattern_id}", {"note": found, "text": words[:_TOLD]})
    return ProblemNote(found, pattern_id, now, author, words)


def notes_of(connection: Connection, pattern_id: int) -> list[ProblemNote]:
    """The notes about a problem and all that is merged into it, newest first, 500 at most. Raises NotFound."""
    root = members.known_root(connection, pattern_id)
    rows = run(
        connection,
        "SELECT n.id, n.pattern_id, n.at, n.author, n.text FROM problem_notes AS n JOIN patterns AS p"
        " ON p.id = n.pattern_id WHERE p.id = ? OR p.merged_into = ? ORDER BY n.id DESC LIMIT ?",
        (root, root, _LISTED),
    )
    return [ProblemNote(*row) for row in map(tuple, rows)]
