"""Finding logs by words and fields, and comparing periods."""

from typing import TYPE_CHECKING

from andon.core.late_names import late_names

__all__ = [
    "Tally",
    "compare_pattern",
    "compare_windows",
    "context_fields",
    "count",
    "count_above",
    "find",
    "log",
    "log_or_none",
    "newest_id",
    "of_rows",
    "tally",
]

if TYPE_CHECKING:
    from andon.store.search.comparison import compare_pattern, compare_windows
    from andon.store.search.facets import context_fields
    from andon.store.search.matches import Tally, count, of_rows, tally
    from andon.store.search.search import count_above, find, log, log_or_none, newest_id
else:
    __getattr__ = late_names(
        __name__,
        {
            "comparison": ("compare_pattern", "compare_windows"),
            "facets": ("context_fields",),
            "matches": ("Tally", "count", "of_rows", "tally"),
            "search": ("count_above", "find", "log", "log_or_none", "newest_id"),
        },
    )
