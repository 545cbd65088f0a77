"""The journal: stored records as a list, those around one of them, and those that came since a look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from andon.core.errors import NotFound
from andon.core.models import LogQuery, Picture, StoredLog
from andon.core.times import seconds, stored
from andon.insight.titles import about, title_of
from andon.store import Connection, alarms, counts, names, pictures, problems, search
from andon.store.search import Tally

#: Records on a page, and how many of them are newer than one that the page is opened around.
PAGE, NEWER = 200, 40
#: Characters of a message in a list; a line is cut long before.
CUT = 400
#: Records that one look at the newest tells of, and how many of the newest it looks at.
TOLD, LOOKED = 100, 2_000
#: Records that are counted by finding them.
FOUND_MAX = 2_000
#: Fields of a record that are told one by one, and its pictures.
FIELDS_SHOWN, PICTURES_MAX = 200, 50
_TITLE_MAX, _DEPTH_MAX, _FILTER_MAX = 80, 6, 200
_BY_HOURS = 60
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
#: Steps of the chart in minutes, each up to how many seconds of time.
_STEPS = ((5, 9 * _HOUR), (15, _DAY + _HOUR), (60, 4 * _DAY), (360, 22 * _DAY), (1440, 120 * _DAY), (10_080, 10**11))


class Record(NamedTuple):
    """A record as lists show it. ``title`` is what its problem is called, None where it belongs to none; ``at`` is its
    time in unix seconds, None for a text that is no time."""

    log: StoredLog
    at: float | None
    state: str
    code: str | None
    problem: int | None
    title: str | None


class Page(NamedTuple):
    """A part of the journal, the newest first; ``older`` is where it goes on, None at its end."""

    records: list[Record]
    older: tuple[str, int] | None


class Arrived(NamedTuple):
    """What came: the newest records, the newest first; ``more`` beside them, at least; ``last`` is the newest id."""

    records: list[Record]
    more: int
    last: int


class Chart(NamedTuple):
    """Records by steps of ``minutes``, as (unix seconds of the step's begin, records); None where that is not known."""

    minutes: int
    since: float
    until: float
    bars: list[tuple[int, int]] | None


def page(connection: Connection, query: LogQuery) -> Page:
    """The records that ``query`` asks for, its limit of them."""
    rows = search.find(connection, msgspec.structs.replace(query, limit=query.limit + 1, cut=CUT))
    shown = rows[: query.limit]
    older = (shown[-1].timestamp, shown[-1].id) if len(rows) > len(shown) else None
    return Page(_records(connection, shown), older)


def around(connection: Connection, query: LogQuery, log_id: int) -> Page:
    """The records of ``query`` before and after one of them, which is there too. Raises NotFound."""
    one = search.log(connection, log_id)
    place = (one.timestamp, one.id)
    asked = msgspec.structs.replace(query, cut=CUT, before=place)
    newer = search.find(connection, msgspec.structs.replace(asked, limit=NEWER, oldest_first=True))
    rest = max(1, query.limit - len(newer) - 1)
    older = search.find(connection, msgspec.structs.replace(asked, limit=rest + 1))
    itself = msgspec.structs.replace(one, message=one.message[:CUT], raw=None)
    shown = [*reversed(newer), itself, *older[:rest]]
    last = (shown[-1].timestamp, shown[-1].id) if len(older) > rest else None
    return Page(_records(connection, shown), last)


def arrived(connection: Connection, query: LogQuery, after: int) -> Arrived:
    """The records of ``query`` with greater ids than ``after``; of many only the newest are looked at."""
    last = search.newest_id(connection)
    if last <= after:
        return Arrived([], 0, after)
    low = max(after, last - LOOKED)
    asked = msgspec.structs.replace(query, limit=TOLD, above=low, cut=CUT, before=None)
    rows = search.find(connection, asked)
    more = 0
    if len(rows) == TOLD:
        more = max(0, search.count_above(connection, asked) - TOLD)
    return Arrived(_records(connection, rows), more + low - after, last)


def _records(connection: Connection, rows: list[StoredLog]) -> list[Record]:
    titles = problems.titles(connection, {row.pattern_id for row in rows if row.pattern_id is not None})
    found = []
    for row in rows:
        said = alarms.state_of(row.context, row.timestamp)
        problem, template = titles.get(row.pattern_id or 0, (None, None))
        title = None if template is None else about(title_of(template, _TITLE_MAX), row.machine, row.hostname)
        found.append(Record(row, _moment(row.timestamp), said.word, said.code, problem, title))
    return found


def _moment(timestamp: str) -> float | None:
    try:
        return seconds(timestamp)
    except ValueError:  # taken over as it was
        return None


def span(query: LogQuery, now: float, first: float | None) -> tuple[float, float]:
    """From when to when a question asks in unix seconds; ``first`` is when the journal begins."""
    until = now if query.until is None else min(now, seconds(query.until))
    since = first if query.since is None else seconds(query.since)
    since = until - _HOUR if since is None else since
    return min(since, until - _MINUTE), until


def step_of(since: float, until: float) -> int:
    """The minutes that one bar of the chart stands for."""
    return next(minutes for minutes, longest in _STEPS if until - since <= longest)


def matches(connection: Connection, query: LogQuery, since: float, until: float, seen: Page) -> tuple[Tally, Chart]:
    """How many records there are, and when. ``seen`` is the first page of the question."""
    minutes = step_of(since, until)
    counted = _tally(connection, query, since, until, minutes, seen)
    if counted.steps is None and minutes < _BY_HOURS and not _looks(query):  # by the hour more is counted beforehand
        minutes = _BY_HOURS
        counted = _tally(connection, query, since, until, minutes, seen)
    if counted.steps is None:
        return counted, Chart(minutes, since, until, None)
    first, last = int(since // 60) // minutes, int((until - 0.001) // 60) // minutes
    bars = [(number * minutes * 60, counted.steps.get(number, 0)) for number in range(first, last + 1)]
    return counted, Chart(minutes, since, until, bars)


def _looks(query: LogQuery) -> bool:
    """Whether each record has to be looked at as a whole."""
    return bool(query.text or query.fields or query.state)


def _tally(connection: Connection, query: LogQuery, since: float, until: float, minutes: int, seen: Page) -> Tally:
    if seen.older is None:
        return search.of_rows([record.log.timestamp for record in seen.records], minutes)
    if _looks(query):  # no count knows what it asks for: so many are looked for
        rows = search.find(connection, msgspec.structs.replace(query, before=None, limit=FOUND_MAX + 1, cut=1))
        if len(rows) > FOUND_MAX:
            return Tally(FOUND_MAX, True, None)
        return search.of_rows([row.timestamp for row in rows], minutes)
    return search.tally(connection, query, since, until, minutes)


class Look(NamedTuple):
    """What the screen shows: the records, the newest id of all, notes on how names were read, its problem's title."""

    query: LogQuery
    page: Page
    last: int
    notes: list[str]
    title: str | None
    begins: float | None


def look(connection: Connection, query: LogQuery, record: int | None = None) -> Look:
    """Read a page, around a record where one is named. Raises UnknownName, and NotFound for no such record."""
    last = search.newest_id(connection)
    read = names.read(connection, query)
    found = page(connection, read.query) if record is None else around(connection, read.query, record)
    title = None
    if query.pattern_id is not None:
        _, template = problems.titles(connection, [query.pattern_id]).get(query.pattern_id, (0, ""))
        title = title_of(template, _TITLE_MAX) or None
    ends = counts.span(connection)
    notes = read.notes if found.records else [*read.notes, *read.empty]
    return Look(read.query, found, last, notes, title, None if ends is None else ends[0] * 60.0)


class Field(NamedTuple):
    """A field of a record's context; ``filter`` finds others with this value, None where no filter can."""

    name: str
    value: str
    filter: str | None


class Whole(NamedTuple):
    """One record with everything that is stored of it. ``fields`` are those of its context, nested ones with dots; None
    where it holds none that can be read. ``left`` is how many are not told."""

    record: Record
    fields: list[Field] | None
    left: int
    pictures: list[Picture]
    awaited: int

    @property
    def minute(self) -> tuple[str, str] | None:
        """The minute before and the one after it, in stored form."""
        at = self.record.at
        return None if at is None else (stored(at - _MINUTE), stored(at + _MINUTE))

    @property
    def raw(self) -> str:
        """What is stored of it as text: the bytes it came in where they are no UTF-8, else its parts as JSON."""
        row = self.record.log
        if row.raw is not None:
            return row.raw.decode("utf-8", "backslashreplace")
        parts = {
            "timestamp": row.timestamp, "hostname": row.hostname, "severity": row.severity_native or row.severity,
            "service": row.service, "message": row.message, "site": row.site, "area": row.area, "line": row.line,
            "machine": row.machine, "context": None,
        }  # fmt: skip
        told: dict[str, Any] = {name: value for name, value in parts.items() if value}
        if row.context:
            told["context"] = (
                row.context if self.fields is None else msgspec.Raw(row.context.encode("utf-8", "replace"))
            )
        return msgspec.json.format(msgspec.json.encode(_sound(told))).decode()


def whole(connection: Connection, log_id: int) -> Whole:
    """Read one record. Raises NotFound."""
    row = search.log(connection, log_id)
    fields = _fields(row.context)
    shown = None if fields is None else fields[:FIELDS_SHOWN]
    return Whole(
        _records(connection, [row])[0],
        shown,
        0 if fields is None else len(fields) - len(shown or ()),
        pictures.of_logs(connection, [log_id], PICTURES_MAX, data=False),
        len(pictures.awaited_of(connection, log_id)),
    )


def picture(connection: Connection, log_id: int, number: int) -> Picture:
    """One of a record's pictures with its bytes, by its place from 1. Raises NotFound."""
    found = pictures.of_logs(connection, [log_id], number, data=False)
    if not 0 < number <= len(found):
        raise NotFound(f"record {log_id} has no picture {number}")
    return pictures.with_data(connection, found[number - 1])


def _fields(context: str | None) -> list[Field] | None:
    if not context:
        return []
    try:
        value = msgspec.json.decode(context)
    except (msgspec.DecodeError, RecursionError):  # taken over as it was: the text says what it says
        return None
    if not isinstance(value, dict):
        return None
    known = dict(search.context_fields(context)[0])
    return [Field(name, told, _filter(known, name, told)) for name, told in _flat("", value)]


def _filter(known: dict[str, str], name: str, value: str) -> str | None:
    """How the field is asked for: one with the name of a field of the record is of the context by its name."""
    for called in (name, f"context.{name}"):
        if known.get(called) == value and value == value.strip() and len(called) + len(value) < _FILTER_MAX:
            return f"{called}={value}"
    return None


def _sound(parts: dict[str, Any]) -> dict[str, Any]:
    """Without halves of surrogate pairs, which JSON cannot carry."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for name, value in parts.items()
    }


def _flat(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """The fields of a value; lists, and what lies deep, as JSON."""
    if isinstance(value, dict) and value and depth < _DEPTH_MAX:
        for key, one in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), one, depth + 1)
    else:
        yield name, value if isinstance(value, str) else msgspec.json.encode(value).decode()
