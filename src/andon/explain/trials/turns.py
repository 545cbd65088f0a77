"""Whose turn it is at the model: real questions go at once, background ones wait for a gap and are broken off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class BrokenOff(Exception):
    """A real question came before, or while, a background one was with the model."""


class Turns:
    """Belongs to one event loop. ``before`` is awaited before each real question, and ``renew`` before it is decided
    what becomes of one."""

    def __init__(self) -> None:
        self.before: Callable[[], Awaitable[None]] | None = None
        self.renew: Callable[[], Awaitable[None]] | None = None
        self._real = 0
        #: In the order of asking, so that questions behind all others and background ones take turns.
        self._last = asyncio.Lock()
        self._asking: asyncio.Task[Any] | None = None
        self._broken: asyncio.Task[Any] | None = None

    @property
    def free(self) -> bool:
        """Whether no real question is with the model, but for one behind all others."""
        return self._real == 0

    @asynccontextmanager
    async def real(self, *, behind: bool = False) -> AsyncIterator[None]:
        """While a real question is with the model; ``behind`` all others it takes turns with background ones."""
        if behind:
            async with self._last:
                await self._look()
                yield
            return
        self._real += 1
        try:
            if self._asking is not None:
                self._broken = self._asking
                self._asking.cancel()
            await self._look()
            yield
        finally:
            self._real -= 1

    async def _look(self) -> None:
        if self.before is not None:
            await self.before()

    async def background(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What ``work`` answers, which is broken off when a real question comes. Raises BrokenOff."""
        async with self._last:
            if not self.free:
                raise BrokenOff
            task = asyncio.create_task(work(), name="background-question")
            self._asking = task
            try:
                return await task
            except asyncio.CancelledError:
                current = asyncio.current_task()
                if self._broken is task and not (current is not None and current.cancelling()):
                    raise BrokenOff from None
                raise
            finally:
                self._asking = self._broken = None
