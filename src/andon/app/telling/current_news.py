"""What stands now, as things that people may be told of: read where the page reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec

from andon.act.news import HOLD, Thing, rank
from andon.act.rule_matching import Candidate, Spot
from andon.app.wellbeing import Signs, troubles
from andon.core.models.history import ShiftWindow
from andon.core.text import counted
from andon.core.times import seconds, seconds_or
from andon.insight.now.board import Flood, Plant, board, moment_of
from andon.insight.now.problem_row import Row
from andon.insight.report.sections import when_of
from andon.insight.shifts.calendar import Shift, workings_within
from andon.insight.sources import Source
from andon.store import Connection, alarms, problems

#: Trouble of Andon's own is told once it has lasted so many seconds: much of it is over before anybody could look.
SETTLES = 120.0
#: A shift's report is made so many seconds after its end: what was logged at its end is stored by then.
AFTER_SHIFT = 60.0
#: A report that could not be sent at the shift's end is sent later, within so many seconds.
REPORT_WITHIN = 86_400.0
#: A flood of fewer problems is told as these: one that chatters makes a flood by itself.
FLOOD_PROBLEMS = 3
#: The board needs no places: their tiles are for who looks.
_NO_PLANT = Plant({}, 0, 0, False)


class Wanted(msgspec.Struct, frozen=True):
    """What conditions ask for beyond what the board knows: hosts and machines, and services."""

    machines: bool
    services: bool


class Seen(msgspec.Struct, frozen=True):
    """The things on the board, those of its problems that are there, and when time alone will have changed it."""

    things: tuple[Thing, ...]
    active: tuple[tuple[Row, Thing], ...]
    due: float | None


#: For whom nobody asks for the board.
NOTHING = Seen((), (), None)


def about_of(row: Row) -> str:
    """What a row of the board is called in messages."""
    return f"problem-{row.problem_id}" if row.problem_id is not None else f"alarm-{row.id[1:]}"


def of_board(
    connection: Connection,
    now: float,
    shifts: Sequence[Shift],
    zone: ZoneInfo,
    wanted: Wanted,
    services: dict[int, tuple[str, ...]],
) -> Seen:
    """The problems and the flood of the page's board; ``services`` remembers which problem is of which."""
    found = board(connection, now, shifts, zone, _NO_PLANT)
    spots: Mapping[int, Spot] = {}
    if wanted.machines:
        at, _ = moment_of(connection, now, shifts, zone)
        spots = {
            one.id: Spot(one.site, one.area, one.line, one.machine, one.hostname)
            for one in alarms.present(connection, at.since)
        }
    rows = [*found.active, *found.shelved, *found.cleared]
    if wanted.services:
        for row in rows:
            if row.problem_id is not None and row.problem_id not in services:
                newest = problems.newest_logs(connection, row.problem_id, 1)
                services[row.problem_id] = tuple(log.service for log in newest if log.service)
    flood = found.flood if found.flood is not None and found.flood.problems >= FLOOD_PROBLEMS else None
    flooded = set() if flood is None or flood.ended else set(flood.rows)
    things: dict[str, Thing] = {}
    for row in rows:
        things.setdefault(about_of(row), _of_row(row, spots, services, row.id in flooded))
    due = [seconds(row.shelved_until) for row in found.shelved if row.shelved_until]
    if flood is not None:
        things["flood"] = _of_flood(flood, rows)
        due.append(now + 60.0)  # time alone ends it
    active = tuple((row, things[about_of(row)]) for row in found.active)
    return Seen(tuple(things.values()), active, min(due, default=None))


def _of_row(row: Row, spots: Mapping[int, Spot], services: Mapping[int, tuple[str, ...]], flooded: bool) -> Thing:
    known = tuple(dict.fromkeys(spots[one] for one in row.alarm_ids if one in spots))
    last = seconds(row.last_seen)
    shelved = row.state == "shelved"
    return Thing(
        about=about_of(row),
        kind="problem",
        seen=Candidate(
            title=row.title,
            severity=row.severity,
            spots=known or tuple(Spot(*place, row.machine) for place in row.places),
            services=services.get(row.problem_id or 0, ()),
        ),
        state="over" if row.state == "cleared" else "waiting" if row.state == "waiting" else "acknowledged",
        since=_began(row, last),
        over_at=seconds(row.cleared_at) if row.cleared_at else None,
        reported=row.since is not None or row.state == "cleared",
        count=row.count,
        problem_id=row.problem_id,
        where=", ".join(filter(None, (row.machine or f"{row.machines} {row.unit}s", row.line))),
        says=(f"What fixed it: {row.fix}",) if row.fix and row.state == "cleared" else (),
        by=row.shelved_by if shelved else row.acknowledged_by,
        note=row.note,
        acknowledged_at=seconds(row.acknowledged_at) if row.acknowledged_at else None,
        with_flood=flooded,
    )


def _began(row: Row, last: float) -> float:
    if row.state == "cleared" and row.cleared_at:
        return seconds(row.cleared_at) - (row.seconds or 0.0)
    return seconds_or(row.since, last)


def _of_flood(flood: Flood, rows: Sequence[Row]) -> Thing:
    """The flood; somebody has it where one of its problems was acknowledged since it began."""
    members = [row for row in rows if row.id in set(flood.rows)]
    since = seconds(flood.since)
    acked = [row for row in members if row.acknowledged_at and seconds(row.acknowledged_at) >= since]
    first = f"It seems to have begun with: {flood.first.title}" if flood.first is not None else ""
    where = "" if flood.first is None or not flood.first.machine else f" ({flood.first.machine})"
    bad = [row for row in members if row.severity == "CRITICAL"][:5]
    newest = max(acked, key=lambda row: row.acknowledged_at or "", default=None)
    return Thing(
        about="flood",
        kind="flood",
        seen=Candidate(
            title=f"flood of {counted(flood.alarms, 'alarm')} from {counted(flood.problems, 'problem')}",
            severity=max((row.severity for row in members), key=rank, default="WARNING"),
            spots=tuple(dict.fromkeys(Spot(*place) for row in members for place in row.places)),
        ),
        state="over" if flood.ended else "acknowledged" if acked else "waiting",
        since=since,
        over_at=seconds(flood.ended) if flood.ended else None,
        says=(
            *((f"{first}{where}",) if first else ()),
            *(f"CRITICAL, {row.machine or row.line or 'several machines'}: {row.title}" for row in bad),
            "While it lasts, its problems are not reported one by one, except CRITICAL ones.",
        ),
        by=None if newest is None else newest.acknowledged_by,
        note=None if newest is None else newest.note,
        acknowledged_at=None if newest is None else seconds(newest.acknowledged_at or ""),
    )


class Troubles:
    """Trouble of Andon's own and of sources, by what the page's light says; remembers since when it lasts."""

    def __init__(self, here: str = "") -> None:
        """``here`` names this service where several share a database."""
        self._here = f"@{here}" if here else ""
        self._since: dict[str, float] = {}
        self._settled: dict[str, Thing] = {}

    def things(self, signs: Signs, now: float) -> list[Thing]:
        """All that is wrong for long enough, and what was until a moment ago: it may be told of only now."""
        found = [_silent(one) for one in signs.silent]
        told: set[str] = set()
        # silence is told source by source
        for trouble in troubles(msgspec.structs.replace(signs, sources=())):
            about: str = "deaf" if trouble.part == "sources" else trouble.part
            if trouble.passing or about in told:
                continue
            told.add(about)
            since = self._since.setdefault(about, min(now, trouble.since or now))
            if now - since < SETTLES:
                continue
            down = about in ("disk", "stream") and bool(signs.health or signs.stream_problem)
            severity = "CRITICAL" if down else "ERROR" if about == "deaf" else "WARNING"
            words = "model away" if trouble.clock else trouble.words.removesuffix(", the oldest")
            self._settled[about] = Thing(
                about=f"{about}{self._here}",
                kind="source" if about == "deaf" else "model" if about == "model" else "stream",
                seen=Candidate(title=f"Andon: {words}", severity=severity, spots=(Spot(),)),
                since=since,
                says=(trouble.sentence,),
            )
        for gone in self._since.keys() - told:
            del self._since[gone]
        for about, thing in list(self._settled.items()):
            if about in told:
                continue
            if thing.state != "over":
                self._settled[about] = msgspec.structs.replace(thing, state="over", over_at=now)
            elif now - (thing.over_at or now) > HOLD:
                del self._settled[about]
        return [*found, *self._settled.values()]


def _silent(source: Source) -> Thing:
    place = Spot(source.site, source.area, source.line, source.machine, source.host)
    return Thing(
        about=f"source-{source.host}",
        kind="source",
        seen=Candidate(title=f"{source.host} sends nothing", severity="WARNING", spots=(place,)),
        since=source.silent_since or source.last_seen,
        where=", ".join(filter(None, (source.machine, source.line))),
        says=(
            f"{source.host} has sent nothing for an unusually long time. Check whether the machine is off, then its "
            "network and the program that sends its logs.",
        ),
    )


def of_shifts(shifts: Sequence[Shift], zone: ZoneInfo, now: float) -> tuple[list[Thing], float | None]:
    """The shifts that ended lately, and when the next one has to be told."""
    lately = workings_within(shifts, now - REPORT_WITHIN, now, zone)
    found = [_of_shift(one, zone) for one in lately if one.end <= now - AFTER_SHIFT]
    ahead = workings_within(shifts, now - 60, now + 8 * 86_400.0, zone)
    ends = [one.end + AFTER_SHIFT for one in ahead if one.end + AFTER_SHIFT > now]
    return found, min(ends, default=None)


def _of_shift(window: ShiftWindow, zone: ZoneInfo) -> Thing:
    return Thing(
        about=f"shift-{window.start:.0f}-{window.name}",
        kind="shift",
        seen=Candidate(
            title=f"Shift report: {window.name}, {when_of(window.start, window.end, zone)}", severity="INFO"
        ),
        since=window.end,
    )


def window_of(about: str, shifts: Sequence[Shift], zone: ZoneInfo, now: float) -> ShiftWindow | None:
    """The working that such a thing names; None where the settings have other shifts by now."""
    found = workings_within(shifts, now - REPORT_WITHIN, now, zone)
    return next((one for one in found if f"shift-{one.start:.0f}-{one.name}" == about), None)
