"""The HTTP side: health, metrics and the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from andon.app.http_server import HttpServer
    from andon.app.service import Service
    from andon.store import Connection

P = ParamSpec("P")
T = TypeVar("T")


def listen(service: Service) -> HttpServer:
    """The HTTP server of a service, not bound yet. The web framework is imported here, when it is needed."""
    from andon.app.http_server import HttpServer
    from andon.app.web.api import build_router
    from andon.app.web.app import build_app

    settings = service.settings
    token = settings.http_token.get_secret_value()

    async def ask(
        question: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:  # the store is looked up with each question: it opens after the port is taken
        return await service.store.ask(question, *args, **kwargs)

    api = build_router(ask, settings)
    app = build_app(service.health, service.metrics, service.refresh, token, api)
    return HttpServer(app, settings.http_host, settings.http_port)
