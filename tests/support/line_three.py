"""A day on line L3 as a database: 837 logs of nine problems, one of them 800 times, after a quiet week; line L4 beside it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from andon.core.models import LogRecord, utc_text
from andon.core.times import seconds
from andon.store import queue
from support.store_data import a_log, an_answer, opened

#: Midnight of the day, and the moment at which people ask.
DAY = datetime(2025, 1, 15, tzinfo=UTC)
ASKED_AT = DAY + timedelta(hours=9, minutes=30)

#: Problem, severity, host, machine, how often, begin and step in seconds, text; of L3 since midnight, 837 logs.
ROWS = (
    ("weld", "WARNING", "weld-31", "welder-1", 800, 3_600, 8, "Weld current below limit on gun 4"),
    ("jam", "ERROR", "conv-33", "conveyor-3", 12, 7_200, 40, "E-4711 Part jammed at gate 2"),
    ("jam-b", "ERROR", "conv-33", "conveyor-3", 6, 7_260, 40, "E-4712 Part jammed at gate 3"),
    ("feed", "ERROR", "press-304", "press-4", 8, 7_205, 30, "Feeder of press empty"),
    ("oil", "WARNING", "press-304", "press-4", 4, 1_000, 60, "Oil temperature high on oven 2"),
    ("drive", "CRITICAL", "plc-l3", "plc-l3", 1, 7_320, 1, "Line stopped by emergency chain"),
    ("net", "ERROR", "sw-l3", "sw-l3", 3, 7_190, 10, "Port 12 is down"),
    ("door", "INFO", "hmi-3", "hmi-3", 2, 20_000, 60, "Guard door opened"),
    ("door-b", "INFO", "hmi-3", "hmi-3", 1, 21_000, 60, "Guard door closed"),
)
CHECKS = (
    "Look whether a part lies across gate 2 and take it out with the tool that hangs there, never by hand while air is on;"
    " see that the light barrier behind the gate is clean and that its lamp goes out when a part is in front of it.",
    "Compare the stroke of the gate's cylinder with the drawing, 40 mm.",
)
EXPLAINED = {
    "jam": "A part lies across gate 2.\nProbable cause: The gate closes too slowly.\nCheck first:\n"
    + "\n".join(f"  {number}. {check}" for number, check in enumerate(CHECKS, 1)),
    "weld": "The welding current is too low.\nCheck first:\n  1. Dress the electrode caps.",
}


def records() -> list[LogRecord]:
    """Ids follow the order in which they are stored: the week before, then the day."""
    number = itertools.count(1)

    def row(key: str, at: datetime, severity: str, host: str, machine: str, message: str, line: str) -> LogRecord:
        return a_log(
            next(number),
            key,
            timestamp=utc_text(at),
            hostname=host,
            severity=severity,
            service="line-plc",
            message=message,
            template=message,
            line=line,
            site="graz",
            machine=machine,
            context=json.dumps({"alarm_code": message.split()[0], "state": "active"})
            if key.startswith("jam")
            else None,
        )

    def of_day() -> Iterator[LogRecord]:
        for key, severity, host, machine, times, begin, step, message in ROWS:
            for nth in range(times):
                yield row(key, DAY + timedelta(seconds=begin + nth * step), severity, host, machine, message, "L3")

    before = [
        row(
            "jam",
            DAY - timedelta(days=back, hours=-3),
            "ERROR",
            "conv-33",
            "conveyor-3",
            "E-4711 Part jammed at gate 2",
            "L3",
        )
        for back in range(7, 1, -1)
    ]
    beside = [
        row("label", DAY + timedelta(hours=2, minutes=nth), "ERROR", "label-41", "labeller-1", "Label roll empty", "L4")
        for nth in range(5)
    ]
    return [*before, *sorted(of_day(), key=lambda one: one.timestamp), *beside]


def fill(path: Path) -> Path:
    """The day as a database at ``path``: two problems explained."""

    async def work() -> None:
        async with opened(path) as store:
            await store.record(records(), [])
            while (await store.index(700))[1]:
                pass
            while job := await store.write(queue.claim, "me", 600, seconds(utc_text(ASKED_AT))):
                if job.fingerprint in EXPLAINED:
                    await store.write(queue.finish, job, an_answer(EXPLAINED[job.fingerprint]), ASKED_AT.timestamp())
                else:
                    await store.write(queue.postpone, job, "not now", ASKED_AT.timestamp() + 6e5, None)

    asyncio.run(work())
    return path
