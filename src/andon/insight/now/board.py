"""The board of a site at this moment: tiles, the flood, problems by who has them, what is shelved and to be watched.

A row is a problem: its alarms over all machines. Alarms whose source reports their end are listed while they are
active. Of the others nobody knows when they end: they are listed while they are recent, which is this shift and eight
hours at least; then they leave, acknowledged or not. Information is no alarm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec

from andon.core.models import SEVERITY_RANK, Rung, StoredAnalysis
from andon.core.models.history import Known, ShiftWindow
from andon.insight.alarms.metrics import FLOOD_BEGINS, TEN_MINUTES, find_floods
from andon.insight.now import problem_row, surge, tiles
from andon.insight.now.problem_row import Flag, Moment, Place, Row, State, text_at
from andon.insight.now.surge import Surge
from andon.insight.now.tiles import Quiet, Tile
from andon.insight.shifts.calendar import Shift, window_at
from andon.insight.sources import sources
from andon.insight.sources.sources import Habits
from andon.insight.titles import checks_of
from andon.store import Connection, alarms, counts, problems, queue
from andon.store.alarms import AlarmEntry, Happened

#: Alarms that nobody reports the end of are listed for so long at least.
RECENT = 8 * 3600.0
#: So far back goes the chart, and so far back is looked for where a flood began.
CHART, _FLOOD_SPAN, _FLOODS = 8 * 3600.0, 2 * 3600.0, 24 * 3600.0
#: What chattered within the last half hour does so now.
_LATELY = 1800.0
#: A problem is a new kind where records go back so far before the shift.
_HISTORY = 8 * 3600.0
_FIXED_MAX = 200
#: A line of a list holds about so many characters. Longer steps end with a sentence, else with a clause.
_LINE, _CLAUSES = 84, ((". ",), ("; ", " - ", ": "), (", ",), (" and ", " or ", " (", " then "))
#: Places of which nothing was heard for so long are not shown.
_SEEN = 30 * 86_400.0


class Flood(msgspec.Struct, frozen=True, kw_only=True):
    """More alarms than anybody can handle. Times are in stored form; ``ended`` is null while it goes on.

    ``rows`` are the problems in the order in which they set in. With ``likely`` the first of them seems to have begun
    it: the others set in right behind it; ``alarms`` counts theirs. Without, no start is known, and all are counted.
    """

    since: str
    ended: str | None
    alarms: int
    problems: int
    likely: bool
    rows: tuple[str, ...]
    first: Row | None


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """How many problems are active for more than a day, chatter, and were never seen before this shift."""

    stale: int
    chattering: int
    new: int


class Bar(msgspec.Struct, frozen=True):
    """How many alarms came in the ten minutes from ``at`` on (stored form)."""

    at: str
    alarms: int


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong now, and who has it. Times are in stored form.

    ``waiting`` are problems that nobody acknowledged, ``acknowledged`` those that somebody has, both the worst and
    newest first, with what followed in a flood behind what seems to have begun it; ``cleared`` ended in this shift.
    Counts are of the time from ``since`` on. ``last_cleared`` is when the last alarm ended. ``sources`` send records,
    ``silent`` of them none beyond chance. ``empty``: nothing was ever stored. ``untiled`` places have none: there
    are too many, and none of those is worse off.
    """

    at: str
    since: str
    shift: str | None
    shift_ends: str | None
    tiles: list[Tile]
    untiled: int
    flood: Flood | None
    waiting: list[Row]
    acknowledged: list[Row]
    cleared: list[Row]
    shelved: list[Row]
    watch: Watch
    bars: list[Bar]
    last_cleared: str | None
    sources: int
    silent: int
    empty: bool

    @property
    def active(self) -> list[Row]:
        """Problems that are there, whoever has them."""
        return [*self.waiting, *self.acknowledged]

    @property
    def worst(self) -> str | None:
        """The worst severity that nobody acknowledged."""
        return max((row.severity for row in self.waiting), key=lambda one: SEVERITY_RANK.get(one, 0), default=None)

    def row(self, row_id: str) -> Row | None:
        """The row of this id, None where it is on the board no more."""
        rows = (*self.waiting, *self.acknowledged, *self.shelved, *self.cleared)
        return next((row for row in rows if row.id == row_id), None)


class Plant(msgspec.Struct, frozen=True):
    """What changes slowly: the places of a site with what is known of each, and how many sources report."""

    places: dict[Place, Quiet]
    sources: int
    silent: int
    empty: bool


def plant(connection: Connection, now: float, known: Habits | None = None, listening: float | None = None) -> Plant:
    """The places seen in the last 30 days. Looked up twice a minute is often enough; see :func:`sources.find`."""
    found = [one for one in sources.find(connection, now, known, listening) if not one.gone]
    last = alarms.last_by_place(connection, now - _SEEN)
    by_place: dict[Place, list[float | None]] = {}
    for one in found:
        by_place.setdefault((one.site, one.area, one.line), []).append(one.silent_since)
    places = {}
    lined = {place[:2] for place in by_place if place[2]}
    for place, silences in by_place.items():
        if place[2] is None and place[:2] in lined:  # a host that reports for several lines
            continue
        silent = [one for one in silences if one is not None]
        since = max(silent) if len(silent) == len(silences) else None
        at = last.get(place)
        places[place] = Quiet(None if at is None else text_at(at), None if since is None else text_at(since))
    silent_sources = sum(one.silent_since is not None for one in found)
    return Plant(places, len(found), silent_sources, not found and counts.span(connection) is None)


def moment_of(
    connection: Connection, now: float, shifts: Sequence[Shift], zone: ZoneInfo
) -> tuple[Moment, ShiftWindow | None]:
    """What the board is made for, and the shift that works."""
    shift = window_at(shifts, now, zone)
    began = now - RECENT if shift is None else shift.start
    since = min(began, now - RECENT)
    span = counts.span(connection)
    known = span is not None and span[0] * 60 <= began - _HISTORY
    return Moment(now, since - since % TEN_MINUTES, began, began if known else None), shift


def unacknowledged(
    connection: Connection, now: float, shifts: Sequence[Shift] = (), zone: ZoneInfo | None = None
) -> tuple[int, str | None]:
    """How many problems nobody acknowledged, and the worst severity of them; with the site's shifts as on the board."""
    at, _ = moment_of(connection, now, shifts, zone or ZoneInfo("UTC"))
    entries = alarms.present(connection, at.since)
    groups = problem_row.grouped(entries, _roots(connection, entries), at)
    waiting = [several for (_, state), several in groups.items() if state == "waiting"]
    severities = [one.severity for several in waiting for one in several if one.acked_at is None]
    return len(waiting), max(severities, key=lambda one: SEVERITY_RANK.get(one, 0), default=None)


def board(connection: Connection, now: float, shifts: Sequence[Shift], zone: ZoneInfo, known: Plant) -> Board:
    """The board; ``known`` is what :func:`plant` found lately."""
    at, shift = moment_of(connection, now, shifts, zone)
    entries = alarms.present(connection, at.since)
    roots = _roots(connection, entries)
    groups = problem_row.grouped(entries, roots, at)
    happened = alarms.happened(connection, at.since, now - _LATELY)
    rows = _rows(connection, groups, happened, at)
    bars = alarms.totals(connection, now - _FLOODS)
    found = _surge(connection, entries, roots, bars, now)
    rows = _explained(connection, _with_flood(rows, found), at)
    lists = {state: [row for row in rows if row.state == state] for state in problem_row.STATES}
    flood = None if found is None else _flood(found, rows)
    starts = [] if flood is None or flood.ended else [flood.first] if flood.first else []
    active = [*lists["waiting"], *lists["acknowledged"]]
    tiled, untiled = tiles.make(known.places, rows, starts)
    return Board(
        at=text_at(now),
        since=text_at(at.since),
        shift=None if shift is None else shift.name,
        shift_ends=None if shift is None else text_at(shift.end),
        tiles=tiled,
        untiled=untiled,
        flood=flood,
        **lists,
        watch=Watch(**{name: sum(flag in row.flags for row in active) for name, flag in _WATCHED.items()}),
        bars=_bars(bars, now),
        last_cleared=max((one for one in map(_cleared, entries) if one), default=None),
        sources=known.sources,
        silent=known.silent,
        empty=known.empty and not entries,
    )


_WATCHED: dict[str, Flag] = {"stale": "stale", "chattering": "chattering", "new": "new"}


def _roots(connection: Connection, entries: Sequence[AlarmEntry]) -> dict[int, int]:
    return problems.roots_of(connection, {one.pattern_id for one in entries if one.pattern_id is not None})


def _rows(
    connection: Connection,
    groups: Mapping[tuple[str, State], Sequence[AlarmEntry]],
    happened: Mapping[int, Happened],
    at: Moment,
) -> list[Row]:
    roots = {int(key[1:]) for key, _ in groups if key[0] == "p"}
    known: dict[int, Known] = counts.known(connection, roots)
    over = [one.id for (_, state), several in groups.items() if state == "cleared" for one in several]
    began = alarms.last_started(connection, over)
    made = []
    for (key, state), several in groups.items():
        of = known.get(int(key[1:])) if key[0] == "p" else None
        made.append(problem_row.make(key, state, several, of, happened, began, at))
    return problem_row.in_order(made)


def _many(bars: Mapping[int, int], now: float) -> bool:
    """Whether there can be a flood: more than ten in any ten minutes are more than five in one of the two bars that
    they touch."""
    lately = (bars.get(int((now - back) // TEN_MINUTES), 0) for back in range(0, int(_FLOOD_SPAN), int(TEN_MINUTES)))
    return max(lately) > FLOOD_BEGINS // 2


def _surge(
    connection: Connection, entries: Sequence[AlarmEntry], roots: Mapping[int, int], bars: Mapping[int, int], now: float
) -> Surge | None:
    """The flood that goes on or has just ended; of one that began before what is looked at, since when by its bars."""
    if not _many(bars, now):
        return None
    began = now - _FLOOD_SPAN
    keys = {one.id: problem_row.key_of(one, roots) for one in entries}
    found = surge.find(alarms.activations(connection, began), keys, now)
    if found is None or found.since > began + 2 * TEN_MINUTES:
        return found
    long = find_floods(bars, now - _FLOODS, now)
    earlier = next((one.start for one in long if one.start <= found.since < one.end), found.since)
    return found._replace(since=min(earlier, found.since), likely=False)


def likely_start(connection: Connection, now: float, shifts: Sequence[Shift], zone: ZoneInfo) -> int | None:
    """The problem that seems to have begun the flood that goes on or has just ended; None where there is no such."""
    bars = counts.by_ten_minutes(connection, now - _FLOODS, now + TEN_MINUTES)
    if not _many(bars, now):
        return None
    at, _ = moment_of(connection, now, shifts, zone)
    entries = alarms.present(connection, at.since)
    found = _surge(connection, entries, _roots(connection, entries), bars, now)
    head = found.keys[0] if found is not None and found.likely else ""
    return int(head[1:]) if head.startswith("p") else None


def _with_flood(rows: Sequence[Row], found: Surge | None) -> list[Row]:
    """The rows with the first out marked, and what followed it behind it while both wait for somebody."""
    if found is None or not found.likely or found.ended is not None:
        return list(rows)
    head = next((row for row in rows if row.id == found.keys[0] and row.state == "waiting"), None)
    if head is None:
        return list(rows)
    marked = msgspec.structs.replace(head, flags=("first-out", *head.flags))
    behind = [
        msgspec.structs.replace(row, follows=True)
        for row in rows
        if row.id in found.keys[1:] and row.state == "waiting"
    ]
    taken = {head.id, *(row.id for row in behind)}
    left = [row for row in rows if row.id not in taken or row.state != "waiting"]
    worst = max(SEVERITY_RANK.get(row.severity, 0) for row in (head, *behind))
    place = next(
        (n for n, row in enumerate(left) if row.state != "waiting" or SEVERITY_RANK.get(row.severity, 0) <= worst),
        len(left),
    )
    return [*left[:place], marked, *behind, *left[place:]]


def _explained(connection: Connection, rows: Sequence[Row], at: Moment) -> list[Row]:
    """With what to check first, and how cleared ones were fixed in this shift."""
    ids = [row.problem_id for row in rows if row.problem_id is not None]
    shown = queue.shown_for(connection, ids)
    confirmed = problems.fixes_within(connection, text_at(at.shift), text_at(at.now + 60))
    fixes = {one.pattern_id: one.fix for one in confirmed}
    roots = problems.roots_of(connection, list(fixes)[:_FIXED_MAX])
    fixed = {roots[id_]: fix for id_, fix in fixes.items() if id_ in roots}
    made = []
    for row in rows:
        one = shown.get(row.problem_id or 0)
        check = None if one is None else first_check(one.finding) or _confirmed(connection, one)
        fix, rung = fixed.get(row.problem_id or 0), one.rung if one is not None and check else None
        made.append(msgspec.structs.replace(row, first_check=check, rung=rung, fix=fix) if check or fix else row)
    return made


def _confirmed(connection: Connection, shown: StoredAnalysis) -> str | None:
    """What fixed a problem before, which stands first where its explanation is that: in a line, as a check."""
    if shown.rung != Rung.RESOLUTION or shown.pattern_id is None:
        return None
    fix = problems.resolution_of(connection, shown.pattern_id)
    return None if fix is None else first_check({"checks": [fix.fix]})


def first_check(finding: object) -> str | None:
    """What an explanation says to look at first, as far as a line holds it: the rest is with the problem."""
    checks = checks_of(finding)
    if not checks:
        return None
    text = " ".join(checks[0].split())
    for ends in _CLAUSES:
        if len(text) > _LINE and (found := max(text.rfind(end, _LINE // 3, _LINE) for end in ends)) > 0:
            text = text[:found]
    if text.count("(") > text.count(")"):
        text = text[: text.rindex("(")].rstrip(" ,")
    return text.removesuffix(".")


def _flood(found: Surge, rows: Sequence[Row]) -> Flood:
    first = next((row for row in rows if row.id == found.keys[0]), None) if found.likely else None
    return Flood(
        since=text_at(found.since),
        ended=None if found.ended is None else text_at(found.ended),
        alarms=found.alarms,
        problems=len(found.keys),
        likely=first is not None,
        rows=found.keys,
        first=first,
    )


def _bars(by_period: Mapping[int, int], now: float) -> list[Bar]:
    last = int(now // TEN_MINUTES)
    first = last - int(CHART // TEN_MINUTES) + 1
    return [Bar(text_at(period * TEN_MINUTES), by_period.get(period, 0)) for period in range(first, last + 1)]


def _cleared(one: AlarmEntry) -> str | None:
    return None if one.cleared_at is None else text_at(one.cleared_at)
