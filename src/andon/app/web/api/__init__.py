"""The HTTP API under ``/api``: what is stored, as JSON, read only."""

from andon.app.web.api.answers import describe
from andon.app.web.api.routes import build_router

__all__ = ["build_router", "describe"]
