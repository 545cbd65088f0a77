"""What the page says where something failed: a sentence where the person looks, never a trace or JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from andon.app.web.access import Access
from andon.app.web.entrance import for_programs, refused_program
from andon.app.web.page.addresses import PAGE_HEADER, login_address, own_address, root_of
from andon.app.web.page.backend import Backend
from andon.app.web.page.live import partial
from andon.app.web.page.rendering import environment, page
from andon.app.web.statuses import is_trouble, status_of
from andon.core.errors import AndonError
from andon.core.wrong_values import in_words

_log = structlog.get_logger(__name__)

#: Says to the page's script that the answer holds a sentence to be shown.
SAID = "Andon-Said"
Handler = Callable[[Request, Exception], Awaitable[Response]]


def said(sentence: str, kind: str = "ok", target: str = "#said") -> str:
    """A part that shows a sentence: ``ok`` or ``failed``."""
    words = environment().from_string("{{ parts.said(sentence, kind) }}").render(sentence=sentence, kind=kind)
    return partial(target, words, "innerHTML")


def add_failures(app: FastAPI, backend: Backend) -> None:
    """Answer failures of the page's own addresses as pages, or as a sentence in the page that is open."""

    async def answer(request: Request, error: Exception) -> Response:
        status, sentence = _told(error)
        if status >= 500 and is_trouble(error):
            _log.warning("page failed", path=request.url.path, reason=sentence)
        return _shown(request, backend, status, sentence)

    for kind in (RequestValidationError, HTTPException, AndonError):
        before = app.exception_handlers.get(kind)
        app.add_exception_handler(kind, _by_address(answer, before))  # type: ignore[arg-type]  # Starlette's own types


def refused(backend: Backend | None, access: Access, request: Request, status: int, sentence: str) -> Response:
    """The answer to a request that is not let through: with 401 the way to the login, or the token that is missing."""
    path, headers = request.scope["path"], request.headers
    wants_page = "text/html" in headers.get("accept", "") and not path.startswith("/api/")
    if backend is None or (for_programs(path) and not (path.startswith("/docs") and wants_page)):
        return refused_program(access.has_token, status, sentence)
    if status != 401:
        return _shown(request, backend, status, sentence)
    if not headers.get("hx-request"):
        return RedirectResponse(root_of(request) + login_address(own_address(request), request.method), 303)
    answer = _shown(request, backend, 401, "Your session is over: log in again.")
    answer.headers["HX-Redirect"] = login_address(headers.get(PAGE_HEADER, ""), "GET")
    return answer


def _shown(request: Request, backend: Backend, status: int, sentence: str) -> Response:
    if request.headers.get("hx-request"):
        target = "dialog[open] .answer, #said"
        return Response(said(sentence, "failed", target), status, {SAID: "failed"}, media_type="text/html")
    return page(request, backend, "failed.html", status, sentence=sentence, status=status)


def _by_address(ours: Handler, before: Handler | None) -> Handler:
    async def chosen(request: Request, error: Exception) -> Response:
        if before is not None and for_programs(request.url.path):
            return await before(request, error)
        return await ours(request, error)

    return chosen


def _told(error: Exception) -> tuple[int, str]:
    if isinstance(error, HTTPException):
        sentence = str(error.detail)
        return error.status_code, "There is no such page." if sentence == "Not Found" else sentence
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:])
        return 400, f"{name}: {in_words(first)}" if name else in_words(first)
    return status_of(error), str(error)
