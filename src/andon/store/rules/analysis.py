"""Which logs ask for an explanation, when it is renewed, and how urgent it is. Pure functions."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from andon.core.models import SEVERITY_RANK, Rung, Severity

#: ``novel``: every problem once; ``every``: every log; ``none``: store only.
Analyze = Literal["novel", "every", "none"]

#: Weight of each severity in an analysis' score, by rank.
_WEIGHTS = tuple({"DEBUG": 1, "INFO": 3, "WARNING": 10, "ERROR": 30, "CRITICAL": 100}[s] for s in Severity)
#: So far behind all others stands what only logs of the past ask for.
_BEHIND = 1_000_000_000
_INFO = Severity.INFO.rank
_CRITICAL = Severity.CRITICAL.rank
_SEVERITIES = tuple(s.value for s in Severity)
_DAY = 86_400.0

#: Explanations that a model may replace by itself; what people confirmed or wrote stays until people change it.
RENEWABLE = frozenset({Rung.MODEL.value, Rung.PLAYBOOK.value})


@dataclass(frozen=True, slots=True)
class Rule:
    """How a service's logs are treated: what is analyzed, from which severity on, and how much the asset counts."""

    analyze: Analyze = "novel"
    severity: str = Severity.DEBUG.value
    criticality: float = 1.0


@dataclass(frozen=True)
class AnalysisPolicy:
    """The rule for every service and when explanations are renewed.

    ``services`` are globs with their rules: the first that matches counts, else ``default``. ``renew_after`` is the
    age at which an explanation is renewed (0: never by age), ``renew_interval`` the least time between two for one
    problem; both in seconds.
    """

    default: Rule = Rule()
    services: tuple[tuple[str, Rule], ...] = ()
    renew_after: float = 30 * _DAY
    renew_interval: float = _DAY

    def rule(self, service: str) -> Rule:
        """The rule for a service."""
        return _rule(self, service) if self.services else self.default

    def asks(self, service: str, severity: str) -> bool:
        """Whether a log of this service and severity asks for an explanation."""
        rule = self.rule(service)
        return rule.analyze != "none" and rank_of(severity) >= rank_of(rule.severity)

    @property
    def asks_all(self) -> bool:
        """Whether every log asks for one."""
        return all(rule.analyze != "none" and rule.severity == severity_of(0) for rule in self._rules)

    @property
    def any_every(self) -> bool:
        """Whether some service's logs are analyzed one by one."""
        return any(rule.analyze == "every" for rule in self._rules)

    @property
    def _rules(self) -> list[Rule]:
        return [self.default, *(rule for _, rule in self.services)]


#: The default: every problem is explained once, and again when it changes.
novel = AnalysisPolicy()


@functools.lru_cache(maxsize=4096)
def _rule(policy: AnalysisPolicy, service: str) -> Rule:
    return next((rule for glob, rule in policy.services if fnmatchcase(service, glob)), policy.default)


def rank_of(severity: str) -> int:
    """The rank of a severity; one that is not on the scale counts as INFO."""
    return SEVERITY_RANK.get(severity, _INFO)


def severity_of(rank: int) -> str:
    """The severity of a rank."""
    return _SEVERITIES[rank]


def at_least(severity: str | None) -> list[str]:
    """The severities from this one up; none where all are wanted."""
    if severity is None or severity == Severity.DEBUG:
        return []
    return [s.value for s in Severity if s.rank >= Severity(severity).rank]


def priority(rank: int, *, first: bool, caller: bool, criticality: float = 1.0, late: bool = False) -> tuple[int, int]:
    """Place in the queue as (tier, score), the greater the sooner.

    The upper tier is for a problem someone waits for, and for a CRITICAL one that was never explained
    (``first``); within a tier severity counts, doubled where the problem is new, times the asset's criticality.
    What only ``late`` logs ask for comes behind all of that, unless somebody waits for it.
    """
    score = max(1, round(_WEIGHTS[rank] * (2 if first else 1) * criticality))
    if late and not caller:
        return 0, min(score, _BEHIND - 1) - _BEHIND
    return 1 if caller or (first and rank == _CRITICAL) else 0, score


def is_late(score: int) -> bool:
    """Whether a row of the queue has the score of a problem that only late logs ask about."""
    return score < 0
