"""Problems (a pattern with what is merged into it): joining and splitting them, and their fixes."""

from andon.store.problems.fixes import resolve, revoke
from andon.store.problems.members import fixed_patterns, resolution_of
from andon.store.problems.merges import known_patterns, merge, reanalyze, separated, split

__all__ = [
    "fixed_patterns",
    "known_patterns",
    "merge",
    "reanalyze",
    "resolution_of",
    "resolve",
    "revoke",
    "separated",
    "split",
]
