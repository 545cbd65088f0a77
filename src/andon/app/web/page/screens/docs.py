"""The API's description to read and to try (Swagger UI, with nothing from elsewhere)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from andon.app.web.headers import CONTENT_SECURITY_POLICY
from andon.app.web.page.backend import Backend
from andon.app.web.page.rendering import page

#: The styles of Swagger UI hold their own small pictures.
_POLICY = CONTENT_SECURITY_POLICY.replace("img-src 'self'", "img-src 'self' data:")


def add(router: APIRouter, backend: Backend) -> None:
    """Its address."""

    @router.get("/docs")
    async def docs(request: Request) -> HTMLResponse:
        shown = page(request, backend, "docs.html", description="openapi.json")
        shown.headers["Content-Security-Policy"] = _POLICY
        return shown
