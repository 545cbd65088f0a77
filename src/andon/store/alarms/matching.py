"""Which alarm a log is about: its code at its place, and the source where logs name one.

Two sources of one code are two alarms. A log that names none belongs to the only source that is known, if there is one;
and an alarm that was known without a source (from before sources were read, or from such a log) becomes that of the
first source that fits it, with all that people noted about it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Connection

from andon.store.alarms.lifecycle import Alarm
from andon.store.alarms.states import Report
from andon.store.schema.dialect import is_postgres, marks, portions, run
from andon.store.search.facets import Row

_TEXT_MAX = 300
_KEYS_PER_QUERY = 200

# What changes with a log, in the order of the table's update; the first are of the newest log that is an activation.
# Those of the others are the fields of Alarm in their order; SQLite's 0 and 1 serve as truths there.
TOLD = ("text", "pattern_id", "log_id", "severity", "priority")
STATE = ("stated", "clears", "state", "active_since", "last_seen", "cleared_at", "acked_at", "acked_by", "ack_note")
_SELECT = f"SELECT id, place, code, source, item, occurrences, recent, {', '.join((*TOLD, *STATE))} FROM alarms"  # noqa: S608

_Key = tuple[str, str, str]


class Entry(msgspec.Struct):
    """An alarm in the course of a batch. ``item`` is what the logs so far named, ``known_item`` those of the batch."""

    id: int
    place: str
    item: str | None
    known_item: str | None
    told: list[Any]
    occurrences: int
    alarm: Alarm


class Told(msgspec.Struct):
    """A log that concerns an alarm."""

    row: Row
    at: float
    report: Report
    priority: int
    place: str
    code: str

    def summary(self) -> list[Any]:
        """What the alarm shows of it: the columns :data:`TOLD`."""
        return [self.row.message[:_TEXT_MAX], self.row.pattern_id, self.row.id, self.row.own[2], self.priority]


def match(connection: Connection, told: Sequence[Told]) -> list[Entry]:
    """The alarm of each log; those met for the first time are inserted."""
    book = _Book(connection)
    book.load({(one.place, one.code, source) for one in told for source in (one.report.source, "")})
    book.load_sources({(one.place, one.code) for one in told if _key(one) not in book.entries})
    return [book.entry(one) for one in told]


def of_items(connection: Connection, items: Iterable[tuple[str, str | None]]) -> list[Entry]:
    """The alarms of (place, item)."""
    return [
        _entry(tuple(row))[1]
        for place, item in items
        for row in run(connection, f"{_SELECT} WHERE place = ? AND item = ?", (place, item))
    ]


def _key(one: Told) -> _Key:
    return one.place, one.code, one.report.source


def _entry(row: tuple[Any, ...]) -> tuple[_Key, Entry]:
    id_, place, code, source, item, occurrences, recent, *rest = row
    state = dict(zip(STATE, rest[len(TOLD) :], strict=True))
    alarm = Alarm(**state, recent=msgspec.json.decode(recent))
    return (place, code, source), Entry(id_, place, item, item, rest[: len(TOLD)], occurrences, alarm)


class _Book:
    """The alarms that a batch may concern, in the order in which its logs make them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.entries: dict[_Key, Entry] = {}
        #: Known sources of a code at a place: of many at least two.
        self._sources: dict[tuple[str, str], set[str]] = defaultdict(set)

    def load(self, keys: Iterable[_Key]) -> None:
        # a person may acknowledge meanwhile, in another process
        lock = " FOR UPDATE" if is_postgres(self._connection) else ""
        for part in portions(sorted(keys), _KEYS_PER_QUERY):
            sql = f"{_SELECT} WHERE (place, code, source) IN (VALUES {','.join(['(?, ?, ?)'] * len(part))}){lock}"
            self.entries.update(
                _entry(tuple(row)) for row in run(self._connection, sql, tuple(chain.from_iterable(part)))
            )

    def load_sources(self, pairs: Iterable[tuple[str, str]]) -> None:
        only: set[_Key] = set()
        for part in portions(sorted(pairs), _KEYS_PER_QUERY):
            sql = (
                "SELECT place, code, MIN(source), MAX(source) FROM alarms WHERE source <> ''"  # noqa: S608
                f" AND (place, code) IN (VALUES {','.join(['(?, ?)'] * len(part))}) GROUP BY place, code"
            )
            for place, code, first, last in map(tuple, run(self._connection, sql, tuple(chain.from_iterable(part)))):
                self._sources[place, code] |= {first, last}
                if first == last:
                    only.add((place, code, first))
        self.load(only - self.entries.keys())

    def entry(self, one: Told) -> Entry:
        key = _key(one)
        found = self.entries.get(key) or (self._adopted(one) if key[2] else self._only(one))
        if found is None:
            found = self.entries[key] = self._insert(one)
        if key[2]:
            self._sources[key[:2]].add(key[2])
        found.known_item = found.known_item or one.report.item
        return found

    def _adopted(self, one: Told) -> Entry | None:
        """The alarm without a source that this is, now with its source."""
        place, code, source = _key(one)
        known = self.entries.get((place, code, ""))
        if known is None or known.known_item not in (None, one.report.item):
            return None
        if known.known_item is None and self._sources[place, code]:
            return None
        del self.entries[place, code, ""]
        run(self._connection, "UPDATE alarms SET source = ? WHERE id = ?", (source, known.id))
        self.entries[place, code, source] = known
        return known

    def _only(self, one: Told) -> Entry | None:
        """The alarm of the only source that is known of this code."""
        sources = self._sources[one.place, one.code]
        known = self.entries.get((one.place, one.code, next(iter(sources)))) if len(sources) == 1 else None
        fits = known is not None and (one.report.item is None or known.known_item in (None, one.report.item))
        return known if fits else None

    def _insert(self, one: Told) -> Entry:
        hostname, _, _, site, area, line, machine = one.row.own
        told = one.summary()
        names = ("place", "code", "source", "item", "hostname", "site", "area", "line", "machine", *TOLD)
        values = (*_key(one), one.report.item, hostname, site, area, line, machine, *told)
        id_: int = run(
            self._connection,
            f"INSERT INTO alarms ({', '.join(names)}, stated, clears, state, last_seen, occurrences, recent)"  # noqa: S608
            f" VALUES ({marks(names)}, ?, ?, 'unknown', ?, 0, '[]') RETURNING id",
            (*values, False, False, one.at),
        ).scalar_one()
        return Entry(id_, one.place, None, one.report.item, told, 0, Alarm(last_seen=one.at, fresh=True))
