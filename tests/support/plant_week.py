"""A plant's week of alarms that ends now: everyday trouble, three floods, one alarm that chatters, some acknowledged."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from andon.core.models import Explanation, LogRecord, Rung, utc_text
from andon.store import Connection, alarms, queue
from support.store_data import Clock, a_log, opened

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


class Trouble(NamedTuple):
    """What goes wrong: how often in a week, and for how many minutes (0: nobody says when it ended)."""

    code: str
    text: str
    severity: str
    area: str
    line: str
    machine: str
    often: int
    minutes: float
    check: str


TROUBLES = (
    Trouble("A114", "Compressed air dew point +6 °C", "WARNING", "Utilities", "Utilities", "Dryer D2", 200, 1, "Drain valve of dryer D2"),
    Trouble("B7", "Light curtain B7: signal reserve low", "WARNING", "Packaging", "Packing line 2", "Palletiser", 130, 1, "Wipe the front glass of B7"),
    Trouble("F30003", "Drive F30003: DC link undervoltage", "ERROR", "Packaging", "Packing line 2", "Drive Q12", 60, 2, "Supply voltage at the infeed"),
    Trouble("IO-204", "I/O station not reachable", "CRITICAL", "Packaging", "Packing line 2", "Station ET-4", 40, 3, "Network cable of station ET-4"),
    Trouble("LP-2", "Label printer LP-2: ribbon out", "WARNING", "Packaging", "Packing line 1", "Printer LP-2", 35, 2, "Ribbon of printer LP-2"),
    Trouble("MES-17", "MES: no answer to order confirmation", "ERROR", "Plant IT", "Plant IT", "mes-01", 30, 2, "Queue on mes-01"),
    Trouble("SRVO-050", "Robot SRVO-050: collision detected", "ERROR", "Body shop", "Welding cells", "Robot R3", 25, 9, "Torch and fixture of robot R3"),
    Trouble("C-11", "Coolant level low", "WARNING", "Machining", "Machining", "Mill 4", 20, 1, "Refill tank T4"),
    Trouble("M-142", "Main drive motor too hot", "ERROR", "Press shop", "Press line 2", "Press 2", 9, 12, "Cooling fan M12 and its filter"),
    Trouble("P-24", "24 V supply below 21.6 V", "CRITICAL", "Packaging", "Packing line 2", "Cabinet Q12", 6, 5, "Fuse F4, then the load of supply G2"),
    Trouble("D-4", "Door 4 left open", "WARNING", "Press shop", "Press line 1", "Door 4", 12, 4, "Close door 4"),
)  # fmt: skip
#: When the floods begin, in hours before the end, and how many alarms they bring.
FLOODS = ((114.7, 24), (30.4, 13), (0.4, 61))


def events(now: float, seed: int = 7, days: float = 7) -> Iterator[tuple[float, Trouble, str]]:
    """Moments with what happened and whether it became active or cleared."""
    dice = random.Random(seed)
    for trouble in TROUBLES:
        for _ in range(int(trouble.often * days / 7)):
            yield from _one(now - dice.random() * days * DAY, trouble, dice, now)
    for hours, count in FLOODS:
        for index in range(count):
            trouble = TROUBLES[9] if index == 0 else TROUBLES[(2, 3, 3, 5, 6)[index % 5]]
            trouble = trouble._replace(machine=f"{trouble.machine[:-1]}{index}")  # many machines at once
            yield from _one(now - hours * HOUR + index * 8, trouble, dice, now, brief=hours > 1)


def _one(
    start: float, trouble: Trouble, dice: random.Random, now: float, *, brief: bool = True
) -> Iterator[tuple[float, Trouble, str]]:
    yield start, trouble, "active"
    end = start + trouble.minutes * MINUTE * (0.5 + dice.random())
    if trouble.minutes and end < now and brief:
        yield end, trouble, "cleared"


def records(now: float, days: float = 7) -> Iterator[LogRecord]:
    """The same as records in the order of time."""
    told = sorted(events(now, days=days), key=lambda event: event[0])
    for number, (at, trouble, state) in enumerate((event for event in told if event[0] < now), 1):
        yield a_log(
            number,
            trouble.code,
            stored_ns=int(at * 1e9),
            timestamp=utc_text(datetime.fromtimestamp(at, UTC)),
            hostname=trouble.machine.lower().replace(" ", "-"),
            severity=trouble.severity if state == "active" else "INFO",
            service="plc",
            message=trouble.text,
            template=trouble.text,
            site="Northfield",
            area=trouble.area,
            line=trouble.line,
            machine=trouble.machine,
            context=json.dumps({"alarm_code": trouble.code, "state": state}),
        )


def fill(path: Path, now: float, days: float = 7) -> None:
    """The week as a database, its problems explained; two alarms acknowledged, one shelved, two notes."""

    async def work() -> None:
        clock = Clock()
        clock.now = now
        async with opened(path, clock=clock) as store:
            rows = list(records(now, days))
            for start in range(0, len(rows), 500):
                await store.record(rows[start : start + 500], [])
            clock.now = now + 60
            while (await store.index(2000))[1]:
                pass
            checks = {one.code: one.check for one in TROUBLES}
            while job := await store.write(queue.claim, "tests", 600, clock.now):
                await store.write(queue.finish, job, _answer(checks[job.fingerprint]), clock.now)
            await store.write(_handled, now)

    asyncio.run(work())


def _answer(check: str) -> Explanation:
    return Explanation(rung=Rung.PLAYBOOK, text=f"Check first: {check}.", finding={"summary": "", "checks": [check]})


def _handled(connection: Connection, now: float) -> None:
    for one in alarms.listing(connection, "active", now):
        if one.code == "F30003":
            alarms.acknowledge(
                connection, one.id, "Night shift", "Infeed checked, waits for the electrician", now=now - 600
            )
        if one.code == "MES-17":
            alarms.acknowledge(connection, one.id, "Night shift", now=now - 300)
    for one in alarms.listing(connection, "all", now, limit=500):
        if one.code == "D-4":
            alarms.shelve(connection, one.id, 6 * HOUR, "Night shift", "Door switch is on order", now=now - 60)
    alarms.add_note(
        connection, "Packing line 2: fuse F4 replaced at 02:50, keep an eye on supply G2.", "Night shift", now=now - 500
    )
    alarms.add_note(connection, "Printer LP-2 needs ribbon from stores.", "M. Keller", now=now - 400)
