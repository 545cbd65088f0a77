"""An inbox for durable replies: subjects to put into ``Reply-To`` headers, and what arrives on them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from andon.bus.connection import BusConnection

#: Replies that may wait to be read; more are dropped by the client and reported by it.
PENDING = 4096


class ReplyInbox:
    """Subscribed from :meth:`open` to :meth:`close`. Reply subjects are ``<prefix>.<anything>``."""

    def __init__(self, nc: BusConnection) -> None:
        self.prefix = nc.new_inbox()
        self._nc = nc
        self._arrived: asyncio.Queue[Msg] = asyncio.Queue(PENDING)
        self._subscription: Subscription | None = None

    @classmethod
    async def open(cls, nc: BusConnection) -> ReplyInbox:
        """Subscribe; replies sent from now on are received."""
        inbox = cls(nc)
        inbox._subscription = await nc.subscribe(f"{inbox.prefix}.>", cb=inbox._arrived.put)
        await nc.flush()
        return inbox

    async def replies(self, count: int, timeout: float) -> AsyncIterator[bytes]:
        """The first ``count`` replies; ends early when ``timeout`` seconds have passed since the call."""
        deadline = time.monotonic() + timeout
        for _ in range(count):
            try:
                async with asyncio.timeout(max(deadline - time.monotonic(), 0.001)):
                    message = await self._arrived.get()
            except TimeoutError:
                return
            yield message.data

    async def close(self) -> None:
        """Unsubscribe; idempotent."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._nc.is_closed:
            await subscription.unsubscribe()
