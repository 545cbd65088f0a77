"""The store: SQLite or PostgreSQL, which :class:`Store` asks and changes by the functions of its subjects.

Each subject is a package of functions on a connection. A service runs them with :meth:`Store.read`, :meth:`Store.ask`
and :meth:`Store.write`; beside a service :class:`Visitor` reads and :func:`change` writes. SQLAlchemy and Alembic live
nowhere else.
"""

from andon.store import problems, queue, recording
from andon.store.agent_history import StoredHistory
from andon.store.alarms.operator_actions import acknowledge, add_note, shelve, sign, unshelve
from andon.store.alarms.queries import AlarmCounts, AlarmEntry, AlarmFilter, AlarmList, Share, Stopping
from andon.store.alarms.reader import AlarmReader
from andon.store.alarms.shift_book import Handover, ShiftNote
from andon.store.counts.rollups import Rollups
from andon.store.engine.ask import Ask
from andon.store.engine.database import Durability
from andon.store.engine.database_lock import DatabaseLock, lock_database
from andon.store.engine.prepare import Preparation, prepare
from andon.store.engine.vacuum import compact
from andon.store.engine.visitor import Visitor, change, changer
from andon.store.problems.overview import PatternHost, PatternMerge, PatternSort, QueueEntry
from andon.store.reader import AnalysisEntry, Reader, mark_retried
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
    "Ask",
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
    "ShiftNote",
    "Stopping",
    "Store",
    "StoredHistory",
    "Visitor",
    "acknowledge",
    "add_note",
    "change",
    "changer",
    "compact",
    "keep_all",
    "lock_database",
    "mark_retried",
    "novel",
    "prepare",
    "problems",
    "queue",
    "recording",
    "shelve",
    "sign",
    "unshelve",
]
