"""Waiting that whoever writes ends: so nobody looks again and again whether there is anything new."""

from __future__ import annotations

import asyncio
import contextlib


async def woken(event: asyncio.Event, seconds: float) -> bool:
    """Wait for ``event``, at most so many seconds; whether it is set. Who waits clears it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


class News:
    """Tells those who wait that there is something new; who had no time looks at :attr:`count`.

    Belongs to one event loop. ``blind`` says that there may be news which nobody tells: then nobody can rest on it.
    """

    def __init__(self, *, blind: bool = False) -> None:
        self.blind = blind
        #: Another number after each piece of news.
        self.count = 0
        self._waiting: set[asyncio.Event] = set()

    def tell(self) -> None:
        """There is something new."""
        self.count += 1
        for event in self._waiting:
            event.set()

    async def rest(self, seen: int, seconds: float, wake: asyncio.Event | None = None) -> None:
        """Return once there is news after ``seen`` (a :attr:`count`) or ``wake`` is set, ``seconds`` later at most.

        Returns at once where there may be news that nobody tells.
        """
        if self.blind or self.count != seen:
            return
        event = asyncio.Event() if wake is None else wake
        self._waiting.add(event)
        try:
            await woken(event, seconds)
        finally:
            self._waiting.discard(event)
