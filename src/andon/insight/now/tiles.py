"""The tiles of Now: a line or area each, with the worst that is wrong there. Pure."""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from andon.core.models import SEVERITY_RANK
from andon.insight.now.problem_row import Place, Row

#: So many places have a tile at most: nobody looks through more, and a page would not hold them.
MOST = 120

TileState = Literal["waiting", "acknowledged", "normal", "silent"]


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """A line, or an area without lines, or what names neither. Times are in stored form.

    ``count`` is how many problems there are, cleared and shelved ones left out. ``since`` is when the worst of them
    began or was acknowledged, when the last one ended, or from when on nothing came; None where that is not known.
    ``flood``: the flood that goes on began there.
    """

    name: str
    site: str | None
    area: str | None
    line: str | None
    state: TileState
    severity: str | None
    since: str | None
    count: int
    flood: bool = False


class Quiet(NamedTuple):
    """What is known of a place apart from its problems, in stored form: when anything there was alarming last, and
    since when none of its sources sends anything (None while any does)."""

    last_alarm: str | None
    silent_since: str | None


def make(
    places: Mapping[Place, Quiet], rows: Sequence[Row], flooded: Iterable[Row], most: int = MOST
) -> tuple[list[Tile], int]:
    """The tiles of these places, in the order of their names: they stay where they are whatever happens.

    Of more than ``most`` places only the worst have one; the other number is how many have none.
    """
    sites = {place[0] for place in (*places, *(one for row in rows for one in row.places)) if place[0]}
    only = sites.pop() if len(sites) == 1 else None

    def whole(place: Place) -> Place:
        """Where there is one site, who does not name it means that one."""
        return place[0] or only, place[1], place[2]

    by_place: dict[Place, list[Row]] = defaultdict(list)
    for row in rows:
        for place in dict.fromkeys(map(whole, row.places)):
            by_place[place].append(row)
    known: dict[Place, list[Quiet]] = defaultdict(list)
    for place, quiet in places.items():
        known[whole(place)].append(quiet)
    starts = {whole(place) for row in flooded for place in row.places}
    every = set(known) | set(by_place)
    if len(every) > most:
        chosen = heapq.nsmallest(most, every, key=lambda place: _rank(place, by_place[place], known[place]))
    else:
        chosen = list(every)
    ordered = sorted(chosen, key=_natural)
    names = _names(ordered)
    made = [_tile(names[place], place, by_place[place], _together(known[place]), place in starts) for place in ordered]
    return made, len(every) - len(made)


def _rank(place: Place, rows: Sequence[Row], quiet: Sequence[Quiet]) -> tuple[int, bool, int, tuple[str, ...]]:
    """How places are chosen from: what waits, the worst first, then what is silent, what somebody has, the rest."""
    ranks = {"waiting": -1, "acknowledged": -1}
    for row in rows:
        if row.state in ranks:
            ranks[row.state] = max(ranks[row.state], SEVERITY_RANK.get(row.severity, 0))
    silent = bool(quiet) and all(one.silent_since is not None for one in quiet)
    return -ranks["waiting"], not silent, -ranks["acknowledged"], tuple(name or "" for name in place)


def _together(quiet: Sequence[Quiet]) -> Quiet:
    """What is known of a place from all who name it: it is silent where none of them sends anything."""
    silent = [one.silent_since for one in quiet if one.silent_since is not None]
    return Quiet(
        max((one.last_alarm for one in quiet if one.last_alarm is not None), default=None),
        max(silent) if silent and len(silent) == len(quiet) else None,
    )


def _tile(name: str, place: Place, rows: Sequence[Row], quiet: Quiet, flooded: bool) -> Tile:
    site, area, line = place
    opened = [row for row in rows if row.state in ("waiting", "acknowledged")]
    waiting = [row for row in opened if row.state == "waiting"]
    state: TileState = "waiting" if waiting else "acknowledged" if opened else "normal"
    since, severity = None, None
    if state != "waiting" and quiet.silent_since is not None:
        state, since = "silent", quiet.silent_since
    elif opened:
        severity = max((row.severity for row in waiting or opened), key=lambda one: SEVERITY_RANK.get(one, 0))
        worst = [row for row in waiting or opened if row.severity == severity]
        since = min(row.since or row.last_seen for row in worst) if waiting else _acknowledged(worst)
    else:
        since = max((text for text in (_last(rows), quiet.last_alarm) if text), default=None)
    return Tile(
        name=name,
        site=site,
        area=area,
        line=line,
        state=state,
        severity=severity,
        since=since,
        count=len(opened),
        flood=flooded and state == "waiting",
    )


def _acknowledged(rows: Sequence[Row]) -> str | None:
    return max((row.acknowledged_at for row in rows if row.acknowledged_at), default=None)


def _last(rows: Iterable[Row]) -> str | None:
    return max((row.cleared_at for row in rows if row.cleared_at), default=None)


def _names(places: Sequence[Place]) -> dict[Place, str]:
    """A name for each that no other has: the line, with its area or its site where these tell lines apart."""
    made = {place: place[2] or place[1] or "Other machines" for place in places}
    for part in (1, 0):
        parts: dict[str, set[str | None]] = defaultdict(set)
        for place, name in made.items():
            parts[name].add(place[part])
        for place, name in made.items():
            if len(parts[name]) > 1 and place[part]:
                made[place] = f"{place[part]}, {name}"
    return made


def _natural(place: Place) -> tuple[tuple[bool, tuple[tuple[int, int, str], ...]], ...]:
    """Names in the order in which people count: line 2 before line 10; what names nothing comes last."""
    return tuple((name is None, _parts(name or "")) for name in place)


def _parts(name: str) -> tuple[tuple[int, int, str], ...]:
    parts = re.findall(r"\d+|\D+", name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
