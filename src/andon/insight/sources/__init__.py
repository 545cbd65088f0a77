"""Who reports, and who fell silent."""

from andon.insight.sources.sources import Habits, Source, find, habits

__all__ = ["Habits", "Source", "find", "habits"]
