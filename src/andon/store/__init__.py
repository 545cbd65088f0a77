"""The store: SQLite or PostgreSQL behind :class:`LogStore`. SQLAlchemy and Alembic live nowhere else."""

from andon.store.alarm_acts import acknowledge, add_note, shelve, sign, unshelve
from andon.store.alarm_queries import AlarmCounts, AlarmEntry, AlarmFilter, AlarmList, Share, Stopping
from andon.store.alarm_reader import AlarmReader
from andon.store.database import Durability
from andon.store.history import StoredHistory
from andon.store.keeping import KeepPolicy, KeepRule, keep_all
from andon.store.lock import DatabaseLock, lock_database
from andon.store.manage import SharedSpending, compact, merge, reanalyze, resolve, revoke, split
from andon.store.overview import PatternHost, PatternMerge, PatternSort, QueueEntry
from andon.store.policy import AnalysisPolicy, Rule, novel
from andon.store.prepare import Preparation, prepare
from andon.store.reader import AnalysisEntry, Reader, mark_retried
from andon.store.rollups import Rollups
from andon.store.shift_book import Handover, ShiftNote
from andon.store.store import Store

__all__ = [
    "AlarmCounts",
    "AlarmEntry",
    "AlarmFilter",
    "AlarmList",
    "AlarmReader",
    "AnalysisEntry",
    "AnalysisPolicy",
    "DatabaseLock",
    "Durability",
    "Handover",
    "KeepPolicy",
    "KeepRule",
    "PatternHost",
    "PatternMerge",
    "PatternSort",
    "Preparation",
    "QueueEntry",
    "Reader",
    "Rollups",
    "Rule",
    "Share",
    "SharedSpending",
    "ShiftNote",
    "Stopping",
    "Store",
    "StoredHistory",
    "acknowledge",
    "add_note",
    "compact",
    "keep_all",
    "lock_database",
    "mark_retried",
    "merge",
    "novel",
    "prepare",
    "reanalyze",
    "resolve",
    "revoke",
    "shelve",
    "sign",
    "split",
    "unshelve",
]
