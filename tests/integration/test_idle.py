"""A service with nothing to do sleeps: whoever writes wakes whoever waits, and nobody asks again and again."""

from __future__ import annotations

import asyncio
import collections
import sys
from pathlib import Path
from typing import Any

import pytest

from andon.app import web
from andon.app.service import Service
from support.settings import settings_of

uvloop = pytest.importorskip("uvloop")

#: What is counted is counted for so long, in seconds, and looked at so often until it is as little as it must be.
WINDOW, WINDOWS = 3.0, 20
#: Timers that a whole service sets in a window, and calls that it hands to threads: it takes about 5. When the database,
#: the broker and the stream were asked each second these were 120.
MOST = 20


class Counting(uvloop.Loop):  # type: ignore[misc]  # it has no annotations
    """Counts what wakes it but its sockets, by where that comes from."""

    def __init__(self) -> None:
        super().__init__()
        self.causes: collections.Counter[str] = collections.Counter()

    def _note(self) -> None:
        frame = sys._getframe(2)
        while frame.f_back is not None and not frame.f_code.co_filename.rpartition("/src/andon/")[1]:
            frame = frame.f_back
        self.causes[f"{frame.f_code.co_filename.rpartition('/src/')[2]}:{frame.f_lineno}"] += 1

    def call_later(self, *arguments: Any, **named: Any) -> Any:
        """As it is."""
        self._note()
        return super().call_later(*arguments, **named)

    def run_in_executor(self, *arguments: Any) -> Any:
        """As it is."""
        self._note()
        return super().run_in_executor(*arguments)


async def quietest(loop: Counting, place: Path) -> collections.Counter[str]:
    """What a whole service does in the quietest window after its start."""
    stop = asyncio.Event()
    settings = settings_of(data_dir=place, db_path="", nats_port=-1, http_port=0, provider="PLAYBOOK")
    service = Service(settings, web.listen)
    running = asyncio.create_task(service.run(stop))
    beginning = asyncio.create_task(service.began.wait())
    await asyncio.wait({running, beginning}, return_when=asyncio.FIRST_COMPLETED)
    found: list[collections.Counter[str]] = []
    while not running.done() and len(found) < WINDOWS and (not found or found[-1].total() > MOST):
        loop.causes.clear()
        await asyncio.sleep(WINDOW)
        found.append(loop.causes.copy())
    stop.set()
    beginning.cancel()
    await running
    return min(found, key=collections.Counter.total)


def test_a_service_with_nothing_to_do_sleeps(tmp_path: Path) -> None:
    """Its timers and its calls to threads are few, whatever the machine is busy with."""
    loop = Counting()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        causes = runner.run(quietest(loop, tmp_path))
    assert causes.total() <= MOST, causes.most_common(10)
