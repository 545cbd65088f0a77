"""Removing logs: rows, index entries, pictures that nothing else shows; what still needs a log keeps it.

Counts by minute, hour and field, patterns, explanations and fixes stay: they tell of logs that were there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from andon.store.engine import vacuum
from andon.store.engine.counters import add_to_counters, read_counters
from andon.store.recording import handled_sequences
from andon.store.retention.gap_closing import SMALL
from andon.store.rules.retention import hour_of
from andon.store.schema.dialect import is_postgres, marks, run
from andon.store.search import words
from andon.store.search.facets import ROW_COLUMNS, Row

#: Pictures of so many bytes go in one transaction, or those of one log.
PICTURES_MAX = 8 * 1024 * 1024
#: What a row takes beside its texts, indexes included; and what its texts take, with the index of their words. About.
_ROW_BYTES, _PER_CHARACTER = 195, 1.3
_WIDTH = len(ROW_COLUMNS.split(","))
_MOST_LOGS = "most_logs"


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A log that goes unless something needs it; with ``sample`` unless it is the one of its pattern and hour."""

    id: int
    label: str
    sample: bool = False


class Removal(msgspec.Struct):
    """What was removed: logs and bytes (about) by the label of the rule, and which logs are needed still.

    ``gaps`` are the ids of those that shared their pages with others.
    """

    logs: Counter[str] = msgspec.field(default_factory=Counter)
    bytes: Counter[str] = msgspec.field(default_factory=Counter)
    held: list[int] = []
    gaps: list[int] = []


def bytes_of(characters: int) -> int:
    """What a log takes in the database whose message and context have so many characters, about."""
    return int(_ROW_BYTES + _PER_CHARACTER * characters)


def remove(connection: Connection, batch: Sequence[Candidate]) -> tuple[Removal, int]:
    """Remove logs inside the open transaction; also how many of ``batch`` were dealt with (pictures are large)."""
    batch = _within(connection, batch)
    by_id = {one.id: one for one in batch}
    found = run(
        connection,
        f"SELECT {ROW_COLUMNS}, stream_id, seq, stored_ns, LENGTH(raw) FROM logs WHERE id IN ({marks(by_id)})",  # noqa: S608
        tuple(by_id),
    ).all()
    rows = {row[0]: tuple(row) for row in sorted(map(tuple, found))}
    done = Removal(held=sorted(needed(connection, {log_id: row[2] for log_id, row in rows.items()})))
    going = {log_id: row for log_id, row in rows.items() if log_id not in done.held}
    for log_id in _sampled(connection, [row for log_id, row in going.items() if by_id[log_id].sample]):
        del going[log_id]
    if going:
        _delete(connection, list(going.values()))
    for log_id, row in going.items():
        label = by_id[log_id].label
        done.logs[label] += 1
        characters = len(row[3] or "") + len(row[_WIDTH - 1] or "") + (row[-1] or 0)
        done.bytes[label] += bytes_of(characters)
        if characters <= SMALL:
            done.gaps.append(log_id)
    return done, len(batch)


def _within(connection: Connection, batch: Sequence[Candidate]) -> Sequence[Candidate]:
    """The first of ``batch``, as many as have not too many bytes of pictures."""
    ids = [one.id for one in batch]
    sizes = run(
        connection,
        "SELECT l.log_id, SUM(p.size) FROM log_pictures AS l JOIN pictures AS p ON p.id = l.picture_id"  # noqa: S608
        f" WHERE l.log_id IN ({marks(ids)}) GROUP BY l.log_id",
        tuple(ids),
    )
    pictured: dict[int, int] = dict(map(tuple, sizes))
    total = 0
    for place, log_id in enumerate(ids):
        total += int(pictured.get(log_id, 0))
        if total > PICTURES_MAX and place:
            return batch[:place]
    return batch


def needed(connection: Connection, patterns: Mapping[int, int | None]) -> set[int]:
    """Which of these logs, given with their patterns, something still needs.

    A question to a model that is not answered yet, a caller who waits, a picture that is still to be fetched, an alarm
    that is active, and the explanation that a problem shows: the logs which it cites.
    """
    if not patterns:
        return set()
    ids, named = tuple(patterns), marks(patterns)
    found: set[int] = set()
    for question in (
        f"SELECT log_id FROM analyses WHERE finished_at IS NULL AND log_id IN ({named})",  # noqa: S608
        f"SELECT log_id FROM waiters WHERE log_id IN ({named})",  # noqa: S608
        f"SELECT log_id FROM picture_fetches WHERE log_id IN ({named})",  # noqa: S608
        f"SELECT log_id FROM alarms WHERE state = 'active' AND log_id IN ({named})",  # noqa: S608
        "SELECT o.log_id FROM alarms AS a JOIN occurrences AS o ON o.alarm_id = a.id AND o.started = a.active_since"  # noqa: S608
        f" WHERE a.state = 'active' AND o.log_id IN ({named})",
    ):
        found.update(row[0] for row in run(connection, question, ids))
    return found | (_cited(connection, {one for one in patterns.values() if one}) & patterns.keys())


def _cited(connection: Connection, pattern_ids: Collection[int]) -> set[int]:
    """The logs that the explanations cite which these patterns' problems show, and the second opinions below them."""
    if not pattern_ids:
        return set()
    findings = run(
        connection,
        "SELECT DISTINCT a.id, a.finding FROM patterns AS p LEFT JOIN patterns AS m ON m.id = p.merged_into"  # noqa: S608
        " JOIN analyses AS a ON a.id = COALESCE(m.analysis_id, p.analysis_id)"
        " OR a.second_of = COALESCE(m.analysis_id, p.analysis_id)"
        f" WHERE a.finding IS NOT NULL AND p.id IN ({marks(pattern_ids)})",
        tuple(pattern_ids),
    ).all()
    return {log_id for row in findings for log_id in cited_in(row[1])}


def cited_in(finding: str) -> list[int]:
    """The ids of logs that a stored finding cites."""
    try:
        evidence = msgspec.json.decode(finding).get("evidence")
    except (msgspec.DecodeError, AttributeError):
        return []
    return [one for one in evidence if isinstance(one, int)] if isinstance(evidence, list) else []


def _sampled(connection: Connection, rows: Sequence[Sequence[Any]]) -> set[int]:
    """Which of these logs, in the order of their ids, stay as the one of their pattern and hour.

    A log without a pattern (taken over from the reference system) has no like, and stays.
    """
    stays = {row[0] for row in rows if not row[2]}
    keys = {(row[2], hour_of(row[1])): row[0] for row in reversed(rows) if row[2]}
    if not keys:
        return stays
    run(
        connection,
        "INSERT INTO samples (pattern_id, hour, log_id) VALUES (?, ?, ?) ON CONFLICT (pattern_id, hour) DO NOTHING",
        [(*key, log_id) for key, log_id in keys.items()],
    )
    ids = tuple(row[0] for row in rows)
    found = run(
        connection,
        "SELECT l.id FROM logs AS l CROSS JOIN samples AS s WHERE s.pattern_id = l.pattern_id"  # noqa: S608
        f" AND s.hour = SUBSTR(l.timestamp, 1, 13) AND s.log_id = l.id AND l.id IN ({marks(ids)})",
        ids,
    )
    return stays.union(row[0] for row in found)


def _delete(connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
    ids = tuple(row[0] for row in rows)
    words.remove(connection, [Row.read(row[:_WIDTH]) for row in rows])
    run(connection, f"DELETE FROM log_rows WHERE id IN ({marks(ids)})", ids)  # noqa: S608
    samples = [(row[2], hour_of(row[1]), row[0]) for row in rows if row[2]]
    if samples and run(connection, "SELECT 1 FROM samples LIMIT 1").scalar():
        run(connection, "DELETE FROM samples WHERE pattern_id = ? AND hour = ? AND log_id = ?", samples)
    run(connection, f"DELETE FROM retention_later WHERE log_id IN ({marks(ids)})", ids)  # noqa: S608
    handled_sequences.remember(connection, ((row[_WIDTH], row[_WIDTH + 1], row[_WIDTH + 2]) for row in rows))
    vacuum.note_unmerged(connection, len(ids))
    add_to_counters(connection, {"logs": -len(ids), "pictures": -_delete_pictures(connection, ids)})


def _delete_pictures(connection: Connection, ids: Sequence[int]) -> int:
    """Take the logs' names off their pictures, and delete those that no other log shows; how many."""
    shown = run(
        connection,
        f"DELETE FROM log_pictures WHERE log_id IN ({marks(ids)}) RETURNING picture_id",  # noqa: S608
        tuple(ids),
    ).all()
    found = tuple({row[0] for row in shown})
    if not found:
        return 0
    return run(
        connection,
        f"DELETE FROM pictures WHERE id IN ({marks(found)})"  # noqa: S608
        " AND NOT EXISTS (SELECT 1 FROM log_pictures AS l WHERE l.picture_id = pictures.id)",
        found,
    ).rowcount


def used_bytes(connection: Connection) -> int:
    """What the database holds; pages that are free for new logs do not count.

    PostgreSQL does not tell: its table of logs is taken as full where it held most logs, and as empty in proportion.
    """
    if not is_postgres(connection):
        pages, free, size = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)
    sizes = run(connection, "SELECT pg_database_size(current_database()), pg_total_relation_size('log_rows')").one()
    whole, table = map(int, sizes)
    counts = read_counters(connection)
    logs = counts.get("logs", 0)
    return whole - table + table * logs // max(1, logs, counts.get(_MOST_LOGS, 0))


def note_most(connection: Connection) -> None:
    """Note how many logs there are where there were never more: what :func:`used_bytes` compares with."""
    run(
        connection,
        "INSERT INTO counters (name, value) SELECT CAST(? AS TEXT), value FROM counters WHERE name = 'logs'"
        " ON CONFLICT (name) DO UPDATE SET value ="
        " CASE WHEN excluded.value > counters.value THEN excluded.value ELSE counters.value END",
        (_MOST_LOGS,),
    )
