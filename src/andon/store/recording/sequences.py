"""Which sequences of a stream are stored: the highest, and those that are missing."""

from __future__ import annotations

from sqlalchemy import Connection

from andon.store.recording import handled_sequences
from andon.store.schema.dialect import run

_STREAM = "SELECT id FROM streams WHERE name = ?"
_HIGHEST = """
SELECT MAX(seq) FROM (
    SELECT MAX(seq) AS seq FROM logs WHERE stream_id = ?
    UNION ALL
    SELECT MAX(seq) FROM rejects WHERE stream_id = ?
) AS stored
"""
# The sequences in order, from both tables, walked along their indexes; a step of more than one is a gap.
_GAPS = """
SELECT previous + 1, seq - 1
FROM (
    SELECT seq, LAG(seq, 1, CAST(? AS BIGINT) - 1) OVER (ORDER BY seq) AS previous
    FROM (
        SELECT seq FROM logs WHERE stream_id = ? AND seq BETWEEN ? AND ?
        UNION ALL
        SELECT seq FROM rejects WHERE stream_id = ? AND seq BETWEEN ? AND ?
        UNION ALL
        SELECT CAST(? AS BIGINT) + 1
    ) AS stored
) AS steps
WHERE seq - previous > 1
ORDER BY seq
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
