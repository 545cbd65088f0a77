"""The screens, a module each: its addresses, what it asks, and what it does."""

from __future__ import annotations

from fastapi import APIRouter

from andon.app.web.page import bar
from andon.app.web.page.backend import Backend
from andon.app.web.page.screens import actions, ask, docs, figures, journal, now, problem, shift, system
from andon.app.web.static_files import add_static_files


def build_page_router(backend: Backend) -> APIRouter:
    """Every screen with its parts, and the files they load."""
    router = APIRouter(include_in_schema=False)
    for screen in (bar, now, problem, journal, figures, shift, ask, actions, system, docs):
        screen.add(router, backend)
    add_static_files(router)
    return router
