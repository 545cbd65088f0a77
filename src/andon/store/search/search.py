"""Finding logs: filters in SQL, words through the index, and a last look at each candidate.

The newest logs are looked at first: what is frequent is found there. What is not is asked of the index of words, which
also knows the fields; its answers are ids, and ids follow time nearly enough to tell where the newest ones end. Only
what neither settles (a glob, words that occur often but rarely together) is walked through in the order of time.
All ways find the same. "Newest" is "oldest" here where a query turns the order round.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    asc,
    desc,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)

from andon.core.models import LogQuery, StoredLog
from andon.store.engine import watermark
from andon.store.engine.no_such import no_such
from andon.store.engine.rows import select_beginnings, select_logs, text_of, to_log
from andon.store.problems import members
from andon.store.rules.analysis import at_least
from andon.store.schema.dialect import IDS_PER_QUERY, SEARCHED_WORDS, is_postgres, portions
from andon.store.schema.expressions import is_glob, matches_names, unindexed
from andon.store.schema.search_tables import pattern_hours
from andon.store.schema.tables import logs, pattern_hosts, patterns
from andon.store.search.candidates import HITS, candidates, hour_text, hours
from andon.store.search.words import SEVERE, Wanted

#: So many of the newest logs are looked at before the index is asked.
LOOKED = 2_000
#: Candidates that are read at a time, at least.
_CHUNK = 200
#: Where few fit more of them are read at a time.
_CHUNK_MAX = 1_600
_GLOBBED = {"service": "service", "host": "hostname", "site": "site", "area": "area", "line": "line"}
_GLOBBED["machine"] = "machine"
_TIME: Any = logs.c.timestamp
_unindexed_time: Any = unindexed(logs.c.timestamp)
_SEARCHED: Any = literal_column(SEARCHED_WORDS.format(message="logs.message"))

_Where = Sequence[ColumnElement[bool]]
_Parts = Sequence[_Where]


def find(connection: Connection, query: LogQuery) -> list[StoredLog]:
    """The logs that ``query`` asks for, in its order."""
    limit = max(0, query.limit)
    found = _find(connection, query, limit) if limit else []
    if query.cut is None or not _looks(query):
        return found
    return [
        msgspec.structs.replace(one, message=one.message[: query.cut], raw=None, analysis=None, notes=None)
        for one in found
    ]


def _looks(query: LogQuery) -> bool:
    """Whether each log is looked at as a whole."""
    return bool(query.text or query.fields or query.state)


def _find(connection: Connection, query: LogQuery, limit: int) -> list[StoredLog]:
    wanted = Wanted.read(query.text, query.fields, query.state)
    own = _named(query)
    if query.above is not None:
        where = [*conditions(connection, query, _unindexed_time), *_coarse(wanted, postgres=is_postgres(connection))]
        return _checked(connection, query, where, wanted, limit, [[logs.c.id > query.above]])
    if query.pattern_id is not None and not wanted and not is_postgres(connection):
        return _of_pattern(connection, query, limit)
    coarse = _coarse(wanted, postgres=is_postgres(connection))
    where = [*conditions(connection, query), *coarse]
    if not wanted and {name for name, _ in own} <= {"severity"}:  # which has an index in the order of time
        return _page(connection, query, where, limit)
    if is_postgres(connection):
        if asked := wanted.tsquery():  # its own index of words
            where.append(_SEARCHED.bool_op("@@")(func.to_tsquery(literal_column("'simple'"), asked)))
        return _checked(connection, query, where, wanted, limit)
    edge = _edge(connection, query)
    time = logs.c.timestamp
    near = [] if edge is None else [time < edge if query.oldest_first else time > edge]
    found = _checked(connection, query, [*where, *near], wanted, limit)
    if edge is None or len(found) == limit:
        return found
    for most in HITS:
        hits = candidates(connection, query, wanted, own, most)
        if hits is None:
            break
        those = [*conditions(connection, query, _unindexed_time), *coarse]
        ids, settled = hits
        if settled is not None:
            those.append(_unindexed_time < settled if query.oldest_first else _unindexed_time >= settled)
        listed = select(func.json_each(json.dumps(ids)).table_valued("value").c.value)
        parts: _Parts = [[logs.c.id.in_(listed)], [_fresh(connection)]]
        found = _checked(connection, query, those, wanted, limit, parts)
        if settled is None or len(found) == limit:
            return found
    return _checked(connection, query, where, wanted, limit)


def newest_id(connection: Connection) -> int:
    """The id of the newest log, 0 where there is none."""
    return watermark.newest_id(connection)


def count_above(connection: Connection, query: LogQuery) -> int:
    """How many logs with greater ids than ``query.above`` it asks for; of words SQL's own look decides."""
    wanted = Wanted.read(query.text, query.fields, query.state)
    where = [*conditions(connection, query, _unindexed_time), *_coarse(wanted, postgres=is_postgres(connection))]
    if severities := at_least(query.severity):
        where.append(unindexed(logs.c.severity).in_(severities))
    counted = select(func.count()).select_from(logs).where(logs.c.id > (query.above or 0), *where)
    return int(connection.execute(counted).scalar_one())


def log(connection: Connection, log_id: int) -> StoredLog:
    """One log with its analysis; raises NotFound."""
    found = log_or_none(connection, log_id)
    if found is None:
        raise no_such(connection, "log", log_id)
    return found


def log_or_none(connection: Connection, log_id: int) -> StoredLog | None:
    """One log with its analysis, None where there is none with this id."""
    row = connection.execute(select_logs().where(logs.c.id == log_id)).one_or_none()
    return None if row is None else to_log(row)


def _checked(
    connection: Connection, query: LogQuery, where: _Where, wanted: Wanted, limit: int, parts: _Parts | None = None
) -> list[StoredLog]:
    """The first ``limit`` logs that are what was asked for, each looked at."""
    if not wanted:
        return _page(connection, query, where, limit, parts)
    found: list[int] = []
    place, chunk = query, max(limit, _CHUNK)
    while True:
        # only what is looked at: most do not fit, and what else a log shows takes several look-ups for each
        page = _beginnings(connection, place, where, chunk, parts)
        for log_id, at, message, context in page:
            if wanted.fits(text_of(message), None if context is None else text_of(context), text_of(at)):
                found.append(log_id)
                if len(found) == limit:
                    return _whole(connection, found)
        if len(page) < chunk:
            return _whole(connection, found)
        chunk = min(2 * chunk, max(limit, _CHUNK_MAX))
        place = msgspec.structs.replace(query, before=(text_of(page[-1][1]), page[-1][0]))


def _beginnings(
    connection: Connection, query: LogQuery, where: _Where, limit: int, parts: _Parts | None
) -> Sequence[tuple[Any, ...]]:
    """Ids, times, messages and contexts of logs in the order of time."""
    looked_at = select(logs.c.id, logs.c.timestamp, logs.c.message, logs.c.context)
    return [tuple(row) for row in connection.execute(_walk(query, where, limit, parts, looked_at)).all()]


def _whole(connection: Connection, ids: Sequence[int]) -> list[StoredLog]:
    """These logs, in this order."""
    found: dict[int, StoredLog] = {}
    for part in portions(ids):
        rows = connection.execute(select_logs().where(logs.c.id.in_(part))).all()
        found.update((log.id, log) for log in map(to_log, rows))
    return [found[log_id] for log_id in ids]


def _page(
    connection: Connection, query: LogQuery, where: _Where, limit: int, parts: _Parts | None = None
) -> list[StoredLog]:
    """Logs in the order of time."""
    columns = select_logs() if query.cut is None or _looks(query) else select_beginnings(query.cut)
    return [to_log(row) for row in connection.execute(_walk(query, where, limit, parts, columns))]


def _walk(query: LogQuery, where: _Where, limit: int, parts: _Parts | None, columns: Select[Any]) -> Select[Any]:
    """A statement for logs in the order of time. The severe ones are a short index walk for each severity.

    Each of ``parts`` names few logs by another index: those are sorted.
    """
    time = _TIME if parts is None else _unindexed_time
    where = [*where, *_after(query, time)]
    turned: Callable[[Any], Any] = asc if query.oldest_first else desc
    severities = at_least(query.severity)
    if parts is None and severities and set(severities) <= set(SEVERE):
        parts = [[logs.c.severity == severity] for severity in severities]
    elif severities:
        where.append(unindexed(logs.c.severity).in_(severities))
    walk = select(logs.c.id).where(*where).order_by(turned(time), turned(logs.c.id)).limit(limit)
    chosen = union_all(*(select(walk.where(*part).subquery().c.id) for part in parts or ((),)))
    found: Select[Any] = columns.where(logs.c.id.in_(chosen)).limit(limit)
    return found.order_by(turned(logs.c.timestamp), turned(logs.c.id))


def _of_pattern(connection: Connection, query: LogQuery, limit: int) -> list[StoredLog]:
    """The logs of one problem: those of as many hours as hold enough, found by pattern and id, and sorted."""
    ids = members.members(connection, query.pattern_id or 0, IDS_PER_QUERY)
    if _never(connection, query, ids):
        return []
    where = conditions(connection, query, _unindexed_time)
    first, last = hours(query)
    hour = pattern_hours.c.hour
    counted = connection.execute(
        select(hour, func.sum(pattern_hours.c.count))
        .where(hour >= first, hour <= last, pattern_hours.c.pattern_id.in_(ids))
        .group_by(hour)
        .order_by(hour if query.oldest_first else hour.desc())
    )
    enough, seen = 2 * limit, 0
    with contextlib.closing(counted):
        for at, count in counted:
            seen += count
            if seen >= enough:
                enough *= 8
                span = (first, at) if query.oldest_first else (at, last)
                edge = _unindexed_time < hour_text(at + 1) if query.oldest_first else _unindexed_time >= hour_text(at)
                found = _page(connection, query, [*where, edge], limit, _within(connection, *span))
                if len(found) == limit:
                    return found
    return _page(connection, query, where, limit, _within(connection, first, last))


def _never(connection: Connection, query: LogQuery, ids: list[int]) -> bool:
    """Whether these patterns never had the severity or the host asked for."""
    severities = at_least(query.severity)
    if severities:
        worst = select(patterns.c.id).where(patterns.c.id.in_(ids), patterns.c.worst_severity.in_(severities))
        if connection.execute(worst.limit(1)).first() is None:
            return True
    if query.host is None or is_glob(query.host):
        return False
    hosts = pattern_hosts.c
    host = select(hosts.pattern_id).where(hosts.pattern_id.in_(ids), matches_names(hosts.hostname, query.host))
    return connection.execute(host.limit(1)).first() is None


def _within(connection: Connection, first: int, last: int) -> _Parts:
    """The logs of these hours by the ids that they can have, and those that are not indexed yet."""
    lowest, highest = watermark.first_id(connection, first), watermark.last_id(connection, last)
    return [[logs.c.id >= lowest, logs.c.id <= highest], [_fresh(connection)]]


def _edge(connection: Connection, query: LogQuery) -> str | None:
    """The time up to which the newest logs are looked at; None where all of them are few enough."""
    where = [*_times(query, _TIME), *_after(query, _TIME)]
    order = asc(logs.c.timestamp) if query.oldest_first else desc(logs.c.timestamp)
    found = connection.execute(select(logs.c.timestamp).where(*where).order_by(order).offset(LOOKED).limit(1)).scalar()
    return None if found is None else str(found)


def _fresh(connection: Connection) -> ColumnElement[bool]:
    return logs.c.id > watermark.mark(connection)


def _coarse(wanted: Wanted, *, postgres: bool) -> list[ColumnElement[bool]]:
    """What SQL can say of the words by itself: most rows that do not fit fall here."""
    found: list[ColumnElement[bool]] = []
    if not postgres:  # an accented letter of the message must not hide it; LIKE does not know them
        plain = [logs.c.message.icontains(part, autoescape=True) for part in wanted.parts()]
        if plain:
            found.append(or_(and_(*plain), func.andon_plain(logs.c.message) == literal(0)))
    if wanted.state not in (None, "event"):
        found.append(logs.c.context.is_not(None))
    found += [
        logs.c.context.contains(json.dumps(name.removeprefix("context.").rpartition(".")[2])[1:-1], autoescape=True)
        for name, _ in wanted.fields
        if name.isascii() and name.isprintable()
    ]
    return found


def _after(query: LogQuery, time: Any) -> list[ColumnElement[bool]]:
    """What comes behind ``query.before`` in the order of the query."""
    if query.before is None:
        return []
    last, log_id = query.before
    place = tuple_(literal(last), literal(log_id))
    # The first condition is implied by the second, and lets the index begin the walk in the right place.
    if query.oldest_first:
        return [time >= last, tuple_(time, logs.c.id) > place]
    return [time <= last, tuple_(time, logs.c.id) < place]


def _named(query: LogQuery) -> list[tuple[str, list[str]]]:
    """The fields of the record that must have one of some values which the index knows."""
    given = [(column, getattr(query, name)) for name, column in _GLOBBED.items()]
    found = [
        (column, [value] if isinstance(value, str) else [*value])
        for column, value in given
        if value and not is_glob(value)
    ]
    severities = at_least(query.severity)
    return [*found, ("severity", severities)] if severities and set(severities) <= set(SEVERE) else found


def _times(query: LogQuery, time: Any) -> list[ColumnElement[bool]]:
    since = [] if query.since is None else [time >= query.since]
    return since if query.until is None else [*since, time < query.until]


def conditions(connection: Connection, query: LogQuery, time: Any = _TIME) -> list[ColumnElement[bool]]:
    """What SQL asks of a log but for its severity and its words."""
    given = [(column, getattr(query, name)) for name, column in _GLOBBED.items()]
    found = _times(query, time)
    found += [matches_names(logs.c[column], pattern) for column, pattern in given if pattern is not None]
    if query.pattern_id is not None:
        found.append(logs.c.pattern_id.in_(members.members(connection, query.pattern_id, IDS_PER_QUERY)))
    return found
