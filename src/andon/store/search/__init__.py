"""Finding logs by words and fields, and comparing periods."""

from andon.store.search.comparison import compare_pattern, compare_windows
from andon.store.search.search import find, log, log_or_none

__all__ = ["compare_pattern", "compare_windows", "find", "log", "log_or_none"]
