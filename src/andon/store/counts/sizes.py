"""How much of everything there is."""

from __future__ import annotations

from sqlalchemy import Connection

from andon.core.models import StoreCounts
from andon.store.engine.counters import read_counters
from andon.store.engine.database import database_of, size
from andon.store.schema.dialect import run


def sizes(connection: Connection) -> StoreCounts:
    """Sizes from the kept counters and the index of open analyses: no table is scanned."""
    kept = read_counters(connection)
    pending: int = run(connection, "SELECT COUNT(*) FROM analyses WHERE finished_at IS NULL").scalar_one()
    return StoreCounts(
        logs=kept.get("logs", 0),
        patterns=kept.get("patterns", 0),
        rejects=kept.get("rejects", 0),
        pending=pending,
        failed=kept.get("failed", 0),
        analyses_by_rung={
            name.removeprefix("rung:"): value for name, value in kept.items() if value and name.startswith("rung:")
        },
        bytes=size(connection, database_of(connection)),
    )
