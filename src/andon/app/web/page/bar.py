"""The bar above every screen: its counts, Andon's own light, the icon of the tab; a stream for screens without one."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from andon.app.web.page.backend import Backend
from andon.app.web.page.live import BAR, Elements, stream, updates
from andon.app.web.page.pulse import TOPICS
from andon.app.web.page.rendering import rendered

#: What changes the bar.
BAR_TOPICS = TOPICS


async def bar_elements(request: Request, backend: Backend) -> Elements:
    """The bar's changing parts, for a screen's stream: merge them into what the screen renders."""
    bar = await backend.pulse.bar()
    return {name: rendered(request, backend, f"bar/{name}.html", bar=bar) for name in BAR}


def add(router: APIRouter, backend: Backend) -> None:
    """The stream of screens that have none of their own."""

    @router.get("/live/bar")
    async def live_bar(request: Request) -> StreamingResponse:
        async def render() -> Elements:
            return await bar_elements(request, backend)

        return stream(updates(request, backend.changes, BAR_TOPICS, render))
