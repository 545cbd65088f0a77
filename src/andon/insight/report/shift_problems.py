"""The problems of a shift, each once: where, how often, for how long, how it stands, and what was done about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from andon.core.errors import NotFound
from andon.core.models.history import PRIORITY_OF
from andon.core.times import stored
from andon.insight.now.problem_row import is_shelved
from andon.insight.titles import about, alarm_title, checks_of, title_of
from andon.insight.trends.trends import DAY, KINDS, Asked, Kind, Trend, find
from andon.store import Connection, alarms, problems, queue
from andon.store.alarms import AlarmCounts, AlarmEntry, Deed, ProblemShare

#: ``new``: seen for the first time; ``rising``: more often than chance explains; ``quiet``: regular before, silent now;
#: ``stopped``: it held up production.
Flag = Literal["new", "rising", "quiet", "stopped"]
#: ``open``: active, and nobody acknowledged it; ``over``: nothing of it is known to be active.
State = Literal["open", "acknowledged", "shelved", "over"]
FLAGS: dict[Kind, Flag] = {"new": "new", "rising": "rising", "quiet": "quiet"}

#: So many problems of a kind are looked at, of which those that are mere information are left out.
_LOOKED_AT = 100
_LISTED: dict[Kind, int] = {"top": 10, "new": 40, "rising": 10, "quiet": 5}
#: How far back is looked for what a problem was like before.
_BASELINE = 7 * DAY
_STATES: tuple[State, ...] = ("open", "acknowledged", "shelved", "over")
_RANKS = ("CRITICAL", "ERROR", "WARNING")
#: A problem that is told by what its logs share is told in so many characters.
_TEXT_MAX = 240


class ShiftProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem of the shift; ``pattern_id`` is None for an alarm that belongs to none.

    ``count`` is how often its alarms became active, or where ``unit`` is ``logs`` how many logs it has. ``seconds`` is
    for how long it was active, ``stopped_seconds`` for how long it held up production (None: nobody says).
    ``alarms`` are those of it that were active or shelved when the report was made. ``done`` is what was done about it.
    """

    pattern_id: int | None
    text: str
    code: str | None = None
    severity: str
    place: str = ""
    places: int = 1
    line: str | None = None
    count: int
    unit: Literal["alarms", "logs"] = "alarms"
    seconds: float | None = None
    stops: int = 0
    stopped_seconds: float | None = None
    state: State = "over"
    flags: list[Flag] = []
    first_check: str | None = None
    before_per_hour: float | None = None
    per_hour: float | None = None
    alarms: list[AlarmEntry] = []
    done: list[Deed] = []

    @property
    def where(self) -> str:
        """Its place in a few words: the machine, or how many."""
        return f"{self.places} machines" if self.places > 1 else self.place


def problems_of_shift(
    connection: Connection, since: float, until: float, counted: AlarmCounts, opened: Sequence[AlarmEntry], now: float
) -> list[ShiftProblem]:
    """Every problem worth handing over: with alarms, among the most frequent, new, rising, silent, or worked on.

    ``opened`` are the alarms that are active or shelved. What is open comes first, then what was worst.
    """
    found = _Rows(connection)
    for share in alarms.by_problem(connection, since, until):
        found.add_share(share)
    for kind in KINDS:
        asked = Asked(since, until, since - _BASELINE, None, _LOOKED_AT)
        rows = [row for row in find(connection, kind, asked).rows if row.worst_severity in PRIORITY_OF]
        for row in rows[: _LISTED[kind]]:
            found.add_trend(row, kind)
    found.add_alarms(opened)
    found.add_stops(counted)
    found.add_deeds(alarms.deeds(connection, stored(since), stored(until)))
    return ranked(found.told(now))


def ranked(found: Iterable[ShiftProblem]) -> list[ShiftProblem]:
    """What is open first; then by what it stopped, by severity, by how long and by how often."""
    return sorted(
        found,
        key=lambda one: (
            _STATES.index(one.state),
            one.flags == ["quiet"],
            -(one.stopped_seconds or 0.0),
            _RANKS.index(one.severity) if one.severity in _RANKS else len(_RANKS),
            -(one.seconds or 0.0),
            -one.count,
            one.pattern_id or 0,
        ),
    )


def state_of(opened: Sequence[AlarmEntry], now: float) -> State:
    """How a problem stands by its alarms that are active or shelved."""
    active = [one for one in opened if one.state == "active" and not is_shelved(one, now)]
    if any(one.acked_at is None for one in active):
        return "open"
    return "acknowledged" if active else "shelved" if opened else "over"


class _Rows:
    """Problems by their key, put together from what several questions found."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._found: dict[tuple[str, int], ShiftProblem] = {}
        self._opened: dict[tuple[str, int], list[AlarmEntry]] = {}

    def add_share(self, share: ProblemShare) -> None:
        key = _key(share.pattern_id, share.alarm_id)
        self._found[key] = ShiftProblem(
            pattern_id=share.pattern_id,
            text=about(share.text, share.place),
            code=share.code,
            severity=share.severity,
            place=share.place,
            places=share.places,
            line=share.line,
            count=share.count,
            seconds=share.seconds,
        )

    def add_trend(self, row: Trend, kind: Kind) -> None:
        key = _key(row.pattern_id, 0)
        one = self._found.get(key) or ShiftProblem(
            pattern_id=row.pattern_id,
            text=title_of(row.template, _TEXT_MAX),
            severity=row.worst_severity,
            count=row.count,
            unit="logs",
        )
        flag = FLAGS.get(kind)
        flags = [*one.flags, flag] if flag and flag not in one.flags else one.flags
        rates = {"before_per_hour": row.before_per_hour, "per_hour": row.per_hour} if row.before is not None else {}
        self._found[key] = msgspec.structs.replace(one, flags=flags, **rates)

    def add_alarms(self, opened: Sequence[AlarmEntry]) -> None:
        """Those that are active or shelved, also where they became so before the shift.

        What is known by its logs only is called after what they share; an alarm's own text says which it is.
        """
        roots = alarms.problems_of(self._connection, [one.id for one in opened])
        for one in opened:
            key = _key(roots.get(one.id), one.id)
            known = self._found.setdefault(key, _of_alarm(one, roots.get(one.id)))
            if known.unit == "logs" and key not in self._opened:
                self._found[key] = msgspec.structs.replace(
                    known, text=alarm_title(one), code=one.code, place=one.place, line=one.line
                )
            self._opened.setdefault(key, []).append(one)

    def add_stops(self, counted: AlarmCounts) -> None:
        roots = alarms.problems_of(self._connection, [one.alarm.id for one in counted.stops])
        for stop in counted.stops:
            root = roots.get(stop.alarm.id)
            key = _key(root, stop.alarm.id)
            one = self._found.get(key) or _of_alarm(stop.alarm, root)
            self._found[key] = msgspec.structs.replace(
                one,
                flags=one.flags if "stopped" in one.flags else ["stopped", *one.flags],
                stops=one.stops + stop.count,
                stopped_seconds=(one.stopped_seconds or 0.0) + stop.lost,
            )

    def add_deeds(self, deeds: Sequence[Deed]) -> None:
        """What was done, also to problems that did not occur in the shift; the same by one person at once is one."""
        said: set[tuple[object, ...]] = set()
        for deed in deeds:
            key = _key(deed.pattern_id, deed.alarm_id or 0)
            one = self._found.get(key) or self._known(deed)
            if one is None or (same := (key, deed.did, deed.by, deed.text, deed.at // 60)) in said:
                continue
            said.add(same)
            self._found[key] = msgspec.structs.replace(one, done=[*one.done, deed])

    def _known(self, deed: Deed) -> ShiftProblem | None:
        """The problem of a deed where nothing else of the shift tells of it; None where it is gone."""
        try:
            if deed.alarm_id is not None:
                return _of_alarm(alarms.alarm(self._connection, deed.alarm_id), deed.pattern_id)
            summary = problems.summary(self._connection, deed.pattern_id or 0)
        except NotFound:
            return None
        return ShiftProblem(
            pattern_id=deed.pattern_id,
            text=title_of(summary.template, _TEXT_MAX),
            severity=summary.worst_severity,
            count=0,
            unit="logs",
        )

    def told(self, now: float) -> list[ShiftProblem]:
        ids = [one.pattern_id for one in self._found.values() if one.pattern_id is not None]
        shown = queue.shown_for(self._connection, ids)
        found = []
        for key, one in self._found.items():
            opened = self._opened.get(key, [])
            explained = shown.get(one.pattern_id) if one.pattern_id is not None else None
            check = next(iter(checks_of(explained.finding)), None) if explained else None
            found.append(msgspec.structs.replace(one, alarms=opened, state=state_of(opened, now), first_check=check))
        return found


def _key(pattern_id: int | None, alarm_id: int) -> tuple[str, int]:
    return ("problem", pattern_id) if pattern_id is not None else ("alarm", alarm_id)


def _of_alarm(one: AlarmEntry, root: int | None) -> ShiftProblem:
    """A problem of which no alarm became active in the shift."""
    return ShiftProblem(
        pattern_id=root,
        text=alarm_title(one),
        code=one.code,
        severity=one.severity,
        place=one.place,
        line=one.line,
        count=0,
    )
