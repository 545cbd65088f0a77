"""What a run of retention would remove now, told without removing anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from andon.core.models import utc_text
from andon.store.engine import audit, vacuum, watermark
from andon.store.engine.counters import read_counters
from andon.store.recording.drop import families_of
from andon.store.recording.rejects import rejects_before
from andon.store.retention import delete
from andon.store.rules.analysis import rank_of
from andon.store.rules.retention import CAP, FUTURE, LOOKED, REJECTS, Judge, KeepPolicy, age_of, hour_of
from andon.store.schema.dialect import run

_LOOK = 5_000
_SELECT = (
    f"SELECT {LOOKED}, COALESCE(LENGTH(message), 0) + COALESCE(LENGTH(context), 0)"  # noqa: S608
    " + COALESCE(LENGTH(raw), 0) FROM logs WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
)
_DROPPED = "dropped:"
_RUNS = 20


class Forecast(msgspec.Struct, frozen=True):
    """What would go: logs and bytes (about) by the label of the rule."""

    logs: dict[str, int]
    bytes: dict[str, int]


class RetentionState(msgspec.Struct, frozen=True):
    """How retention stands: sizes in bytes, what was never stored by rule, and the last deletions, newest first.

    ``used`` is what the database holds, ``free`` what is free inside its file; ``shrinks`` says whether free space can
    be given back to the disk.
    """

    logs: int
    used: int
    free: int
    shrinks: bool
    dropped: dict[str, int]
    deletions: list[audit.AuditEntry]


def state(connection: Connection) -> RetentionState:
    """How retention stands."""
    counts = read_counters(connection)
    return RetentionState(
        logs=counts.get("logs", 0),
        used=delete.used_bytes(connection),
        free=vacuum.free_bytes(connection),
        shrinks=vacuum.can_shrink(connection),
        dropped={name.removeprefix(_DROPPED): n for name, n in counts.items() if name.startswith(_DROPPED)},
        deletions=audit.entries(connection, _RUNS, "retention."),
    )


def predict(
    connection: Connection, policy: KeepPolicy, now: float, told: Callable[[int, int], None] | None = None
) -> Forecast:
    """What a run of retention would remove at ``now`` (unix seconds).

    Looks at every log, unless no rule can take any; ``told`` hears how many ids were looked at, of how many.
    """
    last = watermark.mark(connection) if policy.rules or policy.max_bytes else 0
    seen = _Forecaster(connection, policy, now)
    position = 0
    while rows := run(connection, _SELECT, (position, last, _LOOK)).all():
        seen.look([tuple(row) for row in rows])
        position = rows[-1][0]
        if told is not None:
            told(position, last)
    if policy.rejects is not None:
        before = utc_text(datetime.fromtimestamp(max(0.0, now - policy.rejects), UTC))
        count, size = rejects_before(connection, before)
        if count:
            seen.logs[REJECTS], seen.bytes[REJECTS] = count, size
    if policy.max_bytes:
        seen.cap(delete.used_bytes(connection) - policy.max_bytes)
    return Forecast(dict(seen.logs), dict(seen.bytes))


class _Forecaster:
    """Adds up what would go."""

    def __init__(self, connection: Connection, policy: KeepPolicy, now: float) -> None:
        self.logs: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self._connection = connection
        self._policy = policy
        self._now = now
        self._judge = Judge(policy, families_of(connection, policy))
        samples = map(tuple, run(connection, "SELECT pattern_id, hour, log_id FROM samples"))
        self._samples: dict[tuple[int, str], int] = {(pattern_id, hour): log_id for pattern_id, hour, log_id in samples}
        #: What the cap may take: (severity rank, logs, bytes) of portions, oldest first.
        self._spare: list[tuple[int, int, int]] = []

    def look(self, rows: list[Sequence[Any]]) -> None:
        """Judge a portion of logs, in the order of their ids."""
        going: list[tuple[Sequence[Any], str, bool]] = []
        spare: dict[int, tuple[int, int]] = {}
        for row in rows:
            age = age_of(row, self._now)
            rule = self._judge.rule_of(row, age) if age is None or age >= -FUTURE else None
            fate = "keep" if rule is None or age is None else rule.fate(age)
            if rule is not None and fate != "keep":
                going.append((row, rule.label, fate == "sample"))
            elif (rule is None or rule.keep != "forever") and (age is None or age >= self._policy.spared):
                self._add_spare(spare, row)
        held = delete.needed(self._connection, {row[0]: row[7] for row, _, _ in going})
        for row, label, sample in going:
            if row[0] in held:
                continue
            if sample and (not row[7] or self._samples.setdefault((row[7], hour_of(row[10])), row[0]) == row[0]):
                self._add_spare(spare, row)
            else:
                self._add(label, 1, delete.bytes_of(int(row[11])))
        self._spare += [(rank, count, size) for rank, (count, size) in spare.items()]

    def cap(self, excess: int) -> None:
        """Let the cap take what is too much, after what the rules free."""
        excess -= sum(self.bytes.values())
        for _, count, size in sorted(self._spare, key=lambda portion: portion[0]):
            if excess <= 0:
                return
            share = min(1.0, excess / max(1, size))
            self._add(CAP, max(1, round(count * share)), int(size * share))
            excess -= size

    def _add(self, label: str, count: int, size: int) -> None:
        self.logs[label] += count
        self.bytes[label] += size

    def _add_spare(self, spare: dict[int, tuple[int, int]], row: Sequence[Any]) -> None:
        if self._policy.max_bytes:
            rank = rank_of(row[1] or "")
            count, size = spare.get(rank, (0, 0))
            spare[rank] = count + 1, size + delete.bytes_of(int(row[11]))
