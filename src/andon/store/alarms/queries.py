"""What is asked about alarms: lists of them, and the counts that figures are made of. Moments are unix seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    and_,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from andon.core.models import ID_MAX, Moment, Names
from andon.core.models.history import Priority
from andon.store.alarms.tracking import ACKS, DAYS_A_WEEK, PERIOD, PERIODS_A_DAY
from andon.store.engine.no_such import no_such
from andon.store.problems import members
from andon.store.schema.alarm_tables import alarm_days, alarm_periods, alarm_totals, alarm_weeks, alarms, occurrences
from andon.store.schema.dialect import portions
from andon.store.schema.expressions import matches_names
from andon.store.schema.tables import counters

#: ``active`` leaves shelved ones out; ``waiting`` are the active ones nobody acknowledged; ``all`` is the newest first.
AlarmList = Literal["active", "waiting", "stale", "shelved", "all"]

_PRIORITY_NAMES = {1: Priority.HIGH.value, 2: Priority.MEDIUM.value, 3: Priority.LOW.value}
_STALE = 24 * 3600.0
_FLEETING = 10.0
#: Stops that began longer before a window are not looked for.
_STOP_MAX = 31 * 86_400.0
_TOP = 10
_CHATTER = 3
_LISTED_MAX = 10_000
_TITLE_MAX = 80

#: Conditions, all of which hold.
Where = Sequence[ColumnElement[bool]]


class AlarmFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which alarms; ``place`` is any of site, area, line, machine, host."""

    PLACES: ClassVar[tuple[str, ...]] = ("line", "machine", "area", "site", "host")

    host: Names | None = None
    site: Names | None = None
    area: Names | None = None
    line: Names | None = None
    machine: Names | None = None
    place: Names | None = None


EVERYWHERE = AlarmFilter()


class AlarmEntry(msgspec.Struct, frozen=True):
    """An alarm as lists show it. ``clears`` says whether anything at its place ever reported that an alarm ended.

    ``item`` is the point and ``origin`` the source that its logs name, which tells alarms of one code apart.
    """

    id: int
    place: str
    code: str
    text: str
    state: str
    severity: str
    priority: str | None
    active_since: Moment | None
    last_seen: Moment
    cleared_at: Moment | None
    occurrences: int
    clears: bool
    acked_at: Moment | None
    acked_by: str | None
    ack_note: str | None
    shelved_at: Moment | None
    shelved_until: Moment | None
    shelved_by: str | None
    shelve_note: str | None
    hostname: str | None
    site: str | None
    area: str | None
    line: str | None
    machine: str | None
    pattern_id: int | None
    log_id: int | None
    item: str | None = None
    origin: str = ""

    @property
    def where(self) -> str:
        """Its place, and what it belongs to there where its text does not say that."""
        thing = (self.item or self.origin)[:_TITLE_MAX]
        told = thing in self.text or thing in (self.code, self.place)
        return self.place if told else f"{self.place}, {thing}"

    @property
    def source(self) -> str:
        """The alarm at its place, in a few words: its code, if it has one, and the beginning of its text."""
        text = " ".join(self.text.split())[:_TITLE_MAX]
        named = self.code.startswith("pattern ") or text.startswith(self.code)
        return f"{self.where}: {text}" if named else f"{self.where}: {self.code} {text}"


class Share(msgspec.Struct, frozen=True):
    """How often an alarm became active in a window, and for how many seconds it was (None where nobody knows)."""

    alarm: AlarmEntry
    count: int
    seconds: float | None
    most: int = 0


class Stopping(msgspec.Struct, frozen=True):
    """How an alarm stopped production: how often in the window, how many times still do, seconds of those that ended.

    ``lost`` are the seconds within the window, of stops that began before it too.
    """

    alarm: AlarmEntry
    count: int
    open: int
    seconds: float
    ended: int
    lost: float


class AlarmCounts(msgspec.Struct, frozen=True):
    """The counts of a window; None is "not known" (no place reports clearing, nobody acknowledges)."""

    periods: dict[int, int]
    priorities: dict[str, int]
    top: list[Share]
    chattering: list[Share]
    stale: int | None
    standing: int | None
    fleeting: int | None
    acknowledged: int | None
    ack_seconds: float | None
    stops: list[Stopping]
    shelved: int


def listing(
    connection: Connection, which: AlarmList, now: float, chosen: AlarmFilter = EVERYWHERE, limit: int = 50
) -> list[AlarmEntry]:
    """Alarms of a list: what waits for somebody first, then by priority, then the oldest."""
    shelved = and_(alarms.c.shelved_until.is_not(None), alarms.c.shelved_until > now)
    wanted: list[ColumnElement[bool]] = [alarms.c.occurrences > 0, *conditions(chosen)]
    order: list[Any] = [alarms.c.acked_at.is_not(None), alarms.c.priority, alarms.c.active_since, alarms.c.id]
    if which == "all":
        order = [alarms.c.last_seen.desc(), alarms.c.id]
    elif which == "shelved":
        wanted.append(shelved)
        order = [alarms.c.shelved_until, alarms.c.id]
    else:
        wanted += [alarms.c.state == "active", ~func.coalesce(shelved, False)]
        if which == "waiting":
            wanted.append(alarms.c.acked_at.is_(None))
        if which == "stale":
            wanted += [alarms.c.active_since < now - _STALE, alarms.c.place.in_(_clearing())]
    rows = connection.execute(entries().where(*wanted).order_by(*order).limit(max(0, min(limit, _LISTED_MAX))))
    return [AlarmEntry(*row) for row in rows]


def alarm(connection: Connection, alarm_id: int) -> AlarmEntry:
    """One alarm; raises NotFound."""
    query = entries().where(alarms.c.id == alarm_id)
    row = connection.execute(query).one_or_none() if 0 < alarm_id <= ID_MAX else None
    if row is None:
        raise no_such(connection, "alarm", alarm_id)
    return AlarmEntry(*row)


def of_problem(connection: Connection, pattern_id: int, now: float, *, shelved: bool = False) -> list[AlarmEntry]:
    """The alarms of a problem that may still be active and are not shelved; or all that are. Raises NotFound."""
    ids = members.ids_of(members.known_root(connection, pattern_id))
    away = func.coalesce(and_(alarms.c.shelved_until.is_not(None), alarms.c.shelved_until > now), False)
    wanted = [away] if shelved else [alarms.c.occurrences > 0, alarms.c.state != "cleared", ~away]
    query = entries().where(alarms.c.pattern_id.in_(ids), *wanted)
    return [AlarmEntry(*row) for row in connection.execute(query.order_by(alarms.c.id).limit(_LISTED_MAX))]


def counts(connection: Connection, since: float, until: float, chosen: AlarmFilter = EVERYWHERE) -> AlarmCounts:
    """The counts of a window. Rates are counted over whole ten minutes."""
    where = conditions(chosen)
    clears = bool(connection.execute(select(alarms.c.id).where(alarms.c.clears, *where).limit(1)).all())
    fleeting, long, open_, acked, ack_seconds = _times(connection, since, until, where)
    standing, stale = _standing(connection, until, where)
    acks = connection.execute(select(counters.c.value).where(counters.c.name == ACKS)).scalar()
    periods, priorities = _periods(connection, since, until, where)
    top, chattering = _shares(connection, since, until, where)
    shelved = select(func.count(alarms.c.id)).where(alarms.c.shelved_until > until, *where)
    return AlarmCounts(
        periods=periods,
        priorities=priorities,
        top=top,
        chattering=chattering,
        stale=long + stale if clears else None,
        standing=open_ + standing if clears else None,
        fleeting=fleeting if clears else None,
        acknowledged=acked if acks else None,
        ack_seconds=ack_seconds if acks else None,
        stops=_stops(connection, since, until, where),
        shelved=int(connection.execute(shelved).scalar_one()),
    )


def durations(connection: Connection, since: float, until: float, chosen: AlarmFilter = EVERYWHERE) -> list[Share]:
    """How long alarms were active within a window, also those that began before it; the longest first."""
    started, ended = occurrences.c.started, func.coalesce(occurrences.c.ended, until)
    begin = case((started >= since, started), else_=since)
    known = or_(occurrences.c.ended.is_not(None), occurrences.c.clears)
    lasted = case((known, case((ended < until, ended), else_=until) - begin))
    rows = connection.execute(
        select(occurrences.c.alarm_id, func.count(), func.sum(lasted))
        .where(started >= since - _STOP_MAX, started < until, ended > since, *among(conditions(chosen), occurrences))
        .group_by(occurrences.c.alarm_id)
    ).all()
    alarms_ = _by_id(connection, {row[0] for row in rows})
    found = [Share(alarms_[id_], int(n), None if s is None else float(s)) for id_, n, s in rows if id_ in alarms_]
    return sorted(found, key=lambda one: (-(one.seconds or 0.0), one.alarm.id))


def first_out(connection: Connection, start: float, end: float, chosen: AlarmFilter = EVERYWHERE) -> AlarmEntry | None:
    """The alarm that came first in a span of whole ten minutes."""
    query = (
        select(alarm_periods.c.alarm_id)
        .where(*_span(start, end), *among(conditions(chosen)))
        # what came first is in the first of the periods: the others are not read
        .order_by(alarm_periods.c.period, alarm_periods.c.first_at, alarm_periods.c.alarm_id)
        .limit(1)
    )
    found = connection.execute(query).scalar()
    return None if found is None else alarm(connection, found)


def entries() -> Select[Any]:
    """A query of alarms, the columns in the order of :class:`AlarmEntry`."""
    made = {
        "clears": alarms.c.place.in_(_clearing()),
        "origin": alarms.c.source,
        "priority": case(_PRIORITY_NAMES, value=alarms.c.priority),
    }
    return select(*(made[name] if name in made else alarms.c[name] for name in AlarmEntry.__struct_fields__))


def _clearing() -> Select[tuple[Any]]:
    return select(alarms.c.place).where(literal_column("alarms.clears"))  # as the partial index says it


def conditions(chosen: AlarmFilter) -> Where:
    """What a row of ``alarms`` must be to be among these."""
    columns = {"host": "hostname", "site": "site", "area": "area", "line": "line", "machine": "machine"}
    given = [(column, getattr(chosen, name)) for name, column in columns.items()]
    found = [matches_names(alarms.c[column], value) for column, value in given if value is not None]
    if chosen.place is not None:
        found.append(or_(*(matches_names(alarms.c[column], chosen.place) for column in columns.values())))
    return found


def among(where: Where, table: Any = alarm_periods) -> Where:
    """What a row of ``table`` must be to be of such an alarm."""
    return [table.c.alarm_id.in_(select(alarms.c.id).where(*where))] if where else []


def _span(since: float, until: float, table: Any = alarm_periods) -> Where:
    return [table.c.period >= int(since // PERIOD), table.c.period < int(-(-until // PERIOD))]


def began(since: float, until: float) -> Where:
    """Times at which an alarm became active, that began in a window."""
    return [occurrences.c.started >= since, occurrences.c.started < until]


def _periods(connection: Connection, since: float, until: float, where: Where) -> tuple[dict[int, int], dict[str, int]]:
    table = alarm_periods if where else alarm_totals
    inside = [*_span(since, until, table), *among(where)]
    # one row for each ten minutes, its priorities beside each other: three months have thirteen thousand
    of_each = [cast(_sum_of(table.c.count, table.c.priority == one), BigInteger) for one in _PRIORITY_NAMES]
    found = connection.execute(select(table.c.period, *of_each).where(*inside).group_by(table.c.period)).all()
    if not found:
        return {}, dict.fromkeys(_PRIORITY_NAMES.values(), 0)
    numbers, *columns = zip(*found, strict=True)
    periods = dict(zip(numbers, map(sum, zip(*columns, strict=True)), strict=True))
    return periods, dict(zip(_PRIORITY_NAMES.values(), map(sum, columns), strict=True))


#: What counts by alarm are kept by, the longest first, with how many ten minutes each of it is.
_SPANS = (
    (alarm_weeks, alarm_weeks.c.week, PERIODS_A_DAY * DAYS_A_WEEK),
    (alarm_days, alarm_days.c.day, PERIODS_A_DAY),
    (alarm_periods, alarm_periods.c.period, 1),
)


def _parts(first: int, last: int) -> Iterator[tuple[Any, Any, int, int]]:
    """Tables with what of them makes up the ten minutes from ``first`` to before ``last``: as few rows as can be."""
    left = [(first, last)]
    for table, column, length in _SPANS:
        rest: list[tuple[int, int]] = []
        for begin, end in left:
            start, stop = -(-begin // length), end // length
            if start < stop:
                yield table, column, start, stop
                rest += [(begin, start * length), (stop * length, end)]
            else:
                rest.append((begin, end))
        left = [span for span in rest if span[0] < span[1]]


def counted_by_alarm(since: float, until: float, where: Where) -> CompoundSelect[Any]:
    """How often each alarm became active, and ``most`` within a minute, by whole weeks and days and the ten minutes at
    both ends. An alarm may stand in several rows.
    """
    first, last = int(since // PERIOD), int(-(-until // PERIOD))
    parts = list(_parts(first, last)) or [(alarm_periods, alarm_periods.c.period, first, last)]
    return union_all(
        *(
            select(table.c.alarm_id, func.sum(table.c.count).label("count"), func.max(table.c.most).label("most"))
            .where(column >= begin, column < finish, *among(where, table))
            .group_by(table.c.alarm_id)
            for table, column, begin, finish in parts
        )
    )


def _shares(connection: Connection, since: float, until: float, where: Where) -> tuple[list[Share], list[Share]]:
    """The most frequent alarms, and those that chatter, in one look at the counts."""
    counted = counted_by_alarm(since, until, where).subquery()
    sums = (
        select(counted.c.alarm_id, func.sum(counted.c.count).label("total"), func.max(counted.c.most).label("most"))
        .group_by(counted.c.alarm_id)
        .cte("sums")
    )
    frequent = select(sums.c.alarm_id).order_by(sums.c.total.desc(), sums.c.alarm_id).limit(_TOP)
    found = connection.execute(select(sums).where(or_(sums.c.most >= _CHATTER, sums.c.alarm_id.in_(frequent))))
    rows = [(row.alarm_id, int(row.total), int(row.most)) for row in found]
    top = sorted(rows, key=lambda row: (-row[1], row[0]))[:_TOP]
    chattering = sorted((row for row in rows if row[2] >= _CHATTER), key=lambda row: (-row[2], -row[1], row[0]))
    chosen = [*top, *chattering[:_LISTED_MAX]]
    known = _by_id(connection, {row[0] for row in chosen})
    seconds = _seconds(connection, since, until, [row[0] for row in top])
    shares = [Share(known[id_], count, seconds.get(id_), most) for id_, count, most in chosen]
    return shares[: len(top)], shares[len(top) :]


def _by_id(connection: Connection, ids: set[int]) -> dict[int, AlarmEntry]:
    parts = (connection.execute(entries().where(alarms.c.id.in_(part))).all() for part in portions(sorted(ids)))
    return {row.id: AlarmEntry(*row) for rows in parts for row in rows}


def _seconds(connection: Connection, since: float, until: float, ids: list[int]) -> dict[int, float]:
    lasted = func.coalesce(occurrences.c.ended, until) - occurrences.c.started
    rows = connection.execute(
        select(occurrences.c.alarm_id, func.sum(lasted))
        .where(occurrences.c.alarm_id.in_(ids), *began(since, until), occurrences.c.clears)
        .group_by(occurrences.c.alarm_id)
    )
    return {alarm_id: float(total) for alarm_id, total in rows}


def _times(connection: Connection, since: float, until: float, where: Where) -> tuple[int, int, int, int, float | None]:
    """Of times that began in the window: fleeting, longer than a day, closed after it, acknowledged, mean."""
    started, ended, acknowledged = occurrences.c.started, occurrences.c.ended, occurrences.c.acknowledged
    query = select(
        _number(and_(ended - started < _FLEETING, acknowledged.is_(None))),
        _number(ended - started > _STALE),
        _number(ended >= until),
        func.count(acknowledged),
        func.avg(acknowledged - started),
    ).where(*began(since, until), *among(where, occurrences))
    fleeting, long, after, acked, mean = connection.execute(query).one()
    return int(fleeting), int(long), int(after), int(acked), None if mean is None else float(mean)


def _sum_of(column: Any, condition: ColumnElement[bool]) -> ColumnElement[int]:
    """The sum over the rows of which it is true."""
    return func.coalesce(func.sum(case((condition, column), else_=0)), 0)


def _number(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """Of how many rows it is true."""
    return _sum_of(1, condition)


def _standing(connection: Connection, until: float, where: Where) -> tuple[int, int]:
    """Alarms that are active (and were at ``until``), and how many of them for more than a day by then."""
    since = alarms.c.active_since
    query = select(func.count(), _number(since < until - _STALE))
    query = query.where(alarms.c.state == "active", since < until, alarms.c.place.in_(_clearing()), *where)
    standing, stale = connection.execute(query).one()
    return int(standing), int(stale)


def _stops(connection: Connection, since: float, until: float, where: Where) -> list[Stopping]:
    """What stopped production in the window or before and into it, what cost most time first."""
    started, ended = occurrences.c.started, occurrences.c.ended
    inside, over = started >= since, ended.is_not(None)
    begin = case((inside, started), else_=since)
    finish = case((ended < until, ended), else_=until)
    query = (
        select(
            occurrences.c.alarm_id,
            _number(inside),
            _number(and_(ended.is_(None), occurrences.c.clears)),
            func.coalesce(func.sum(case((and_(inside, over), ended - started), else_=0.0)), 0.0),
            _number(and_(inside, over)),
            func.coalesce(func.sum(case((or_(over, occurrences.c.clears), finish - begin), else_=0.0)), 0.0),
        )
        .where(
            literal_column("occurrences.stopped"),  # as the partial index says it
            started >= since - _STOP_MAX,
            started < until,
            or_(inside, ended.is_(None), ended > since),
            *among(where, occurrences),
        )
        .group_by(occurrences.c.alarm_id)
    )
    rows = connection.execute(query).all()
    known = _by_id(connection, {row[0] for row in rows})
    found = [
        Stopping(known[row[0]], int(row[1]), int(row[2]), float(row[3]), int(row[4]), float(row[5])) for row in rows
    ]
    return sorted(found, key=lambda stop: (-stop.lost, -stop.count, stop.alarm.id))
