"""Andon's own log: the only place that configures structlog. Apart from the metrics, which few commands need."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from andon.core.text import printable, printable_json

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class _Sink:
    """Standard error that never fails: a full disk or a closed pipe behind the log must not stop recording."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written; the rest is lost, and there is nowhere to say so."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush where that works."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def _harmless(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Facts that come from outside must not steer the terminal that shows the log."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = printable(value)
    return event


def configure_logging(level: str = "info", form: str = "auto") -> None:
    """Send structured logs to standard error; ``form`` is ``auto``, ``json`` or ``text``.

    Logs of libraries (uvicorn, alembic, …) of WARNING and above go the same way.
    """
    sink = _Sink(sys.stderr)
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any]
    if as_json:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
        last = [structlog.processors.format_exc_info, renderer, lambda _logger, _name, line: printable_json(line)]
    else:  # the default shows the values of local variables, and among them may be a key
        plain = structlog.dev.plain_traceback
        last = [_harmless, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sink),  # type: ignore[arg-type]  # print needs write and flush
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sink)
    final = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(LEVELS[level], logging.WARNING))
