"""What changed, told to those who look at it: pages wait here instead of asking again and again."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Iterable
from typing import Literal

#: ``logs``: records were stored; ``work``: a person did something; ``answers``: a problem was explained anew.
Topic = Literal["logs", "work", "answers"]

_WORK: tuple[Topic, ...] = ("work",)

#: Pages hear of changes at most this often, in seconds: what comes meanwhile comes together.
BATCH = 0.5
#: Without any change something is said this often, in seconds, so that a page knows that it is still connected.
BEAT = 10.0


class Changes:
    """Counts of what happened, by topic. Telling costs nothing where nobody waits; nothing is ever queued.

    ``beat`` is how often, in seconds, those who watch hear something where nothing happens.
    """

    def __init__(self, beat: float = BEAT) -> None:
        self.beat = beat
        #: Tells these counts from those of before a restart.
        self.name = secrets.token_hex(4)
        self._counts: dict[str, int] = {}
        self._waiting: set[asyncio.Event] = set()
        self._somebody = asyncio.Event()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the service stops: streams end then."""
        return self._closed

    def seen(self, topics: Iterable[Topic]) -> int:
        """A number that is another one after each change of these topics."""
        return sum(self._counts.get(topic, 0) for topic in topics)

    def tell(self, topic: Topic) -> None:
        """Something of ``topic`` changed."""
        self._counts[topic] = self._counts.get(topic, 0) + 1
        self._wake()

    def close(self) -> None:
        """End every :meth:`watch`; idempotent."""
        self._closed = True
        self._wake()

    async def watched(self) -> None:
        """Return as soon as somebody watches."""
        await self._somebody.wait()

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    async def watch(
        self, topics: Iterable[Topic], since: int | None = None, *, batch: float = BATCH, beat: float | None = None
    ) -> AsyncGenerator[bool]:
        """Whether there was a change: True after one, at most every ``batch`` seconds, False after ``beat`` without.

        What people do is told sooner than a longer ``batch``, as soon as :data:`BATCH` allows: they look for it.
        ``beat`` is that of all watchers where none is given.
        ``since`` is what :meth:`seen` said when the watcher looked last, None for now. Ends with :meth:`close`.
        """
        watched = tuple(topics)
        before = self.seen(watched) if since is None else since
        event = asyncio.Event()
        self._waiting.add(event)
        self._somebody.set()
        try:
            while not self._closed:
                if (now := self.seen(watched)) != before:
                    before, worked = now, self.seen(_WORK)
                    yield True
                    await self._rest(event, min(batch, BATCH))
                    await self._rest(event, batch - BATCH, worked)
                    continue
                event.clear()
                try:
                    async with asyncio.timeout(self.beat if beat is None else beat):
                        while self.seen(watched) == before and not self._closed:
                            await event.wait()
                            event.clear()
                except TimeoutError:
                    yield False
        finally:
            self._waiting.discard(event)
            if not self._waiting:
                self._somebody.clear()

    async def _rest(self, event: asyncio.Event, seconds: float, worked: int | None = None) -> None:
        """Wait so long, or until the end of everything, or until people did more than ``worked``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                while not self._closed and (worked is None or self.seen(_WORK) == worked):
                    event.clear()
                    await event.wait()
