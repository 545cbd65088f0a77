"""Pictures of logs: fetch those that logs only name, and hand the newest to whoever explains the problem."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import msgspec
import structlog

from andon.core.errors import BrokerError, BrokerUnavailable, PictureRefused, StoreError
from andon.core.models import Picture, PictureFetch, Question
from andon.core.telemetry import Metrics
from andon.ingest.pictures.intake import PictureLimits, checked
from andon.store import Store, pictures

log = structlog.get_logger(__name__)

#: Objects fetched at once, and references taken from the store's queue at once.
AT_ONCE = 4
BATCH = 64
#: One object may take so many seconds.
FETCH_WITHIN = 20.0
#: Tries of a reference that leads nowhere: a producer may put the object after the log.
ATTEMPTS = 6
RETRY_FIRST, RETRY_LAST = 1.0, 60.0
#: While the broker is not reachable, in seconds.
AWAY = 5.0
POLL = 30.0

#: Pictures that one question carries at most.
PER_QUESTION = 2
#: A question waits so long for pictures whose first fetch is under way, in seconds.
WAIT_FOR_FETCH = 3.0
#: Looking for fetched pictures again, in seconds.
LOOK_AGAIN = 0.1
#: Making the pictures of one question smaller may take so long, in seconds.
SHRINK_WITHIN = 10.0


#: The bytes of (bucket, name), at most so many; :meth:`andon.bus.object_store.NatsObjects.fetch` says what it raises.
FetchObject = Callable[[str, str, int], Awaitable[bytes]]


@dataclass(eq=False, repr=False)
class PictureFetcher:
    """Fetches what logs name in the broker's object store, for ever. The queue is a table of the store: it survives."""

    store: Store
    fetch_object: FetchObject
    limits: PictureLimits
    metrics: Metrics
    clock: Callable[[], float] = time.time
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def wake(self) -> None:
        """Logs with references were recorded."""
        self._wake.set()

    async def run(self) -> None:
        """Work the queue until cancelled. Raises StoreError where the store cannot be used."""
        while True:
            self._wake.clear()
            due, pause = await self.store.read(pictures.due, BATCH, self.clock())
            if not due:
                await self._sleep(POLL if pause is None else min(pause, POLL))
                continue
            objects: dict[tuple[str, str], list[PictureFetch]] = {}
            for fetch in due:
                objects.setdefault((fetch.bucket, fetch.name), []).append(fetch)
            places = asyncio.Semaphore(AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for fetches in objects.values():
                    group.create_task(self._one(fetches, places), name=f"picture-{fetches[0].id}")

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _one(self, fetches: list[PictureFetch], places: asyncio.Semaphore) -> None:
        """One object, for all logs that name it."""
        first = fetches[0]
        try:
            async with places, asyncio.timeout(FETCH_WITHIN):
                data = await self.fetch_object(first.bucket, first.name, self.limits.max_bytes)
            picture = await asyncio.to_thread(checked, data, self.limits)
        except BrokerUnavailable as error:
            log.info("picture not fetched, the broker is not reachable", log=first.log_id, error=str(error))
            for fetch in fetches:
                await self.store.write(pictures.postpone_fetch, fetch, self.clock() + AWAY, counted=False)
        except PictureRefused as reason:
            for fetch in fetches:
                await self._give_up(fetch, str(reason))
        except TimeoutError:
            await self._failed(fetches, f"did not arrive within {FETCH_WITHIN:g} s")
        except BrokerError as error:
            await self._failed(fetches, str(error))
        else:
            for fetch in fetches:
                placed = msgspec.structs.replace(picture, position=fetch.position)
                if await self.store.write(pictures.fetched, fetch, placed):
                    self.metrics.pictures_stored.inc()

    async def _failed(self, fetches: list[PictureFetch], reason: str) -> None:
        for fetch in fetches:
            if fetch.attempts + 1 >= ATTEMPTS:
                await self._give_up(fetch, reason)
                continue
            delay = min(RETRY_FIRST * 2**fetch.attempts, RETRY_LAST)
            log.info("picture not fetched, Andon tries again", log=fetch.log_id, reason=reason, seconds=delay)
            await self.store.write(pictures.postpone_fetch, fetch, self.clock() + delay)

    async def _give_up(self, fetch: PictureFetch, reason: str) -> None:
        log.warning("picture not kept", log=fetch.log_id, bucket=fetch.bucket, object=fetch.name, reason=reason)
        self.metrics.pictures_refused.inc()
        await self.store.write(pictures.give_up, fetch, reason)


class QuestionPictures:
    """Gives questions the newest pictures of their logs, as a model can take them.

    ``shrink`` makes one picture small enough and raises PictureRefused; it runs in one thread of its own. ``patience``
    is how long pictures that are being fetched are waited for, in seconds.
    """

    def __init__(self, store: Store, shrink: Callable[[Picture], Picture], *, patience: float = WAIT_FOR_FETCH) -> None:
        self._store = store
        self._shrink = shrink
        self._patience = patience
        # One at a time: a decoded picture may take a hundred megabytes of memory.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="andon-pictures")

    async def attach(self, question: Question) -> Question:
        """``question`` with at most two pictures of its logs, newest first. Without them where that fails."""
        ids = [entry.id for entry in question.logs]
        try:
            if not any(entry.context and '"images"' in entry.context for entry in question.logs):
                return question
            await self._await_fetches(ids)
            found = await self._store.read(pictures.of_logs, ids, PER_QUESTION)
        except StoreError as error:
            log.warning("question asked without its pictures", pattern=question.pattern_id, error=str(error))
            return question
        small = [shrunk for picture in found if (shrunk := await self._small(picture)) is not None]
        return msgspec.structs.replace(question, pictures=small) if small else question

    async def close(self) -> None:
        """End the thread; idempotent."""
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)

    async def _await_fetches(self, ids: list[int]) -> None:
        for _ in range(round(self._patience / LOOK_AGAIN)):
            if not await self._store.read(pictures.awaited, ids):
                break
            await asyncio.sleep(LOOK_AGAIN)

    async def _small(self, picture: Picture) -> Picture | None:
        try:
            async with asyncio.timeout(SHRINK_WITHIN):
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._shrink, picture)
        except PictureRefused as reason:
            log.info("picture not shown to the model", picture=picture.sha256, reason=str(reason))
        except TimeoutError:
            log.warning("picture not shown to the model", picture=picture.sha256, reason="decoding took too long")
        return None
