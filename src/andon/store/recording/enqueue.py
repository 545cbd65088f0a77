"""Which problems of a batch ask for an explanation, and in what order; on the path that every log takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import Connection

from andon.core.models import now_text
from andon.store.recording.batch import Columns, Group, Known, Problem, Share, group_by_problem
from andon.store.recording.renewal import Renewals
from andon.store.rules.analysis import RENEWABLE, AnalysisPolicy, priority, rank_of
from andon.store.schema.dialect import reserve_ids, rows_for, run

_STORED = (
    "SELECT p.id, p.worst_severity, p.first_seen, p.last_seen, p.count, m.id,"
    " a.finished_at IS NOT NULL AND a.text IS NOT NULL, a.rung, m.explained_at, m.explained_severity,"
    " m.explained_hosts, m.explained_rate, m.renewed_at, o.id, COALESCE(o.tier, 0), COALESCE(o.score, 0), o.reason"
    " FROM patterns AS p JOIN patterns AS m ON m.id = COALESCE(p.merged_into, p.id)"
    " LEFT JOIN analyses AS a ON a.id = m.analysis_id"
    " LEFT JOIN analyses AS o ON o.pattern_id = m.id AND o.finished_at IS NULL WHERE p.id IN ({})"
)
_INSERT = (
    "INSERT INTO analyses (pattern_id, log_id, reason, status, caller, tier, score, created_at,"
    " not_before, attempts, provisional) VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, 0, 0, FALSE)"
)


def stored_patterns(connection: Connection, ids: Sequence[int]) -> tuple[dict[int, Known], dict[int, Problem]]:
    """Stored patterns and the problems they are part of, both by the pattern's id."""
    known: dict[int, Known] = {}
    problems: dict[int, Problem] = {}
    for id_, worst, first_seen, last_seen, count, root, explained, *rest in rows_for(connection, _STORED, ids):
        known[id_] = Known(worst, first_seen, last_seen, count)
        problems[id_] = Problem(root, bool(explained), *rest)
    return known, problems


def own_analyses(
    connection: Connection,
    columns: Columns,
    log_ids: Sequence[int],
    policy: AnalysisPolicy,
) -> list[int | None] | None:
    """Queue an analysis for each log of services whose every log is analyzed; their ids beside the logs.

    None where there is none. Such a row names its log and no pattern.
    """
    if not policy.any_every:
        return None
    rules = {service: policy.rule(service) for service in set(columns["service"])}
    rows: list[tuple[int, bool, int, int, str]] = []
    places: list[int] = []
    now = now_text()
    told = zip(columns["service"], columns["severity"], columns["reply_to"], columns["late"], strict=True)
    for index, (service, severity, reply_to, late) in enumerate(told):
        rule = rules[service]
        rank = rank_of(severity)
        if rule.analyze == "every" and rank >= rank_of(rule.severity):
            waits = reply_to is not None
            tier, score = priority(rank, first=False, caller=waits, criticality=rule.criticality, late=late)
            rows.append((log_ids[index], waits, tier, score, now))
            places.append(index)
    if not rows:
        return None
    first = reserve_ids(connection, "analyses", len(rows))
    ids: list[int | None] = [None] * len(log_ids)
    for own_id, index in enumerate(places, first):
        ids[index] = own_id
    run(
        connection,
        "INSERT INTO analyses (id, log_id, reason, status, caller, tier, score, created_at, not_before, attempts,"
        " provisional) VALUES (?, ?, 'every', 'pending', ?, ?, ?, ?, 0, 0, FALSE)",
        [(own_id, *row) for own_id, row in enumerate(rows, first)],
    )
    return ids


class Queuer:
    """Puts the problems of a batch into the queue, or moves up those that wait there."""

    def __init__(self, policy: AnalysisPolicy, clock: Callable[[], float]) -> None:
        self._renewals = Renewals(policy)
        self._clock = clock

    def forget(self) -> None:
        """Trust the database alone again."""
        self._renewals.forget()

    def queue(
        self,
        connection: Connection,
        groups: Iterable[Group],
        known: Mapping[int, Known],
        problems: Mapping[int, Problem],
        pairs: Iterable[tuple[int, str]],
        first_id: int,
    ) -> int:
        """How many analyses wait now because of this batch. ``pairs`` are the (pattern, host) pairs in it."""
        wanted: list[tuple[int, int, str, bool, int, int, str]] = []
        raised: list[tuple[int, int, bool, int]] = []
        renewed: list[tuple[float, int]] = []
        hosts: dict[int, set[str]] = {}
        now = self._clock()
        for root, (problem, share) in group_by_problem(groups, known, problems).items():
            if problem.open_id is not None:
                first = problem.open_reason == "new"
                tier, score = _place(share, first=first)
                if share.waits or tier > problem.open_tier or score > problem.open_score:
                    place = max(tier, problem.open_tier), max(score, problem.open_score)
                    raised.append((*place, share.waits, problem.open_id))
                continue
            if share.asks < 0:
                continue
            reason: str | None = "new"
            if problem.explained:
                if share.late or problem.rung not in RENEWABLE or not self._renewals.due(problem, now):
                    continue
                hosts = hosts or _by_pattern(pairs)
                names: set[str] = set().union(*(hosts[pattern_id] for pattern_id in share.patterns))
                reason = self._renewals.reason(connection, problem, share, names, now)
            if reason is not None:
                first = not problem.explained
                place = _place(share, first=first)
                wanted.append((root, first_id + share.first, reason, share.waits, *place, now_text()))
                if problem.explained:
                    renewed.append((now, root))
        if wanted:
            run(connection, _INSERT, wanted)
        if renewed:
            run(connection, "UPDATE patterns SET renewed_at = ? WHERE id = ?", renewed)
        if raised:
            run(connection, "UPDATE analyses SET tier = ?, score = ?, caller = caller OR ? WHERE id = ?", raised)
        return len(wanted)


def _place(share: Share, *, first: bool) -> tuple[int, int]:
    return priority(share.rank, first=first, caller=share.waits, criticality=share.criticality, late=share.late)


def _by_pattern(pairs: Iterable[tuple[int, str]]) -> dict[int, set[str]]:
    hosts: dict[int, set[str]] = {}
    for pattern_id, host in pairs:
        hosts.setdefault(pattern_id, set()).add(host)
    return hosts
