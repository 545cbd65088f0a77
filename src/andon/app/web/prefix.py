"""Requests that a proxy passes on below a path of its own: everything behind sees them as if it had cut that off."""

from __future__ import annotations

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class WithoutPrefix:
    """ASGI middleware that takes ``prefix`` off the paths that have it; others (health checks) stay as they are."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on without the prefix; the prefix alone leads to the page below it."""
        if scope["type"] == "http" and self._prefix:
            path: str = scope["path"]
            if path == self._prefix:
                query = scope["query_string"].decode("latin-1")
                await RedirectResponse(f"{path}/{'?' * bool(query)}{query}", 308)(scope, receive, send)
                return
            if path.startswith(self._prefix + "/"):
                raw: bytes = scope.get("raw_path") or path.encode()
                cut = raw.removeprefix(self._prefix.encode())
                scope = {**scope, "path": path.removeprefix(self._prefix), "raw_path": cut}
        await self._app(scope, receive, send)
