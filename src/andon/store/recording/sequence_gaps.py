"""Which sequences of a stream are not stored."""

from __future__ import annotations

from sqlalchemy import Connection, text

from andon.store.schema.dialect import run

# The sequences in order, from both tables, walked along their indexes; a step of more than one is a gap.
_GAPS = """
SELECT previous + 1, seq - 1
FROM (
    SELECT seq, LAG(seq, 1, CAST(:first AS BIGINT) - 1) OVER (ORDER BY seq) AS previous
    FROM (
        SELECT seq FROM logs WHERE stream_id = :stream AND seq BETWEEN :first AND :last
        UNION ALL
        SELECT seq FROM rejects WHERE stream_id = :stream AND seq BETWEEN :first AND :last
        UNION ALL
        SELECT CAST(:last AS BIGINT) + 1
    ) AS stored
) AS steps
WHERE seq - previous > 1
ORDER BY seq
"""


def missing_ranges(connection: Connection, stream: str, first: int, last: int) -> list[tuple[int, int]]:
    """Ranges (inclusive) within ``first``..``last`` of which neither a log nor a reject is stored."""
    if last < first:
        return []
    stream_id = run(connection, "SELECT id FROM streams WHERE name = ?", (stream,)).scalar()
    if stream_id is None:
        return [(first, last)]
    rows = connection.execute(text(_GAPS), {"stream": stream_id, "first": first, "last": last})
    return [(low, high) for low, high in rows]
