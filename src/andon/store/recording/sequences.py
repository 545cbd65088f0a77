"""What is stored of a stream: its highest sequence, what is missing of it, and all that came in one message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection

from andon.store.engine.counters import read_counter, set_counter
from andon.store.recording import handled_sequences
from andon.store.schema.dialect import rows_for, run

_STREAM = "SELECT id FROM streams WHERE name = ?"
_HIGHEST = """
SELECT MAX(seq) FROM (
    SELECT MAX(seq) AS seq FROM logs WHERE stream_id = ?
    UNION ALL
    SELECT MAX(seq) FROM rejects WHERE stream_id = ?
) AS stored
"""
_WITHIN = "stream_id = ? AND seq BETWEEN ? AND ? AND stored_ns >= ?"
# A message may hold logs and rejects: it counts once.
_COUNT = """
SELECT (SELECT COUNT(*) FROM (SELECT DISTINCT seq FROM logs WHERE {within}) AS of_logs)
     + (SELECT COUNT(*) FROM (
            SELECT DISTINCT seq FROM rejects AS r WHERE {within} AND NOT EXISTS
                (SELECT 1 FROM logs AS l WHERE l.stream_id = r.stream_id AND l.seq = r.seq AND l.stored_ns >= ?)
        ) AS of_rejects)
""".replace("{within}", _WITHIN)
# The sequences in order, from both tables, walked along their indexes, each once though it may hold many logs; a step
# of more than one is a gap.
_GAPS = """
SELECT previous + 1, seq - 1
FROM (
    SELECT seq, LAG(seq, 1, CAST(? AS BIGINT) - 1) OVER (ORDER BY seq) AS previous
    FROM (
        SELECT DISTINCT seq FROM logs WHERE {within}
        UNION ALL
        SELECT DISTINCT seq FROM rejects WHERE {within}
        UNION ALL
        SELECT CAST(? AS BIGINT) + 1
    ) AS stored
) AS steps
WHERE seq - previous > 1
ORDER BY seq
""".replace("{within}", _WITHIN)
_KEYS = """
SELECT seq, stored_ns FROM logs WHERE stream_id = ? AND seq BETWEEN ? AND ?
UNION
SELECT seq, stored_ns FROM rejects WHERE stream_id = ? AND seq BETWEEN ? AND ?
"""
_NEWEST = "SELECT seq, stored_ns FROM {} WHERE stream_id = ? AND seq <= ? ORDER BY seq DESC, stored_ns DESC LIMIT 1"
#: Counters: up to which message of a stream everything that it held is stored.
_CHECKED, _CHECKED_NS = "checked:", "checked_ns:"
# What stands beside some logs in the messages they came in.
_BESIDE = " FROM logs AS l JOIN {} AS o ON o.stream_id = l.stream_id AND o.seq = l.seq AND o.stored_ns = l.stored_ns"
_MESSAGES = f"SELECT l.id, o.id{_BESIDE.format('logs')} WHERE l.id IN ({{}}) ORDER BY l.id, o.part"
_REFUSED = f"SELECT l.id, o.part, o.reason{_BESIDE.format('rejects')} WHERE l.id IN ({{}}) ORDER BY l.id, o.part"
# First logs of messages, the newest of a sequence last: a stream that was made anew counts from 1 again.
_AT = """
SELECT l.seq, l.id, COALESCE(p.merged_into, p.id), l.severity
FROM logs AS l LEFT JOIN patterns AS p ON p.id = l.pattern_id
WHERE l.stream_id = (SELECT id FROM streams WHERE name = ?) AND l.stored_ns >= ? AND l.seq IN ({})
ORDER BY l.stored_ns, l.part DESC
"""


def highest_sequence(connection: Connection, stream_id: int) -> int:
    """The highest sequence of a stream that was stored or left out, 0 where there is none."""
    found: int | None = run(connection, _HIGHEST, (stream_id, stream_id)).scalar()
    return max(found or 0, handled_sequences.highest(connection, stream_id))


def newest_sequence(connection: Connection, stream: str) -> int:
    """The same by the stream's name."""
    stream_id = run(connection, _STREAM, (stream,)).scalar()
    return 0 if stream_id is None else highest_sequence(connection, stream_id)


def missing_ranges(
    connection: Connection, stream: str, first: int, last: int, since_ns: int = 0, near: int = 1
) -> list[tuple[int, int]]:
    """Ranges (inclusive) within ``first``..``last`` of which nothing is stored, nor was handled otherwise.

    Rows of before ``since_ns`` do not count: a stream that was made anew has other messages of their sequences. Ranges
    with fewer than ``near`` sequences between them are one.
    """
    if last < first:
        return []
    stream_id = run(connection, _STREAM, (stream,)).scalar()
    if stream_id is None:
        return [(first, last)]
    within = (stream_id, first, last, since_ns)
    if run(connection, _COUNT, (*within, *within, since_ns)).scalar_one() == last - first + 1:
        return []
    gone = handled_sequences.stretches(connection, *within)
    found: list[tuple[int, int]] = []
    for low, high in _without(map(tuple, run(connection, _GAPS, (first, *within, *within, last))), gone):
        if found and low - found[-1][1] <= near:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found


def _without(gaps: Iterable[tuple[int, ...]], gone: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What is left of ordered ``gaps``, each (first, last), without the ordered stretches ``gone``."""
    place = 0
    for low, high in gaps:
        while place < len(gone) and gone[place][1] < low:
            place += 1
        at = place
        while low <= high and at < len(gone) and gone[at][0] <= high:
            if gone[at][0] > low:
                yield low, gone[at][0] - 1
            low = gone[at][1] + 1
            at += 1
        if low <= high:
            yield low, high


def unknown(connection: Connection, stream: str, keys: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which of these messages (sequence, stored-at ns) are neither stored nor handled otherwise."""
    stream_id = run(connection, _STREAM, (stream,)).scalar()
    if stream_id is None or not keys:
        return set(keys)
    within = (stream_id, min(keys)[0], max(keys)[0])
    left = set(keys).difference(map(tuple, run(connection, _KEYS, (*within, *within))))
    gone = handled_sequences.known(connection, [(stream_id, *key) for key in left]) if left else ()
    return left.difference(key[1:] for key in gone)


def checked(connection: Connection, stream: str) -> tuple[int, int]:
    """The message (sequence, stored-at ns) up to which everything that the stream held is stored; (0, 0) for none."""
    return read_counter(connection, _CHECKED + stream), read_counter(connection, _CHECKED_NS + stream)


def set_checked(connection: Connection, stream: str, last: int) -> None:
    """Everything that the stream held up to sequence ``last`` is stored: note the newest message of it."""
    stream_id = run(connection, _STREAM, (stream,)).scalar()
    rows = [row for table in ("logs", "rejects") for row in run(connection, _NEWEST.format(table), (stream_id, last))]
    if rows:
        sequence, stored_ns = max(map(tuple, rows))
        set_counter(connection, _CHECKED + stream, sequence)
        set_counter(connection, _CHECKED_NS + stream, stored_ns)


def logs_at(
    connection: Connection, stream: str, sequences: Sequence[int], since: float
) -> dict[int, tuple[int, int | None, str]]:
    """Id, problem and severity of the first log of each of these messages, where stored ``since`` (unix seconds)."""
    found = rows_for(connection, _AT, sequences, stream, int(since * 1e9))
    return {seq: (log_id, pattern_id, severity) for seq, log_id, pattern_id, severity in found}


def messages_of(connection: Connection, log_ids: Sequence[int]) -> dict[int, tuple[list[int], list[tuple[int, str]]]]:
    """By each of these logs what its message held: the ids of all its logs, place and reason of each rejected part."""
    found: dict[int, tuple[list[int], list[tuple[int, str]]]] = {one: ([], []) for one in log_ids}
    for log_id, other in rows_for(connection, _MESSAGES, log_ids):
        found[log_id][0].append(other)
    for log_id, part, reason in rows_for(connection, _REFUSED, log_ids):
        found[log_id][1].append((part, reason))
    return found
