"""Keeping the state of alarms, the times at which they were active, and how often they came, from logs as they come.

Runs with the indexer: every log exactly once, in the order in which it was stored. Logs that say nothing of a state
leave no row for each time, only counts for ten minutes: there may be millions of them.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Connection

from andon.core.timestamps import TimeReader
from andon.store.alarms.lifecycle import Course
from andon.store.alarms.matching import STATE, TOLD, Entry, Told, match, of_items
from andon.store.alarms.state_words import CODED, understood
from andon.store.alarms.states import SILENT, Report, read
from andon.store.engine.bulk_insert import insert_rows
from andon.store.engine.counters import add_to_counters
from andon.store.schema.dialect import marks, portions, run
from andon.store.search.facets import CONTEXT_MAX, Row

#: Severities that are annunciated, by the number their priority is stored as.
PRIORITIES = {"CRITICAL": 1, "ERROR": 2, "WARNING": 3}
#: The counter of acknowledgements of either kind: without any, a site does not report them.
ACKS = "acknowledgements"
PERIOD = 600.0
PERIODS_A_DAY = 144
DAYS_A_WEEK = 7
_KEYS_PER_QUERY = 200
#: Of a large context, fields of so many bytes at most are read.
_FIELD_MAX = 4_096
#: The fields of Course in their order.
_COURSE = ("started", "ended", "clears", "priority", "stopped", "acknowledged", "log_id")
_CHECKS = frozenset(
    ("notification_type", "NOTIFICATIONTYPE", "notificationType", "service_state", "SERVICESTATE", "state_type")
)
#: Texts that may be nothing but a state.
_STATE_MAX = 40
_CLEARED = Report(active=False)
_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def add(connection: Connection, rows: Sequence[Row], times: TimeReader) -> None:
    """Take in what logs say of alarms, inside the open transaction; ``times`` reads those in contexts."""
    told = [one for row in rows if row.pattern_id and (one := _read(row, times)) is not None]
    if not told:
        return
    _name_by_problem(connection, told)
    matched = match(connection, told)
    entries = {entry.id: entry for entry in matched}
    swept = {(one.place, one.report.item) for one in told if one.report.everything}
    entries = {entry.id: entry for entry in of_items(connection, swept)} | entries
    _load_times(connection, zip(told, matched, strict=True), entries)
    counts: dict[tuple[int, int, int], list[Any]] = {}
    newest: dict[int, Told] = {}
    acks = 0
    for one, entry in zip(told, matched, strict=True):
        entry.item = entry.item or one.report.item
        for moment in entry.alarm.tell(one.report, one.at, one.priority, one.row.id, past=one.row.late):
            _count(counts, entry, moment, one.priority)
        if one.priority and (one.report.active is not False) and not one.row.late:
            newest[entry.id] = one
        acks += bool(one.report.acknowledged)
        if one.report.everything:
            for other in entries.values():
                if other is not entry and (other.place, other.item) == (one.place, one.report.item):
                    other.alarm.tell(_CLEARED, one.at, 0, one.row.id, past=one.row.late)
    for alarm_id, one in newest.items():
        entries[alarm_id].told = one.summary()
    _save(connection, entries.values())
    _save_counts(connection, counts)
    add_to_counters(connection, {ACKS: acks})


def _read(row: Row, times: TimeReader) -> Told | None:
    """What a log says of an alarm, None where it concerns none."""
    priority = PRIORITIES.get(row.own[2] or "", 0)
    if not priority and not row.context:
        return None
    try:
        at = _seconds(row.timestamp)
    except (ValueError, OverflowError):  # taken over as it was
        return None
    fields = row.told if row.told is not None else _fields(row.context)
    if fields:
        fields = _graded(fields, row)
    report = read(fields, at, times) if fields else SILENT
    if not report.stated and not priority:
        return None
    if report.aside:
        return None
    if report.spans and not priority and report.active is None:  # a time of what is no alarm but information
        return None
    return Told(row, at, report, priority, row.own[6] or row.own[0] or "", report.code or "")


@functools.lru_cache(maxsize=256)
def _second(text: str) -> int:
    """A time without its fraction in unix seconds."""
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())


def _seconds(stored: str) -> float:
    """A stored time in unix seconds; raises ValueError where it is none."""
    if len(stored) == 24 and stored[19] == "." and stored[20:23].isdigit() and stored[23] == "Z" and stored.isascii():
        return (_second(stored[:19]) * 1000 + int(stored[20:23])) / 1000
    return datetime.fromisoformat(stored).timestamp()


def _graded(fields: Mapping[str, Any], row: Row) -> Mapping[str, Any]:
    """The fields, with a severity that is a state: ``cleared`` as such, the level of an MTConnect condition.

    And with the service that a check of Nagios is about, whose name it is, and with a text that is a state.
    """
    if "dataItemId" in fields and (level := row.native or row.own[2] or "").upper() in ("FAULT", "WARNING", "NORMAL"):
        return {**fields, "condition": fields.get("condition", level)}
    if not _CHECKS.isdisjoint(fields):
        return {**fields, "servicedesc": row.own[1]}
    said = understood(row.native) if row.native else None
    if said is not None and said.active is False:
        return {**fields, "nativeSeverity": row.native}
    # a field ``event`` at the top is the text where no other is
    if len(row.message) <= _STATE_MAX and "event" not in fields:
        told = understood(row.message)
        if told is not None and told.needs <= CODED:
            return {**fields, "event": row.message}
    return fields


def _fields(context: str | None) -> Mapping[str, Any]:
    """The fields of a context; of a large one those that are small themselves."""
    if not context:
        return {}
    try:
        found = msgspec.json.decode(context) if len(context) <= CONTEXT_MAX else _small(context, 1)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _small(text: str | msgspec.Raw, depth: int) -> dict[str, Any]:
    """Fields of up to some kilobytes, and those of objects that are larger."""
    found: dict[str, Any] = {}
    for name, raw in _raw_fields(text).items():
        data = bytes(raw)
        if len(data) <= _FIELD_MAX:
            found[name] = msgspec.json.decode(raw)
        elif data[:1] == b"{" and depth < 3:
            found[name] = _small(raw, depth + 1)
    return found


def _name_by_problem(connection: Connection, told: Sequence[Told]) -> None:
    """An alarm without a code is called by the problem it is."""
    roots: dict[int, int] = {}
    for part in portions(sorted({one.row.pattern_id for one in told if not one.code})):
        sql = f"SELECT id, COALESCE(merged_into, id) FROM patterns WHERE id IN ({marks(part)})"  # noqa: S608
        roots.update(map(tuple, run(connection, sql, tuple(part))))
    for one in told:
        if not one.code:
            one.code = f"pattern {roots.get(one.row.pattern_id, one.row.pattern_id)}"


def _load_times(connection: Connection, told: Iterable[tuple[Told, Entry]], entries: Mapping[int, Entry]) -> None:
    """The times around what the batch tells, for alarms that report a state."""
    oldest: dict[int, float] = {}
    for one, entry in told:
        if not one.report.stated:
            continue
        moments = (one.at, one.report.started, one.report.acknowledged_at)
        moment = min(moment for moment in moments if moment is not None)
        concerned = [entry.id]
        if one.report.everything:
            at = one.place, one.report.item
            concerned += [id_ for id_, other in entries.items() if (other.place, other.known_item) == at]
        for id_ in concerned:
            oldest[id_] = min(oldest.get(id_, moment), moment)
    for id_ in oldest:
        entries[id_].alarm.times = []
    asked = list(oldest.items())
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
            entries[alarm_id].alarm.times.append(Course(*course))


def _count(counts: dict[tuple[int, int, int], list[Any]], entry: Entry, moment: float, priority: int) -> None:
    """Count an activation in its ten minutes: how many, the most within a minute, the first."""
    entry.occurrences += 1
    most = entry.alarm.most(moment)
    known = counts.setdefault((int(moment // PERIOD), entry.id, priority), [0, 0, moment])
    known[0] += 1
    known[1] = max(known[1], most)
    known[2] = min(known[2], moment)


def _save(connection: Connection, entries: Iterable[Entry]) -> None:
    names = ("item", "occurrences", "recent", *TOLD, *STATE)
    changes = []
    courses: list[tuple[Any, ...]] = []
    gone: list[tuple[int, float]] = []
    for entry in entries:
        alarm = entry.alarm
        state = [getattr(alarm, name) for name in STATE]
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
    weeks: dict[tuple[int, int], list[int]] = {}
    for (number, alarm_id), (count, most) in days.items():
        week = weeks.setdefault((number // DAYS_A_WEEK, alarm_id), [0, 0])
        week[0], week[1] = week[0] + count, max(week[1], most)
    for table, unit, spans in (("alarm_days", "day", days), ("alarm_weeks", "week", weeks)):
        insert_rows(
            connection,
            table,
            (unit, "alarm_id", "count", "most"),
            [(*key, *values) for key, values in sorted(spans.items())],
            f" ON CONFLICT ({unit}, alarm_id) DO UPDATE SET count = {table}.count + excluded.count,"
            f" most = CASE WHEN excluded.most > {table}.most THEN excluded.most ELSE {table}.most END",
        )
    insert_rows(
        connection,
        "alarm_totals",
        ("period", "priority", "count"),
        [(*key, count) for key, count in sorted(totals.items())],
        " ON CONFLICT (period, priority) DO UPDATE SET count = alarm_totals.count + excluded.count",
    )
