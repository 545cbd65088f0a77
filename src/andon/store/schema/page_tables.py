"""The tables of people and of what they do on the page. Moments are unix seconds (UTC)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Float, Index, Integer

from andon.store.schema.columns import Text, given, numbered, optional, unique

# Who may log in. ``name_key`` is the name as it is compared; ``role`` is viewer, operator or admin.
users = numbered(
    "users",
    unique(Text, "name_key"),
    given(Text, "name", "password", "role"),  # the password's argon2 hash
    given(Float, "created"),
    optional(Float, "disabled", "last_login"),
)

# Log-ins that go on. ``digest`` is the SHA-256 (hex) of what the cookie holds, which is stored nowhere.
sessions = numbered(
    "sessions",
    unique(Text, "digest"),
    given(BigInteger, "user_id"),
    given(Text, "csrf"),
    given(Float, "created", "expires", "last_seen"),
)
Index("sessions_user", sessions.c.user_id)

# Tokens of programs; ``digest`` as above.
tokens = numbered(
    "tokens",
    unique(Text, "digest"),
    given(Text, "name", "role"),
    given(Float, "created"),
    optional(Text, "created_by"),
    optional(Float, "last_used", "revoked"),
)

# Steps of an explanation that somebody ticked off: the step's place (from 0) and its text then. One that is taken back
# has ``undone``.
ticks = numbered(
    "ticks",
    given(BigInteger, "pattern_id", "analysis_id"),
    given(Integer, "step"),
    given(Text, "text"),
    optional(Text, "author"),
    given(Float, "at"),
    optional(Float, "undone"),
)
Index("ticks_pattern", ticks.c.pattern_id)

# What people write down about a problem.
problem_notes = numbered(
    "problem_notes", given(BigInteger, "pattern_id"), given(Float, "at"), optional(Text, "author"), given(Text, "text")
)
Index("problem_notes_pattern", problem_notes.c.pattern_id)
