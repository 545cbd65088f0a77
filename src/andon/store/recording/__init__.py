"""What one batch writes (logs, patterns, rollups, pending analyses and waiters), and what was refused."""

from andon.store.recording.noted import severities_not_understood
from andon.store.recording.rejects import list_rejects, mark_retried, reject
from andon.store.recording.sequences import missing_ranges, newest_sequence

__all__ = [
    "list_rejects",
    "mark_retried",
    "missing_ranges",
    "newest_sequence",
    "reject",
    "severities_not_understood",
]
