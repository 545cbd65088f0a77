"""What one batch writes (logs, patterns, rollups, pending analyses and waiters), and what was refused."""

from andon.store.recording.noted import severities_not_understood
from andon.store.recording.rejects import list_rejects, mark_retried, reject
from andon.store.recording.sequences import (
    checked,
    messages_of,
    missing_ranges,
    newest_sequence,
    set_checked,
    unknown,
)

__all__ = [
    "checked",
    "list_rejects",
    "mark_retried",
    "messages_of",
    "missing_ranges",
    "newest_sequence",
    "reject",
    "set_checked",
    "severities_not_understood",
    "unknown",
]
