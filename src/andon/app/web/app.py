"""The HTTP application: ``/healthz``, ``/readyz``, ``/metrics``, and the API under ``/api``."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from starlette.middleware.gzip import GZipMiddleware

import andon
from andon.app.background.changes import BEAT
from andon.app.web.access import Access
from andon.app.web.api import describe
from andon.app.web.doorway import GZIP_FROM, GZIP_LEVEL, Vitals
from andon.app.web.entrance import Entrance
from andon.app.web.guard import Guard, HostNames
from andon.app.web.headers import SafeHeaders
from andon.app.web.intake.routes import SCHEMAS, IntakeRoutes
from andon.app.web.page import Backend, add_failures, build_login_router, build_page_router, refused
from andon.app.web.prefix import WithoutPrefix
from andon.core.telemetry import Health, Metrics


async def _nothing() -> None:
    """Where nobody looks."""


def build_app(
    health: Health,
    metrics: Metrics,
    refresh: Callable[[], Awaitable[None]],
    token: str = "",
    api: APIRouter | None = None,
    hosts: HostNames | None = None,
    *,
    freshen: Callable[[], Awaitable[None]] = _nothing,
    page: Backend | None = None,
    intake: IntakeRoutes | None = None,
    access: Access | None = None,
    forwarded: Iterable[str] = (),
    prefix: str = "",
) -> FastAPI:
    """The application. ``refresh`` brings the gauges up to date before a scrape.

    ``access`` says who may ask, which but for health is somebody; without it whoever has ``token``, or everybody where
    that is empty. ``freshen`` brings what is known of the broker up to date before an answer that depends on it.
    ``api`` are the routes under ``/api``; with them comes their description, ``/openapi.json``. ``hosts`` are the names
    under which it may be asked, None for any; ``forwarded`` those that a proxy may say it was asked for, ``prefix`` the
    path below which it passes requests on. ``page`` is what its screens work with, ``intake`` takes logs.
    """
    app = FastAPI(
        title="Andon",
        version=andon.__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # they would lead to a whole address, which knows neither TLS nor path of a proxy
    )

    access = access or Access(token)
    # the last that is added is the first that is met
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_FROM, compresslevel=GZIP_LEVEL)
    beat = page.changes.beat if page else BEAT
    refuse, count = functools.partial(refused, page, access), intake.turned_away if intake else None
    app.add_middleware(Entrance, access=access, refuse=refuse, beat=beat, turned_away=count)
    app.add_middleware(Guard, hosts=hosts, forwarded=forwarded)
    app.add_middleware(WithoutPrefix, prefix=prefix)
    app.add_middleware(SafeHeaders)

    _add_vitals(app, Vitals(health, metrics, freshen, refresh))
    if intake is not None:
        _serve(app, intake.router)
    if api is not None:
        _serve(app, api)
        describe(app, SCHEMAS if intake is not None else {})

        @app.get("/openapi.json", include_in_schema=False)
        async def openapi() -> JSONResponse:
            """The API's description for programs."""
            return JSONResponse(app.openapi())

    if page is not None:
        _serve(app, build_page_router(page))
        _serve(app, build_login_router(page, access))
        add_failures(app, page)
    return app


def _serve(app: FastAPI, router: APIRouter) -> None:
    """Serve the routes of ``router``, which are whole; ``include_router`` would build each of them once more, and who
    asks for the first page would wait for that."""
    app.router.routes.extend(router.routes)


def _add_vitals(app: FastAPI, vitals: Vitals) -> None:
    """What the doorway answers by itself; here it is described, and answered where there is no doorway."""

    @app.get("/healthz", tags=["service"], response_model=dict[str, str])
    async def healthz() -> Response:
        """200 while the process lives."""
        return await vitals.healthz()

    @app.get("/readyz", tags=["service"])
    async def readyz() -> Response:
        """200 once logs can be taken and stored, else 503 with what is wrong."""
        return await vitals.readyz()

    @app.get("/metrics", tags=["service"])
    async def prometheus() -> Response:
        """Prometheus text."""
        return await vitals.figures()
