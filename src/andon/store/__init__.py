"""The store: SQLite or PostgreSQL behind :class:`LogStore`. SQLAlchemy and Alembic live nowhere else."""

from andon.store.agent_history import StoredHistory
from andon.store.alarms.operator_actions import acknowledge, add_note, shelve, sign, unshelve
from andon.store.alarms.queries import AlarmCounts, AlarmEntry, AlarmFilter, AlarmList, Share, Stopping
from andon.store.alarms.reader import AlarmReader
from andon.store.alarms.shift_book import Handover, ShiftNote
from andon.store.counts.rollups import Rollups
from andon.store.engine.database import Durability
from andon.store.engine.database_lock import DatabaseLock, lock_database
from andon.store.engine.prepare import Preparation, prepare
from andon.store.engine.visitor import Visitor, change
from andon.store.problems.commands import SharedSpending, compact, merge, reanalyze, resolve, revoke, split
from andon.store.problems.overview import PatternHost, PatternMerge, PatternSort, QueueEntry
from andon.store.reader import AnalysisEntry, Reader, mark_retried
from andon.store.recording import pictures
from andon.store.recording.handled_sequences import set_floor
from andon.store.retention.steps import Retention, deleted_by_others
from andon.store.rules.analysis import AnalysisPolicy, Rule, novel
from andon.store.rules.retention import KeepPolicy, KeepRule, keep_all
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
    "Retention",
    "Rollups",
    "Rule",
    "Share",
    "SharedSpending",
    "ShiftNote",
    "Stopping",
    "Store",
    "StoredHistory",
    "Visitor",
    "acknowledge",
    "add_note",
    "change",
    "compact",
    "deleted_by_others",
    "keep_all",
    "lock_database",
    "mark_retried",
    "merge",
    "novel",
    "pictures",
    "prepare",
    "reanalyze",
    "resolve",
    "revoke",
    "set_floor",
    "shelve",
    "sign",
    "split",
    "unshelve",
]
