"""What is stored of a stream: its highest sequence, those that are missing, and all that came in one message."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

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
# The sequences in order, from both tables, walked along their indexes, each once though it may hold many logs; a step
# of more than one is a gap.
_GAPS = """
SELECT previous + 1, seq - 1
FROM (
    SELECT seq, LAG(seq, 1, CAST(? AS BIGINT) - 1) OVER (ORDER BY seq) AS previous
    FROM (
        SELECT DISTINCT seq FROM logs WHERE stream_id = ? AND seq BETWEEN ? AND ?
        UNION ALL
        SELECT DISTINCT seq FROM rejects WHERE stream_id = ? AND seq BETWEEN ? AND ?
        UNION ALL
        SELECT CAST(? AS BIGINT) + 1
    ) AS stored
) AS steps
WHERE seq - previous > 1
ORDER BY seq
"""
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


def missing_ranges(connection: Connection, stream: str, first: int, last: int) -> list[tuple[int, int]]:
    """Ranges (inclusive) within ``first``..``last`` of which neither a log nor a reject is stored."""
    if last < first:
        return []
    stream_id = run(connection, _STREAM, (stream,)).scalar()
    if stream_id is None:
        return [(first, last)]
    within = (stream_id, first, last)
    return [(low, high) for low, high in run(connection, _GAPS, (first, *within, *within, last))]


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
