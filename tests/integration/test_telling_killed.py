"""The herald's process is killed wherever it is: what is to be told is stored once, and nothing is left out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from andon.core.models.actions import Message
from andon.store import Store, Visitor, actions
from support.alarm_logs import Event, cleared, raised, record
from support.environment import plain_environment
from support.settings import settings_of
from support.store_data import opened
from support.told import MIDNIGHT, SITE, Night

H, MIN = 3600.0, 60.0
PROCESS = Path(__file__).parents[1] / "support" / "herald_process.py"
KILLS = 12


def happened() -> list[Event]:
    """Half an hour in which nine problems begin, four of them CRITICAL, and three end."""
    place = {"machine": "Press 7", "line": "Line 3", "area": "Hall 1"}
    begun = [
        raised(2 * H + 200 * n, f"E{n}", severity="CRITICAL" if n % 2 else "ERROR", message=f"Fault {n} of the drive",
               pattern=f"e{n}", place=place)
        for n in range(9)
    ]  # fmt: skip
    over = [cleared(2 * H + 200 * n + 90, f"E{n}", pattern=f"o{n}", place=place) for n in (2, 3, 4)]
    return sorted([*begun, *over], key=lambda one: one.at)


def moments() -> list[float]:
    """When it is looked."""
    return [MIDNIGHT + 2 * H + 2 * MIN * n - 60 for n in range(30)]


async def _stored(store: Store, upto: float, done: int) -> int:
    """Record what happened up to a moment; how much of it is stored."""
    rows = [record(n, one) for n, one in enumerate(happened(), 1) if MIDNIGHT + one.at <= upto]
    if len(rows) > done:
        await store.record(rows[done:], [])
        while (await store.index(500))[1]:
            pass
    return len(rows)


def told(path: Path) -> list[tuple[str, str, str, str]]:
    """Every action: its target, what it does, its title, and whether it tells of a beginning."""
    with Visitor(path) as visitor:
        found = visitor.read(actions.listing, 10_000)
    return [
        (
            one.target,
            one.operation,
            one.title,
            one.order.arguments.phase if isinstance(one.order.arguments, Message) else "",
        )
        for one in found
    ]


async def _undisturbed(path: Path) -> None:
    done = 0
    async with opened(path) as store:
        store._clock = lambda: 4e9
        site = Night(store, settings_of(**SITE), moments()[0])
        for site.now in moments():
            done = await _stored(store, site.now, done)
            await site.herald.look()


def heralds(path: Path) -> subprocess.Popen[str]:
    """What forks heralds."""
    environment = plain_environment()
    environment["PYTHONPATH"] = os.pathsep.join([str(PROCESS.parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(PROCESS), str(path)]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


async def _killed(path: Path) -> int:
    """The same by processes that are killed at random moments of their looks; how often one was."""
    dice, done, kills = random.Random(7), 0, 0
    async with opened(path) as store:
        store._clock = lambda: 4e9
        with heralds(path) as parent:
            assert parent.stdin is not None
            assert parent.stdout is not None
            assert parent.stdout.readline() == "ready\n"
            for moment in moments():
                done = await _stored(store, moment, done)
                while True:
                    parent.stdin.write(f"{moment}\n")
                    parent.stdin.flush()
                    child = int(parent.stdout.readline())
                    if kills < KILLS:
                        await asyncio.sleep(dice.random() * 0.12)
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(child, signal.SIGKILL)
                    if (status := int(parent.stdout.readline())) == 0:
                        break
                    assert status == signal.SIGKILL
                    kills += 1
            parent.stdin.close()
    return kills


def test_what_is_killed_tells_nothing_twice_and_leaves_nothing_out(tmp_path: Path) -> None:
    """Whatever it was about to store: afterwards people were told the same as by one that nobody killed."""
    quiet, killed = tmp_path / "quiet.db", tmp_path / "killed.db"
    asyncio.run(_undisturbed(quiet))
    assert asyncio.run(_killed(killed)) == KILLS
    assert Counter(told(killed)) == Counter(told(quiet))
    assert max(Counter(told(killed)).values()) == 1
    kinds = Counter(operation for _, operation, _, _ in told(killed))
    assert kinds["ticket.open"] == 4
    assert kinds["message"] >= 8
