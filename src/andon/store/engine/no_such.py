"""What is said where nothing is stored under an id."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from andon.core.errors import NotFound
from andon.core.models import ID_MAX
from andon.core.names import NEAREST, Nearest, choice
from andon.store.engine.counters import read_counter
from andon.store.engine.database import database_of
from andon.store.schema.action_tables import actions
from andon.store.schema.alarm_tables import alarms
from andon.store.schema.tables import logs, patterns, rejects

#: Of each noun its table, the command that lists them, and the counter that keeps their number ("" for none).
_TABLES: dict[str, tuple[Any, str, str]] = {
    "log": (logs, "andon logs", "logs"),
    "problem": (patterns, "andon problems", "patterns"),
    "reject": (rejects, "andon rejects", "rejects"),
    "alarm": (alarms, "andon alarms --all", ""),
    "action": (actions, "andon actions --all", ""),
}


def no_such(connection: Connection, noun: str, wanted: int) -> NotFound:
    """The error that there is none of these (log, problem, …) with this id, naming the ids that come nearest."""
    near = nearest_ids(connection, noun, wanted)
    if not near.known:
        return NotFound(f"no {noun} {wanted} in {database_of(connection)}: none is stored yet")
    listed = f"`{_TABLES[noun][1]}` lists them"
    return NotFound(f"no {noun} {wanted} in {database_of(connection)}; {choice(noun, near)}: {listed}")


def nearest_ids(connection: Connection, noun: str, wanted: int) -> Nearest:
    """The ids next to one that is not there, and how many there are: two short walks of the key and a kept number."""
    table, _, counter = _TABLES[noun]
    key = table.c.id
    at = max(-1, min(wanted, ID_MAX))
    below = select(key).where(key < at).order_by(key.desc()).limit(NEAREST)
    above = select(key).where(key > at).order_by(key).limit(NEAREST)
    found = [int(one) for query in (below, above) for one in connection.execute(query).scalars()]
    if counter:
        count = read_counter(connection, counter)
    else:
        count = int(connection.execute(select(func.count()).select_from(table)).scalar_one())
    ids = sorted(found, key=lambda one: (abs(one - wanted), one))[:NEAREST]
    return Nearest([str(one) for one in ids], max(count, len(found)))
