"""All routes of the API. Each checks what it is asked, puts one question or does one thing, and answers a value."""

from __future__ import annotations

from fastapi import APIRouter

from andon.app.web.api import (
    action_routes,
    alarm_routes,
    live_routes,
    log_routes,
    now_routes,
    problem_routes,
    reject_routes,
    shift_routes,
    source_routes,
    system_routes,
)
from andon.app.web.api.answers import FAILURES
from andon.app.web.page.backend import Backend

#: The modules of the routes, in the order in which they are described.
_SUBJECTS = (
    now_routes,
    log_routes,
    live_routes,
    problem_routes,
    alarm_routes,
    shift_routes,
    action_routes,
    reject_routes,
    system_routes,
    source_routes,
)


def build_router(backend: Backend) -> APIRouter:
    """All routes under ``/api``, over what the page works with."""
    router = APIRouter(prefix="/api", responses=FAILURES)
    for subject in _SUBJECTS:
        subject.add(router, backend)
    return router
