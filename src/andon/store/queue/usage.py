"""What was spent on the model, by the minute: budgets hold over restarts."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from andon.core.models import Spent
from andon.store.schema.dialect import run
from andon.store.schema.tables import model_calls

#: Minutes of spending that are kept: more than the longest budget looks back.
_KEPT = 40 * 24 * 60


def spend(connection: Connection, now: float, calls: int, tokens: int) -> None:
    """Add to the minute of ``now`` (unix seconds)."""
    minute = int(now) // 60
    run(
        connection,
        "INSERT INTO model_calls (minute, calls, tokens) VALUES (?, ?, ?) ON CONFLICT (minute) DO UPDATE SET"
        " calls = model_calls.calls + excluded.calls, tokens = model_calls.tokens + excluded.tokens",
        (minute, calls, tokens),
    )
    run(connection, "DELETE FROM model_calls WHERE minute < ?", (minute - _KEPT,))


def spent(connection: Connection, since: float) -> Spent:
    """The sum since the minute of ``since`` (unix seconds)."""
    calls, tokens = connection.execute(
        select(func.sum(model_calls.c.calls), func.sum(model_calls.c.tokens)).where(
            model_calls.c.minute >= int(since) // 60
        )
    ).one()
    return Spent(calls or 0, tokens or 0)
