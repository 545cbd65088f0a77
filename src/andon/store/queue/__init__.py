"""The queue of analyses, the callers who wait for them, and what the model was used for."""

from andon.store.queue.listing import AnalysisEntry, QueueEntry, entries, history_of, listing
from andon.store.queue.queue import shown_for

__all__ = ["AnalysisEntry", "QueueEntry", "entries", "history_of", "listing", "shown_for"]
