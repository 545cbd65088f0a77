"""Messages that were handled and have no row: left out by a rule, or deleted while the stream still holds them.

Without this a message that the broker delivers again, or that the recorder reads again on start, would be stored
anew. Neighbours are one row: a range of sequences, all of which were handled. A message is handled whole, in one
transaction, so the place of a log in its message plays no part here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from andon.store.engine.bulk_insert import insert_rows
from andon.store.engine.counters import set_counter
from andon.store.recording.batch import Message
from andon.store.schema.dialect import run

#: What is older than this (seconds) is forgotten whatever the stream holds.
_LONGEST = 90 * 86_400.0
_FIRST = "first:"
#: Messages that were stored further apart (ns) are not made one range: between them the broker may have lost its tail
#: and used the sequences of what it lost again. A machine that lost power is away for longer.
_APART = 10_000_000_000

#: (stream id, first sequence, last sequence, first stored-at ns, last stored-at ns)
Range = tuple[int, int, int, int, int]


def ranges(keys: Iterable[Message], wanted: Collection[Message]) -> list[Range]:
    """The runs of neighbouring sequences among ``keys`` that hold one of ``wanted``; all ``keys`` were handled.

    >>> ranges([(1, 5, 50), (1, 6, 60), (1, 8, 80)], {(1, 6, 60)})
    [(1, 5, 6, 50, 60)]
    """
    found: list[Range] = []
    run_of: list[Message] = []

    def end() -> None:
        if any(key in wanted for key in run_of):
            times = [ns for _, _, ns in run_of]
            found.append((run_of[0][0], run_of[0][1], run_of[-1][1], min(times), max(times)))
        run_of.clear()

    for key in sorted(set(keys)):
        if run_of and (
            key[0] != run_of[-1][0] or key[1] > run_of[-1][1] + 1 or not 0 <= key[2] - run_of[-1][2] < _APART
        ):
            end()
        run_of.append(key)
    end()
    return found


def add(connection: Connection, found: Iterable[Range]) -> None:
    """Remember ranges; one that goes on where an earlier one ended is made one with it."""
    rows: list[tuple[int, int, int, int, int]] = []
    for stream_id, first, last, first_ns, last_ns in found:
        before = run(
            connection,
            "SELECT last_ns, first_seq, first_ns FROM gone WHERE stream_id = ? AND last_seq = ? AND last_ns <= ?"
            " AND last_ns > ? ORDER BY last_ns DESC LIMIT 1",
            (stream_id, first - 1, first_ns, first_ns - _APART),
        ).one_or_none()
        if before is not None:
            run(
                connection,
                "DELETE FROM gone WHERE stream_id = ? AND last_seq = ? AND last_ns = ?",
                (stream_id, first - 1, before.last_ns),
            )
            first, first_ns = before.first_seq, before.first_ns
        rows.append((stream_id, last, last_ns, first, first_ns))
    columns = ("stream_id", "last_seq", "last_ns", "first_seq", "first_ns")
    longer = (
        " ON CONFLICT (stream_id, last_seq, last_ns) DO UPDATE SET first_seq ="
        " CASE WHEN excluded.first_seq < gone.first_seq THEN excluded.first_seq ELSE gone.first_seq END, first_ns ="
        " CASE WHEN excluded.first_ns < gone.first_ns THEN excluded.first_ns ELSE gone.first_ns END"
    )
    insert_rows(connection, "gone", columns, rows, longer)


def remember(connection: Connection, deleted: Iterable[Message]) -> None:
    """Remember those of these deleted messages that their stream may still deliver: they are not to be stored anew."""
    held = floors(connection)
    again = {key for key in deleted if key[2] and key[1] >= held.get(key[0], 0)}
    add(connection, ranges(again, again))


def known(connection: Connection, keys: Collection[Message]) -> set[Message]:
    """Which of these messages are remembered."""
    found: set[Message] = set()
    for stream_id in {key[0] for key in keys}:
        asked = sorted(key for key in keys if key[0] == stream_id)
        rows = run(
            connection,
            "SELECT first_seq, last_seq, first_ns, last_ns FROM gone"
            " WHERE stream_id = ? AND last_seq >= ? AND first_seq <= ?",
            (stream_id, asked[0][1], asked[-1][1]),
        ).all()
        for first, last, first_ns, last_ns in map(tuple, rows):
            within = asked[bisect_left(asked, (stream_id, first)) : bisect_left(asked, (stream_id, last + 1))]
            found.update(key for key in within if first_ns <= key[2] <= last_ns)
    return found


def stretches(connection: Connection, stream_id: int, first: int, last: int, since_ns: int) -> list[tuple[int, int]]:
    """Sequences (first, last) of which all were handled, in order, of what was stored at ``since_ns`` or later."""
    rows = run(
        connection,
        "SELECT first_seq, last_seq FROM gone WHERE stream_id = ? AND last_seq >= ? AND first_seq <= ? AND last_ns >= ?"
        " ORDER BY first_seq, last_seq",
        (stream_id, first, last, since_ns),
    )
    return [(low, high) for low, high in rows]


def highest(connection: Connection, stream_id: int) -> int:
    """The highest remembered sequence of a stream, 0 without any."""
    found: int | None = run(connection, "SELECT MAX(last_seq) FROM gone WHERE stream_id = ?", (stream_id,)).scalar()
    return found or 0


def floors(connection: Connection) -> dict[int, int]:
    """The first sequence that each stream still held when it was last asked; only those can be delivered again."""
    rows = run(
        connection,
        "SELECT s.id, c.value FROM streams AS s JOIN counters AS c ON c.name = CAST(? AS TEXT) || s.name",
        (_FIRST,),
    )
    return dict(map(tuple, rows))


def set_floor(connection: Connection, stream: str, first: int, now: float) -> None:
    """The stream holds nothing before ``first`` any more: forget that, and what is very old."""
    set_counter(connection, _FIRST + stream, first)
    stream_id = run(connection, "SELECT id FROM streams WHERE name = ?", (stream,)).scalar()
    if stream_id is not None:
        run(connection, "DELETE FROM gone WHERE stream_id = ? AND last_seq < ?", (stream_id, first))
    run(connection, "DELETE FROM gone WHERE last_ns < ?", (int((now - _LONGEST) * 1e9),))
