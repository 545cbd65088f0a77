"""The HTTP side: health and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from andon.service import Service
    from andon.web.server import HttpServer


def listen(service: Service) -> HttpServer:
    """The HTTP server of a service, not bound yet. The web framework is imported here, when it is needed."""
    from andon.web.app import build_app
    from andon.web.server import HttpServer

    settings = service.settings
    token = settings.http_token.get_secret_value()
    app = build_app(service.health, service.metrics, service.refresh, token)
    return HttpServer(app, settings.http_host, settings.http_port)
