"""Giving stored patterns the fingerprints that this version of Andon makes: in steps, each of them one transaction.

Kept numbers say how far it is, so that a killed process goes on where it was and two processes share the work. What a
pattern's logs come to now is the caller's knowledge: the store knows no fingerprints.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from andon.core.models import Resolution, Rung, now_text
from andon.store.engine.bulk_insert import insert_rows
from andon.store.engine.counters import add_to_counters, read_counter, read_counters, set_counter
from andon.store.problems import fixes, members, merges
from andon.store.rules.analysis import rank_of, severity_of
from andon.store.schema.dialect import reserve_ids, rows_for, run

#: Ends the text of a fix that was confirmed when what is now several problems was one.
BEFORE_SPLIT = " (from before the split)"
#: Patterns that are made of one at most; a pattern with more kinds of logs leaves the rarest to their first sight.
MOST_PARTS = 100

_VERSION, _WANTED, _AFTER, _LAST = "grouping", "grouping:wanted", "grouping:after", "grouping:last"
#: The last pattern of the first version, which read no fields of a message but the reference's.
_FIRST = "grouping:first"
#: Begins the kept number that says which old pattern a new one came out of.
_PART = "part:"
#: What was done: in place, into an older one, into several, patterns made by that, and those nothing is known of.
_DONE = ("renewed", "joined", "split", "parts", "lost")


class Regrouped(msgspec.Struct, frozen=True):
    """How far it is: ``done`` of ``total`` patterns. See :data:`_DONE` for the others."""

    done: int
    total: int
    renewed: int
    joined: int
    split: int
    parts: int
    lost: int


class OldPattern(msgspec.Struct, frozen=True):
    """A pattern with the fingerprint of an earlier version.

    ``fixed`` is 0 where its problem has no confirmed fix, else the number of problems that have one. ``apart`` says
    that a person separated it from another, ``alarms`` are those named after it, by the log that raised them.
    """

    id: int
    fingerprint: str
    template: str
    fixed: int
    apart: bool
    alarms: dict[int, int]


class OldLog(msgspec.Struct, frozen=True):
    """What a stored log says of its pattern."""

    id: int
    timestamp: str
    hostname: str
    severity: str
    service: str
    message: str
    context: str | None


class Part(msgspec.Struct, frozen=True):
    """What some or all logs of an old pattern are now."""

    key: str
    template: str
    logs: list[OldLog]


def outdated(connection: Connection, version: int, limit: int) -> list[OldPattern]:
    """The next patterns that have fingerprints of another ``version``, for :func:`rekey` in this order.

    Empty where there is none, which is noted then.
    """
    kept = read_counters(connection)
    if kept.get(_VERSION, 1) == version:
        return []
    if kept.get(_WANTED) != version:
        last = run(connection, "SELECT COALESCE(MAX(id), 0) FROM patterns").scalar_one()
        kept |= {_WANTED: version, _AFTER: 0, _LAST: last, **dict.fromkeys((f"grouping:{one}" for one in _DONE), 0)}
        if kept.get(_VERSION, 1) == 1:
            kept[_FIRST] = last
        for name, value in kept.items():
            if name.startswith(_VERSION):
                set_counter(connection, name, value)
    rows = run(
        connection,
        "SELECT id, COALESCE(merged_into, id), fingerprint, template FROM patterns WHERE id > ? AND id <= ?"
        " ORDER BY id LIMIT ?",
        (kept[_AFTER], kept[_LAST], limit),
    ).all()
    if not rows:
        set_counter(connection, _VERSION, version)
        return []
    return _described(connection, [tuple(row) for row in rows])


def _described(connection: Connection, rows: list[tuple[int, int, str, str]]) -> list[OldPattern]:
    fixed = {row[0] for row in run(connection, _FIXED)}
    apart = {key for pair in run(connection, "SELECT one, other FROM kept_apart") for key in pair}
    alarms: dict[int, dict[int, int]] = {}
    for pattern_id, log_id, alarm_id in rows_for(connection, _ALARMS, [row[0] for row in rows]):
        alarms.setdefault(pattern_id, {})[log_id] = alarm_id
    return [
        OldPattern(id_, key, template, len(fixed) * (root in fixed), key in apart, alarms.get(id_, {}))
        for id_, root, key, template in rows
    ]


_FIXED = (
    "SELECT DISTINCT COALESCE(p.merged_into, p.id) FROM resolutions AS r JOIN patterns AS p ON p.id = r.pattern_id"
    " WHERE r.revoked_at IS NULL"
)
_ALARMS = (
    "SELECT pattern_id, log_id, id FROM alarms WHERE code LIKE 'pattern %' AND log_id IS NOT NULL"
    " AND pattern_id IN ({}) ORDER BY id"
)
_LOG = "SELECT id, timestamp, hostname, severity, service, message, context FROM logs"


def regrouped_so_far(connection: Connection) -> Regrouped:
    """How far the fingerprints are made anew, or what the last time did."""
    kept = read_counters(connection)
    numbers = [kept.get(f"grouping:{one}", 0) for one in _DONE]
    total = kept.get(_LAST, 0)
    return Regrouped(min(kept.get(_AFTER, 0), total), total, *numbers)


def old_logs(connection: Connection, pattern: OldPattern, count: int, longest: int = sys.maxsize) -> list[OldLog]:
    """The newest and the oldest logs of a pattern (``count`` of them together), newest first, and those of alarms.

    Those are left out whose text or context is longer than ``longest``: a thousand of the longest fill the memory.
    """
    half = max(1, count // 2)
    these = f"{_LOG} WHERE pattern_id = ? AND LENGTH(message) <= ? AND LENGTH(COALESCE(context, '')) <= ? ORDER BY id"
    found = list(run(connection, f"{these} DESC LIMIT ?", (pattern.id, longest, longest, half)))
    if len(found) == half:
        found += run(connection, f"{these} LIMIT ?", (pattern.id, longest, longest, half))
    found += rows_for(connection, f"{_LOG} WHERE id IN ({{}})", list(pattern.alarms))
    return [OldLog(*row) for _, row in sorted({row[0]: row for row in found}.items(), reverse=True)]


def rekey(connection: Connection, old: OldPattern, parts: Sequence[Part], now: float) -> None:
    """Let a pattern be what its logs are now; ``parts`` begins with what most of them are. None: it stays as it is.

    Its first part keeps id, counts, explanation and what was merged, or joins the problem that has this fingerprint
    already. Each other part is a problem of its own, which shows what the old one showed, fixes with
    :data:`BEFORE_SPLIT`. Stored logs stay where they are counted.
    """
    set_counter(connection, _AFTER, old.id)
    if not parts:
        add_to_counters(connection, {"grouping:lost": 1})
        return
    first, *others = parts
    if others:
        root = members.known_root(connection, old.id)
        standing = members.fixes(connection, root)[::-1]
        others = [part for part in others[:MOST_PARTS] if _branch(connection, old, root, part, standing, now)]
        if others:
            _mark(connection, [fix for fix in standing if fix.pattern_id == old.id])
    joined = _take(connection, old, first)
    done = {"renewed": not joined, "joined": joined, "split": bool(others), "parts": len(others)}
    add_to_counters(connection, {f"grouping:{name}": int(number) for name, number in done.items()})


def _holder(connection: Connection, key: str) -> int | None:
    return run(connection, "SELECT id FROM patterns WHERE fingerprint = ?", (key,)).scalar()


def _take(connection: Connection, old: OldPattern, part: Part) -> bool:
    """Give the pattern its fingerprint; True where another one had it and both are one problem from now on."""
    holder = _holder(connection, part.key)
    if holder is None or holder == old.id:
        values = (part.key, part.template, old.id)
        run(connection, "UPDATE patterns SET fingerprint = ?, template = ? WHERE id = ?", values)
        if old.apart and part.key != old.fingerprint:
            _keep_apart(connection, old.fingerprint, part.key)
            run(connection, "DELETE FROM kept_apart WHERE one = ? OR other = ?", (old.fingerprint, old.fingerprint))
        return False
    members.update_pattern(connection, old.id, template=part.template)
    ours, theirs = members.known_root(connection, old.id), members.known_root(connection, holder)
    if ours == theirs or merges.are_kept_apart(connection, ours, theirs):
        return False
    child, parent = max(ours, theirs), min(ours, theirs)
    newest = _newest_fix(connection, child) > _newest_fix(connection, parent)
    merges.join(connection, child, parent, 0, ())
    if newest:
        merges.explain_alike(connection, parent, child)
    for (alarm,) in run(connection, "SELECT id FROM alarms WHERE code = ?", (f"pattern {child}",)).all():
        _rename(connection, alarm, parent)
    return True


def _newest_fix(connection: Connection, root: int) -> int:
    """The id of the fix of a problem that was confirmed last; 0 where it shows none."""
    shown = members.shown(connection, root)
    if shown is None or not shown.final or shown.rung != Rung.RESOLUTION:
        return 0
    return max((fix.id for fix in members.fixes(connection, root)), default=0)


def _rename(connection: Connection, alarm: int, root: int, pattern_id: int | None = None) -> None:
    """An alarm without a code is called by its problem; it keeps its name where its place has one of the new name."""
    code = f"pattern {root}"
    run(
        connection,
        "UPDATE alarms SET code = ?, pattern_id = COALESCE(?, pattern_id) WHERE id = ?"
        " AND NOT EXISTS (SELECT 1 FROM alarms AS a WHERE a.place = alarms.place AND a.code = ?)",
        (code, pattern_id, alarm, code),
    )


def _keep_apart(connection: Connection, like: str, key: str) -> None:
    """Keep ``key`` apart from everything that ``like`` is kept apart from."""
    pairs = run(connection, "SELECT one, other FROM kept_apart WHERE one = ? OR other = ?", (like, like)).all()
    wanted = {tuple(sorted((key, other if one == like else one))) for one, other in pairs}
    insert_rows(connection, "kept_apart", ("one", "other"), sorted(wanted), " ON CONFLICT (one, other) DO NOTHING")


def _branch(
    connection: Connection, old: OldPattern, root: int, part: Part, standing: Sequence[Resolution], now: float
) -> bool:
    """Let a part be a problem of its own with what is known of the old one; False where it is of the same problem."""
    target = _holder(connection, part.key)
    if target is None:
        target = _added(connection, root, part)
        set_counter(connection, f"{_PART}{target}", old.id)
        if old.apart:
            _keep_apart(connection, old.fingerprint, part.key)
    theirs = members.known_root(connection, target)
    if theirs == root:
        return False
    _hand_down(connection, standing, target, theirs, now)
    for one in part.logs:
        if (alarm := old.alarms.get(one.id)) is not None:
            _rename(connection, alarm, theirs, target)
    return True


def inherit(connection: Connection, pattern_id: int, key: str, now: float) -> bool:
    """Let a new pattern show what the pattern ``key`` shows; False where that one is not of the first version.

    The first version took logs for one that differ in fields which it did not read, and kept none of those.
    """
    sql = "SELECT COALESCE(merged_into, id) FROM patterns WHERE fingerprint = ? AND id <= ?"
    root = run(connection, sql, (key, read_counter(connection, _FIRST))).scalar()
    if root is None:
        return False
    set_counter(connection, f"{_PART}{pattern_id}", root)
    _explain(connection, pattern_id, root)
    _hand_down(connection, members.fixes(connection, root)[::-1], pattern_id, pattern_id, now)
    return True


def parts_of(connection: Connection, ids: Sequence[int]) -> list[int]:
    """The patterns that came out of these old ones."""
    sql = f"SELECT name FROM counters WHERE name >= '{_PART}' AND name < 'part;' AND value IN ({{}})"  # noqa: S608
    return [int(name.removeprefix(_PART)) for (name,) in rows_for(connection, sql, ids)]


def _explain(connection: Connection, pattern_id: int, root: int) -> None:
    """Let a new pattern show the final explanation of an old problem, where that has one."""
    shown = members.shown(connection, root)
    if shown is not None and shown.final:
        merges.explain_alike(connection, pattern_id, root)


def _hand_down(connection: Connection, standing: Sequence[Resolution], target: int, theirs: int, now: float) -> None:
    """Copies of an old problem's fixes, marked, for a pattern of the problem ``theirs``; the newest is shown."""
    known = {fix.fix for fix in members.fixes(connection, theirs)}
    copies = [
        fixes.add(connection, msgspec.structs.replace(fix, pattern_id=target, fix=_marked(fix.fix)))
        for fix in standing
        if known.isdisjoint((fix.fix, _marked(fix.fix)))
    ]
    shown = members.shown(connection, theirs)
    own = shown is not None and shown.final and shown.rung == Rung.RESOLUTION and shown.pattern_id == theirs
    if copies and not own:
        fixes.show(connection, theirs, copies[-1], now)


def _added(connection: Connection, root: int, part: Part) -> int:
    """A new pattern that shows the explanation which the old problem shows, if that is final. It has counted no log."""
    id_ = reserve_ids(connection, "patterns", 1)
    times = [one.timestamp for one in part.logs]
    worst = severity_of(max(rank_of(one.severity) for one in part.logs))
    run(
        connection,
        "INSERT INTO patterns (id, fingerprint, template, first_seen, last_seen, count, worst_severity, created_at)"
        " VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
        (id_, part.key, part.template, min(times), max(times), worst, now_text()),
    )
    _explain(connection, id_, root)
    # Known hosts are no news that an explanation is to be renewed for.
    hosts: dict[str, str] = {}
    for one in part.logs:
        hosts[one.hostname] = min(one.timestamp, hosts.get(one.hostname, one.timestamp))
    rows = [(id_, host, first, 0) for host, first in sorted(hosts.items())]
    insert_rows(connection, "pattern_hosts", ("pattern_id", "hostname", "first_seen", "count"), rows)
    add_to_counters(connection, {"patterns": 1})
    return id_


def _marked(fix: str) -> str:
    return fix if fix.endswith(BEFORE_SPLIT) else fix + BEFORE_SPLIT


def _mark(connection: Connection, standing: Sequence[Resolution]) -> None:
    """Say of a split pattern's own fixes too that nobody knows which part they were for."""
    for fix in standing:
        marked = msgspec.structs.replace(fix, fix=_marked(fix.fix))
        run(connection, "UPDATE resolutions SET fix = ? WHERE id = ?", (marked.fix, fix.id))
        values = (fixes.rendered(marked), f"resolution {fix.id}", fixes.rendered(fix))
        run(connection, "UPDATE analyses SET text = ? WHERE source = ? AND text = ?", values)
