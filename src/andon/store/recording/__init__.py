"""What one batch writes: logs, patterns, rollups, pending analyses and waiters, in one transaction."""
