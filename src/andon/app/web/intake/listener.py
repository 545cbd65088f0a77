"""OTLP/HTTP on a port of its own, where exporters look for it."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from andon.app.http_server import HttpServer, Named
from andon.app.web.access import Access
from andon.app.web.entrance import Entrance, TurnedAway
from andon.app.web.guard import Guard, HostNames
from andon.app.web.intake.otlp_intake import OtlpIntake
from andon.app.web.intake.ways import OTLP_LOGS, refused_at
from andon.core.settings.listeners import is_loopback
from andon.core.settings.settings import Settings
from andon.ingest.sources.outlet import Outlet

_NAMED = Named("ANDON_OTLP_HOST", "ANDON_OTLP_PORT", "OTLP")


class OtlpListener:
    """A source that listens for OTLP and nothing else."""

    name = "otlp"

    def __init__(
        self, settings: Settings, intake: OtlpIntake, access: Access, turned_away: TurnedAway | None = None
    ) -> None:
        self._settings = settings
        self._port = settings.otlp_port
        hosts = HostNames(settings.otlp_host, settings.http_hosts) if is_loopback(settings.otlp_host) else None
        self._app: ASGIApp = Guard(Entrance(_Only(intake), access, refused_at, turned_away=turned_away), hosts)

    @property
    def address(self) -> str:
        """Where it listens; port 0 until it has taken a free one."""
        host = self._settings.otlp_host
        return f"http://{f'[{host}]' if ':' in host else host}:{max(self._port, 0)}{OTLP_LOGS}"

    async def run(self, outlet: Outlet) -> None:
        server = HttpServer(self._app, self._settings.otlp_host, max(self._settings.otlp_port, 0), named=_NAMED)
        self._port = server.bind()
        outlet.trouble(None)
        serving = asyncio.create_task(server.run(), name="otlp-http")
        try:
            await asyncio.shield(serving)
        finally:
            await server.stop(serving)
            server.close()


class _Only:
    """The one address that there is."""

    def __init__(self, intake: OtlpIntake) -> None:
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if scope["path"] != OTLP_LOGS:
            answer = refused_at(request, 404, f"there is nothing at {scope['path'][:100]}: logs go to {OTLP_LOGS}")
        elif scope["method"] != "POST":
            answer = refused_at(request, 405, f"{OTLP_LOGS} takes POST only")
            answer.headers["Allow"] = "POST"
        else:
            answer = await self._intake(request)
        await answer(scope, receive, send)
