"""Which host logged when, from the counts by hour and minute; where each stands, from the newest it said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from andon.core.times import stored
from andon.store.rules.past import is_past
from andon.store.schema.dialect import rows_for, run

#: Where a host stands: site, area, line, machine; None for what it does not say, or says in several ways.
Standing = tuple[str | None, str | None, str | None, str | None]

_NOWHERE: Standing = (None, None, None, None)
_PERIOD = 10  # minutes
_LOOKED_AT = 200


def hours_by_host(connection: Connection, first: int, last: int) -> dict[str, list[int]]:
    """The hours since 1970 of ``first`` ≤ h < ``last``, in order, in which each host logged; from the indexer's counts.

    Hosts beyond those that are told apart (300) are not in it.
    """
    rows = run(
        connection,
        "SELECT v.value, h.hour FROM fields AS f JOIN facet_hours AS h ON h.field_id = f.id"
        " JOIN field_values AS v ON v.id = h.value_id"
        " WHERE f.name = 'hostname' AND h.hour >= ? AND h.hour < ? AND v.rest = ? ORDER BY h.hour",
        (first, last, False),
    )
    found: dict[str, list[int]] = {}
    for host, hour in map(tuple, rows):
        found.setdefault(str(host), []).append(int(hour))
    return found


def last_minutes(connection: Connection, first: int, last: int) -> dict[str, int]:
    """The last minute since 1970 of ``first`` ≤ m < ``last`` in which each host logged."""
    rows = run(
        connection,
        "SELECT h.hostname, m.minute FROM (SELECT host_id, MAX(minute) AS minute FROM host_minutes"
        " WHERE minute >= ? AND minute < ? GROUP BY host_id) AS m JOIN host_names AS h ON h.id = m.host_id",
        (first, last),
    )
    return {str(host): int(minute) for host, minute in map(tuple, rows)}


def hosts_in(connection: Connection, periods: Sequence[int]) -> dict[str, list[int]]:
    """In which of these ten minutes (numbered since 1970) each host logged; each is a step to its place in the key."""
    found: dict[str, list[int]] = {}
    for period in periods:
        rows = run(
            connection,
            "SELECT hostname FROM host_names WHERE id IN"
            " (SELECT host_id FROM host_minutes WHERE minute >= ? AND minute < ?)",
            (period * _PERIOD, (period + 1) * _PERIOD),
        )
        for (host,) in map(tuple, rows):
            found.setdefault(str(host), []).append(period)
    return found


def standing(connection: Connection, minutes: Mapping[str, int]) -> dict[str, Standing]:
    """Where hosts stand: by their alarms, else by a log of the minute (since 1970) that ``minutes`` gives."""
    said: dict[str, set[Standing]] = {}
    rows = rows_for(
        connection,
        "SELECT DISTINCT hostname, site, area, line, machine FROM alarms WHERE hostname IN ({})",
        sorted(minutes),
    )
    for host, *place in map(tuple, rows):
        said.setdefault(str(host), set()).add((place[0], place[1], place[2], place[3]))
    found = {host: _common(places) for host, places in said.items()}
    for host, minute in minutes.items():
        if host not in found:
            found[host] = _logged(connection, host, minute)
    return found


def _common(places: set[Standing]) -> Standing:
    """What all of these say alike; what only some say at all counts."""
    kept: list[str | None] = []
    for values in zip(*places, strict=True):
        named = {value for value in values if value}
        kept.append(named.pop() if len(named) == 1 else None)
    return kept[0], kept[1], kept[2], kept[3]


def _logged(connection: Connection, host: str, minute: int) -> Standing:
    row = run(
        connection,
        "SELECT site, area, line, machine FROM logs WHERE timestamp >= ? AND timestamp < ? AND hostname = ?"
        " ORDER BY timestamp DESC LIMIT 1",
        (_text(minute), _text(minute + 1), host),
    ).first()
    return _NOWHERE if row is None else (row[0], row[1], row[2], row[3])


def only_past(connection: Connection, host: str, minute: int) -> bool:
    """Whether all that a host logged in a minute (since 1970) told of the past when it came: it was not heard then."""
    rows = run(
        connection,
        "SELECT notes FROM logs WHERE timestamp >= ? AND timestamp < ? AND hostname = ?",
        (_text(minute), _text(minute + 1), host),
    )
    found = [is_past(notes) for (notes,) in map(tuple, rows.fetchmany(_LOOKED_AT))]
    return bool(found) and all(found)


def _text(minute: int) -> str:
    """The beginning of a minute in stored form, without its seconds: it sorts before all times in it."""
    return stored(minute * 60.0)[:16]
