"""Answers that take a while on a large database: worked out once for all who look, and waited for a moment only."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

#: A page waits this long, in seconds, for what it shows; what takes longer comes by its stream.
PATIENCE = 0.1
_KEPT = 32


class SharedAnswers(Generic[T]):
    """Answers by what was asked; each is good for ``good_for`` seconds, and worked on once at a time."""

    def __init__(self, good_for: float) -> None:
        self._good_for = good_for
        self._kept: dict[Hashable, tuple[float, T]] = {}
        self._work: dict[Hashable, asyncio.Task[T]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The answer; raises what making it raised."""
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() - kept[0] < self._good_for:
            return kept[1]
        task = self._work.get(key)
        if task is None:
            task = self._work[key] = asyncio.create_task(self._made(key, make))
            # a failure that nobody waits for any more is met again by whoever asks next
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def soon(self, key: Hashable, make: Callable[[], Awaitable[T]], patience: float = PATIENCE) -> T | None:
        """The same where it comes in time, else None: it goes on being made for whoever asks next."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                return await self.get(key, make)
        return None

    async def _made(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        begun = time.monotonic()
        try:
            found = await make()
        finally:
            del self._work[key]
        self._kept.pop(key, None)
        self._kept[key] = (begun, found)
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return found
