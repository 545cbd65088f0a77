"""Which change of a pattern asks for an explanation, and how urgent it is. Pure functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from andon.models import SEVERITY_RANK, Severity

#: Weight of each severity in an analysis' score, by rank.
_WEIGHTS = tuple({"DEBUG": 1, "INFO": 3, "WARNING": 10, "ERROR": 30, "CRITICAL": 100}[s] for s in Severity)
_INFO = Severity.INFO.rank
_CRITICAL = Severity.CRITICAL.rank
_SEVERITIES = tuple(s.value for s in Severity)


@dataclass(frozen=True, slots=True)
class PatternChange:
    """What one batch did to one pattern that has no analysis waiting.

    ``severity`` is the worst of the batch, ``previous`` the worst before it (None for a new pattern).
    ``count`` is the number of logs with the batch, ``added`` the batch's share. ``explained`` is True where
    the pattern shows a final explanation.
    """

    new: bool
    severity: str
    previous: str | None
    count: int
    added: int
    explained: bool


#: Says why a changed pattern needs an (other) explanation: a short reason, or None where it needs none.
AnalysisPolicy = Callable[[PatternChange], str | None]


def novel(change: PatternChange) -> str | None:
    """The default: every pattern is explained once; ``new`` while it has no explanation."""
    return None if change.explained else "new"


def rank_of(severity: str) -> int:
    """The rank of a severity; one that is not on the scale counts as INFO."""
    return SEVERITY_RANK.get(severity, _INFO)


def severity_of(rank: int) -> str:
    """The severity of a rank."""
    return _SEVERITIES[rank]


def priority(rank: int, *, first: bool, caller: bool) -> tuple[int, int]:
    """Place in the queue as (tier, score), the greater the sooner.

    The upper tier is for a problem someone waits for, and for a CRITICAL one that was never explained
    (``first``); within a tier severity counts, doubled where the problem is new.
    """
    tier = 1 if caller or (first and rank == _CRITICAL) else 0
    return tier, _WEIGHTS[rank] * (2 if first else 1)
