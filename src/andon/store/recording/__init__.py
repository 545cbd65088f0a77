"""What one batch writes: logs, patterns, rollups, pending analyses and waiters."""

from andon.store.recording.sequences import missing_ranges, newest_sequence

__all__ = ["missing_ranges", "newest_sequence"]
