"""The tables of alarms and of what people note about them and about their shifts. Moments are unix seconds (UTC)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer

from andon.store.schema.columns import Text, clustered, given, key, numbered, optional, where

# One row for each alarm: a code (or pattern) of a source at a machine or host. ``stated`` says that its logs report a
# state at all, ``clears`` that they ever reported its end. ``recent`` are the last moments at which it became
# active, as JSON.
alarms = numbered(
    "alarms",
    given(Text, "place", "code"),  # ``place`` is the machine, or the host where no machine is named
    optional(Text, "item"),  # the data item or point it belongs to
    optional(Text, "hostname", "site", "area", "line", "machine"),
    given(Text, "text"),
    optional(BigInteger, "pattern_id", "log_id"),  # the newest log that said it is active
    given(Text, "severity"),
    given(Integer, "priority"),  # 1 high, 2 medium, 3 low, 0 where it was never raised
    given(Boolean, "stated", "clears"),
    given(Text, "state"),  # active, cleared, unknown
    optional(Float, "active_since"),
    given(Float, "last_seen"),
    optional(Float, "cleared_at"),
    given(BigInteger, "occurrences"),
    given(Text, "recent"),
    optional(Float, "acked_at"),
    optional(Text, "acked_by", "ack_note"),
    optional(Float, "shelved_at", "shelved_until"),
    optional(Text, "shelved_by", "shelve_note"),
    # what tells alarms of one code apart: OPC UA's condition, a data item, a path; empty where logs name none
    [Column("source", Text, nullable=False, server_default="")],
)
Index("alarms_source", alarms.c.place, alarms.c.code, alarms.c.source, unique=True)
Index("alarms_active", alarms.c.active_since, **where("state = 'active'"))
Index("alarms_shelved", alarms.c.shelved_until, **where("shelved_until IS NOT NULL"))
Index("alarms_seen", alarms.c.last_seen)
# The places where anything ever reported that an alarm ended.
Index("alarms_clearing", alarms.c.place, **where("clears"))
Index("alarms_pattern", alarms.c.pattern_id)

# Each time that an alarm which reports its state became active.
occurrences = clustered(
    "occurrences",
    key(BigInteger, "alarm_id"),
    key(Float, "started"),
    optional(Float, "ended"),
    given(Boolean, "clears"),  # false where nobody says when it ended
    given(Integer, "priority"),
    given(Boolean, "stopped"),
    optional(Float, "acknowledged"),
    optional(BigInteger, "log_id"),
)
# Figures of a window are made of this index alone.
Index("occurrences_started", occurrences.c.started, occurrences.c.ended, occurrences.c.acknowledged)
Index("occurrences_stops", occurrences.c.started, **where("stopped"))

# How often each alarm became active in ten minutes (numbered since 1970): every time that it was raised, and every log
# of those that report no state. ``most`` is the largest number within a minute that ended here.
alarm_periods = clustered(
    "alarm_periods",
    key(BigInteger, "period", "alarm_id"),
    key(Integer, "priority"),
    given(BigInteger, "count"),
    given(Integer, "most"),
    given(Float, "first_at"),
)

# The same by whole days (numbered since 1970, UTC), without the rest: what questions about weeks read.
alarm_days = clustered(
    "alarm_days", key(BigInteger, "day", "alarm_id"), given(BigInteger, "count"), given(Integer, "most")
)

# And by weeks (seven days each, numbered since 1970): of a quarter of a year few rows are left to read.
alarm_weeks = clustered(
    "alarm_weeks", key(BigInteger, "week", "alarm_id"), given(BigInteger, "count"), given(Integer, "most")
)

# Ten minutes over all alarms.
alarm_totals = clustered(
    "alarm_totals", key(BigInteger, "period"), key(Integer, "priority"), given(BigInteger, "count")
)

# Who did what, people and policies alike; ``detail`` is JSON.
audit = numbered("audit", given(Text, "at", "actor", "action", "subject", "detail"))
Index("audit_at", audit.c.at)

shift_notes = numbered("shift_notes", given(Float, "at"), optional(Text, "author"), given(Text, "text"))
Index("shift_notes_at", shift_notes.c.at)

# Who signed for a working of a shift. The first signature freezes ``report`` (JSON); later ones have none.
handovers = numbered(
    "handovers",
    given(Text, "shift"),
    given(Float, "started", "ended"),
    given(Text, "signed_by"),
    given(Float, "signed_at"),
    optional(Text, "report"),
)
Index("handovers_shift", handovers.c.started, handovers.c.ended, handovers.c.shift, handovers.c.signed_by, unique=True)
