"""How a problem stands: the state of all its alarms together, in which a person reads what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from andon.core.models import SEVERITY_RANK
from andon.insight.alarms.metrics import STALE_SECONDS
from andon.insight.now.problem_row import Moment, is_open, is_shelved
from andon.insight.titles import alarm_title
from andon.store.alarms import AlarmEntry

#: ``active``: at least one alarm is; ``unclear``: it came lately, and nobody reports the end of it; ``past``: the same
#: long ago; ``shelved``; ``cleared``; ``none``: it has no alarm, as information has none.
Condition = Literal["active", "unclear", "shelved", "cleared", "past", "none"]


class State(msgspec.Struct, frozen=True):
    """All alarms of a problem as one. Moments are unix seconds; ``open`` are the alarms that a person can acknowledge.

    ``acked_at`` is set where somebody acknowledged all that are active, ``since`` is when the first of them began,
    ``shelved_until`` when the first of the shelved ones comes back. ``text`` is the title of the newest of them,
    None where there are none. ``places`` are machines (or hosts), ``line`` what they belong to.
    """

    condition: Condition
    severity: str
    since: float | None = None
    last_seen: float | None = None
    cleared_at: float | None = None
    acked_at: float | None = None
    acked_by: str | None = None
    ack_note: str | None = None
    shelved_until: float | None = None
    shelved_by: str | None = None
    shelve_note: str | None = None
    open: tuple[int, ...] = ()
    active: tuple[int, ...] = ()
    shelved: tuple[int, ...] = ()
    text: str | None = None
    places: tuple[str, ...] = ()
    line: str | None = None
    area: str | None = None
    stale: bool = False

    @property
    def acknowledged(self) -> bool:
        """Whether somebody has it: nothing of it waits for an acknowledgement."""
        return not self.open


def read(entries: Sequence[AlarmEntry], worst: str, at: Moment) -> State:
    """The alarms of a problem as one, as Now counts them; ``worst`` is its severity where none of them tells."""
    shelved = [one for one in entries if is_shelved(one, at.now)]
    opened = [one for one in entries if not is_shelved(one, at.now) and is_open(one, at.since)]
    active = [one for one in opened if one.state == "active"]
    unclear = [one for one in opened if one.state != "active"]
    chosen, condition = _meant(active, unclear, shelved, entries)
    waiting = [one for one in (*active, *unclear) if one.acked_at is None]
    acked = [one for one in (*active, *unclear) if one.acked_at is not None]
    last_ack = max(acked, key=lambda one: one.acked_at or 0.0, default=None) if not waiting else None
    back = min(shelved, key=lambda one: one.shelved_until or 0.0, default=None)
    since = [one.active_since for one in active if one.active_since is not None]
    return State(
        condition=condition,
        severity=max((one.severity for one in chosen), key=lambda name: SEVERITY_RANK.get(name, -1), default=worst),
        since=min(since, default=None),
        last_seen=max((one.last_seen for one in entries), default=None),
        cleared_at=max((one.cleared_at for one in entries if one.cleared_at is not None), default=None),
        acked_at=None if last_ack is None else last_ack.acked_at,
        acked_by=None if last_ack is None else last_ack.acked_by,
        ack_note=None if last_ack is None else last_ack.ack_note,
        shelved_until=None if back is None else back.shelved_until,
        shelved_by=None if back is None else back.shelved_by,
        shelve_note=None if back is None else back.shelve_note,
        open=tuple(one.id for one in waiting),
        active=tuple(one.id for one in (*active, *unclear)),
        shelved=tuple(one.id for one in shelved),
        text=alarm_title(max(waiting or chosen, key=lambda one: (one.last_seen, one.id))) if chosen else None,
        places=tuple(dict.fromkeys(one.machine or one.hostname or one.place for one in chosen)),
        line=_one(one.line for one in chosen),
        area=_one(one.area for one in chosen),
        stale=any(one.clears and at.now - (one.active_since or at.now) > STALE_SECONDS for one in active),
    )


def _meant(
    active: list[AlarmEntry], unclear: list[AlarmEntry], shelved: list[AlarmEntry], entries: Sequence[AlarmEntry]
) -> tuple[Sequence[AlarmEntry], Condition]:
    """The alarms that say how it stands, and how."""
    if active:
        return active, "active"
    if unclear:
        return unclear, "unclear"
    if shelved:
        return shelved, "shelved"
    if not entries:
        return (), "none"
    return entries, "cleared" if any(one.state == "cleared" for one in entries) else "past"


def _one(values: Iterable[str | None]) -> str | None:
    """The value that all have that have any; None where they differ."""
    known = {value for value in values if value}
    return known.pop() if len(known) == 1 else None
