"""The store: SQLite or PostgreSQL, which :class:`Store` asks and changes by the functions of its subjects.

Each subject is a package of functions on a connection. A service runs them with :meth:`Store.read`, :meth:`Store.ask`
and :meth:`Store.write`; beside a service :class:`Visitor` reads and :func:`change` writes. SQLAlchemy and Alembic live
nowhere else.
"""

from sqlalchemy import Connection

from andon.store import (
    agent_history,
    alarms,
    counts,
    names,
    period,
    problems,
    queue,
    recording,
    retention,
    search,
    trials,
)
from andon.store.engine.database import Durability
from andon.store.engine.database_lock import lock_database
from andon.store.engine.prepare import Preparation, prepare
from andon.store.engine.vacuum import compact
from andon.store.engine.visitor import Ask, Visitor, change, changer
from andon.store.problems import verdicts
from andon.store.recording import pictures
from andon.store.recording.handled_sequences import set_floor
from andon.store.retention.steps import Retention, deleted_by_others
from andon.store.rules.analysis import AnalysisPolicy, Rule, novel
from andon.store.rules.retention import KeepPolicy, KeepRule, keep_all
from andon.store.store import Store

__all__ = [
    "AnalysisPolicy",
    "Ask",
    "Connection",
    "Durability",
    "KeepPolicy",
    "KeepRule",
    "Preparation",
    "Retention",
    "Rule",
    "Store",
    "Visitor",
    "agent_history",
    "alarms",
    "change",
    "changer",
    "compact",
    "counts",
    "deleted_by_others",
    "keep_all",
    "lock_database",
    "names",
    "novel",
    "period",
    "pictures",
    "prepare",
    "problems",
    "queue",
    "recording",
    "retention",
    "search",
    "set_floor",
    "trials",
    "verdicts",
]
