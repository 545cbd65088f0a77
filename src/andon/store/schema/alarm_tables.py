"""The tables of alarms and of what people note about them and about their shifts. Moments are unix seconds (UTC)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, text

from andon.store.schema.columns import Key, Text, metadata

# One row for each alarm: a code (or pattern) at a machine or host. ``stated`` says that its logs report a state at all,
# ``clears`` that they ever reported its end. ``recent`` are the last moments at which it became active, as JSON.
alarms = Table(
    "alarms",
    metadata,
    Column("id", Key, primary_key=True),
    Column("place", Text, nullable=False),  # the machine, or the host where no machine is named
    Column("code", Text, nullable=False),
    Column("item", Text),  # the data item or point it belongs to
    Column("hostname", Text),
    Column("site", Text),
    Column("area", Text),
    Column("line", Text),
    Column("machine", Text),
    Column("text", Text, nullable=False),
    Column("pattern_id", BigInteger),
    Column("log_id", BigInteger),  # the newest log that said it is active
    Column("severity", Text, nullable=False),
    Column("priority", Integer, nullable=False),  # 1 high, 2 medium, 3 low, 0 where it was never raised
    Column("stated", Boolean, nullable=False),
    Column("clears", Boolean, nullable=False),
    Column("state", Text, nullable=False),  # active, cleared, unknown
    Column("active_since", Float),
    Column("last_seen", Float, nullable=False),
    Column("cleared_at", Float),
    Column("occurrences", BigInteger, nullable=False),
    Column("recent", Text, nullable=False),
    Column("acked_at", Float),
    Column("acked_by", Text),
    Column("ack_note", Text),
    Column("shelved_at", Float),
    Column("shelved_until", Float),
    Column("shelved_by", Text),
    Column("shelve_note", Text),
    sqlite_autoincrement=True,
)
Index("alarms_source", alarms.c.place, alarms.c.code, unique=True)
_ACTIVE = text("state = 'active'")
Index("alarms_active", alarms.c.active_since, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE)
_SHELVED = text("shelved_until IS NOT NULL")
Index("alarms_shelved", alarms.c.shelved_until, sqlite_where=_SHELVED, postgresql_where=_SHELVED)

# Each time that an alarm which reports its state became active.
occurrences = Table(
    "occurrences",
    metadata,
    Column("alarm_id", BigInteger, primary_key=True, autoincrement=False),
    Column("started", Float, primary_key=True, autoincrement=False),
    Column("ended", Float),
    Column("clears", Boolean, nullable=False),  # false where nobody says when it ended
    Column("priority", Integer, nullable=False),
    Column("stopped", Boolean, nullable=False),
    Column("acknowledged", Float),
    Column("log_id", BigInteger),
    sqlite_with_rowid=False,
)
# Figures of a window are made of this index alone.
Index("occurrences_started", occurrences.c.started, occurrences.c.ended, occurrences.c.acknowledged)
_STOPPED = text("stopped")
Index("occurrences_stops", occurrences.c.started, sqlite_where=_STOPPED, postgresql_where=_STOPPED)

# How often each alarm became active in ten minutes (numbered since 1970): every time that it was raised, and every log
# of those that report no state. ``most`` is the largest number within a minute that ended here.
alarm_periods = Table(
    "alarm_periods",
    metadata,
    Column("period", BigInteger, primary_key=True, autoincrement=False),
    Column("alarm_id", BigInteger, primary_key=True, autoincrement=False),
    Column("priority", Integer, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("most", Integer, nullable=False),
    Column("first_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

# The same by whole days (numbered since 1970, UTC), without the rest: what questions about weeks read.
alarm_days = Table(
    "alarm_days",
    metadata,
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("alarm_id", BigInteger, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("most", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Ten minutes over all alarms.
alarm_totals = Table(
    "alarm_totals",
    metadata,
    Column("period", BigInteger, primary_key=True, autoincrement=False),
    Column("priority", Integer, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Who did what, people and policies alike; ``detail`` is JSON.
audit = Table(
    "audit",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_autoincrement=True,
)
Index("audit_at", audit.c.at)

shift_notes = Table(
    "shift_notes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Float, nullable=False),
    Column("author", Text),
    Column("text", Text, nullable=False),
    sqlite_autoincrement=True,
)
Index("shift_notes_at", shift_notes.c.at)

# Who signed for a working of a shift. The first signature freezes ``report`` (JSON); later ones have none.
handovers = Table(
    "handovers",
    metadata,
    Column("id", Key, primary_key=True),
    Column("shift", Text, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float, nullable=False),
    Column("signed_by", Text, nullable=False),
    Column("signed_at", Float, nullable=False),
    Column("report", Text),
    sqlite_autoincrement=True,
)
Index("handovers_shift", handovers.c.started, handovers.c.ended, handovers.c.shift, handovers.c.signed_by, unique=True)
