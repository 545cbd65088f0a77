"""Problems (a pattern with what is merged into it): joining and splitting them, their fixes, their overview."""

from typing import TYPE_CHECKING

from andon.core.late_names import late_names

__all__ = [
    "Candidate",
    "OldLog",
    "OldPattern",
    "Part",
    "PatternHost",
    "PatternMerge",
    "PatternSort",
    "ProblemNote",
    "Regrouped",
    "Tick",
    "Verdict",
    "Whole",
    "add_note",
    "answer_before",
    "fixed_patterns",
    "fixes_of",
    "fixes_within",
    "hosts_of",
    "known_patterns",
    "listing",
    "look_up",
    "merge",
    "merges_of",
    "newest_logs",
    "notes_of",
    "old_logs",
    "outdated",
    "parts_of",
    "reanalyze",
    "regrouped_so_far",
    "rekey",
    "resolution_of",
    "resolve",
    "revoke",
    "root_of",
    "roots_of",
    "separated",
    "shown_below",
    "split",
    "summary",
    "templates_of",
    "tick",
    "ticks_of",
    "titles",
    "whole",
]

if TYPE_CHECKING:
    from andon.store.problems.fixes import resolve, revoke
    from andon.store.problems.lookup import Candidate, Whole, answer_before, look_up, newest_logs, parts_of, whole
    from andon.store.problems.members import (
        fixed_patterns,
        fixes_of,
        fixes_within,
        resolution_of,
        root_of,
        roots_of,
        templates_of,
        titles,
    )
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
    from andon.store.problems.problem_notes import ProblemNote, add_note, notes_of
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
    from andon.store.problems.ticks import Tick, tick, ticks_of
    from andon.store.problems.verdicts import Verdict
else:
    __getattr__ = late_names(
        __name__,
        {
            "fixes": ("resolve", "revoke"),
            "lookup": ("Candidate", "Whole", "answer_before", "look_up", "newest_logs", "parts_of", "whole"),
            "members": (
                "fixed_patterns",
                "fixes_of",
                "fixes_within",
                "resolution_of",
                "root_of",
                "roots_of",
                "templates_of",
                "titles",
            ),
            "merges": ("known_patterns", "merge", "reanalyze", "separated", "split"),
            "overview": ("PatternHost", "PatternMerge", "PatternSort", "hosts_of", "listing", "merges_of", "summary"),
            "problem_notes": ("ProblemNote", "add_note", "notes_of"),
            "rekeying": (
                "OldLog",
                "OldPattern",
                "Part",
                "Regrouped",
                "old_logs",
                "outdated",
                "regrouped_so_far",
                "rekey",
            ),
            "second_opinions": ("shown_below",),
            "ticks": ("Tick", "tick", "ticks_of"),
            "verdicts": ("Verdict",),
        },
    )
