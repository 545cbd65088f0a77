"""What was spent on the model, by the minute: budgets hold over restarts and for every process that asks a model."""

from __future__ import annotations

from sqlalchemy import Connection

from andon.core.models import Spent
from andon.store.schema.dialect import run

#: Minutes of spending that are kept: more than the longest budget looks back.
_KEPT = 40 * 24 * 60

_ADD = """
INSERT INTO model_calls (minute, calls, tokens) VALUES (?, ?, ?) ON CONFLICT (minute) DO UPDATE SET
    calls = model_calls.calls + excluded.calls, tokens = model_calls.tokens + excluded.tokens
"""
_FORGET = "DELETE FROM model_calls WHERE minute < ?"
_SUM = "SELECT COALESCE(SUM(calls), 0), COALESCE(SUM(tokens), 0) FROM model_calls WHERE minute >= ?"


def spend(connection: Connection, calls: int, tokens: int, now: float) -> None:
    """Note a model call (before it is made, so that a crash cannot hide it) or the tokens it took (after)."""
    minute = int(now) // 60
    run(connection, _ADD, (minute, calls, tokens))
    if calls:  # what its answer took follows it
        run(connection, _FORGET, (minute - _KEPT,))


def spent(connection: Connection, since: float) -> Spent:
    """Model calls and tokens since the minute of ``since`` (unix seconds)."""
    calls, tokens = run(connection, _SUM, (int(since) // 60,)).one()
    return Spent(int(calls), int(tokens))
