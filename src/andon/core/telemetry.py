"""Andon's own log, metrics and health: the only place that configures structlog and Prometheus."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from andon.core.text import printable

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
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        # the default shows the values of local variables, and among them may be a key
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer]
        if as_json
        else [*shared, _harmless, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sink),  # type: ignore[arg-type]  # print needs write and flush
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sink)
    final = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    final.insert(1, structlog.processors.format_exc_info if as_json else _harmless)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(LEVELS[level], logging.WARNING))


class Metrics:
    """Every figure on ``/metrics``. One object per service, so that tests and twins never share a registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.recorded = Counter("andon_logs_recorded", "Logs stored in the database.", registry=r)
        self.duplicates = Counter(
            "andon_logs_duplicate", "Messages delivered again that were stored already.", registry=r
        )
        self.rejected = Counter("andon_logs_rejected", "Messages kept in rejects.", registry=r)
        self.recovered = Counter(
            "andon_logs_recovered", "Acknowledged logs read again from the stream on start.", registry=r
        )
        self.batch_seconds = Histogram(
            "andon_record_seconds",
            "Time to store one batch.",
            registry=r,
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )
        self.indexed = Counter("andon_logs_indexed", "Logs taken into search and comparison.", registry=r)
        self.pictures_stored = Counter(
            "andon_pictures_stored", "Pictures of logs stored for the first time.", registry=r
        )
        self.pictures_refused = Counter(
            "andon_pictures_refused", "Pictures of logs that were not kept; the logs' notes say why.", registry=r
        )
        self.retention_deleted = Counter(
            "andon_retention_deleted", "Logs deleted, by rule of retention.", ["rule"], registry=r
        )
        self.retention_dropped = Counter(
            "andon_retention_dropped", "Messages that a rule of retention kept from being stored.", ["rule"], registry=r
        )
        self.store_errors = Counter("andon_store_errors", "Batches that could not be stored at once.", registry=r)
        self.analyses = Counter("andon_analyses", "Explanations given, by rung.", ["rung"], registry=r)
        self.model_calls = Counter("andon_model_calls", "Calls of the model, by result.", ["result"], registry=r)
        self.model_seconds = Histogram(
            "andon_model_seconds",
            "Time of one model call.",
            registry=r,
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
        )
        self.model_tokens = Counter("andon_model_tokens", "Tokens used, by direction.", ["direction"], registry=r)
        self.model_limit = Gauge("andon_model_limit", "Questions the model may be asked at once now.", registry=r)
        self.model_running = Gauge("andon_model_running", "Questions that are with the model.", registry=r)
        self.model_away = Gauge("andon_model_away", "1 while the model is away and not asked.", registry=r)
        self.budget_exhausted = Gauge(
            "andon_budget_exhausted", "1 while the budget lets no ordinary question through.", registry=r
        )
        self.budget_left = Gauge(
            "andon_budget_left", "What is left of a budget of model calls or tokens.", ["budget"], registry=r
        )
        self.runbooks = Gauge("andon_runbooks", "Runbooks in force.", registry=r)
        self.runbook_problems = Gauge("andon_runbook_problems", "Runbooks that cannot be used as they are.", registry=r)
        self.playbook_rules = Gauge("andon_playbook_rules", "The site's own playbook rules in force.", registry=r)
        self.playbook_problems = Gauge(
            "andon_playbook_problems",
            "Playbook rules and files of the site that cannot be used as they are.",
            registry=r,
        )
        self.callers = Gauge("andon_callers_waiting", "Callers that wait for an analysis in memory.", registry=r)
        self.callers_dropped = Counter(
            "andon_callers_dropped", "Callers that found every waiting place taken.", registry=r
        )
        self.replies = Counter("andon_replies", "Answers sent to callers, by way.", ["way"], registry=r)
        self.task_restarts = Counter(
            "andon_task_restarts", "Parts started again after a failure.", ["part"], registry=r
        )
        self.broker_restarts = Gauge(
            "andon_broker_restarts", "Times the embedded broker was started again.", registry=r
        )
        self.ready = Gauge("andon_ready", "1 while logs can be taken and stored.", registry=r)
        self.logs = Gauge("andon_store_logs", "Logs in the database.", registry=r)
        self.patterns = Gauge("andon_store_patterns", "Patterns in the database.", registry=r)
        self.rejects = Gauge("andon_store_rejects", "Messages in rejects.", registry=r)
        self.pending = Gauge("andon_analyses_pending", "Analyses that wait.", registry=r)
        self.failed = Gauge("andon_analyses_failed", "Analyses the model could not give.", registry=r)
        self.store_bytes = Gauge("andon_store_bytes", "Size of the database on disk.", registry=r)
        self.stream_pending = Gauge("andon_stream_pending", "Messages in the stream not yet delivered.", registry=r)
        self.stream_bytes = Gauge("andon_stream_bytes", "Size of the stream on disk.", registry=r)

    def render(self) -> tuple[bytes, str]:
        """Prometheus text and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class Health:
    """What keeps the service from taking and storing logs; empty means ready. Shown by ``/readyz``."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {"service": "starting"}

    def report(self, part: str, problem: str | None) -> bool:
        """Set (or clear with None) what is wrong with ``part``; True where that changed something."""
        before = self._problems.get(part)
        if problem is None:
            self._problems.pop(part, None)
        else:
            self._problems[part] = problem
        return before != problem

    @property
    def ready(self) -> bool:
        """Whether logs can be taken and stored now."""
        return not self._problems

    @property
    def problems(self) -> dict[str, str]:
        """Part → what is wrong with it, one sentence each."""
        return dict(self._problems)
