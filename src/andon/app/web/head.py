"""``HEAD`` for every address that answers ``GET``: the same status and headers, and no body (RFC 9110)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _AnsweredError(Exception):
    """Who asked has the whole answer."""


class HeadAsGet:
    """ASGI middleware that asks what is behind it by ``GET`` and passes on all but the body.

    An answer that would go on, such as a stream or a file, ends with its headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; one of another method as it is."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            if message.get("more_body", False):
                raise _AnsweredError

        try:
            await self._app({**scope, "method": "GET"}, receive, sent)
        except _AnsweredError:
            return
