"""The rows of Now: problems with all their alarms over machines. Pure; moments become texts in stored form here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from andon.core.models import SEVERITY_RANK
from andon.core.models.history import PRIORITY_OF, Known
from andon.core.times import stored
from andon.insight.alarms.metrics import STALE_SECONDS
from andon.insight.titles import title_in
from andon.store.alarms import AlarmEntry, Happened

State = Literal["waiting", "acknowledged", "cleared", "shelved"]
Flag = Literal["first-out", "chattering", "stale", "new"]

#: An alarm that came so many times within a minute chatters.
CHATTERS = 3
STATES: tuple[State, ...] = ("waiting", "acknowledged", "cleared", "shelved")
_ORDER = {state: rank for rank, state in enumerate(STATES)}

#: Part of a plant: site, area, line.
Place = tuple[str | None, str | None, str | None]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A problem, or an alarm that is of none. Times are in stored form.

    ``id`` is ``p`` and the problem's number, or ``a`` and the alarm's. ``machine`` is where it is, None where it is at
    several (``machines`` of them, each named ``unit``); ``line`` and ``area`` are None where they differ. ``since`` is
    when it became active; None where nobody says when it ends, and ``last_seen`` tells more. ``count`` is how often it
    came in the time that the board counts. ``first_check`` is what its explanation says to look at first (what fixed
    it before, where somebody confirmed that), ``rung`` where that comes from, ``fix`` what ended it. ``seconds`` is how
    long a cleared one was active. ``follows``: it came with a flood that another problem seems to have begun.
    """

    id: str
    problem_id: int | None
    alarm_ids: tuple[int, ...]
    state: State
    severity: str
    title: str
    machine: str | None
    machines: int
    unit: str
    line: str | None
    area: str | None
    site: str | None
    since: str | None
    last_seen: str
    count: int
    first_check: str | None = None
    rung: str | None = None
    fix: str | None = None
    flags: tuple[Flag, ...] = ()
    follows: bool = False
    acknowledged_at: str | None = None
    acknowledged_by: str | None = None
    note: str | None = None
    cleared_at: str | None = None
    seconds: float | None = None
    shelved_until: str | None = None
    shelved_by: str | None = None
    places: tuple[Place, ...] = ()


#: The alarms of rows, by key and state.
Groups = dict[tuple[str, State], list[AlarmEntry]]


class Moment(NamedTuple):
    """What rows are made for: ``now``, since when is counted, and where the shift began (unix seconds).

    ``new_since`` is from when on a problem is a new kind; None where there is no history to tell.
    """

    now: float
    since: float
    shift: float
    new_since: float | None


def text_at(moment: float) -> str:
    """Unix seconds as a time in stored form, to the millisecond: so such texts sort as the moments do."""
    return stored(round(moment, 3))


def key_of(one: AlarmEntry, roots: Mapping[int, int]) -> str:
    """The row that an alarm belongs to."""
    root = None if one.pattern_id is None else roots.get(one.pattern_id)
    return f"a{one.id}" if root is None else f"p{root}"


def is_shelved(one: AlarmEntry, now: float) -> bool:
    """Whether a person took the alarm off the list for now."""
    return one.shelved_until is not None and one.shelved_until > now


def is_open(one: AlarmEntry, since: float) -> bool:
    """Whether it counts as alarming: it is active, or was told of lately and nobody says when such ones end."""
    if one.severity not in PRIORITY_OF or one.state == "cleared":
        return False
    return (one.state == "active" and one.clears) or one.last_seen >= since


def grouped(alarms: Iterable[AlarmEntry], roots: Mapping[int, int], at: Moment) -> Groups:
    """The alarms of each row, by the row's key and state."""
    by_key: dict[str, list[AlarmEntry]] = defaultdict(list)
    found: Groups = {}
    for one in alarms:
        key = key_of(one, roots)
        if is_shelved(one, at.now):
            found.setdefault((key, "shelved"), []).append(one)
        else:
            by_key[key].append(one)
    for key, several in by_key.items():
        opened = [one for one in several if is_open(one, at.since)]
        if opened:
            waits = any(one.acked_at is None for one in opened)
            found[key, "waiting" if waits else "acknowledged"] = opened
        elif over := [one for one in several if one.state == "cleared" and (one.cleared_at or 0.0) >= at.shift]:
            found[key, "cleared"] = over
    return found


def make(
    key: str,
    state: State,
    alarms: Sequence[AlarmEntry],
    known: Known | None,
    happened: Mapping[int, Happened],
    began: Mapping[int, float],
    at: Moment,
) -> Row:
    """A row without what explanations, fixes and a flood add to it; ``began`` tells when cleared ones became active."""
    telling = [one for one in alarms if one.acked_at is None] if state == "waiting" else list(alarms)
    newest = max(telling, key=lambda one: (one.last_seen, one.id))
    worst = max((one.severity for one in telling), key=lambda severity: SEVERITY_RANK.get(severity, 0))
    starts = [began.get(one.id) if state == "cleared" else one.active_since for one in telling]
    begun = [start for start in starts if start is not None]
    machines = sorted({one.machine or one.hostname or one.place for one in alarms})
    several = len(machines) > 1
    made = Row(
        id=key,
        problem_id=int(key[1:]) if key[0] == "p" else None,
        alarm_ids=tuple(sorted(one.id for one in alarms)),
        state=state,
        severity=worst,
        title=_title(newest),
        machine=None if several else machines[0],
        machines=len(machines),
        unit="machine" if all(one.machine for one in alarms) else "host",
        line=_common(one.line for one in alarms),
        area=_common(one.area for one in alarms),
        site=_common(one.site for one in alarms),
        since=text_at(min(begun)) if begun else None,
        last_seen=text_at(newest.last_seen),
        count=max(1, sum(happened[one.id].times for one in alarms if one.id in happened)),
        flags=_flags(state, alarms, known, happened, at),
        places=tuple(sorted({(one.site, one.area, one.line) for one in alarms}, key=str)),
    )
    return _with_history(made, alarms, began)


def _with_history(row: Row, alarms: Sequence[AlarmEntry], began: Mapping[int, float]) -> Row:
    """With what people did about it, and when it ended."""
    replace = msgspec.structs.replace
    if row.state == "shelved":
        one = min(alarms, key=lambda one: one.shelved_until or 0.0)
        return replace(
            row, shelved_until=text_at(one.shelved_until or 0.0), shelved_by=one.shelved_by, note=one.shelve_note
        )
    acked = [one for one in alarms if one.acked_at is not None]
    if acked:
        last = max(acked, key=lambda one: one.acked_at or 0.0)
        row = replace(
            row, acknowledged_at=text_at(last.acked_at or 0.0), acknowledged_by=last.acked_by, note=last.ack_note
        )
    if row.state == "cleared":
        ended = max(one.cleared_at or 0.0 for one in alarms)
        first = min((began[one.id] for one in alarms if one.id in began), default=ended)
        row = replace(row, cleared_at=text_at(ended), seconds=max(0.0, ended - first) or None)
    return row


def _title(newest: AlarmEntry) -> str:
    """The newest text, with its values: "86 C" tells more than a hole; how many machines it is at stands beside it."""
    return title_in(newest.text) or newest.code


def _common(values: Iterable[str | None]) -> str | None:
    """The value that all have; None where they differ."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _flags(
    state: State, alarms: Sequence[AlarmEntry], known: Known | None, happened: Mapping[int, Happened], at: Moment
) -> tuple[Flag, ...]:
    found: list[Flag] = []
    if state in ("waiting", "acknowledged"):
        if any(one.id in happened and happened[one.id].most >= CHATTERS for one in alarms):
            found.append("chattering")
        if any(one.clears and one.active_since and at.now - one.active_since > STALE_SECONDS for one in alarms):
            found.append("stale")
    if known is not None and at.new_since is not None and known.first_seen >= text_at(at.new_since):
        found.append("new")
    return tuple(found)


def in_order(rows: Iterable[Row]) -> list[Row]:
    """By state, then by severity, then the newest; of cleared ones the newest first, of shelved ones the next back."""

    def order(row: Row) -> tuple[object, ...]:
        rank = _ORDER[row.state]
        if row.state == "shelved":
            return rank, row.shelved_until, row.id
        if row.state == "cleared":
            return rank, _backwards(row.cleared_at), row.id
        return rank, -SEVERITY_RANK.get(row.severity, 0), _backwards(row.since or row.last_seen), row.id

    return sorted(rows, key=order)


def _backwards(text: str | None) -> tuple[int, ...]:
    """A key that sorts times in stored form from the newest on."""
    return tuple(-ord(sign) for sign in text or "")
