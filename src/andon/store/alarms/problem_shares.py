"""What each problem contributes to the alarms of a window: how often, and for how long. Moments are unix seconds."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Select, func, select

from andon.store.alarms.queries import (
    EVERYWHERE,
    AlarmFilter,
    Where,
    among,
    began,
    conditions,
    counted_by_alarm,
)
from andon.store.schema.alarm_tables import alarms, occurrences
from andon.store.schema.dialect import portions
from andon.store.schema.tables import patterns


class ProblemShare(msgspec.Struct, frozen=True):
    """A problem (or an alarm that is of none): how often its alarms became active, and for how many seconds they were.

    ``pattern_id`` is the problem's id, ``alarm_id`` its most frequent alarm, whose words and place these are;
    ``places`` counts the machines and hosts. ``seconds`` is None where nobody says when they ended.
    """

    pattern_id: int | None
    alarm_id: int
    code: str
    text: str
    place: str
    line: str | None
    severity: str
    places: int
    count: int
    seconds: float | None


def by_problem(
    connection: Connection, since: float, until: float, chosen: AlarmFilter = EVERYWHERE
) -> list[ProblemShare]:
    """Every problem with an alarm that became active in the window, the most frequent first."""
    where = conditions(chosen)
    counted = counted_by_alarm(since, until, where).subquery()
    sums = select(counted.c.alarm_id, func.sum(counted.c.count)).group_by(counted.c.alarm_id)
    counts = {id_: int(count) for id_, count in connection.execute(sums)}
    seconds = _seconds(connection, since, until, where)
    found: dict[tuple[str, int], list[ProblemShare]] = {}
    for part in portions(sorted(counts)):
        for one in connection.execute(_known().where(alarms.c.id.in_(part))):
            share = ProblemShare(*(*one, 1, counts[one.id], seconds.get(one.id)))
            key = ("alarm", one.id) if share.pattern_id is None else ("problem", share.pattern_id)
            found.setdefault(key, []).append(share)
    return sorted(map(_together, found.values()), key=lambda share: (-share.count, share.alarm_id))


def median_acknowledgement(
    connection: Connection, since: float, until: float, chosen: AlarmFilter = EVERYWHERE
) -> float | None:
    """The median of the seconds until an alarm of the window was acknowledged; None where none was."""
    waited = occurrences.c.acknowledged - occurrences.c.started
    wanted = [
        *began(since, until),
        occurrences.c.acknowledged.is_not(None),
        *among(conditions(chosen), occurrences),
    ]
    count = int(connection.execute(select(func.count()).where(*wanted)).scalar_one())
    middle = select(waited).where(*wanted).order_by(waited).limit(2 - count % 2).offset(max(0, (count - 1) // 2))
    found = [float(row[0]) for row in connection.execute(middle)] if count else []
    return sum(found) / len(found) if found else None


def areas(connection: Connection) -> list[str]:
    """The areas that alarms are known of, by name."""
    rows = connection.execute(
        select(alarms.c.area).where(alarms.c.area.is_not(None)).distinct().order_by(alarms.c.area)
    )
    return [row[0] for row in rows if row[0]]


def _known() -> Select[Any]:
    root = func.coalesce(patterns.c.merged_into, patterns.c.id)
    columns = (alarms.c.id, alarms.c.code, alarms.c.text, alarms.c.place, alarms.c.line, alarms.c.severity)
    return select(root, *columns).join_from(alarms, patterns, patterns.c.id == alarms.c.pattern_id, isouter=True)


def _seconds(connection: Connection, since: float, until: float, where: Where) -> dict[int, float]:
    """Of the times that began in the window, how long those lasted that ended or go on; read from an index alone."""
    started, ended = occurrences.c.started, occurrences.c.ended
    over = (
        select(occurrences.c.alarm_id, func.sum(ended - started))
        .where(*began(since, until), ended.is_not(None), *among(where, occurrences))
        .group_by(occurrences.c.alarm_id)
    )
    found = {id_: float(total) for id_, total in connection.execute(over)}
    lasting = select(alarms.c.id, alarms.c.active_since).where(
        alarms.c.state == "active",
        alarms.c.clears,
        alarms.c.active_since >= since,
        alarms.c.active_since < until,
        *where,
    )
    for id_, start in connection.execute(lasting):
        found[id_] = found.get(id_, 0.0) + until - start
    return found


def _together(parts: list[ProblemShare]) -> ProblemShare:
    first = max(parts, key=lambda one: (one.count, -one.alarm_id))
    known = [one.seconds for one in parts if one.seconds is not None]
    return msgspec.structs.replace(
        first,
        count=sum(one.count for one in parts),
        places=len({one.place for one in parts}),
        seconds=sum(known) if known else None,
    )
