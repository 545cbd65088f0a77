"""The log of what runs inside the tests' own process."""

from __future__ import annotations

import structlog


def plain() -> None:
    """As structlog begins, but a traceback is plain text: drawing one takes a second of CPU time, whoever reads it."""
    structlog.reset_defaults()
    *before, _ = structlog.get_config()["processors"]
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*before, renderer])
