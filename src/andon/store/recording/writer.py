"""Recording: a batch of logs and rejects becomes rows, in one transaction, exactly once.

All parts of a message come in one batch. A message of which anything is stored was handled whole, so what is delivered
again is recognised by its message, however many logs it held, and even if they would be told apart otherwise by now.

This is the path every log takes, so it works on columns rather than rows, leaves out the columns that a
batch does not use, and inserts many rows by one statement.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Connection

from andon.core.models import LogRecord, Merge, Recorded, Reject, now_text, utc_text
from andon.core.times import unix_minute
from andon.store.engine.bulk_insert import insert_rows
from andon.store.engine.counters import add_to_counters
from andon.store.problems import merges, rekeying
from andon.store.recording import handled_sequences, pictures
from andon.store.recording.batch import LATE, Columns, Group, Key, Known, Message, columns_of, fresh, group_by_pattern
from andon.store.recording.drop import left_out
from andon.store.recording.enqueue import Queuer, own_analyses, stored_patterns
from andon.store.recording.host_names import HostNames
from andon.store.recording.log_origins import Origins
from andon.store.recording.sequences import highest_sequence
from andon.store.rules.analysis import AnalysisPolicy, rank_of, severity_of
from andon.store.rules.retention import KeepPolicy, keep_all
from andon.store.schema.dialect import is_postgres, reserve_ids, rows_for, run
from andon.store.schema.views import OF_ORIGIN

_SEQUENCES = (
    "SELECT seq, stored_ns FROM logs WHERE stream_id = ? AND seq IN ({})",
    "SELECT seq, stored_ns FROM rejects WHERE stream_id = ? AND seq IN ({})",
)
_IDENTIFIED = "SELECT id, fingerprint FROM patterns WHERE fingerprint IN ({})"
#: Columns of ``log_rows`` that carry the name of a record's field: always written, and only where used.
_ALWAYS = ("timestamp", "severity", "message")
_SOMETIMES = ("context", "severity_native", "notes", "raw")
#: Nobody inherits anything.
NO_HEIRS: Mapping[str, str] = {}


class Learnt(msgspec.Struct):
    """What a transaction found out; true for later ones only once it is committed."""

    streams: dict[str, int] = {}
    highest: dict[int, int] = {}
    patterns: dict[str, int] = {}


class Recorder:
    """The recording transaction with its memory of streams and patterns. Used by the writer thread only."""

    def __init__(
        self,
        policy: AnalysisPolicy,
        clock: Callable[[], float],
        *,
        keeping: KeepPolicy = keep_all,
        remembered: int = 20_000,
    ) -> None:
        self._policy = policy
        self._keeping = keeping
        self._queuer = Queuer(policy, clock)
        self._origins = Origins()
        self._hosts = HostNames()
        self._clock = clock
        self._remembered = remembered
        self._streams: dict[str, int] = {}
        self._highest: dict[int, int] = {}
        self._patterns: OrderedDict[str, int] = OrderedDict()

    def learn(self, learnt: Learnt) -> None:
        """Remember what a committed transaction found out; the longest unused patterns are forgotten."""
        self._streams.update(learnt.streams)
        self._highest.update(learnt.highest)
        self._patterns.update(learnt.patterns)
        for fingerprint in learnt.patterns:
            self._patterns.move_to_end(fingerprint)
        while len(self._patterns) > self._remembered:
            self._patterns.popitem(last=False)

    def forget(self) -> None:
        """Trust the database alone again, after a transaction whose end is uncertain."""
        self._streams.clear()
        self._highest.clear()
        self._patterns.clear()
        self._queuer.forget()
        self._origins.forget()
        self._hosts.forget()

    def record(
        self,
        connection: Connection,
        records: Sequence[LogRecord],
        rejects: Sequence[Reject],
        joins: Sequence[Merge] = (),
        heirs: Mapping[str, str] = NO_HEIRS,
    ) -> tuple[Recorded, Learnt]:
        """Write the batch inside the open transaction; hand the second value to :meth:`learn` after the commit."""
        learnt = Learnt()
        stream_ids = self._stream_ids(connection, chain(records, rejects), learnt)
        keys = [(stream_ids[r.stream], r.sequence, r.stored_ns, r.part) for r in records]
        reject_keys = [(stream_ids[r.stream], r.sequence, r.stored_ns, r.part) for r in rejects]
        stored = self._stored(connection, keys, reject_keys, learnt)
        new, new_rejects = fresh(keys, reject_keys, stored)
        for stream_id, sequence, _, _ in chain(keys, reject_keys):
            if sequence > learnt.highest[stream_id]:
                learnt.highest[stream_id] = sequence
        out = left_out(connection, self._keeping, records, new) if self._keeping.drops and new else {}
        duplicates = len(keys) - len(new) + len(reject_keys) - len(new_rejects)
        if out:
            new = [index for index in new if index not in out]
            handled = (key[:3] for key in chain(keys, reject_keys))
            handled_sequences.add(connection, handled_sequences.ranges(handled, {keys[index][:3] for index in out}))
        new_records = records if len(new) == len(records) else [records[i] for i in new]
        new_keys = keys if len(new) == len(keys) else [keys[i] for i in new]

        done = Recorded(
            stored=len(new),
            duplicates=duplicates,
            rejected=len(new_rejects),
            new_patterns=0,
            queued=0,
            log_ids=[None] * len(records),
            pattern_ids=[None] * len(records),
            explained=set(),
            regrouped=merges.regrouped(connection),
            dropped=dict(Counter(out.values())),
            left_out=set(out),
        )
        if new_records:
            ids, pattern_ids = self._write(connection, new_records, new_keys, joins, heirs, done, learnt)
            for index, log_id, pattern_id in zip(new, ids, pattern_ids, strict=True):
                done.log_ids[index] = log_id
                done.pattern_ids[index] = pattern_id
        elif joins:
            self._merge(connection, joins, done)
        refused = [rejects[i] for i in new_rejects]
        _insert_rejects(connection, refused, [reject_keys[i] for i in new_rejects], self._clock())
        add_to_counters(connection, {"logs": done.stored, "patterns": done.new_patterns, "rejects": done.rejected})
        add_to_counters(connection, {f"dropped:{label}": count for label, count in done.dropped.items()})
        return done, learnt

    def _stream_ids(
        self, connection: Connection, messages: Iterable[LogRecord | Reject], learnt: Learnt
    ) -> dict[str, int]:
        names = {message.stream for message in messages}
        ids = {name: self._streams[name] for name in names if name in self._streams}
        for name in names - ids.keys():
            run(connection, "INSERT INTO streams (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (name,))
            ids[name] = run(connection, "SELECT id FROM streams WHERE name = ?", (name,)).scalar_one()
        learnt.streams = ids
        return ids

    def _stored(self, connection: Connection, keys: list[Key], reject_keys: list[Key], learnt: Learnt) -> set[Message]:
        """Which of these messages are stored already. Only a sequence up to the highest stored one can be."""
        stored: set[Message] = set()
        for stream_id in learnt.streams.values():
            highest = self._highest.get(stream_id)
            if highest is None or is_postgres(connection):  # where others may have recorded since
                highest = highest_sequence(connection, stream_id)
            learnt.highest[stream_id] = highest
            asked = sorted({k[1] for k in chain(keys, reject_keys) if k[0] == stream_id and k[1] <= highest})
            for statement in _SEQUENCES:
                found = rows_for(connection, statement, asked, stream_id)
                stored.update((stream_id, seq, ns) for seq, ns in found)
            if asked:
                mine = {k[:3] for k in chain(keys, reject_keys) if k[0] == stream_id and k[1] <= highest}
                stored |= handled_sequences.known(connection, mine)
        return stored

    def _write(
        self,
        connection: Connection,
        records: Sequence[LogRecord],
        keys: list[Key],
        joins: Sequence[Merge],
        heirs: Mapping[str, str],
        done: Recorded,
        learnt: Learnt,
    ) -> tuple[list[int], list[int]]:
        """Rows, patterns, rollups, analyses and waiters of new records; the ids of logs and of their problems."""
        columns = columns_of(records)
        groups = group_by_pattern(columns, self._policy)
        new = self._identify(connection, groups, learnt)
        known, problems = stored_patterns(connection, [g.id for fp, g in groups.items() if fp not in new])
        pattern_ids = [groups[fingerprint].id for fingerprint in columns["fingerprint"]]
        first_id = reserve_ids(connection, "log_rows", len(records))
        ids = list(range(first_id, first_id + len(records)))

        own = own_analyses(connection, columns, ids, self._policy)
        origins = self._origins.of(connection, columns)
        _insert_logs(connection, columns, keys, ids, pattern_ids, own, origins, int(self._clock()))
        if any(columns["pictures"]) or any(columns["references"]):
            done.pictures, done.references, done.unfetched = pictures.keep(connection, records, ids, self._clock())
        _save_patterns(connection, columns, groups, new, known)
        pairs = _add_rollups(connection, columns, pattern_ids, self._hosts.of(connection, set(columns["hostname"])))
        done.new_patterns = len(new)
        changed = [
            rekeying.inherit(connection, groups[key].id, heirs[key], self._clock())
            for key in groups
            if key in new and key in heirs
        ]
        if joins:
            self._merge(connection, joins, done)
        if done.moved or any(changed):
            known, problems = stored_patterns(connection, [group.id for group in groups.values()])
        done.queued = self._queuer.queue(connection, groups.values(), known, problems, pairs, first_id)
        done.explained = {problem.root for problem in problems.values() if problem.explained}
        roots = {pattern_id: problem.root for pattern_id, problem in problems.items() if problem.root != pattern_id}
        if own is not None:
            done.queued += len(own) - own.count(None)
            done.explained -= {pattern_ids[index] for index, one in enumerate(own) if one is not None} | {
                roots.get(pattern_ids[index], 0) for index, one in enumerate(own) if one is not None
            }
        if roots:
            pattern_ids = [roots.get(pattern_id, pattern_id) for pattern_id in pattern_ids]
        now = self._clock()
        replies = zip(ids, columns["reply_to"], strict=True)
        waiting = [(log_id, reply_to, now) for log_id, reply_to in replies if reply_to is not None]
        if waiting:
            run(
                connection,
                "INSERT INTO waiters (log_id, reply_to, created_at, not_before) VALUES (?, ?, ?, 0)",
                waiting,
            )
        return ids, pattern_ids

    def _merge(self, connection: Connection, joins: Sequence[Merge], done: Recorded) -> None:
        done.moved = merges.apply(connection, joins)
        if done.moved:
            self._queuer.forget()  # joined problems have other hosts and rates

    def _identify(self, connection: Connection, groups: dict[str, Group], learnt: Learnt) -> set[str]:
        """Give every group its pattern's id; the fingerprints that are new get the next ids."""
        for fingerprint, group in groups.items():
            group.id = self._patterns.get(fingerprint, 0)
        unknown = [fingerprint for fingerprint, group in groups.items() if not group.id]
        for pattern_id, fingerprint in rows_for(connection, _IDENTIFIED, unknown):
            groups[fingerprint].id = pattern_id
        new = [fingerprint for fingerprint in unknown if not groups[fingerprint].id]
        if new:
            for pattern_id, fingerprint in enumerate(new, reserve_ids(connection, "patterns", len(new))):
                groups[fingerprint].id = pattern_id
        learnt.patterns = {fingerprint: group.id for fingerprint, group in groups.items()}
        return set(new)


def _insert_logs(
    connection: Connection,
    fields: Columns,
    keys: list[Key],
    ids: list[int],
    pattern_ids: list[int],
    own: list[int | None] | None,
    origins: list[int | None],
    now: int,
) -> None:
    stream_ids, sequences, stored_ns, parts = zip(*keys, strict=True)
    count = len(ids)
    columns: dict[str, Sequence[Any]] = {
        "id": ids,
        "stream_id": stream_ids,
        "seq": sequences,
        "stored_ns": stored_ns,
        **{name: fields[name] for name in _ALWAYS},
        "pattern_id": pattern_ids,
        "created_at": [now] * count,
        **{name: fields[name] for name in _SOMETIMES if fields[name].count(None) < count},
        **({} if own is None else {"analysis_id": own}),
        **({"part": parts} if any(parts) else {}),
        "origin_id": origins,
    }
    if None in origins:  # these logs keep their texts themselves
        for name in OF_ORIGIN:
            values = zip(fields[name], origins, strict=True)
            columns[name] = [value if origin is None else None for value, origin in values]
    size = sum(map(len, fields["message"])) + sum(map(len, filter(None, fields["context"])))
    insert_rows(connection, "log_rows", tuple(columns), zip(*columns.values(), strict=True), size=size)


def _save_patterns(
    connection: Connection,
    columns: Columns,
    groups: dict[str, Group],
    new: set[str],
    known: dict[int, Known],
) -> None:
    inserts, updates = [], []
    now = now_text()
    for fingerprint, group in groups.items():
        if fingerprint in new:
            template, severity = columns["template"][group.first], severity_of(group.rank)
            seen = (group.first_seen, group.last_seen)
            inserts.append((group.id, fingerprint, template, *seen, group.count, severity, now))
        else:
            pattern = known[group.id]
            severity = pattern.worst if rank_of(pattern.worst) >= group.rank else severity_of(group.rank)
            first_seen = min(pattern.first_seen, group.first_seen)
            last_seen = max(pattern.last_seen, group.last_seen)
            updates.append((group.count, first_seen, last_seen, severity, group.id))
    if inserts:
        run(
            connection,
            "INSERT INTO patterns (id, fingerprint, template, first_seen, last_seen, count, worst_severity,"
            " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            inserts,
        )
    if updates:
        run(
            connection,
            "UPDATE patterns SET count = count + ?, first_seen = ?, last_seen = ?, worst_severity = ? WHERE id = ?",
            updates,
        )


def _add_rollups(
    connection: Connection, columns: Columns, pattern_ids: list[int], numbers: Mapping[str, int]
) -> list[tuple[int, str]]:
    """Add the batch to the counts by host and by minute, each key once and in the order of the table.

    ``numbers`` are those of the hosts. Returns the pairs of pattern and host in the batch.
    """
    times = columns["timestamp"]
    keys = list(zip(pattern_ids, columns["hostname"], strict=True))
    counts = Counter(keys)
    ordered = sorted(counts)
    earliest: dict[tuple[int, str], str] = {}
    for key, time in zip(keys, times, strict=True):
        if time < earliest.get(key, LATE):
            earliest[key] = time
    insert_rows(
        connection,
        "pattern_hosts",
        ("pattern_id", "hostname", "first_seen", "count"),
        [(*key, earliest[key], counts[key]) for key in ordered],
        " ON CONFLICT (pattern_id, hostname) DO UPDATE SET count = pattern_hosts.count + excluded.count,"
        " first_seen = CASE WHEN excluded.first_seen < pattern_hosts.first_seen"
        " THEN excluded.first_seen ELSE pattern_hosts.first_seen END",
    )
    texts = [time[:16] for time in times]
    if len(set(texts)) == 1:
        minute = unix_minute(texts[0])
        minutes = sorted((minute, pattern, numbers[host], counts[pattern, host]) for pattern, host in ordered)
    else:
        minute_of = {text: unix_minute(text) for text in set(texts)}
        per_minute = Counter(zip(map(minute_of.__getitem__, texts), keys, strict=True))
        minutes = sorted(
            (minute, pattern, numbers[host], count) for (minute, (pattern, host)), count in per_minute.items()
        )
    insert_rows(
        connection,
        "host_minutes",
        ("minute", "pattern_id", "host_id", "count"),
        minutes,
        " ON CONFLICT (minute, pattern_id, host_id) DO UPDATE SET count = host_minutes.count + excluded.count",
    )
    return ordered


def _insert_rejects(connection: Connection, rejects: list[Reject], keys: list[Key], clock: float) -> None:
    received = utc_text(datetime.fromtimestamp(clock, UTC))
    rows = [(*key, r.subject, r.reason, r.data, received) for key, r in zip(keys, rejects, strict=True)]
    if rows:
        run(
            connection,
            "INSERT INTO rejects (stream_id, seq, stored_ns, part, subject, reason, data, received_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    waiting = [(r.reply_to, clock, *key) for key, r in zip(keys, rejects, strict=True) if r.reply_to is not None]
    if waiting:
        run(
            connection,
            "INSERT INTO waiters (log_id, reply_to, created_at, not_before, reject_id)"
            " SELECT 0, CAST(? AS TEXT), CAST(? AS DOUBLE PRECISION), 0, id FROM rejects"
            " WHERE stream_id = ? AND seq = ? AND stored_ns = ? AND part = ?",
            waiting,
        )
