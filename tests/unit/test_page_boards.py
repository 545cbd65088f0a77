"""The board is put together once for all who look, at most twice in a second, and at once for what people do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from andon.app.background.changes import Changes
from andon.app.known_habits import KnownHabits
from andon.app.web.page.boards import Boards
from andon.core.settings.settings import load_settings
from andon.insight.now import board as now
from andon.store import Visitor
from support.alarm_logs import store_events


class Counted:
    """Puts questions to a database and counts how often the board was asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.boards = 0

    async def __call__(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Ask in a thread, as a store does."""
        self.boards += work is now.board

        def read() -> Any:
            with Visitor(self._path) as visitor:
                return visitor.read(work, *args, **kwargs)

        return await asyncio.to_thread(read)


def test_ten_pages_are_served_by_one_board(tmp_path: Path) -> None:
    """Also while logs come; what a person did is on the board of whoever asks next, without a wait."""
    path = tmp_path / "agent.db"
    store_events(path, [])
    ask, changes = Counted(path), Changes()

    async def work() -> None:
        boards = Boards(ask, changes, load_settings(time_zone="Europe/Berlin"), KnownHabits(ask), time.time)
        first = await asyncio.gather(*(boards.newest() for _ in range(10)))
        assert ask.boards == 1
        assert {id(one) for one in first} == {id(first[0])}
        changes.tell("logs")
        boards._at = asyncio.get_running_loop().time() + 1e6  # made just now, however slow the machine is
        assert await boards.newest() is first[0]
        assert await boards.at_hand() is first[0]
        boards._at -= 1e6
        fresh = await asyncio.gather(*(boards.newest(patient=True) for _ in range(10)))
        assert ask.boards == 2
        assert all(one is fresh[0] and one.seen == 1 for one in fresh)
        changes.tell("work")
        assert (await boards.at_hand()).seen == 2

    asyncio.run(work())
