"""The HTTP API under ``/api``: what is stored, as JSON, and what people do with it."""

from andon.app.web.api.answers import describe
from andon.app.web.api.router import build_router

__all__ = ["build_router", "describe"]
