"""The page: screens that people on a shop floor keep open, rendered here and kept up to date by a stream each."""

from andon.app.web.page.backend import Backend
from andon.app.web.page.failures import add_failures, refused
from andon.app.web.page.login import build_login_router
from andon.app.web.page.screens import build_page_router
from andon.app.web.page.warming import keep_warm

__all__ = ["Backend", "add_failures", "build_login_router", "build_page_router", "keep_warm", "refused"]
