"""Keeping the state of alarms, the times at which they were active, and how often they came, from logs as they come.

Runs with the indexer: every log exactly once, in the order in which it was stored. Logs that say nothing of a state
leave no row for each time, only counts for ten minutes: there may be millions of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Connection

from andon.store.alarms.lifecycle import Alarm, Course
from andon.store.alarms.states import SILENT, Report, read
from andon.store.engine.bulk_insert import insert_rows
from andon.store.engine.counters import add_to_counters
from andon.store.schema.dialect import is_postgres, marks, portions, run
from andon.store.search.facets import CONTEXT_MAX, Row

#: Severities that are annunciated, by the number their priority is stored as.
PRIORITIES = {"CRITICAL": 1, "ERROR": 2, "WARNING": 3}
#: The counter of acknowledgements of either kind: without any, a site does not report them.
ACKS = "acknowledgements"
PERIOD = 600.0
PERIODS_A_DAY = 144
_TEXT_MAX = 300
_KEYS_PER_QUERY = 200

# What changes with a log, in the order of the table's update; the first are of the newest log that is an activation.
# Those of the others are the fields of Alarm and Course in their order; SQLite's 0 and 1 serve as truths there.
_TOLD = ("text", "pattern_id", "log_id", "severity", "priority")
_STATE = ("stated", "clears", "state", "active_since", "last_seen", "cleared_at", "acked_at", "acked_by", "ack_note")
_COURSE = ("started", "ended", "clears", "priority", "stopped", "acknowledged", "log_id")
_CLEARED = Report(active=False)


class _Told(msgspec.Struct):
    """A log that concerns an alarm."""

    row: Row
    at: float
    report: Report
    priority: int
    key: tuple[str, str]


class _Entry(msgspec.Struct):
    """An alarm in the course of a batch."""

    id: int
    item: str | None
    told: list[Any]
    occurrences: int
    alarm: Alarm


def add(connection: Connection, rows: Sequence[Row], zone: tzinfo = UTC) -> None:
    """Take in what logs say of alarms, inside the open transaction; ``zone`` is that of times which name none."""
    told = [one for row in rows if row.pattern_id and (one := _read(row, zone)) is not None]
    if not told:
        return
    _name_by_problem(connection, told)
    entries = _load(connection, told)
    for place, item in {(one.key[0], one.report.item) for one in told if one.report.everything}:
        swept = run(connection, f"{_SELECT} WHERE place = ? AND item = ?", (place, item))
        entries = {**dict(map(_entry, map(tuple, swept))), **entries}
    _load_times(connection, told, entries)
    counts: dict[tuple[int, int, int], list[Any]] = {}
    acks = 0
    for one in told:
        entry = entries[one.key]
        entry.item = entry.item or one.report.item
        for moment in entry.alarm.tell(one.report, one.at, one.priority, one.row.id):
            _count(counts, entry, moment, one.priority)
        if one.priority and (one.report.active is not False):
            entry.told = [one.row.message[:_TEXT_MAX], one.row.pattern_id, one.row.id, one.row.own[2], one.priority]
        acks += bool(one.report.acknowledged)
        if one.report.everything:
            for key in _of_item({key: entry.item for key, entry in entries.items()}, one):
                entries[key].alarm.tell(_CLEARED, one.at, 0, one.row.id)
    _save(connection, entries.values())
    _save_counts(connection, counts)
    add_to_counters(connection, {ACKS: acks})


def _read(row: Row, zone: tzinfo) -> _Told | None:
    """What a log says of an alarm, None where it concerns none."""
    priority = PRIORITIES.get(row.own[2] or "", 0)
    if not priority and not row.context:
        return None
    try:
        at = datetime.fromisoformat(row.timestamp).timestamp()
    except (ValueError, OverflowError):  # taken over as it was
        return None
    report = _report(row.context, at, zone)
    if not report.stated and not priority:
        return None
    if report.spans and not priority:  # a time of what is no alarm but information
        return None
    return _Told(row, at, report, priority, (row.own[6] or row.own[0] or "", report.code or ""))


def _report(context: str | None, at: float, zone: tzinfo) -> Report:
    if not context or len(context) > CONTEXT_MAX:
        return SILENT
    try:
        fields = msgspec.json.decode(context)
    except (msgspec.DecodeError, RecursionError):
        return SILENT
    return read(fields, at, zone) if isinstance(fields, dict) else SILENT


def _name_by_problem(connection: Connection, told: Sequence[_Told]) -> None:
    """An alarm without a code is called by the problem it is."""
    roots: dict[int, int] = {}
    for part in portions(sorted({one.row.pattern_id for one in told if not one.key[1]})):
        sql = f"SELECT id, COALESCE(merged_into, id) FROM patterns WHERE id IN ({marks(part)})"  # noqa: S608
        roots.update(map(tuple, run(connection, sql, tuple(part))))
    for one in told:
        if not one.key[1]:
            one.key = (one.key[0], f"pattern {roots.get(one.row.pattern_id, one.row.pattern_id)}")


_SELECT = f"SELECT id, place, code, item, occurrences, recent, {', '.join((*_TOLD, *_STATE))} FROM alarms"  # noqa: S608


def _load(connection: Connection, told: Sequence[_Told]) -> dict[tuple[str, str], _Entry]:
    """The alarms that the batch concerns; those met for the first time are inserted."""
    entries: dict[tuple[str, str], _Entry] = {}
    # a person may acknowledge meanwhile, in another process
    lock = " FOR UPDATE" if is_postgres(connection) else ""
    for part in portions(list(dict.fromkeys(one.key for one in told)), _KEYS_PER_QUERY):
        sql = f"{_SELECT} WHERE (place, code) IN (VALUES {','.join(['(?, ?)'] * len(part))}){lock}"
        entries.update(map(_entry, map(tuple, run(connection, sql, tuple(chain.from_iterable(part))))))
    for one in told:
        if one.key not in entries:
            entries[one.key] = _insert(connection, one)
    return entries


def _entry(row: tuple[Any, ...]) -> tuple[tuple[str, str], _Entry]:
    id_, place, code, item, occurrences, recent, *rest = row
    state = dict(zip(_STATE, rest[len(_TOLD) :], strict=True))
    alarm = Alarm(**state, recent=msgspec.json.decode(recent))
    return (place, code), _Entry(id_, item, rest[: len(_TOLD)], occurrences, alarm)


def _insert(connection: Connection, one: _Told) -> _Entry:
    row = one.row
    hostname, _, severity, site, area, line, machine = row.own
    told = [row.message[:_TEXT_MAX], row.pattern_id, row.id, severity, one.priority]
    names = ("place", "code", "item", "hostname", "site", "area", "line", "machine", *_TOLD)
    values = (*one.key, one.report.item, hostname, site, area, line, machine, *told)
    id_: int = run(
        connection,
        f"INSERT INTO alarms ({', '.join(names)}, stated, clears, state, last_seen, occurrences, recent)"  # noqa: S608
        f" VALUES ({marks(names)}, ?, ?, 'unknown', ?, 0, '[]') RETURNING id",
        (*values, False, False, one.at),
    ).scalar_one()
    return _Entry(id_, one.report.item, told, 0, Alarm(last_seen=one.at))


def _of_item(items: dict[tuple[str, str], str | None], one: _Told) -> list[tuple[str, str]]:
    """The alarms that a log clears beside its own; ``items`` says which item each belongs to."""
    if not one.report.everything:
        return []
    place, item = one.key[0], one.report.item
    return [key for key, known in items.items() if key[0] == place and known == item and key != one.key]


def _load_times(connection: Connection, told: Sequence[_Told], entries: dict[tuple[str, str], _Entry]) -> None:
    """The times around what the batch tells, for alarms that report a state."""
    oldest: dict[tuple[str, str], float] = {}
    items = {key: entry.item for key, entry in entries.items()}
    for one in told:
        items[one.key] = items[one.key] or one.report.item
    for one in told:
        if one.report.stated:
            moments = (one.at, one.report.started, one.report.acknowledged_at)
            moment = min(moment for moment in moments if moment is not None)
            for key in (one.key, *_of_item(items, one)):
                oldest[key] = min(oldest.get(key, moment), moment)
    asked = [(entries[key].id, moment) for key, moment in oldest.items()]
    alarms = {entries[key].id: entries[key].alarm for key in oldest}
    for alarm in alarms.values():
        alarm.times = []
    for part in portions(asked, _KEYS_PER_QUERY):
        named = ",".join(["(CAST(? AS bigint), CAST(? AS float8))"] * len(part))
        rows = run(
            connection,
            f"WITH asked (id, moment) AS (VALUES {named})"  # noqa: S608
            f" SELECT o.alarm_id, {', '.join(f'o.{name}' for name in _COURSE)} FROM asked AS a JOIN occurrences AS o"
            " ON o.alarm_id = a.id AND o.started >= COALESCE((SELECT MAX(b.started) FROM occurrences AS b"
            " WHERE b.alarm_id = a.id AND b.started <= a.moment), a.moment) ORDER BY o.alarm_id, o.started",
            tuple(chain.from_iterable(part)),
        )
        for alarm_id, *course in map(tuple, rows):
            alarms[alarm_id].times.append(Course(*course))


def _count(counts: dict[tuple[int, int, int], list[Any]], entry: _Entry, moment: float, priority: int) -> None:
    """Count an activation in its ten minutes: how many, the most within a minute, the first."""
    entry.occurrences += 1
    most = entry.alarm.most(moment)
    known = counts.setdefault((int(moment // PERIOD), entry.id, priority), [0, 0, moment])
    known[0] += 1
    known[1] = max(known[1], most)
    known[2] = min(known[2], moment)


def _save(connection: Connection, entries: Iterable[_Entry]) -> None:
    names = ("item", "occurrences", "recent", *_TOLD, *_STATE)
    changes = []
    courses: list[tuple[Any, ...]] = []
    gone: list[tuple[int, float]] = []
    for entry in entries:
        alarm = entry.alarm
        state = [getattr(alarm, name) for name in _STATE]
        recent = msgspec.json.encode(alarm.recent).decode()
        changes.append((entry.item, entry.occurrences, recent, *entry.told, *state, entry.id))
        gone += [(entry.id, started) for started in alarm.gone]
        courses += [
            (entry.id, *(getattr(one, name) for name in _COURSE)) for one in alarm.times if one.started in alarm.changed
        ]
    run(connection, f"UPDATE alarms SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ?", changes)  # noqa: S608
    if gone:
        run(connection, "DELETE FROM occurrences WHERE alarm_id = ? AND started = ?", gone)
    changed = ", ".join(f"{name} = excluded.{name}" for name in _COURSE[1:])
    conflict = f" ON CONFLICT (alarm_id, started) DO UPDATE SET {changed}"
    insert_rows(connection, "occurrences", ("alarm_id", *_COURSE), courses, conflict)


def _save_counts(connection: Connection, counts: dict[tuple[int, int, int], list[Any]]) -> None:
    insert_rows(
        connection,
        "alarm_periods",
        ("period", "alarm_id", "priority", "count", "most", "first_at"),
        [(*key, *values) for key, values in sorted(counts.items())],
        " ON CONFLICT (period, alarm_id, priority) DO UPDATE SET count = alarm_periods.count + excluded.count,"
        " most = CASE WHEN excluded.most > alarm_periods.most THEN excluded.most ELSE alarm_periods.most END,"
        " first_at = CASE WHEN excluded.first_at < alarm_periods.first_at THEN excluded.first_at"
        " ELSE alarm_periods.first_at END",
    )
    totals: Counter[tuple[int, int]] = Counter()
    days: dict[tuple[int, int], list[int]] = {}
    for (period, alarm_id, priority), (count, most, _) in counts.items():
        totals[period, priority] += count
        day = days.setdefault((period // PERIODS_A_DAY, alarm_id), [0, 0])
        day[0], day[1] = day[0] + count, max(day[1], most)
    insert_rows(
        connection,
        "alarm_days",
        ("day", "alarm_id", "count", "most"),
        [(*key, *values) for key, values in sorted(days.items())],
        " ON CONFLICT (day, alarm_id) DO UPDATE SET count = alarm_days.count + excluded.count,"
        " most = CASE WHEN excluded.most > alarm_days.most THEN excluded.most ELSE alarm_days.most END",
    )
    insert_rows(
        connection,
        "alarm_totals",
        ("period", "priority", "count"),
        [(*key, count) for key, count in sorted(totals.items())],
        " ON CONFLICT (period, priority) DO UPDATE SET count = alarm_totals.count + excluded.count",
    )
