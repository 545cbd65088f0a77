"""The HTTP application: ``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

import andon
from andon.telemetry import Health, Metrics


def build_app(health: Health, metrics: Metrics, refresh: Callable[[], Awaitable[None]], token: str = "") -> FastAPI:
    """The application. ``refresh`` brings the gauges up to date before a scrape; ``token`` guards all but health."""
    app = FastAPI(title="Andon", version=andon.__version__, docs_url=None, redoc_url=None, openapi_url=None)

    def authorised(request: Request) -> None:
        given = request.headers.get("authorization", "")
        if token and not secrets.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "present the token of ANDON_HTTP_TOKEN: Authorization: Bearer …")

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """200 while the process lives."""
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """200 once logs can be taken and stored, else 503 with what is wrong."""
        problems = health.problems
        body = {"status": "ready" if not problems else "not ready", "problems": problems}
        return JSONResponse(body, status_code=200 if not problems else 503)

    @app.get("/metrics", dependencies=[Depends(authorised)])
    async def prometheus() -> Response:
        """Prometheus text."""
        metrics.ready.set(1 if health.ready else 0)
        await refresh()
        text, content_type = metrics.render()
        return Response(text, headers={"Content-Type": content_type})

    return app
