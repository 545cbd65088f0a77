"""Problems (a pattern with what is merged into it): joining and splitting them, their fixes, their overview."""

from andon.store.problems.members import fixes_of, fixes_within, templates_of
from andon.store.problems.overview import (
    PatternHost,
    PatternMerge,
    PatternSort,
    hosts_of,
    listing,
    merges_of,
    summary,
)

__all__ = [
    "PatternHost",
    "PatternMerge",
    "PatternSort",
    "fixes_of",
    "fixes_within",
    "hosts_of",
    "listing",
    "merges_of",
    "summary",
    "templates_of",
]
