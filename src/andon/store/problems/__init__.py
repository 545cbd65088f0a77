"""Problems (a pattern with what is merged into it): joining and splitting them, their fixes, their overview."""

from andon.store.problems.fixes import resolve, revoke
from andon.store.problems.members import fixed_patterns, fixes_of, fixes_within, resolution_of, templates_of
from andon.store.problems.merges import known_patterns, merge, reanalyze, separated, split
from andon.store.problems.overview import (
    PatternHost,
    PatternMerge,
    PatternSort,
    hosts_of,
    listing,
    merges_of,
    summary,
)
from andon.store.problems.rekeying import (
    OldLog,
    OldPattern,
    Part,
    Regrouped,
    old_logs,
    outdated,
    regrouped_so_far,
    rekey,
)
from andon.store.problems.second_opinions import shown_below
from andon.store.problems.verdicts import Verdict

__all__ = [
    "OldLog",
    "OldPattern",
    "Part",
    "PatternHost",
    "PatternMerge",
    "PatternSort",
    "Regrouped",
    "Verdict",
    "fixed_patterns",
    "fixes_of",
    "fixes_within",
    "hosts_of",
    "known_patterns",
    "listing",
    "merge",
    "merges_of",
    "old_logs",
    "outdated",
    "reanalyze",
    "regrouped_so_far",
    "rekey",
    "resolution_of",
    "resolve",
    "revoke",
    "separated",
    "shown_below",
    "split",
    "summary",
    "templates_of",
]
