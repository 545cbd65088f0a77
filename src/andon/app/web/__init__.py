"""The HTTP side: health, metrics and the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from andon.core.settings.listeners import is_loopback

if TYPE_CHECKING:
    from andon.app.http_server import HttpServer
    from andon.app.service import Service


def listen(service: Service) -> HttpServer:
    """The HTTP server of a service, not bound yet. The web framework is imported here, when it is needed."""
    from andon.app.http_server import HttpServer
    from andon.app.web.api import build_router
    from andon.app.web.app import build_app
    from andon.app.web.guard import HostNames

    settings = service.settings
    token = settings.http_token.get_secret_value()

    # the store is looked up with each question: it opens after the port is taken
    api = build_router(
        lambda *args, **kwargs: service.store.ask(*args, **kwargs),
        settings,
        lambda *args, **kwargs: service.store.write(*args, **kwargs),
    )
    # elsewhere than on loopback the settings demand a token, and no browser sends that by itself
    hosts = HostNames(settings.http_host, settings.http_hosts) if is_loopback(settings.http_host) else None
    app = build_app(service.health, service.metrics, service.refresh, token, api, hosts, freshen=service.freshen)
    return HttpServer(app, settings.http_host, settings.http_port)
