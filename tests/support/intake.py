"""An outlet whose messages are kept in memory, for tests of one source alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from andon.bus.feed import Feed, Stored
from andon.core.telemetry import Health, Metrics
from andon.ingest.sources.outlet import Outlet


class Kept(NamedTuple):
    """A message as it would lie in the stream."""

    subject: str
    data: bytes
    headers: dict[str, str]
    message_id: str | None

    @property
    def log(self) -> dict[str, Any]:
        """The reference's own message in it."""
        return cast("dict[str, Any]", json.loads(self.data))


class KeptFeed:
    """Takes messages at once, or, after :meth:`hold`, not before :meth:`release`: as a broker that is away."""

    max_payload = 1_048_576

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self.problem: str | None = None
        self.connected = True
        self._held: list[tuple[Kept, asyncio.Future[Stored]]] | None = None
        self._still = 0

    async def put(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, message_id: str | None = None
    ) -> asyncio.Future[Stored]:
        """As the real one."""
        done: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        kept = Kept(subject, data, dict(headers or {}), message_id)
        if self._held is None or self._still > 0:
            self._still -= 1
            self._store(kept, done)
        else:
            self._held.append((kept, done))
        return done

    @property
    def held(self) -> list[Kept]:
        """What came since :meth:`hold` and is not acknowledged."""
        return [kept for kept, _ in self._held or ()]

    async def put_many(
        self, messages: Iterable[tuple[str, bytes, Mapping[str, str] | None, str | None]]
    ) -> list[asyncio.Future[Stored]]:
        """As the real one."""
        return [await self.put(*one) for one in messages]

    def hold(self, after: int = 0) -> None:
        """Acknowledge nothing from now on, or nothing more than so many."""
        self._held, self._still = [], after

    def release(self) -> None:
        """Acknowledge what came meanwhile, and everything from now on."""
        held, self._held = self._held or [], None
        for kept, done in held:
            self._store(kept, done)

    @property
    def logs(self) -> list[dict[str, Any]]:
        """The messages as what they hold."""
        return [one.log for one in self.kept]

    def _store(self, kept: Kept, done: asyncio.Future[Stored]) -> None:
        self.kept.append(kept)
        if not done.done():
            done.set_result(Stored(len(self.kept)))


def kept_outlet(name: str = "test") -> tuple[Outlet, KeptFeed]:
    """An outlet, and what it puts where."""
    feed = KeptFeed()
    return Outlet(name, cast("Feed", feed), Metrics(), Health()), feed
