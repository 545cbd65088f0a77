"""A batch before it is written: which of it is new, which patterns and problems it touches. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from andon.core.models import LogRecord, Severity
from andon.store.rules.analysis import AnalysisPolicy, Rule, rank_of

#: (stream id, sequence, stored-at ns): what makes a message one and the same.
Message = tuple[int, int, int]
#: The same with the place in the message: what makes a row one and the same.
Key = tuple[int, int, int, int]
#: The batch by column: the name of a record's field, its value in every record.
Columns = Mapping[str, tuple[Any, ...]]

LATE = "\U0010ffff"  # after every time


class Group:
    """The share of one batch that one pattern has.

    ``asks`` is the worst rank among logs whose rule asks for an explanation of the problem, -1 where none does.
    ``late`` says that all of them tell of the past.
    """

    __slots__ = ("asks", "count", "criticality", "first", "first_seen", "id", "last_seen", "late", "rank", "waits")

    def __init__(self, count: int) -> None:
        self.id = 0
        self.first = 0
        self.count = count
        self.first_seen, self.last_seen = LATE, ""
        self.rank = 0
        self.asks = -1
        self.criticality = 0.0
        self.waits = False
        self.late = False


class Problem(msgspec.Struct):
    """A pattern's problem as it was before the batch; ``root`` stands for it, ``open_id`` is its waiting analysis."""

    root: int
    explained: bool = False
    rung: str | None = None
    explained_at: float | None = None
    explained_severity: str | None = None
    explained_hosts: int | None = None
    explained_rate: int | None = None
    renewed_at: float | None = None
    open_id: int | None = None
    open_tier: int = 0
    open_score: int = 0
    open_reason: str | None = None


class Known(msgspec.Struct, gc=False):
    """A stored pattern as it was before the batch."""

    worst: str
    first_seen: str
    last_seen: str
    count: int


class Share(msgspec.Struct):
    """The share of one batch that one problem has."""

    first: int
    rank: int
    asks: int
    worst: int
    criticality: float
    waits: bool
    last_seen: str
    count: int
    patterns: list[int]
    late: bool


def columns_of(records: Sequence[LogRecord]) -> Columns:
    """The records (at least one) by column: whole columns are handled at the speed of C."""
    values = zip(*map(msgspec.structs.astuple, records), strict=True)
    return dict(zip(LogRecord.__struct_fields__, values, strict=True))


def fresh(keys: list[Key], reject_keys: list[Key], stored: set[Message]) -> tuple[Sequence[int], Sequence[int]]:
    """The indexes of records and of rejects whose message is not stored and that come here for the first time."""
    if not stored and len({*keys, *reject_keys}) == len(keys) + len(reject_keys):
        return range(len(keys)), range(len(reject_keys))
    taken: set[Key] = set()
    fresh: tuple[list[int], list[int]] = ([], [])
    for indexes, part in zip(fresh, (keys, reject_keys), strict=True):
        for index, key in enumerate(part):
            if key not in taken and key[:3] not in stored:
                taken.add(key)
                indexes.append(index)
    return fresh


def group_by_pattern(columns: Columns, policy: AnalysisPolicy) -> dict[str, Group]:
    """The batch by pattern. What can be said of distinct values only is not asked of every row."""
    fingerprints, times = columns["fingerprint"], columns["timestamp"]
    counts = Counter(fingerprints)
    groups = {fingerprint: Group(count) for fingerprint, count in counts.items()}
    for index in range(len(fingerprints) - 1, -1, -1):
        groups[fingerprints[index]].first = index
    rules = {service: policy.rule(service) for service in set(columns["service"])}
    if len(set(rules.values())) == 1:
        _rate(groups, set(zip(fingerprints, columns["severity"], strict=True)), next(iter(rules.values())))
    else:
        triples = set(zip(columns["service"], fingerprints, columns["severity"], strict=True))
        for service, rule in rules.items():
            _rate(groups, {(key, severity) for one, key, severity in triples if one == service}, rule)
    for fingerprint, time in zip(fingerprints, times, strict=True):
        group = groups[fingerprint]
        if time > group.last_seen:
            group.last_seen = time
        if time < group.first_seen:
            group.first_seen = time
    for fingerprint, reply_to in zip(fingerprints, columns["reply_to"], strict=True):
        if reply_to is not None:
            groups[fingerprint].waits = True
    if True in columns["late"]:
        present = {key for key, late in zip(fingerprints, columns["late"], strict=True) if not late}
        for fingerprint in groups.keys() - present:
            groups[fingerprint].late = True
    return groups


def _rate(groups: dict[str, Group], pairs: set[tuple[str, str]], rule: Rule) -> None:
    """Note how bad the groups are, and whether ``rule`` asks for their explanation; pairs of pattern and severity."""
    least = rank_of(rule.severity) if rule.analyze == "novel" else len(Severity)
    for fingerprint, severity in pairs:
        group, rank = groups[fingerprint], rank_of(severity)
        if rank > group.rank:
            group.rank = rank
        if rank >= least and rank > group.asks:
            group.asks = rank
        if rule.criticality > group.criticality:
            group.criticality = rule.criticality


def group_by_problem(
    groups: Iterable[Group], known: Mapping[int, Known], problems: Mapping[int, Problem]
) -> dict[int, tuple[Problem, Share]]:
    """The batch by problem: the patterns of a problem count as one."""
    shares: dict[int, tuple[Problem, Share]] = {}
    for group in groups:
        problem = problems.get(group.id)
        if problem is None:
            problem = Problem(group.id)
        pattern = known.get(group.id)
        worst = max(group.rank, rank_of(pattern.worst)) if pattern else group.rank
        found = shares.get(problem.root)
        if found is None:
            share = Share(
                group.first,
                group.rank,
                group.asks,
                worst,
                group.criticality,
                group.waits,
                group.last_seen,
                group.count,
                [group.id],
                group.late,
            )
            shares[problem.root] = (problem, share)
            continue
        share = found[1]
        share.first = min(share.first, group.first)
        share.rank = max(share.rank, group.rank)
        share.asks = max(share.asks, group.asks)
        share.worst = max(share.worst, worst)
        share.criticality = max(share.criticality, group.criticality)
        share.waits = share.waits or group.waits
        share.last_seen = max(share.last_seen, group.last_seen)
        share.count += group.count
        share.patterns.append(group.id)
        share.late = share.late and group.late
    return shares
