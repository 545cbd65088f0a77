"""Merging patterns into one problem and splitting them again, inside an open transaction.

``patterns.merged_into`` always names the pattern that stands for the whole problem, so that readers need one step.
The rows of ``merges`` that are not undone keep who joined whom: what a split takes along.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, and_, bindparam, delete, func, or_, select, update

from andon.core.errors import StoreError
from andon.core.models import AnalysisStatus, Merge, Rung, now_text
from andon.store.engine import audit
from andon.store.engine.counters import add_to_counters, read_counter
from andon.store.problems import analysis_rows, members, second_opinions
from andon.store.rules.analysis import priority, rank_of
from andon.store.schema.tables import analyses, kept_apart, logs, merges, patterns

#: Counts merges and splits by people; see :func:`regrouped`.
_REGROUPED = "regrouped"
_BY_A_PERSON = -1
_TEXT = ("rung", "text", "finding", "source", "provider", "model", "prompt_version")
_EXPLAINED = ("analysis_id", "explained_at", "explained_severity", "explained_hosts", "explained_rate", "renewed_at")


def regrouped(connection: Connection) -> int:
    """A number that grows whenever a person merges or splits patterns."""
    return read_counter(connection, _REGROUPED)


def known_patterns(connection: Connection) -> list[tuple[int, str, str, str | None, int]]:
    """(id, fingerprint, template, fingerprint of what it is merged into, how many logs), oldest first."""
    parent = patterns.alias("parent")
    query = (
        select(patterns.c.id, patterns.c.fingerprint, patterns.c.template, parent.c.fingerprint, patterns.c.count)
        .outerjoin(parent, parent.c.id == patterns.c.merged_into)
        .order_by(patterns.c.id)
    )
    return [(id_, key, template, into, count) for id_, key, template, into, count in connection.execute(query)]


def separated(connection: Connection) -> list[tuple[str, str]]:
    """Pairs of fingerprints that a person separated."""
    return [(one, other) for one, other in connection.execute(select(kept_apart.c.one, kept_apart.c.other))]


def apply(connection: Connection, wanted: Sequence[Merge]) -> dict[int, int]:
    """Join what the merges say; those that hold already, or that a person has undone, change nothing.

    Returns which problem (old root) is now part of which.
    """
    moved: dict[int, int] = {}
    for one in wanted:
        rows = connection.execute(
            select(patterns.c.fingerprint, func.coalesce(patterns.c.merged_into, patterns.c.id).label("root")).where(
                patterns.c.fingerprint.in_((one.child, one.parent))
            )
        )
        roots: dict[str, int] = {row.fingerprint: row.root for row in rows}
        child, parent = roots.get(one.child), roots.get(one.parent)
        if child is None or parent is None or child == parent or are_kept_apart(connection, child, parent):
            continue
        join(connection, child, parent, one.position, one.words)
        for old, into in moved.items():
            if into == child:
                moved[old] = parent
        moved[child] = parent
    return moved


def join(connection: Connection, child: int, parent: int, position: int, words: Iterable[str]) -> None:
    """Make one problem of two (both ids are roots): ``parent`` stands for it."""
    connection.execute(
        merges.insert().values(
            child_id=child,
            parent_id=parent,
            position=position,
            words=msgspec.json.encode(list(words)).decode(),
            created_at=now_text(),
        )
    )
    connection.execute(update(patterns).where(members.of_root(child)).values(merged_into=parent))
    before, joining = members.shown(connection, parent), members.shown(connection, child)
    takes_over = (
        joining is not None
        and joining.final
        and (before is None or not before.final or (joining.rung == Rung.RESOLUTION and before.rung != Rung.RESOLUTION))
    )
    if takes_over:
        explain_alike(connection, parent, child)
    _share_queue(connection, child, parent, keep_renewal=before is not None and before.final and not takes_over)
    members.note_hosts(connection, parent)
    second_opinions.forget_others(connection, parent)


def explain_alike(connection: Connection, pattern_id: int, like: int) -> None:
    """Let a pattern show the explanation that another one shows."""
    values = select(*(patterns.c[name] for name in _EXPLAINED)).where(patterns.c.id == like)
    members.update_pattern(connection, pattern_id, **connection.execute(values).mappings().one())


def _share_queue(connection: Connection, child: int, parent: int, *, keep_renewal: bool) -> None:
    """One open analysis at most for the joined problem, and none where an explanation was there to share."""
    theirs, ours = open_analysis(connection, child), open_analysis(connection, parent)
    shown = members.shown(connection, parent)
    why = f"superseded: joined problem {parent}"
    if shown is not None and shown.final:
        if theirs is not None:
            supersede(connection, theirs, why)
        if ours is not None and not keep_renewal:
            supersede(connection, ours, why)
    elif theirs is not None and ours is not None:
        if theirs.text is not None and ours.text is None:
            _hand_over_text(connection, theirs, ours, parent)
        tier, score = max(ours.tier, theirs.tier), max(ours.score, theirs.score)
        analysis_rows.change(connection, ours.id, tier=tier, score=score, caller=ours.caller or theirs.caller)
        supersede(connection, theirs, why)
    elif theirs is not None:
        analysis_rows.change(connection, theirs.id, pattern_id=parent)
        if theirs.text is not None:
            members.update_pattern(connection, parent, analysis_id=theirs.id)
            members.update_pattern(connection, child, analysis_id=None)


def _hand_over_text(connection: Connection, giver: Row[Any], taker: Row[Any], parent: int) -> None:
    """A provisional text goes on being shown when the row that held it is closed."""
    values = {name: getattr(giver, name) for name in _TEXT}
    analysis_rows.change(connection, taker.id, **values, provisional=True)
    add_to_counters(connection, {f"rung:{giver.rung}": 1})
    members.update_pattern(connection, parent, analysis_id=taker.id)


def open_analysis(connection: Connection, root: int) -> Row[Any] | None:
    """The waiting analysis of a problem."""
    return connection.execute(_open_analysis(), {"root": root}).one_or_none()


@functools.cache
def _open_analysis() -> Select[Any]:
    return select(analyses).where(analyses.c.pattern_id == bindparam("root"), analyses.c.finished_at.is_(None)).limit(1)


def supersede(connection: Connection, row: Row[Any], why: str) -> None:
    """Close an open analysis that is not needed any more; what it showed provisionally is shown no longer."""
    analysis_rows.close(connection, row.id, AnalysisStatus.DONE, last_error=why, **dict.fromkeys(_TEXT))
    connection.execute(update(patterns).where(patterns.c.analysis_id == row.id).values(analysis_id=None))
    if row.rung is not None:
        add_to_counters(connection, {f"rung:{row.rung}": -1})


def ask(connection: Connection, root: int, reason: str, *, caller: bool = False) -> int:
    """Put the problem into the queue (or move up what waits there already); the analysis' id.

    What waits for a second opinion below what is shown waits for the next answer from now on.
    """
    waiting = open_analysis(connection, root)
    if waiting is not None:
        if caller:
            analysis_rows.change(connection, waiting.id, tier=1, caller=True, not_before=0.0)
        return int(waiting.id)
    latest = connection.execute(select(func.max(logs.c.id)).where(logs.c.pattern_id.in_(members.ids_of(root)))).scalar()
    rank = rank_of(members.figures(connection, root).worst_severity)
    shown = members.shown(connection, root)
    tier, score = priority(rank, first=shown is None or not shown.final, caller=caller)
    values = {"pattern_id": root, "log_id": latest, "reason": reason, "caller": caller, "tier": tier, "score": score}
    second = None if shown is None else second_opinions.open_below(connection, shown.analysis_id)
    if second is None or second.status != AnalysisStatus.PENDING:
        return analysis_rows.add(connection, **values)
    afresh = {"second_of": None, "attempts": 0, "not_before": 0.0, "last_error": None, "created_at": now_text()}
    analysis_rows.change(connection, second.id, **values, **afresh)
    return int(second.id)


def reanalyze(connection: Connection, pattern_id: int, by: str | None = None) -> int:
    """Ask for another analysis of the problem that ``pattern_id`` is part of, ahead of others; the analysis' id.

    What is shown stays until the new answer is there. Where an analysis waits already, that one is moved up. Raises
    NotFound.
    """
    asked = ask(connection, members.known_root(connection, pattern_id), "asked", caller=True)
    audit.note(connection, by, "problem.ask", f"pattern {pattern_id}", {"analysis": asked})
    return asked


def merge(connection: Connection, child_id: int, parent_id: int, by: str | None = None) -> int:
    """Make ``child_id``'s problem part of ``parent_id``'s; the id of the pattern that stands for both.

    A person says so: takes back an earlier :func:`split` of the two. Merging what is merged already changes nothing.
    Raises StoreError where both ids are the same, and NotFound.
    """
    if child_id == parent_id:
        raise StoreError(f"problem {child_id} cannot be merged into itself: name two problems")
    child, parent = members.known_root(connection, child_id), members.known_root(connection, parent_id)
    if child != parent:
        connection.execute(delete(kept_apart).where(_between(_keys(child), _keys(parent))))
        join(connection, child, parent, _BY_A_PERSON, ())
        add_to_counters(connection, {_REGROUPED: 1})
        audit.note(connection, by, "problem.merge", f"pattern {child_id}", {"into": parent})
    return parent


def split(connection: Connection, pattern_id: int, by: str | None = None) -> int:
    """Take ``pattern_id`` (with all that was merged into it) out of its problem and keep it apart from now on.

    Returns the id of the problem it was part of. It is analyzed again where it has no explanation of its own. Raises
    StoreError where the pattern is not merged into another, and NotFound.
    """
    root = members.known_root(connection, pattern_id)
    if root == pattern_id:
        raise StoreError(
            f"problem {pattern_id} is not merged into another problem: name one of those that `andon problems show "
            f"{pattern_id}` lists as merged"
        )
    active = merges.c.undone_at.is_(None)
    edges: dict[int, list[int]] = {}
    parent = root
    ours = members.ids_of(root)
    for child_id, parent_id in connection.execute(
        select(merges.c.child_id, merges.c.parent_id).where(active, merges.c.child_id.in_(ours))
    ):
        edges.setdefault(parent_id, []).append(child_id)
        if child_id == pattern_id:
            parent = parent_id
    leaving = [pattern_id]
    for one in leaving:  # grows while it is walked
        leaving += edges.get(one, ())
    shown = members.shown(connection, root)
    connection.execute(update(patterns).where(patterns.c.id.in_(leaving[1:])).values(merged_into=pattern_id))
    members.update_pattern(connection, pattern_id, merged_into=None)
    connection.execute(update(merges).where(active, merges.c.child_id == pattern_id).values(undone_at=now_text()))
    _keep_apart(connection, pattern_id, {parent, root})
    own = members.shown(connection, pattern_id)
    if own is None or not own.final:
        ask(connection, pattern_id, "split")
    if shown is not None and shown.pattern_id in leaving:
        ask(connection, root, "split")  # what it shows is the explanation of the problem that left
    add_to_counters(connection, {_REGROUPED: 1})
    audit.note(connection, by, "problem.split", f"pattern {pattern_id}", {"from": root, "patterns": len(leaving)})
    return root


def _keep_apart(connection: Connection, pattern_id: int, others: set[int]) -> None:
    keys = members.by_id(connection, {pattern_id, *others}, patterns.c.fingerprint)
    for other in others:
        one, two = sorted((keys[pattern_id].fingerprint, keys[other].fingerprint))
        connection.execute(delete(kept_apart).where(kept_apart.c.one == one, kept_apart.c.other == two))
        connection.execute(kept_apart.insert().values(one=one, other=two))


def _keys(root: int) -> Any:
    return select(patterns.c.fingerprint).where(members.of_root(root))


def _between(theirs: Any, ours: Any) -> Any:
    return or_(
        and_(kept_apart.c.one.in_(theirs), kept_apart.c.other.in_(ours)),
        and_(kept_apart.c.one.in_(ours), kept_apart.c.other.in_(theirs)),
    )


def are_kept_apart(connection: Connection, child: int, parent: int) -> bool:
    """Whether a person has separated anything of these two problems."""
    found = connection.execute(select(kept_apart.c.one).where(_between(_keys(child), _keys(parent))).limit(1)).scalar()
    return found is not None
