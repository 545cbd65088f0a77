"""The HTTP side: the page, the API, health and metrics."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from andon.app.http_server import HttpServer
    from andon.app.service import Service


def listen(service: Service) -> HttpServer:
    """The HTTP server of a service, not bound yet. The web framework is imported here, when it is needed."""
    from andon.app.http_server import HttpServer
    from andon.app.telling.herald import herald_of
    from andon.app.web.access import Access
    from andon.app.web.api import build_router
    from andon.app.web.app import build_app
    from andon.app.web.guard import HostNames
    from andon.app.web.intake.listener import OtlpListener
    from andon.app.web.intake.otlp_intake import OtlpIntake
    from andon.app.web.intake.reception import Reception
    from andon.app.web.intake.routes import build_intake
    from andon.app.web.page import Backend, keep_warm
    from andon.core.settings.listeners import is_loopback
    from andon.ingest.sources.otlp_logs import severity_reader

    settings = service.settings

    # the store is looked up with each question: it opens after the port is taken
    backend = Backend(
        settings,
        lambda *args, **kwargs: service.store.ask(*args, **kwargs),
        lambda *args, **kwargs: service.store.write(*args, **kwargs),
        service.changes,
        service,
    )
    api = build_router(backend)
    reception = Reception(lambda: service.intake, lambda: f"http://{settings.http_host}:{service.http_port}")
    otlp = OtlpIntake(reception, severity_reader(settings.severities))
    access = Access(
        settings.http_token.get_secret_value(),
        open=settings.http_open,
        # not with the questions of people: a slow one is to keep nobody waiting at the door
        read=lambda *args, **kwargs: service.store.read(*args, **kwargs),
        write=backend.write,
    )
    if settings.otlp_port:
        token = settings.http_token.get_secret_value()
        local = is_loopback(settings.otlp_host) and settings.http_login == "auto" and not token
        service.sources.append(OtlpListener(settings, otlp, access.beside(open=local), reception.count))
    # elsewhere than on loopback a login or a token is demanded, whatever name a page's owner turns to us
    hosts = None if settings.http_exposed else HostNames(settings.http_host, settings.http_hosts)
    app = build_app(
        service.health,
        service.metrics,
        service.refresh,
        api=api,
        hosts=hosts,
        freshen=service.freshen,
        page=backend,
        intake=build_intake(reception, otlp),
        access=access,
        forwarded=settings.http_hosts,
        prefix=settings.http_prefix,
    )
    service.companions.append(lambda: herald_of(service))
    # what the first who asks would wait for is made ready behind the start
    warming = partial(keep_warm, app, backend, service.began.wait)
    return HttpServer(app, settings.http_host, settings.http_port, beside=warming)
