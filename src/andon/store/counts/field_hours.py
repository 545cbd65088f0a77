"""How many logs had a value of a field in an hour: what the indexer counts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from andon.store.schema.dialect import marks, run


def ids_of(connection: Connection, field: str, values: Sequence[str] | None) -> tuple[int | None, list[int] | None]:
    """The id of a field, and those of its values that are counted one by one (None: of all)."""
    field_id = run(connection, "SELECT id FROM fields WHERE name = ?", (field,)).scalar()
    if values is None:
        return field_id, None
    rows = run(connection, "SELECT id, value FROM field_values WHERE field_id = ? AND rest = ?", (field_id, False))
    return field_id, [int(id_) for id_, value in map(tuple, rows) if value in set(values)]


def by_hour(
    connection: Connection, field_id: int | None, value_ids: Sequence[int] | None, first: int, last: int
) -> dict[int, int]:
    """Logs that had one of these values (None: any) by the hour since 1970, of ``first`` ≤ hour < ``last``."""
    if value_ids is not None and not value_ids:
        return {}
    only = "" if value_ids is None else f" AND value_id IN ({marks(value_ids)})"
    sql = f"SELECT hour, SUM(count) FROM facet_hours WHERE field_id = ? AND hour >= ? AND hour < ?{only} GROUP BY hour"  # noqa: S608
    rows = run(connection, sql, (field_id, first, last, *(value_ids or ())))
    return {int(hour): int(count) for hour, count in map(tuple, rows)}
