"""What answers first: whether Andon lives and is ready, and its figures. The pages and the API are made behind it.

A service that nobody looks at needs neither routes nor templates: they are imported and put together when the first
request comes that asks for them, in a thread, so that what is asked meanwhile is answered.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import msgspec
import structlog
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response

from andon.app.web.access import Access
from andon.app.web.entrance import Entrance, for_programs, refused_program
from andon.app.web.guard import Guard, HostNames
from andon.app.web.head import HeadAsGet
from andon.app.web.headers import SafeHeaders
from andon.app.web.prefix import WithoutPrefix
from andon.core.telemetry import Health, Metrics

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

_log = structlog.get_logger(__name__)

#: Answers shorter than this are sent as they are, in bytes; the level at which others are packed.
GZIP_FROM, GZIP_LEVEL = 1_000, 5


class Vitals:
    """Whether the process lives, whether logs can be taken and stored, and the figures.

    ``freshen`` brings what is known of the broker up to date before an answer, ``refresh`` the gauges before a scrape.
    """

    def __init__(
        self,
        health: Health,
        metrics: Metrics,
        freshen: Callable[[], Awaitable[None]],
        refresh: Callable[[], Awaitable[None]],
    ) -> None:
        self._health, self._metrics = health, metrics
        self._freshen, self._refresh = freshen, refresh

    async def healthz(self) -> Response:
        """200 while the process lives."""
        return _json({"status": "alive"}, 200)

    async def readyz(self) -> Response:
        """200 once logs can be taken and stored, else 503 with what is wrong."""
        await self._freshen()
        problems = self._health.problems
        body: dict[str, object] = {"status": "ready" if not problems else "not ready", "problems": problems}
        if self._health.notes:
            body["notes"] = self._health.notes
        return _json(body, 200 if not problems else 503)

    async def figures(self) -> Response:
        """Prometheus text."""
        await self._freshen()
        self._metrics.ready.set(1 if self._health.ready else 0)
        await self._refresh()
        text, content_type = self._metrics.render()
        return Response(text, headers={"Content-Type": content_type})


def _json(body: dict[str, object], status: int) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


class Doorway:
    """ASGI application: it answers the addresses of :class:`Vitals` and passes every other request on.

    ``make`` puts the application behind it together; it is called in a thread, with the first request that needs it.
    """

    def __init__(
        self,
        vitals: Vitals,
        access: Access,
        make: Callable[[], ASGIApp],
        *,
        hosts: HostNames | None = None,
        forwarded: Iterable[str] = (),
        prefix: str = "",
    ) -> None:
        self._answers = {"/healthz": vitals.healthz, "/readyz": vitals.readyz, "/metrics": vitals.figures}
        self._make = make
        self._making: asyncio.Task[ASGIApp] | None = None
        self._prefix = prefix
        self.looked_at = asyncio.Event()  # set with the first request of a page, once it can be answered

        def refuse(_request: Request, status: int, sentence: str) -> Response:
            return refused_program(access.has_token, status, sentence)

        # as in front of every other route
        guarded = Guard(
            Entrance(GZipMiddleware(self._vital, GZIP_FROM, GZIP_LEVEL), access, refuse), hosts, tuple(forwarded)
        )
        self._front = SafeHeaders(WithoutPrefix(guarded, prefix))
        self._asked = HeadAsGet(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on to the application behind, which is made where it is not there yet."""
        await self._asked(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"].removeprefix(self._prefix)
            if scope["method"] == "GET" and path in self._answers:
                await self._front(scope, receive, send)
                return
            behind = await self.behind()
            if not for_programs(path):
                self.looked_at.set()
            await behind(scope, receive, send)

    async def _vital(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answers[scope["path"]]()
        await answer(scope, receive, send)

    async def behind(self) -> ASGIApp:
        """The application behind, made once. Raises what making it raises, and then tries again when asked again."""
        making = self._making
        if making is None or (making.done() and (making.cancelled() or making.exception() is not None)):
            making = self._making = asyncio.create_task(self._made(), name="web")
        return await asyncio.shield(making)  # who asked may leave, others wait for the same

    async def _made(self) -> ASGIApp:
        made = await asyncio.to_thread(self._make)
        gc.freeze()  # what it is made of stays: no collection need walk through it again
        _log.debug("the pages and the API are made")
        return made

    async def close(self) -> None:
        """Wait for what is being made, so that nothing is left behind; idempotent."""
        if self._making is not None and not self._making.done():
            await asyncio.wait({self._making})
