"""The HTTP application: ``/healthz``, ``/readyz``, ``/metrics``, and the API under ``/api``."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

import andon
from andon.app.web.api import describe
from andon.app.web.guard import Guard, HostNames
from andon.core.telemetry import Health, Metrics


async def _nothing() -> None:
    """Where nobody looks."""


def _holds(token: str) -> Callable[[Request], None]:
    """What lets a request through that presents ``token``; any where that is empty."""

    def authorised(request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        right = secrets.compare_digest(given.strip().encode(), token.encode()) and scheme.lower() == "bearer"
        if token and not right:
            sentence = "present the token of ANDON_HTTP_TOKEN: Authorization: Bearer …"
            raise HTTPException(401, sentence, {"WWW-Authenticate": "Bearer"})

    return authorised


def build_app(
    health: Health,
    metrics: Metrics,
    refresh: Callable[[], Awaitable[None]],
    token: str = "",
    api: APIRouter | None = None,
    hosts: HostNames | None = None,
    *,
    freshen: Callable[[], Awaitable[None]] = _nothing,
) -> FastAPI:
    """The application. ``refresh`` brings the gauges up to date before a scrape; ``token`` guards all but health.

    ``freshen`` brings what is known of the broker up to date before an answer that depends on it.
    ``api`` are the routes under ``/api``; with them comes their description, ``/openapi.json``. ``hosts`` are the names
    under which it may be asked, None for any.
    """
    app = FastAPI(title="Andon", version=andon.__version__, docs_url=None, redoc_url=None, openapi_url=None)

    app.add_middleware(Guard, hosts=hosts)

    authorised = _holds(token)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """200 while the process lives."""
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """200 once logs can be taken and stored, else 503 with what is wrong."""
        await freshen()
        problems = health.problems
        body = {"status": "ready" if not problems else "not ready", "problems": problems}
        if health.notes:
            body["notes"] = health.notes
        return JSONResponse(body, status_code=200 if not problems else 503)

    @app.get("/metrics", dependencies=[Depends(authorised)])
    async def prometheus() -> Response:
        """Prometheus text."""
        await freshen()
        metrics.ready.set(1 if health.ready else 0)
        await refresh()
        text, content_type = metrics.render()
        return Response(text, headers={"Content-Type": content_type})

    if api is not None:
        app.include_router(api, dependencies=[Depends(authorised)])
        describe(app)

        @app.get("/openapi.json", dependencies=[Depends(authorised)], include_in_schema=False)
        async def openapi() -> JSONResponse:
            """The API's description for programs."""
            return JSONResponse(app.openapi())

    return app
