"""Cases from outside, taken the whole way: memory bus, recorder with its merger, a real store, the indexer.

``lines`` are real lines of loggers with what is right of them, ``cases`` are messages with what is expected, which
:data:`EXPECTED` holds as checks by the id of the case.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from andon.app.wiring import decoder
from andon.core.models import SUBJECT, LogQuery, StoredLog
from andon.core.telemetry import Health, Metrics
from andon.core.timestamps import TimeReader
from andon.ingest.recorder import Batch, Recorder
from andon.store import Store, Visitor, alarms, prepare, search
from andon.testing import MemoryBus
from support.settings import settings_of

CASES = Path(__file__).parents[3] / "shared" / "cases"
RECEIVED = datetime(2026, 11, 29, 12, tzinfo=UTC)
#: Where the outside cases happened; their times name no zone.
ZONE = "Europe/Berlin"
_EXPANDED = re.compile(r"\[([0-9.]+)\]\*([0-9]+)")


class Outcome(NamedTuple):
    """What is in the database in the end: rows oldest first, the problem of each, alarms, times of alarms, reasons
    of rejects by sequence."""

    rows: list[StoredLog]
    problems: list[int]
    alarms: list[Any]
    active: list[Any]
    seconds: list[float | None]
    rejects: dict[int, str]

    def of(self, number: int) -> StoredLog | None:
        """The row of a message, by its number from 0."""
        return next((row for row in self.rows if row.sequence == number + 1), None)

    @property
    def severities(self) -> list[str]:
        """Of each row."""
        return [row.severity for row in self.rows]

    @property
    def count(self) -> int:
        """How many problems there are."""
        return len(set(self.problems))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines; values that are written as ``[1.5]*20000`` in full."""

    def full(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: full(part) for key, part in value.items()}
        if isinstance(value, str) and (match := _EXPANDED.fullmatch(value)):
            return [float(match[1])] * int(match[2])
        return [full(part) for part in value] if isinstance(value, list) else value

    return [full(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def taken(place: Path, messages: list[dict[str, Any] | bytes], zone: str = "UTC") -> Outcome:
    """What comes of messages that are published one after the other at :data:`RECEIVED`."""
    return asyncio.run(asyncio.wait_for(_taken(place / "agent.db", messages, zone), 60))


async def _taken(path: Path, messages: list[dict[str, Any] | bytes], zone: str) -> Outcome:
    bus = MemoryBus(wall_ns=lambda: int(RECEIVED.timestamp()) * 10**9)
    done = asyncio.Event()

    async def stored(batch: Batch, _: object) -> None:
        if batch.deliveries[-1].sequence == len(messages):
            done.set()

    prepare(path, durability="normal")
    store = await Store.open(path, times=TimeReader(ZoneInfo(zone)))
    recorder = Recorder(
        bus.stream(),
        store,
        decoder(settings_of(time_zone=zone)),
        Metrics(),
        Health(),
        batch=100,
        on_stored=stored,
        on_stalled=lambda _: None,
        queued=lambda: None,
    )
    for message in messages:
        bus.publish(SUBJECT, message if isinstance(message, bytes) else json.dumps(message).encode())
    task = asyncio.create_task(recorder.run())
    try:
        waiting = asyncio.create_task(done.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        while (await store.index(1000))[1]:
            pass
    finally:
        task.cancel()
        await asyncio.wait({task, waiting})
        await store.close()
    with Visitor(path) as visitor:
        return visitor.read(_outcome)


def _outcome(connection: Any) -> Outcome:
    rows = sorted(search.find(connection, LogQuery(limit=1000)), key=lambda row: row.id)
    into = {row[0]: row[1] for row in connection.exec_driver_sql("SELECT id, merged_into FROM patterns")}

    def root(pattern: int) -> int:
        return pattern if into[pattern] is None else root(into[pattern])

    now = RECEIVED.timestamp()
    times = connection.exec_driver_sql("SELECT started, ended FROM occurrences")
    return Outcome(
        rows,
        [root(row.pattern_id) for row in rows if row.pattern_id is not None],
        alarms.listing(connection, "all", now),
        alarms.listing(connection, "active", now),
        [None if ended is None else ended - started for started, ended in times],
        {row[0]: row[1] for row in connection.exec_driver_sql("SELECT seq, reason FROM rejects")},
    )


def problems(count: int) -> Callable[[Outcome], bool]:
    """So many problems."""
    return lambda got: got.count == count


def severities(*names: str) -> Callable[[Outcome], bool]:
    """The rows' severities, in order."""
    return lambda got: got.severities == list(names)


def no_info(got: Outcome) -> bool:
    """Every row is at least a warning."""
    return not {"INFO", "DEBUG"} & set(got.severities)


def times(*starts: str) -> Callable[[Outcome], bool]:
    """The rows' times begin so, in order."""
    return lambda got: all(row.timestamp.startswith(start) for row, start in zip(got.rows, starts, strict=True))


def time_or_note(start: str) -> Callable[[Outcome], bool]:
    """The time is right, or it is that of receipt and the row says why."""
    received = f"{RECEIVED:%Y-%m-%dT%H:%M}"
    return lambda got: all(
        row.timestamp.startswith(start) or (row.timestamp.startswith(received) and bool(row.notes)) for row in got.rows
    )


def _ambiguous(got: Outcome) -> bool:
    first, second = got.rows
    return bool(first.notes) and (second.timestamp.startswith("2025-01-15T01:14:23") or bool(second.notes))


def _cleared(got: Outcome) -> bool:
    return [(one.state, one.occurrences) for one in got.alarms] == [("cleared", 1)] and not got.active


def _one_of_two_tanks(got: Outcome) -> bool:
    return len(got.alarms) == 2 and [("Tank2" in repr(one), "Tank1" in repr(one)) for one in got.active] == [
        (True, False)
    ]


def _reactor(got: Outcome) -> bool:
    return [(one.priority, one.occurrences) for one in got.active] == [("high", 1)] and got.severities == ["CRITICAL"]


def _colours(got: Outcome) -> bool:
    texts = [row.message for row in got.rows]
    return got.count == 2 and "disk /data full" in texts[0] and "certificate expired" in texts[1]


def _other_names(got: Outcome) -> bool:
    return [row.message for row in got.rows] == ["disk is full on volume data", "certificate of broker expired"]


def _beside(got: Outcome) -> bool:
    contexts = [json.loads(row.context or "{}") for row in got.rows]
    wanted = [{"alarm_code": 1205, "machine": "M1"}, {"alarm_code": 1310, "machine": "M2"}]
    return contexts == wanted and got.count == 2


#: What is expected of each case.
EXPECTED: dict[str, Callable[[Outcome], bool]] = {
    "g01": problems(4),
    "g04": problems(6),
    "g05": problems(5),
    "g08": problems(5),
    "g09": problems(6),
    "g11": problems(4),
    "g12": problems(4),
    "g14": problems(4),
    "g16": problems(4),
    "g18": problems(2),
    "g20": problems(3),
    "g21": _colours,
    "g22": problems(2),
    "g23": problems(2),
    "g24": problems(2),
    "g30": problems(1),
    "g31": problems(1),
    "g32": problems(1),
    "g35": problems(1),
    "t01": times("2025-10-09T", "2026-01-10T"),
    "t02": time_or_note("2025-01-15T"),
    "t04": time_or_note("2025-01-15T"),
    "t05": _ambiguous,
    "t07": time_or_note("never"),
    "t08": times("2025-12-31T"),
    "t09": times("2025-01-15T01:14:23"),
    "s01": severities("CRITICAL"),
    "s02": severities("ERROR", "CRITICAL", "WARNING"),
    "s03": severities("CRITICAL", "ERROR"),
    "s04": no_info,
    "s06": severities("ERROR", "WARNING", "CRITICAL", "CRITICAL", "WARNING", "ERROR", "ERROR"),
    "a01": _one_of_two_tanks,
    "a03": _reactor,
    "a04": _cleared,
    "a05": _cleared,
    "a08": _cleared,
    "a09": _cleared,
    "a10": lambda got: got.seconds == [1200.0],
    "l01": _other_names,
    "l02": _beside,
    "p01": problems(2),
    "p02": problems(2),
    "p03": problems(1),
    "p04": problems(1),
    "p05": problems(4),
    "p06": problems(4),
}


def leaves(value: Any) -> Iterator[str]:
    """Every text and number in a JSON value, as text."""
    if isinstance(value, dict):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def trace(line: dict[str, Any]) -> list[str]:
    """The lines of a log's traces; where frames stand as objects, their values."""
    found = [part for text in leaves(line) if "\n" in text.strip() for part in text.splitlines() if part.strip()]
    return found or list(leaves(line.get("stack") or line.get("exception")))


def wrong(line: dict[str, Any], right: dict[str, Any], row: Any) -> list[str]:
    """What is wrong in the row (a :class:`StoredLog` or a record) of a logger's ``line``; empty where nothing is."""
    if row is None:
        return ["not stored"]
    kept = "\n".join([row.message, *leaves(json.loads(row.context or "{}"))])
    severity = right["severity"] or ("ERROR" if right["exception_kept"] else "INFO")
    found = []
    if row.severity != severity:
        found.append(f"severity {row.severity}, not {severity}")
    if not row.message.startswith(right["message_starts"] or ""):
        found.append(f"message {row.message[:60]!r}, not {right['message_starts']!r}")
    if right["service"] is not None and row.service != right["service"]:
        found.append(f"service {row.service!r}, not {right['service']!r}")
    if right["service"] is None and row.service != "unknown" and row.service not in leaves(line):
        found.append(f"service {row.service!r} is in no field")
    if right["exception_kept"] and (lost := [part for part in trace(line) if part.strip() not in kept]):
        found.append(f"lost of the trace: {lost[:3]}")
    return found
