"""The queue of analyses, the callers who wait for them, and what the model was used for."""

from andon.store.queue.explained import explained_by_models
from andon.store.queue.listing import AnalysisEntry, QueueEntry, entries, history_of, listing, oldest_waiting
from andon.store.queue.queue import (
    claim,
    end_second,
    fail,
    finish,
    finish_second,
    keep_refused,
    log_and_analysis,
    next_due,
    postpone,
    prioritise,
    release,
    show_meanwhile,
    shown_for,
)
from andon.store.queue.site import (
    Glance,
    answer_at_once,
    anything_waits,
    glances,
    question_about,
    question_waits,
    waiting_after,
    withdraw,
)
from andon.store.queue.usage import spend, spent
from andon.store.queue.waiters import (
    explained_waiters,
    overdue_waiters,
    put_off_waiters,
    refused_waiters,
    remove_waiters,
    somebody_waits,
)
from andon.store.rules.analysis import is_late

__all__ = [
    "AnalysisEntry",
    "Glance",
    "QueueEntry",
    "answer_at_once",
    "anything_waits",
    "claim",
    "end_second",
    "entries",
    "explained_by_models",
    "explained_waiters",
    "fail",
    "finish",
    "finish_second",
    "glances",
    "history_of",
    "is_late",
    "keep_refused",
    "listing",
    "log_and_analysis",
    "next_due",
    "oldest_waiting",
    "overdue_waiters",
    "postpone",
    "prioritise",
    "put_off_waiters",
    "question_about",
    "question_waits",
    "refused_waiters",
    "release",
    "remove_waiters",
    "show_meanwhile",
    "shown_for",
    "somebody_waits",
    "spend",
    "spent",
    "waiting_after",
    "withdraw",
]
