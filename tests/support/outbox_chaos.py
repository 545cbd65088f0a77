"""Cut the link and kill the outbox at random moments while it opens tickets, and count what came of it.

``PYTHONPATH=src:tests python -m support.outbox_chaos --cuts 100 --kills 50 --seed 1``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

import andon
from andon.core.models.actions import ActionStatus
from andon.core.settings.database_url import Database
from andon.store import Connection, Visitor, actions, change
from support.outbox import added, new_action, ticket
from support.outbox_process import SETTLED, TIMEOUT
from support.patience import PATIENCE
from support.relay import Relay, relay
from support.store_data import a_log, opened, written
from support.ticket_service import TicketService, connected

_SCRIPT = Path(__file__).with_name("outbox_process.py")
_PATH = os.pathsep.join((str(Path(andon.__file__).parent.parent), str(_SCRIPT.parent.parent)))
PERSON = "kim"

#: Of the events so many wait for a request to be on its way; the others come whenever they come.
AT_WORK = 0.5


class Outcome(NamedTuple):
    """What became of ``tickets`` that were approved: opened twice, never, and how often a person was asked.

    ``in_mid_air`` counts the kills at which a request was on its way, ``shattered`` the cuts at which one was.
    """

    tickets: int
    twice: int
    lost: int
    asked: int
    cuts: int
    kills: int
    in_mid_air: int
    shattered: int
    seconds: float


class Processes:
    """Outboxes that are started and killed, by the name under which each claims."""

    def __init__(self, database: Database, url: str) -> None:
        command = [sys.executable, str(_SCRIPT), written(database), url]
        self._parent = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": _PATH}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._parent.stdout is not None
        self._parent.stdout.readline()
        self.pids: dict[str, int] = {}

    def start(self, owner: str) -> None:
        """Another one."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        print(owner, file=self._parent.stdin, flush=True)
        while not (line := self._parent.stdout.readline()).strip().isdecimal():
            assert line, "the parent of the outboxes ended"
        self.pids[owner] = int(line)

    def kill(self, owner: str) -> None:
        """kill -9, and wait until it is gone."""
        pid = self.pids.pop(owner)
        os.kill(pid, signal.SIGKILL)
        for _ in range(int(PATIENCE / 0.002)):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.002)
        raise AssertionError("an outbox outlived kill -9")

    def close(self) -> None:
        """End all of them."""
        for owner in list(self.pids):
            with contextlib.suppress(ProcessLookupError):
                self.kill(owner)
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.stdout.close()
        self._parent.wait(PATIENCE)


@contextlib.contextmanager
def _service(random_: random.Random) -> Iterator[tuple[TicketService, Relay]]:
    service = TicketService(lag=SETTLED / 2, think=lambda: random_.uniform(0.0, 0.015))
    try:
        with relay(service.port) as wire:
            yield service, wire
    finally:
        service.close()


def _mid_air(database: Database) -> bool:
    """Whether a request that opens a ticket may be on its way."""
    with Visitor(database) as visitor:
        found = visitor.read(actions.listing, 10, statuses=[ActionStatus.EXECUTING])
        return any(one.sent_at is not None for one in found)


def _wait_for_work(database: Database) -> None:
    """Return once a request is on its way, or none has gone out for a while: processes that start take their time."""
    until = time.monotonic() + PATIENCE / 4
    while not _mid_air(database) and time.monotonic() < until:
        time.sleep(0.002)


def _answer(database: Database, service: TicketService) -> int:
    """Be the person who is asked: who looks at the service, and says what is there. How many were asked."""
    with Visitor(database) as visitor:
        asked = visitor.read(actions.listing, 1_000, statuses=[ActionStatus.UNSURE])
    for one in asked:
        # what the search was given its time for and did not find was never opened
        assert not [made for made in service.tickets if made.key == one.key], "asked about a ticket that is there"
        change(database, actions.retry, one.id, PERSON, now=time.time())
    return len(asked)


def _left(connection: Connection) -> int:
    return sum(sum(one.values()) for one in actions.counts(connection).values())


def _approve(database: Database, url: str, count: int, known: int) -> list[int]:
    """So many more tickets, each about a problem of its own."""

    async def record() -> None:
        async with opened(database) as store:
            await store.record([a_log(n, f"p{n}") for n in range(known + 1, known + count + 1)], [])

    asyncio.run(record())
    plant = connected("plant", url)
    new = [new_action(plant, ticket(f"Fault {n}"), n) for n in range(known + 1, known + count + 1)]
    return change(database, added, new)


def storm(database: Database, *, cuts: int, kills: int, seed: int, owners: Sequence[str] = ("one",)) -> Outcome:
    """Do it, with an outbox for each of ``owners`` on one database; every ticket is opened at the end."""
    random_, started = random.Random(seed), time.monotonic()
    plan = ["cut"] * cuts + ["kill"] * kills
    random_.shuffle(plan)
    figures: Counter[str] = Counter()
    with _service(random.Random(seed)) as (service, wire):
        url = f"http://127.0.0.1:{wire.port}"
        ids = _approve(database, url, 3 * len(plan), 0)
        outbox = Processes(database, url)
        try:
            for owner in owners:
                outbox.start(owner)
            for event in plan:
                time.sleep(random_.uniform(0.01, 0.12) if event == "cut" else random_.uniform(0.05, 0.3))
                if random_.random() < AT_WORK:
                    _wait_for_work(database)
                    time.sleep(random_.uniform(0.0, 0.02))
                figures["asked"] += _answer(database, service)
                if event == "cut":
                    figures["shattered"] += _mid_air(database)
                    wire.cut()
                else:
                    owner = random_.choice(owners)
                    outbox.kill(owner)
                    figures["in mid air"] += _mid_air(database)
                    outbox.start(owner)
            deadline = time.monotonic() + 2 * PATIENCE + len(ids) * (TIMEOUT + SETTLED)
            while True:
                figures["asked"] += _answer(database, service)
                with Visitor(database) as visitor:
                    if not visitor.read(_left):
                        break
                assert time.monotonic() < deadline, "the outbox does not come to its end"
                time.sleep(0.05)
        finally:
            outbox.close()
        opened_at_all = Counter(one.key for one in service.tickets)
        with Visitor(database) as visitor:
            rows = [visitor.read(actions.action, one) for one in ids]
            known = sum(len(visitor.read(actions.of_problem, one.problem_id or 0)) for one in rows)
        assert known == len(rows), "a problem does not know its ticket, or knows two"
        assert {one.status for one in rows} == {ActionStatus.DONE}
    return Outcome(
        tickets=len(rows),
        twice=sum(opened_at_all[one.key] > 1 for one in rows),
        lost=sum(opened_at_all[one.key] == 0 for one in rows),
        asked=figures["asked"],
        cuts=cuts,
        kills=kills,
        in_mid_air=figures["in mid air"],
        shattered=figures["shattered"],
        seconds=time.monotonic() - started,
    )


def main() -> None:
    """Parse, run, print; exit status 1 where a ticket was opened twice or never."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("cuts", 100), ("kills", 50), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory(prefix="andon-outbox-") as place:
        found = storm(Path(place) / "agent.db", cuts=arguments.cuts, kills=arguments.kills, seed=arguments.seed)
    print(
        f"{found.tickets} tickets, {found.cuts} cuts ({found.shattered} with a request on its way), {found.kills} kills "
        f"({found.in_mid_air} with one): {found.twice} opened twice, {found.lost} lost, a person asked {found.asked} "
        f"times; {found.seconds:.0f} s"
    )
    sys.exit(bool(found.twice or found.lost))


if __name__ == "__main__":
    main()
