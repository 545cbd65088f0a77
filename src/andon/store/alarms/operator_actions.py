"""What people do about alarms and shifts: acknowledge, shelve, note, sign. All of it is in the audit.

``now`` is in unix seconds, ``by`` is who does it. All raise NotFound where there is no such alarm, and StoreError with
the remedy for what makes no sense.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
from sqlalchemy import Connection

from andon.core.errors import StoreError
from andon.core.models import Moment
from andon.core.models.history import ShiftWindow
from andon.core.times import stored
from andon.store.alarms.queries import AlarmEntry, alarm
from andon.store.alarms.tracking import ACKS
from andon.store.engine import audit
from andon.store.engine.counters import add_to_counters
from andon.store.problems import problem_notes
from andon.store.problems.members import root_of
from andon.store.schema.dialect import run

#: Shelving is for a time: nobody remembers what was put away for longer.
SHELVED_MAX = 31 * 86_400.0
_TEXT_MAX = 20_000
_NAME_MAX = 100


class ShiftNote(msgspec.Struct, frozen=True):
    """What somebody wrote down for the next shift. ``at`` is unix seconds."""

    id: int
    at: Moment
    author: str | None
    text: str


class Handover(msgspec.Struct, frozen=True):
    """A signature under a working of a shift (unix seconds); ``report`` is the JSON that it froze, if it did."""

    id: int
    shift: str
    started: Moment
    ended: Moment
    signed_by: str
    signed_at: Moment
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


def acknowledge(
    connection: Connection, alarm_id: int, by: str | None, note: str | None = None, *, now: float
) -> AlarmEntry:
    """Note that a person saw the alarm; that holds until it becomes active again.

    Where somebody saw it before, their name and time stay, and a note is kept with the problem (or, where it is of
    none, for the report of the shift), so that nothing that two people write at the same time is lost.
    """
    text = _checked(note, "this entry is a note") if note and note.strip() else None
    entry = alarm(connection, alarm_id)
    if entry.acked_at is not None:
        if text is not None and (text, by) != (entry.ack_note, entry.acked_by):
            _keep_note(connection, entry, text, by, now)
        return entry
    run(
        connection,
        "UPDATE occurrences SET acknowledged = ? WHERE alarm_id = ? AND acknowledged IS NULL AND started = ?",
        (now, alarm_id, entry.active_since),
    )
    add_to_counters(connection, {ACKS: 1})
    return _change(
        connection, entry, {"acked_at": now, "acked_by": by, "ack_note": text}, by, "acknowledge", {"note": text}
    )


def _keep_note(connection: Connection, entry: AlarmEntry, text: str, by: str | None, now: float) -> None:
    """Keep a note about an alarm that somebody else acknowledged."""
    if entry.pattern_id is not None and root_of(connection, entry.pattern_id) is not None:
        problem_notes.add_note(connection, entry.pattern_id, text, by, now=now)
    else:
        add_note(connection, f"{entry.source}: {text}", by, now=now)


def shelve(
    connection: Connection, alarm_id: int, seconds: float, by: str | None, note: str, *, now: float
) -> AlarmEntry:
    """Take the alarm off the active list for ``seconds``; it comes back by itself. ``note`` says why."""
    text = _checked(note, "shelving needs a reason")
    if not math.isfinite(seconds) or not 60 <= seconds <= SHELVED_MAX:
        raise StoreError("an alarm can be shelved for 1 minute to 31 days: choose another time")
    until = now + seconds
    shelved = {"shelved_at": now, "shelved_until": until, "shelved_by": by, "shelve_note": text}
    return _change(
        connection, alarm(connection, alarm_id), shelved, by, "shelve", {"until": stored(until), "note": text}
    )


def unshelve(connection: Connection, alarm_id: int, by: str | None, *, now: float) -> AlarmEntry:
    """Put a shelved alarm back on the active list at once."""
    entry = alarm(connection, alarm_id)
    if entry.shelved_until is None or entry.shelved_until <= now:
        raise StoreError(f"alarm {alarm_id} is not shelved: `andon alarms --shelved` lists those that are")
    shelved = dict.fromkeys(("shelved_at", "shelved_until", "shelved_by", "shelve_note"))
    return _change(connection, entry, shelved, by, "unshelve", {})


def _change(
    connection: Connection, entry: AlarmEntry, columns: dict[str, Any], by: str | None, what: str, told: dict[str, Any]
) -> AlarmEntry:
    """Change columns of an alarm and tell the audit; the alarm as it is then."""
    changes = ", ".join(f"{name} = ?" for name in columns)
    run(connection, f"UPDATE alarms SET {changes} WHERE id = ?", (*columns.values(), entry.id))  # noqa: S608
    audit.note(connection, by, f"alarm.{what}", f"alarm {entry.id}", {"source": entry.source, **told})
    return alarm(connection, entry.id)


def add_note(connection: Connection, text: str, author: str | None, *, now: float) -> ShiftNote:
    """Write something down for the report of the shift that works at the moment ``now``."""
    words = _checked(text, "a note needs a text")
    found: int = run(
        connection, "INSERT INTO shift_notes (at, author, text) VALUES (?, ?, ?) RETURNING id", (now, author, words)
    ).scalar_one()
    audit.note(connection, author, "shift.note", f"note {found}", {"text": words[:500]})
    return ShiftNote(found, now, author, words)


def sign(
    connection: Connection, window: ShiftWindow, name: str, report: str, *, by: str | None, now: float
) -> Handover:
    """Sign for a working of a shift. The first signature keeps ``report`` (JSON) as it is then.

    Raises StoreError where that name signed already.
    """
    signer = _checked(name, "a signature needs a name")
    if len(signer) > _NAME_MAX:
        raise StoreError(f"a signature has at most {_NAME_MAX} characters: shorten it")
    before = handovers(connection, window)
    if any(one.signed_by == signer for one in before):
        raise StoreError(f"{signer} has already signed for this shift")
    values = (window.name, window.start, window.end, signer, now, None if before else report)
    found: int = run(
        connection,
        "INSERT INTO handovers (shift, started, ended, signed_by, signed_at, report) VALUES (?, ?, ?, ?, ?, ?)"
        " RETURNING id",
        values,
    ).scalar_one()
    detail = {"shift": window.name, "start": stored(window.start), "end": stored(window.end), "name": signer}
    audit.note(connection, by, "shift.sign", f"handover {found}", detail)
    return Handover(found, *values)


def _checked(text: str, what: str) -> str:
    words = text.strip()
    if not words:
        raise StoreError(f"{what}: write a few words")
    if len(words) > _TEXT_MAX or "\x00" in words:
        raise StoreError(f"{what}, of at most {_TEXT_MAX:,} characters and without NUL characters: shorten it")
    return words
