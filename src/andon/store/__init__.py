"""The store: SQLite or PostgreSQL, which :class:`Store` asks and changes by the functions of its subjects.

Each subject is a package of functions on a connection. A service runs them with :meth:`Store.read`, :meth:`Store.ask`
and :meth:`Store.write`; beside a service :class:`Visitor` reads and :func:`change` writes. SQLAlchemy and Alembic live
nowhere else.

A name is imported when it is asked for: a command that lists logs needs a third of this.
"""

from typing import TYPE_CHECKING

from andon.core.late_names import late_names

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from andon.store import (
        actions,
        agent_history,
        alarms,
        counts,
        names,
        people,
        period,
        problems,
        queue,
        recording,
        retention,
        search,
        trials,
    )
    from andon.store.engine import audit, dump
    from andon.store.engine.copies import Held, check_integrity, copy_database, flush, held_in, upgrade_copies
    from andon.store.engine.database import Durability
    from andon.store.engine.database_lock import lock_database
    from andon.store.engine.elsewhere import Elsewhere
    from andon.store.engine.prepare import Preparation, prepare
    from andon.store.engine.vacuum import compact
    from andon.store.engine.visitor import Ask, Visitor, change, changer
    from andon.store.problems import verdicts
    from andon.store.recording import pictures
    from andon.store.recording.handled_sequences import set_floor
    from andon.store.retention.steps import Retention, deleted_by_others
    from andon.store.rules.analysis import AnalysisPolicy, Rule, novel
    from andon.store.rules.retention import Judge, KeepPolicy, KeepRule, keep_all
    from andon.store.schema.tables import HEAD, KNOWN_REVISIONS
    from andon.store.store import Store

__all__ = [
    "HEAD",
    "KNOWN_REVISIONS",
    "AnalysisPolicy",
    "Ask",
    "Connection",
    "Durability",
    "Elsewhere",
    "Held",
    "Judge",
    "KeepPolicy",
    "KeepRule",
    "Preparation",
    "Retention",
    "Rule",
    "Store",
    "Visitor",
    "actions",
    "agent_history",
    "alarms",
    "audit",
    "change",
    "changer",
    "check_integrity",
    "compact",
    "copy_database",
    "counts",
    "deleted_by_others",
    "dump",
    "flush",
    "held_in",
    "keep_all",
    "lock_database",
    "names",
    "novel",
    "people",
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
    "upgrade_copies",
    "verdicts",
]

#: Where each name stands that is no module of this package itself.
_PLACES = {
    "engine.copies": ("Held", "check_integrity", "copy_database", "flush", "held_in", "upgrade_copies"),
    "engine.database": ("Durability",),
    "engine.database_lock": ("lock_database",),
    "engine.elsewhere": ("Elsewhere",),
    "engine.prepare": ("Preparation", "prepare"),
    "engine.vacuum": ("compact",),
    "engine.visitor": ("Ask", "Connection", "Visitor", "change", "changer"),
    "recording.handled_sequences": ("set_floor",),
    "retention.steps": ("Retention", "deleted_by_others"),
    "rules.analysis": ("AnalysisPolicy", "Rule", "novel"),
    "rules.retention": ("Judge", "KeepPolicy", "KeepRule", "keep_all"),
    "schema.tables": ("HEAD", "KNOWN_REVISIONS"),
    "store": ("Store",),
}
#: Modules of its packages.
_INSIDE = {
    "audit": "engine.audit",
    "dump": "engine.dump",
    "verdicts": "problems.verdicts",
    "pictures": "recording.pictures",
}

if not TYPE_CHECKING:
    _NAMES = {name for names in _PLACES.values() for name in names}
    __getattr__ = late_names(
        __name__, _PLACES, {name: _INSIDE.get(name, name) for name in __all__ if name not in _NAMES}
    )
