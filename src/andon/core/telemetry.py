"""Metrics and health: the only place that configures Prometheus."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

M = TypeVar("M")


class _Metric(functools.cached_property[M]):
    """One row of :class:`Metrics`: kind, name, help and labels of a metric, made in each object's own registry."""

    def __init__(self, kind: Callable[..., M], name: str, text: str, *labels: str, **options: Any) -> None:
        super().__init__(lambda metrics: kind(name, text, labels, registry=metrics.registry, **options))


class Metrics:
    """Every figure on ``/metrics``. One object per service, so that tests and twins never share a registry."""

    recorded = _Metric(Counter, "andon_logs_recorded", "Logs stored in the database.")
    duplicates = _Metric(Counter, "andon_logs_duplicate", "Logs delivered again that were already stored.")
    rejected = _Metric(Counter, "andon_logs_rejected", "Messages that could not be understood, kept as rejects.")
    severities_not_understood = _Metric(
        Counter, "andon_severities_not_understood", "Logs stored as WARNING whose severity was not understood."
    )
    recovered = _Metric(
        Counter, "andon_logs_recovered", "Logs read again from the stream because they were not in the database."
    )
    lost = _Metric(
        Counter, "andon_logs_lost", "Messages that were removed from the stream before they could be stored."
    )
    batch_seconds = _Metric(
        Histogram,
        "andon_record_seconds",
        "Time to store one batch, in seconds.",
        buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    )
    indexed = _Metric(Counter, "andon_logs_indexed", "Logs added to the search index.")
    pictures_stored = _Metric(Counter, "andon_pictures_stored", "Pictures of logs stored for the first time.")
    pictures_refused = _Metric(
        Counter, "andon_pictures_refused", "Pictures of logs that were not kept; the notes of the logs say why."
    )
    retention_deleted = _Metric(Counter, "andon_retention_deleted", "Logs deleted, by retention rule.", "rule")
    retention_dropped = _Metric(
        Counter, "andon_retention_dropped", "Messages that a retention rule kept from being stored.", "rule"
    )
    store_errors = _Metric(Counter, "andon_store_errors", "Batches that could not be stored at the first attempt.")
    analyses = _Metric(
        Counter, "andon_analyses", "Explanations given, by rung of the ladder (where the answer came from).", "rung"
    )
    model_calls = _Metric(Counter, "andon_model_calls", "Model calls, by result.", "result")
    advice_refused = _Metric(
        Counter, "andon_advice_refused", "Model answers that were withheld because they contain forbidden advice."
    )
    answers_refused = _Metric(
        Counter,
        "andon_answers_refused",
        "Model answers that were withheld, by reason.",
        "reason",
    )
    second_opinions = _Metric(Counter, "andon_second_opinions", "Model answers that are shown below another answer.")
    model_seconds = _Metric(
        Histogram,
        "andon_model_seconds",
        "Time of one model call, in seconds.",
        buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
    )
    model_tokens = _Metric(Counter, "andon_model_tokens", "Tokens used, by direction.", "direction")
    model_standing = _Metric(
        Gauge, "andon_model_standing", "1 for the current standing of a model.", "provider", "model", "standing"
    )
    model_trials = _Metric(
        Gauge, "andon_model_trials", "Labelled cases that the model has answered.", "provider", "model"
    )
    model_trials_wanted = _Metric(
        Gauge, "andon_model_trials_wanted", "Labelled cases after which the model is judged.", "provider", "model"
    )
    trial_answers = _Metric(Counter, "andon_trial_answers", "Model answers to labelled cases, by outcome.", "outcome")
    model_limit = _Metric(Gauge, "andon_model_limit", "Questions the model may currently be asked at once.")
    model_running = _Metric(Gauge, "andon_model_running", "Questions that the model is answering.")
    model_away = _Metric(Gauge, "andon_model_away", "1 while the model is unavailable and not asked.")
    budget_exhausted = _Metric(Gauge, "andon_budget_exhausted", "1 while the budget allows no ordinary question.")
    budget_left = _Metric(Gauge, "andon_budget_left", "Remaining budget of model calls or tokens.", "budget")
    runbooks = _Metric(Gauge, "andon_runbooks", "Runbooks in force.")
    runbook_problems = _Metric(Gauge, "andon_runbook_problems", "Runbooks with errors, which are not used.")
    playbook_rules = _Metric(Gauge, "andon_playbook_rules", "The site's own playbook rules in force.")
    playbook_problems = _Metric(
        Gauge, "andon_playbook_problems", "Playbook rules and files of the site with errors, which are not used."
    )
    callers = _Metric(Gauge, "andon_callers_waiting", "Callers in memory that wait for an analysis.")
    callers_dropped = _Metric(Counter, "andon_callers_dropped", "Callers turned away because too many were waiting.")
    replies = _Metric(Counter, "andon_replies", "Answers sent to callers, by way of asking.", "way")
    answers_unasked = _Metric(
        Counter, "andon_answers_unasked", "Answers sent to publishers that wait only for the broker's acknowledgement."
    )
    source_taken = _Metric(Counter, "andon_source_taken", "Logs that a source added to the stream.", "source")
    source_refused = _Metric(
        Counter,
        "andon_source_refused",
        "Messages that a source received but did not add to the stream.",
        "source",
        "reason",
    )
    source_heard = _Metric(
        Gauge, "andon_source_last_heard_seconds", "When a source last received something, in Unix seconds.", "source"
    )
    actions = _Metric(Counter, "andon_actions", "Actions for other systems, by outcome.", "target", "outcome")
    actions_waiting = _Metric(
        Gauge, "andon_actions_waiting", "Approved actions that are not yet done, by connected system.", "target"
    )
    task_restarts = _Metric(Counter, "andon_task_restarts", "Parts restarted after a failure.", "part")
    broker_restarts = _Metric(Gauge, "andon_broker_restarts", "Times the embedded broker was restarted.")
    put_back = _Metric(
        Counter,
        "andon_broker_put_back",
        "Settings of the stream and consumer that others changed and Andon restored.",
        "setting",
    )
    ready = _Metric(Gauge, "andon_ready", "1 while logs can be received and stored.")
    logs = _Metric(Gauge, "andon_store_logs", "Logs in the database.")
    patterns = _Metric(Gauge, "andon_store_patterns", "Problems in the database, merged ones counted separately.")
    rejects = _Metric(Gauge, "andon_store_rejects", "Messages that could not be understood and are stored as rejects.")
    pending = _Metric(Gauge, "andon_analyses_pending", "Problems that wait for an explanation.")
    failed = _Metric(Gauge, "andon_analyses_failed", "Problems that the model failed to explain.")
    store_bytes = _Metric(Gauge, "andon_store_bytes", "Size of the database on disk.")
    stream_pending = _Metric(Gauge, "andon_stream_pending", "Messages in the stream that are not yet delivered.")
    stream_bytes = _Metric(Gauge, "andon_stream_bytes", "Size of the stream on disk.")

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for name, row in vars(Metrics).items():
            if isinstance(row, _Metric):
                getattr(self, name)  # makes it, so that it is shown before it is first counted

    def render(self) -> tuple[bytes, str]:
        """Prometheus text and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class Health:
    """What keeps the service from taking and storing logs; empty means ready. Shown by ``/readyz``."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {"service": "starting"}
        #: Parts whose problem is a disk or a quota that is full.
        self.full: set[str] = set()
        #: Part → what happened to it and is over, for whoever asks while this process lives.
        self.notes: dict[str, str] = {}

    def report(self, part: str, problem: str | None, *, full: bool = False) -> bool:
        """Set (or clear with None) what is wrong with ``part``; True where that changed something.

        ``full``: it is that a disk or a quota is full.
        """
        before = self._problems.get(part)
        self.full = self.full | {part} if full else self.full - {part}
        if problem is None:
            self._problems.pop(part, None)
        else:
            self._problems[part] = problem
        return before != problem

    def remark(self, part: str, sentence: str | None) -> None:
        """Set (or clear with None) what is worth knowing about ``part``: logs are taken and stored all the same."""
        if sentence is None:
            self.notes.pop(part, None)
        else:
            self.notes[part] = sentence

    @property
    def ready(self) -> bool:
        """Whether logs can be taken and stored now."""
        return not self._problems

    @property
    def problems(self) -> dict[str, str]:
        """Part → what is wrong with it, one sentence each."""
        return dict(self._problems)
