"""Closing the gaps that deleted logs leave in an SQLite file, so that their space can be given back.

A page of the table is free only when nothing is left on it, and logs that stay keep theirs half empty for ever, because
new logs are added at the end. Logs that stay in a thinned out stretch are therefore written anew, closer together.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable

from sqlalchemy import Connection

from andon.store.schema.dialect import is_postgres, run

#: Logs are written anew in stretches of so many ids, where so many of them were deleted.
STRETCH, WORTH = 512, 64
#: The pages of a log whose message and context have more characters than this are its own, and become free with it.
SMALL = 2_000
#: A stretch with so many logs of more than so many characters is left as it is: that would take long.
_LARGE, _LARGE_MAX = 8_000, 8


class Gaps:
    """Where logs were deleted in this run."""

    def __init__(self) -> None:
        self._deleted: Counter[int] = Counter()
        #: The stretches that are worth closing, the first on top.
        self._worth: list[int] = []

    def note(self, ids: Iterable[int]) -> None:
        """These logs were deleted."""
        for log_id in ids:
            stretch = log_id // STRETCH
            self._deleted[stretch] += 1
            if self._deleted[stretch] == WORTH:
                heapq.heappush(self._worth, stretch)

    def next(self, before: int | None = None) -> int | None:
        """The first stretch worth closing, of ids below ``before`` alone if given; None where there is none."""
        first = self._worth[0] if self._worth else None
        return first if first is None or before is None or first < before // STRETCH else None

    def close_first(self, connection: Connection) -> None:
        """Write the logs of the first stretch anew, inside the open transaction. PostgreSQL reuses gaps by itself."""
        stretch = heapq.heappop(self._worth)
        del self._deleted[stretch]
        if is_postgres(connection):
            return
        ids = (stretch * STRETCH, stretch * STRETCH + STRETCH - 1)
        heavy = run(
            connection,
            "SELECT 1 FROM log_rows WHERE id BETWEEN ? AND ?"
            " AND LENGTH(message) + COALESCE(LENGTH(context), 0) + COALESCE(LENGTH(raw), 0) > ? LIMIT ?",
            (*ids, _LARGE, _LARGE_MAX),
        ).all()
        if len(heavy) == _LARGE_MAX:
            return
        run(connection, "CREATE TEMP TABLE IF NOT EXISTS settled AS SELECT * FROM log_rows WHERE 0")
        run(connection, "INSERT INTO temp.settled SELECT * FROM log_rows WHERE id BETWEEN ? AND ?", ids)
        run(connection, "DELETE FROM log_rows WHERE id BETWEEN ? AND ?", ids)
        run(connection, "INSERT INTO log_rows SELECT * FROM temp.settled ORDER BY id")
        run(connection, "DELETE FROM temp.settled")
