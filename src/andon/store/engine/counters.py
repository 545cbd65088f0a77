"""Kept numbers, by name: how many rows there are, and marks."""

from __future__ import annotations

from sqlalchemy import Connection

from andon.store.schema.dialect import run

_ADD = """
INSERT INTO counters (name, value) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value
"""
_SET = "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


def add_to_counters(connection: Connection, changes: dict[str, int]) -> None:
    """Change kept numbers, in the transaction that changes what they count."""
    rows = [(name, change) for name, change in changes.items() if change]
    if rows:
        run(connection, _ADD, rows)


def set_counter(connection: Connection, name: str, value: int) -> None:
    """Let a kept number be this one."""
    run(connection, _SET, (name, value))


def read_counters(connection: Connection) -> dict[str, int]:
    """All kept numbers."""
    return dict(map(tuple, run(connection, "SELECT name, value FROM counters")))


def read_counter(connection: Connection, name: str) -> int:
    """One kept number, 0 where nothing was counted yet."""
    found: int | None = run(connection, "SELECT value FROM counters WHERE name = ?", (name,)).scalar()
    return found or 0
