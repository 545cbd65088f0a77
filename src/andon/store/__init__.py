"""The store: SQLite or PostgreSQL behind :class:`andon.ports.LogStore`. SQLAlchemy and Alembic live nowhere else."""

from andon.store.database import Durability
from andon.store.history import StoredHistory
from andon.store.lock import DatabaseLock, lock_database
from andon.store.manage import SharedSpending, merge, reanalyze, resolve, revoke, split
from andon.store.overview import PatternHost, PatternMerge, PatternSort, QueueEntry
from andon.store.policy import AnalysisPolicy, Rule, novel
from andon.store.prepare import Preparation, prepare
from andon.store.reader import AnalysisEntry, Reader, mark_retried
from andon.store.store import Store

__all__ = [
    "AnalysisEntry",
    "AnalysisPolicy",
    "DatabaseLock",
    "Durability",
    "PatternHost",
    "PatternMerge",
    "PatternSort",
    "Preparation",
    "QueueEntry",
    "Reader",
    "Rule",
    "SharedSpending",
    "Store",
    "StoredHistory",
    "lock_database",
    "mark_retried",
    "merge",
    "novel",
    "prepare",
    "reanalyze",
    "resolve",
    "revoke",
    "split",
]
