"""What is alarming now, and what was in the last hours. Moments are unix seconds; only indexes and counts are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, literal_column

from andon.store.alarms.queries import AlarmEntry, entries
from andon.store.alarms.tracking import PERIOD
from andon.store.schema.alarm_tables import alarms
from andon.store.schema.dialect import rows_for, run

#: Alarms of one kind that are looked at, the newest; a site with more active ones has other troubles.
PRESENT_MAX = 10_000


class Happened(NamedTuple):
    """How many times an alarm became active, and the most within a minute at the end of that time."""

    times: int
    most: int


class Activation(NamedTuple):
    """So many times did an alarm become active in the ten minutes from ``period`` on, first ``at``."""

    period: float
    alarm_id: int
    at: float
    times: int


def present(connection: Connection, since: float) -> list[AlarmEntry]:
    """Alarms that are active, whenever they began, and those of which anything was told from ``since`` on."""
    active = literal_column("alarms.state") == literal_column("'active'")  # as the partial index says it
    ordered = ((active, alarms.c.active_since), (alarms.c.last_seen >= since, alarms.c.last_seen))
    found: dict[int, AlarmEntry] = {}
    for condition, newest in ordered:
        query = entries().where(condition, alarms.c.occurrences > 0).order_by(newest.desc()).limit(PRESENT_MAX)
        found.update((row.id, AlarmEntry(*row)) for row in connection.execute(query).all())
    return list(found.values())


def happened(connection: Connection, since: float, lately: float) -> dict[int, Happened]:
    """How often each alarm became active from ``since`` on, and how thickly from ``lately``, in whole ten minutes."""
    rows = run(
        connection,
        "SELECT alarm_id, SUM(count), MAX(CASE WHEN period >= ? THEN most ELSE 0 END) FROM alarm_periods"
        " WHERE period >= ? GROUP BY alarm_id",
        (int(lately // PERIOD), int(since // PERIOD)),
    )
    return {int(id_): Happened(int(count), int(most)) for id_, count, most in rows.all()}


def totals(connection: Connection, since: float) -> dict[int, int]:
    """How many alarms became active from ``since`` on, by ten minutes since 1970."""
    sql = "SELECT period, SUM(count) FROM alarm_totals WHERE period >= ? GROUP BY period"
    return {int(period): int(count) for period, count in run(connection, sql, (int(since // PERIOD),)).all()}


def last_by_place(connection: Connection, since: float) -> dict[tuple[str | None, str | None, str | None], float]:
    """When anything was alarming last, by site, area and line; of alarms that were told of from ``since`` on."""
    rows = run(
        connection,
        "SELECT site, area, line, MAX(COALESCE(cleared_at, last_seen)) FROM alarms WHERE last_seen >= ?"
        " GROUP BY site, area, line",
        (since,),
    )
    return {(site, area, line): float(at) for site, area, line, at in rows.all()}


def last_started(connection: Connection, alarm_ids: Sequence[int]) -> dict[int, float]:
    """When each of these alarms became active last, of those whose source reports states."""
    sql = "SELECT alarm_id, MAX(started) FROM occurrences WHERE alarm_id IN ({}) GROUP BY alarm_id"
    return {int(id_): float(at) for id_, at in map(tuple, rows_for(connection, sql, alarm_ids))}


def activations(connection: Connection, since: float) -> list[Activation]:
    """What became active from ``since`` on (in whole ten minutes), in the order of time."""
    rows = run(
        connection,
        "SELECT period, alarm_id, MIN(first_at), SUM(count) FROM alarm_periods WHERE period >= ?"
        " GROUP BY period, alarm_id ORDER BY period, MIN(first_at), alarm_id",
        (int(since // PERIOD),),
    )
    return [Activation(period * PERIOD, int(id_), float(at), int(n)) for period, id_, at, n in rows.all()]
