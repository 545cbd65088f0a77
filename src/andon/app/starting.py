"""The steps of a start that need room on a disk: where it is full they wait, say so, and go on by themselves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import structlog

from andon.core.disk import MEBIBYTE, free_bytes, has_room
from andon.core.errors import BrokerError, BrokerFull, StoreError, StoreFull
from andon.core.telemetry import Health

log = structlog.get_logger(__name__)

T = TypeVar("T")

LOOK_EVERY = 1.0
#: Where a step needs more room than can be told, it is tried again after so many seconds at the latest.
AGAIN_AFTER = 15.0
TELL_EVERY = 60.0
#: A step that takes longer than so many seconds is told.
LONG = 1.0


@contextlib.contextmanager
def told_where_long(what: str) -> Iterator[None]:
    """While this lasts, the log says after a second and then every minute that the start waits for ``what``."""
    loop = asyncio.get_running_loop()
    began, timer = loop.time(), None

    def tell() -> None:
        nonlocal timer
        log.info(f"starting: {what}", seconds=round(loop.time() - began))
        timer = loop.call_later(TELL_EVERY, tell)

    timer = loop.call_later(LONG, tell)
    try:
        yield
    finally:
        timer.cancel()


class Starting:
    """Does the steps of a start; ``health`` and the log say what is waited for."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def step(self, part: str, directory: Path, action: Callable[[], Awaitable[T]], what: str = "") -> T:
        """What ``action`` returns, which is called again each time the disk of ``directory`` may have room for it.

        ``part`` is what stands before the sentence on ``/readyz``; ``what`` says in the log what is done, where that
        takes long. Raises what ``action`` raises for any other reason.
        """
        told_at: float | None = None
        loop = asyncio.get_running_loop()
        while True:
            try:
                with told_where_long(what or f"the {part} is made ready"):
                    done = await action()
            except (StoreError, BrokerError) as error:
                full = isinstance(error, StoreFull | BrokerFull)
                if not full and await asyncio.to_thread(has_room, directory):
                    raise
                place = "" if str(directory) in str(error) else f" on the disk of {directory}"
                sentence = f"Andon waits for room{place} and then goes on starting by itself: {error}"
                self._health.report(part, sentence, full=True)
                if told_at is None or loop.time() - told_at >= TELL_EVERY:
                    told_at = loop.time()
                    free = await asyncio.to_thread(free_bytes, directory, 0)
                    log.warning("the start waits for room on the disk", part=part, problem=sentence, free_bytes=free)
                await _room(directory)
            else:
                if told_at is not None:
                    log.info("the disk has room, the start goes on", part=part)
                    self._health.report(part, None)
                return done


async def _room(directory: Path) -> None:
    """Wait until it is worth another try."""
    before = await asyncio.to_thread(free_bytes, directory, 0)
    for _ in range(round(AGAIN_AFTER / LOOK_EVERY)):
        await asyncio.sleep(LOOK_EVERY)
        free = await asyncio.to_thread(free_bytes, directory, 0)
        if free >= before + MEBIBYTE and await asyncio.to_thread(has_room, directory):
            return


async def in_thread(function: Callable[..., T], *args: object, **named: object) -> T:
    """``asyncio.to_thread``, which a cancellation does not leave behind running."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *args, **named))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise
