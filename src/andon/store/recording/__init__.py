"""What one batch writes (logs, patterns, rollups, pending analyses and waiters), and what was refused."""

from andon.store.recording.noted import severities_not_understood
from andon.store.recording.rejects import (
    delete_rejects,
    list_rejects,
    mark_retried,
    open_rejects,
    reject,
    reject_ids,
    reject_starts,
)
from andon.store.recording.sequences import (
    checked,
    logs_at,
    messages_of,
    missing_ranges,
    newest_message,
    newest_sequence,
    set_checked,
    unknown,
)

__all__ = [
    "checked",
    "delete_rejects",
    "list_rejects",
    "logs_at",
    "mark_retried",
    "messages_of",
    "missing_ranges",
    "newest_message",
    "newest_sequence",
    "open_rejects",
    "reject",
    "reject_ids",
    "reject_starts",
    "set_checked",
    "severities_not_understood",
    "unknown",
]
