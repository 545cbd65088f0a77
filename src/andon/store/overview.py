"""What listings of patterns and of the queue hold, and the queries behind them; see :class:`andon.store.Reader`."""

from __future__ import annotations

from typing import Literal

import msgspec

#: Orders of a listing of patterns, each with what is most of interest first.
PatternSort = Literal["last", "count", "rate", "first", "severity"]


class PatternHost(msgspec.Struct, frozen=True):
    """A host that logged a problem, how often, and since when."""

    hostname: str
    count: int
    first_seen: str


class PatternMerge(msgspec.Struct, frozen=True):
    """``child_id`` became part of ``parent_id``'s problem, with the evidence: ``words`` stood at ``position``.

    A merge by a person has position -1 and no words. ``undone_at`` is when it was split again.
    """

    id: int
    child_id: int
    child_template: str
    parent_id: int
    parent_template: str
    position: int
    words: list[str]
    created_at: str
    undone_at: str | None


class QueueEntry(msgspec.Struct, frozen=True):
    """A waiting or failed analysis with its problem. ``not_before`` and ``lease_until`` are unix seconds.

    ``reason`` says why it was asked: ``new``, ``every``, ``asked``, ``split``, or why an explanation is renewed
    (``severity``, ``host``, ``rate``, ``age``). ``last_error`` is why there is no answer yet (or none from the model).
    """

    id: int
    pattern_id: int | None
    log_id: int | None
    template: str
    worst_severity: str
    count: int
    reason: str
    status: str
    caller: bool
    tier: int
    score: int
    created_at: str | None
    not_before: float
    lease_until: float | None
    attempts: int
    last_error: str | None
    rung: str | None
    provisional: bool
    finished_at: str | None
