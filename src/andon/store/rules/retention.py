"""How long which logs are kept: ordered rules, the first that matches counts. Pure functions.

A log's age is the time since it was stored, not what its timestamp says: a machine with a wrong clock, or one that
hands in a week's logs after a week without a line, loses nothing by it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

#: What becomes of a log: it stays, one of its pattern and hour stays, or it goes.
Fate = Literal["keep", "sample", "go"]
#: What the cap's deletions are counted under.
CAP = "size cap"
#: What deletions of messages that were not understood are counted under.
REJECTS = "rejects"
#: Rows that claim to be stored later than this from now (seconds) were stored under a wrong clock.
FUTURE = 86_400.0
PLACES = ("site", "area", "line", "machine")
#: The columns of a log by which rules judge, in the order in which :class:`Judge` takes them.
LOOKED = f"id, severity, service, {', '.join(PLACES)}, pattern_id, created_at, created_text, timestamp"


@dataclass(frozen=True, slots=True)
class KeepRule:
    """Which logs a rule is about, and how long it keeps them.

    ``severities`` are exact names, empty for all; ``service`` and ``places`` (site, area, line, machine) are globs of
    ``*`` and ``?``, None for any; ``pattern`` is a problem's id. It applies to logs from ``older_than`` seconds of age
    on. ``keep`` is seconds from storing, or a word: ``forever``, ``sample``, ``none``.
    """

    label: str
    keep: float | Literal["forever", "sample", "none"]
    severities: frozenset[str] = frozenset()
    service: str | None = None
    places: tuple[str | None, ...] = (None, None, None, None)
    pattern: int | None = None
    older_than: float = 0.0

    def fits(self, log: Looks, members: Collection[int]) -> bool:
        """Whether a log is one that the rule is about, its age aside; ``members`` are the patterns of its problem."""
        return (
            (not self.severities or log.severity in self.severities)
            and _fits(self.service, log.service)
            and all(_fits(glob, value) for glob, value in zip(self.places, log.places, strict=True))
            and (self.pattern is None or log.pattern in members)
        )

    def fate(self, age: float) -> Fate:
        """What the rule says of a log of this age (seconds) that it applies to."""
        if isinstance(self.keep, float | int):
            return "go" if age >= self.keep else "keep"
        return {"forever": "keep", "sample": "sample", "none": "go"}[self.keep]  # type: ignore[return-value]  # its values are fates


class Looks(msgspec.Struct, frozen=True, gc=False):
    """What rules look at; ``pattern`` is 0 where no rule names one that it belongs to."""

    severity: str
    service: str
    places: tuple[str, ...]
    pattern: int = 0


@dataclass(frozen=True)
class KeepPolicy:
    """The rules in their order, and the cap on the database's size in bytes (0 for none).

    The cap spares logs that were stored less than ``spared`` seconds ago, and what a rule keeps for ever. Messages that
    were not understood are kept for ``rejects`` seconds, None for ever; the cap takes them before any log.
    """

    rules: tuple[KeepRule, ...] = ()
    max_bytes: int = 0
    spared: float = 3600.0
    rejects: float | None = None

    @functools.cached_property
    def thresholds(self) -> tuple[float, ...]:
        """The ages (seconds, rising) at which a log may have to go: it is looked at once at each.

        A rule comes into force at its own age only, so that no log can have to go at any other.
        """
        ages = {
            rule.older_than if rule.keep in ("none", "sample") else max(float(rule.keep), rule.older_than)
            for rule in self.rules
            if rule.keep != "forever"
        }
        return tuple(sorted(ages))

    @functools.cached_property
    def digest(self) -> str:
        """A name for these rules; another one wherever any of them changes."""
        return hashlib.blake2b(repr(self.rules).encode(), digest_size=8).hexdigest()

    @functools.cached_property
    def drops(self) -> bool:
        """Whether some logs are not stored at all."""
        return any(rule.keep == "none" and not rule.older_than for rule in self.rules)

    @functools.cached_property
    def named_patterns(self) -> tuple[int, ...]:
        """The problems that rules name."""
        return tuple(sorted({rule.pattern for rule in self.rules if rule.pattern is not None}))


#: The default: every log is kept.
keep_all = KeepPolicy()


class Judge:
    """Applies a policy; remembers what it said of logs that look alike.

    ``families`` are the patterns that belong to each problem that a rule names, by the id in the rule.
    """

    def __init__(self, policy: KeepPolicy, families: dict[int, frozenset[int]]) -> None:
        self._policy = policy
        self._families = families
        self._named = frozenset().union(*families.values())
        self._known: dict[Looks, tuple[KeepRule, ...]] = {}

    def looks(self, severity: Any, service: Any, places: Sequence[Any], pattern_id: int | None) -> Looks:
        """A stored row as rules see it; what is NULL there is empty."""
        of_rule = pattern_id if pattern_id in self._named else 0
        return Looks(str(severity or ""), str(service or ""), tuple(str(one or "") for one in places), of_rule or 0)

    def rule(self, log: Looks, age: float) -> KeepRule | None:
        """The rule in force for a log of this age, None where none is."""
        candidates = self._known.get(log)
        if candidates is None:
            if len(self._known) >= 20_000:
                self._known.clear()
            none: frozenset[int] = frozenset()
            candidates = self._known[log] = tuple(
                rule for rule in self._policy.rules if rule.fits(log, self._families.get(rule.pattern or 0, none))
            )
        return next((rule for rule in candidates if age >= rule.older_than), None)

    def rule_of(self, row: Sequence[Any], age: float | None) -> KeepRule | None:
        """The same for a row of the columns :data:`LOOKED`; one whose age is not known counts as new."""
        return self.rule(self.looks(row[1], row[2], row[3:7], row[7]), age or 0.0)


def age_of(row: Sequence[Any], now: float) -> float | None:
    """How old a row of the columns :data:`LOOKED` is at ``now`` (unix seconds), in seconds; None where none can say."""
    stored = stored_at(*row[8:11])
    return None if stored is None else now - stored


def stored_at(created_at: int | None, created_text: Any, timestamp: Any) -> float | None:
    """When a row was stored (unix seconds). Rows taken over from the reference system have only texts; None without."""
    if created_at is not None:
        return float(created_at)
    for text in (created_text, timestamp):
        try:
            moment = datetime.fromisoformat(str(text).strip())
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None


def hour_of(timestamp: Any) -> str:
    """The hour of a stored time, as its text: what a sample is one of."""
    return str(timestamp or "")[:13]


def _fits(glob: str | None, value: str) -> bool:
    if glob is None:
        return True
    return fnmatchcase(value, glob.replace("[", "[[]")) if "*" in glob or "?" in glob else value == glob
