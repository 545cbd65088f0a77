"""What people did about problems in a time: acknowledged, shelved, checked, noted, fixed. Read from the audit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from andon.core.models import Moment
from andon.core.times import seconds
from andon.store.engine.audit import NOBODY
from andon.store.schema.dialect import marks, rows_for, run

Did = Literal["acknowledged", "shelved", "unshelved", "checked", "noted", "fixed"]
_WORDS: dict[str, Did] = {
    "alarm.acknowledge": "acknowledged",
    "alarm.shelve": "shelved",
    "alarm.unshelve": "unshelved",
    "problem.tick": "checked",
    "problem.note": "noted",
    "problem.resolve": "fixed",
}
#: What takes a deed back.
_UNDOING: dict[str, Did] = {"problem.untick": "checked", "problem.revoke": "fixed"}
_READ_MAX = 5_000
_DONE = (
    "SELECT at, actor, action, subject, detail FROM audit WHERE at >= ? AND at < ? AND action IN ({})"
    " ORDER BY at, id LIMIT ?"
)
_OF_ALARMS = (
    "SELECT alarms.id, coalesce(patterns.merged_into, patterns.id) FROM alarms"
    " JOIN patterns ON patterns.id = alarms.pattern_id WHERE alarms.id IN ({})"
)
_ROOTS = "SELECT id, coalesce(merged_into, id) FROM patterns WHERE id IN ({})"


class Deed(msgspec.Struct, frozen=True):
    """Who did what to a problem, and what they said; ``by`` is None where nobody said a name. ``at`` is unix seconds.

    ``pattern_id`` is the problem's, ``alarm_id`` the alarm's where it was done to one.
    """

    at: Moment
    by: str | None
    did: Did
    text: str | None
    pattern_id: int | None
    alarm_id: int | None = None


def deeds(connection: Connection, since: str, until: str) -> list[Deed]:
    """What was done to problems and alarms in ``since`` ≤ t < ``until`` (stored form), in its order."""
    actions = (*_WORDS, *_UNDOING)
    rows = run(connection, _DONE.format(marks(actions)), (since, until, *actions, _READ_MAX)).all()
    found: list[tuple[Any, int, dict[str, Any]]] = []
    for row in rows:
        subject = row.subject.rpartition(" ")[2]
        if subject.isdecimal():
            found.append((row, int(subject), msgspec.json.decode(row.detail)))
    of_alarm = problems_of(connection, {id_ for row, id_, _ in found if row.action.startswith("alarm.")})
    roots = _roots(connection, {id_ for row, id_, _ in found if row.action.startswith("problem.")})
    made: list[Deed] = []
    for row, id_, detail in found:
        if row.action in _UNDOING:
            undone = (_UNDOING[row.action], _said(detail), roots.get(id_))
            made = [one for one in made if (one.did, one.text, one.pattern_id) != undone]
            continue
        is_alarm = row.action.startswith("alarm.")
        root = of_alarm.get(id_) if is_alarm else roots.get(id_)
        by = None if row.actor == NOBODY else row.actor
        made.append(Deed(seconds(row.at), by, _WORDS[row.action], _said(detail), root, id_ if is_alarm else None))
    return made


def problems_of(connection: Connection, alarm_ids: Iterable[int]) -> dict[int, int]:
    """The problems that alarms belong to, by the ids of the alarms; those of none are left out."""
    return {int(id_): int(of) for id_, of in map(tuple, rows_for(connection, _OF_ALARMS, sorted(set(alarm_ids))))}


def _roots(connection: Connection, ids: Iterable[int]) -> dict[int, int]:
    return {int(id_): int(of) for id_, of in map(tuple, rows_for(connection, _ROOTS, sorted(set(ids))))}


def _said(detail: dict[str, Any]) -> str | None:
    """What was said with it: a note, a fix, a step."""
    for name in ("note", "text", "fix"):
        if isinstance(detail.get(name), str) and detail[name]:
            return str(detail[name])
    return None
