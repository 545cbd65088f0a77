"""Callers that wait for an analysis: the micro-service endpoint and plain requests on the log subject.

Every publisher that waits for its JetStream acknowledgement sets a reply subject too, so the plain listener cannot
tell a caller from it and sees the whole stream of such publishers. A flood of them would cost the recorder its time;
the listener therefore steps aside while one lasts.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import nats.errors
import structlog
from nats.aio.subscription import Subscription
from nats.micro.request import Request
from nats.micro.service import Service, ServiceConfig, ServiceStats

from andon.bus.connection import ArrivedMsg, BusConnection, closed_error
from andon.bus.interfaces import AnalyzeHandler, PlainRequestHandler
from andon.bus.jetstream_api import SUBJECTS
from andon.core.errors import AndonError, BrokerUnavailable, MessageRejected, ModelUnavailable, StoreError
from andon.core.models import ANALYZE_SUBJECT, comes_back

log = structlog.get_logger(__name__)

SERVICE = "andon"
QUEUE_GROUP = "andon-callers"
MAX_CONCURRENT = 1024
MAX_BYTES = 64 << 20
FLOOD_RATE = 5000.0  # messages per second
FLOOD_SECONDS = 3.0
PROBE_SECONDS = 0.2  # after a flood: how long a look is enough to see that it still lasts
ASIDE_SECONDS = 2.0
CLOSE_TIMEOUT = 2.0
STOPPING = "Andon is stopping: ask again when it is running"


def error_code(error: AndonError) -> str:
    """The micro-service error code, after HTTP's: 400 the request, 503 try again, 500 anything else."""
    if isinstance(error, MessageRejected):
        return "400"
    return "503" if isinstance(error, BrokerUnavailable | ModelUnavailable | StoreError) else "500"


class Callers:
    """What a listener for callers is on any bus: two handlers, requests in hand, and how each is answered.

    ``failed`` counts the requests whose handler broke.
    """

    def __init__(self) -> None:
        self._analyze: AnalyzeHandler | None = None
        self._plain: PlainRequestHandler | None = None
        self._requests: set[asyncio.Task[None]] = set()
        self.failed = 0

    async def _answer(
        self, data: bytes, respond: Callable[[bytes], Awaitable[None]], refuse: Callable[[str, str], Awaitable[None]]
    ) -> None:
        """Answer a request to the analyze endpoint, or refuse it with a code and a sentence."""
        if self._analyze is None:
            raise RuntimeError("not listening")
        try:
            answer = await self._analyze(data)
        except AndonError as error:
            await refuse(error_code(error), " ".join(str(error).split()))
        except asyncio.CancelledError:
            await refuse("503", STOPPING)
            raise
        except Exception:
            self.failed += 1
            log.exception("analyze request failed", failed=self.failed)
            await refuse("500", "Andon could not explain this: see its log")
        else:
            await respond(answer)


@dataclass
class _Tally:
    """What became of requests: how many ended, how many were refused, how long all took, and the last error."""

    ended: int = 0
    refused: int = 0
    nanoseconds: int = 0
    last_error: str | None = None


class _CountedService(Service):
    """nats-py counts a request as done when it is taken in; here it is when it was answered."""

    def __init__(self, nc: BusConnection, config: ServiceConfig, tally: _Tally) -> None:
        super().__init__(nc, config)
        self._tally = tally

    def stats(self) -> ServiceStats:
        """What discovery is told: nats-py's, with errors and times as they are."""
        stats, tally = super().stats(), self._tally
        for endpoint in stats.endpoints:
            endpoint.num_errors, endpoint.last_error = tally.refused, tally.last_error
            endpoint.processing_time = tally.nanoseconds
            endpoint.average_processing_time = tally.nanoseconds // max(1, tally.ended)
        return stats


class NatsCallers(Callers):
    """Listening for callers that wait: the micro-service endpoint and plain requests on the log subject.

    ``version`` (a semantic version) is shown by the service discovery. ``owns(reply)`` tells our own publisher's
    replies from a caller's. At most ``max_concurrent`` analyze requests with ``max_bytes`` of payload are in hand; more
    wait in the client's buffer, so both should be above what the handler lets wait for answers. ``heard`` is called
    when plain messages come, once for many. ``floods`` counts how often the plain listener stepped aside, ``held_up``
    the requests that had to wait.
    """

    def __init__(
        self,
        nc: BusConnection,
        *,
        version: str,
        owns: Callable[[str], bool] = lambda _reply: False,
        max_concurrent: int = MAX_CONCURRENT,
        max_bytes: int = MAX_BYTES,
        flood_rate: float = FLOOD_RATE,
        heard: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__()
        self._nc = nc
        self._version = version
        self._owns = owns
        self._max_concurrent = max_concurrent
        self._max_bytes = max_bytes
        self._bytes = 0
        self._room = asyncio.Event()
        self._closing = False
        self._flood_rate = flood_rate
        self._service: Service | None = None
        self._subscriptions: list[Subscription] = []
        self._guard_task: asyncio.Task[None] | None = None
        self._tally = _Tally()
        self._seen = 0
        self._some = asyncio.Event()
        self._heard = heard
        self.floods = 0
        self.held_up = 0

    async def listen(self, analyze: AnalyzeHandler, plain: PlainRequestHandler) -> None:
        """Start both; handlers run on the loop, and ``plain`` must not block. Raises BrokerUnavailable where closed."""
        self._analyze, self._plain = analyze, plain
        self._closing = False
        try:
            about = "Explains the logs of a manufacturing site"
            config = ServiceConfig(name=SERVICE, version=self._version, description=about)
            self._service = _CountedService(self._nc, config, self._tally)
            await self._service.start()
            await self._service.add_endpoint(name="analyze", subject=ANALYZE_SUBJECT, handler=self._accept)
            await self._subscribe()
            await self._nc.flush()  # from here on the broker knows us: who asks next is answered
        except nats.errors.ConnectionClosedError:
            raise closed_error(self._nc) from None
        except nats.errors.Error as error:
            await self.close()
            raise BrokerUnavailable(f"listening for requests failed ({error}): check that the broker runs") from None
        self._guard_task = asyncio.create_task(self._guard(), name="callers-guard")

    async def close(self) -> None:
        """Stop listening; requests in hand are answered with error 503. Idempotent."""
        self._closing = True
        self._room.set()
        tasks = [*self._requests, *([self._guard_task] if self._guard_task else [])]
        self._guard_task = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        service, self._service = self._service, None
        with contextlib.suppress(TimeoutError, nats.errors.Error):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._unsubscribe()
                if service is not None and self._nc.is_connected:
                    await service.stop()

    async def _accept(self, request: Request) -> None:
        """Work on a request, as soon as there is room; awaited one by one, so the next ones wait behind it."""
        size, since = len(request.data), time.perf_counter_ns()
        if self._is_full(size):
            self.held_up += 1
        while self._is_full(size) and not self._closing:
            self._room.clear()
            await self._room.wait()
        if self._closing:
            self._tally.ended += 1
            self._tally.refused += 1
            with contextlib.suppress(ValueError, nats.errors.Error):
                if not comes_back(request._msg.reply):  # noqa: SLF001 - as below
                    await request.respond_error("503", STOPPING)
            return
        task = asyncio.create_task(self._serve(request, since), name="analyze-request")
        self._requests.add(task)
        self._bytes += size
        task.add_done_callback(lambda done: self._served(done, size))

    def _is_full(self, size: int) -> bool:
        many = len(self._requests) >= self._max_concurrent
        return many or (self._bytes > 0 and self._bytes + size > self._max_bytes)

    def _served(self, task: asyncio.Task[None], size: int) -> None:
        self._requests.discard(task)
        self._bytes -= size
        self._room.set()

    async def _serve(self, request: Request, since: int) -> None:
        tally = self._tally
        deaf = comes_back(request._msg.reply)  # noqa: SLF001 - Request has no other way to tell it

        async def respond(answer: bytes) -> None:
            size, most = len(answer), self._nc.max_payload
            if size > most:
                await refuse("500", f"the analysis has {size} bytes but the broker accepts {most}")
            elif not deaf:
                await request.respond(answer)

        async def refuse(code: str, reason: str) -> None:
            tally.refused += 1
            tally.last_error = f"{code}:{reason}"
            if not deaf:
                await request.respond_error(code, reason)

        try:
            # Request.respond raises ValueError for a caller that wants no reply, nats.errors for one out of reach.
            with contextlib.suppress(ValueError, nats.errors.Error):
                await self._answer(request.data, respond, refuse)
        finally:
            tally.ended += 1
            tally.nanoseconds += time.perf_counter_ns() - since

    async def _on_plain(self, message: ArrivedMsg) -> None:
        self._seen += 1
        self._some.set()
        if self._plain is not None and not self._owns(message.reply):
            self._plain(message.data, message.subject, message.reply, message.arrived)

    async def _subscribe(self) -> None:
        hear: Callable[..., Awaitable[None]] = self._on_plain  # a connection of ours makes ArrivedMsg
        self._subscriptions = [await self._nc.subscribe(subject, queue=QUEUE_GROUP, cb=hear) for subject in SUBJECTS]

    async def _unsubscribe(self) -> None:
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await subscription.unsubscribe()

    async def _guard(self) -> None:
        """Step aside while a flood lasts, look again every two seconds whether it does; sleep while nothing comes."""
        window = FLOOD_SECONDS
        while True:
            if window == FLOOD_SECONDS:
                await self._some.wait()
            self._some.clear()
            self._heard()
            before, since = self._seen, time.monotonic()
            for _ in range(3):
                await asyncio.sleep(window / 3)
                if (self._seen - before) < self._flood_rate * (time.monotonic() - since):
                    break  # calm for a part of the window: no flood
            else:
                if window == FLOOD_SECONDS:
                    log.warning(
                        "plain requests are ignored while so many messages with a reply subject arrive",
                        per_second=round((self._seen - before) / (time.monotonic() - since)),
                    )
                self.floods += 1
                with contextlib.suppress(nats.errors.Error):
                    await self._unsubscribe()
                await asyncio.sleep(ASIDE_SECONDS)
                await self._hear_again()
                window = PROBE_SECONDS
                continue
            if window != FLOOD_SECONDS:
                log.info("plain requests are answered again", floods=self.floods)
            window = FLOOD_SECONDS

    async def _hear_again(self) -> None:
        while not self._nc.is_closed:
            try:
                await self._subscribe()
            except nats.errors.Error as error:
                log.warning("listening for plain requests failed", error=str(error))
                await asyncio.sleep(ASIDE_SECONDS)
            else:
                return
