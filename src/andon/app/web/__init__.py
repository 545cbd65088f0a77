"""The HTTP side: the page, the API, health and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from starlette.types import ASGIApp

    from andon.app.http_server import HttpServer
    from andon.app.service import Service
    from andon.app.web.access import Access
    from andon.app.web.guard import HostNames
    from andon.app.web.intake.otlp_intake import OtlpIntake
    from andon.app.web.intake.reception import Reception
    from andon.app.web.page import Backend


def listen(service: Service) -> HttpServer:
    """The HTTP server of a service, not bound yet. The web framework is imported with the first request for a page or
    of the API."""
    from andon.app.http_server import HttpServer
    from andon.app.web.access import Access
    from andon.app.web.doorway import Doorway, Vitals
    from andon.app.web.guard import HostNames
    from andon.app.web.intake.otlp_intake import OtlpIntake
    from andon.app.web.intake.reception import Reception
    from andon.ingest.sources.otlp_logs import severity_reader

    settings = service.settings
    reception = Reception(lambda: service.intake, lambda: f"http://{settings.http_host}:{service.http_port}")
    otlp = OtlpIntake(reception, severity_reader(settings.severities))
    access = Access(
        settings.http_token.get_secret_value(),
        open=settings.http_open,
        # the store is looked up with each question: it opens after the port is taken. They are not put with the
        # questions of people: a slow one is to keep nobody waiting at the door
        read=lambda *args, **kwargs: service.store.read(*args, **kwargs),
        write=lambda *args, **kwargs: service.store.write(*args, **kwargs),
    )
    if settings.otlp_port:
        _listen_for_otlp(service, otlp, access, reception)
    # elsewhere than on loopback a login or a token is demanded, whatever name a page's owner turns to us
    hosts = None if settings.http_exposed else HostNames(settings.http_host, settings.http_hosts)
    made: list[Backend] = []

    def make() -> ASGIApp:
        app, backend = _application(service, access, hosts, reception, otlp)
        made[:] = [backend]
        return app

    doorway = Doorway(
        Vitals(service.health, service.metrics, service.freshen, service.refresh),
        access,
        make,
        hosts=hosts,
        forwarded=settings.http_hosts,
        prefix=settings.http_prefix,
    )
    service.companions.append(lambda: _herald(service))

    async def beside() -> None:
        """What people would wait for is made ready behind the first page that is asked for."""
        try:
            await doorway.looked_at.wait()
            from andon.app.web.page.warming import keep_warm  # which the page has imported

            await keep_warm(made[0], service.began.wait)
        finally:
            await doorway.close()

    return HttpServer(doorway, settings.http_host, settings.http_port, beside=beside)


def _application(
    service: Service, access: Access, hosts: HostNames | None, reception: Reception, otlp: OtlpIntake
) -> tuple[FastAPI, Backend]:
    """The pages and the API of a service, and what they work with. It imports what they need: half a second of work."""
    from andon.app.web.api import build_router
    from andon.app.web.app import build_app
    from andon.app.web.intake.routes import build_intake
    from andon.app.web.page import Backend

    backend = Backend(
        service.settings,
        lambda *args, **kwargs: service.store.ask(*args, **kwargs),
        lambda *args, **kwargs: service.store.write(*args, **kwargs),
        service.changes,
        service,
    )
    app = build_app(
        service.health,
        service.metrics,
        service.refresh,
        api=build_router(backend),
        hosts=hosts,
        freshen=service.freshen,
        page=backend,
        intake=build_intake(reception, otlp),
        access=access,
        forwarded=service.settings.http_hosts,
        prefix=service.settings.http_prefix,
    )
    return app, backend


def _listen_for_otlp(service: Service, otlp: OtlpIntake, access: Access, reception: Reception) -> None:
    from andon.app.web.intake.listener import OtlpListener
    from andon.core.settings.listeners import is_loopback

    settings = service.settings
    token = settings.http_token.get_secret_value()
    local = is_loopback(settings.otlp_host) and settings.http_login == "auto" and not token
    service.sources.append(OtlpListener(settings, otlp, access.beside(open=local), reception.count))


def _herald(service: Service) -> tuple[str, Callable[[], object]] | None:
    """Nobody can be told where no system is connected."""
    if not service.connectors:
        return None
    from andon.app.telling.herald import herald_of

    return herald_of(service)
