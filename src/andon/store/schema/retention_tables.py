"""The tables of retention: what is remembered of messages without a row, and how far the rules were applied."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table

from andon.store.schema.columns import Text, metadata

# Messages that were handled and have no row (any more): all of a stream from ``first_seq`` to ``last_seq`` that were
# stored there from ``first_ns`` to ``last_ns`` (sequences alone are used again after the broker lost its tail).
gone = Table(
    "gone",
    metadata,
    Column("stream_id", Integer, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("last_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("first_ns", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Up to ``log_id`` every log was looked at when it was ``age`` seconds old, by the rules of this digest.
retention_marks = Table(
    "retention_marks",
    metadata,
    Column("policy", Text, primary_key=True),
    Column("age", BigInteger, primary_key=True, autoincrement=False),
    Column("log_id", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Logs that must be looked at again: something still needs them, or they were stored under a clock that was wrong.
retention_later = Table(
    "retention_later",
    metadata,
    Column("log_id", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# The one log that stays of a pattern and an hour, where the rest went.
samples = Table(
    "samples",
    metadata,
    Column("pattern_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hour", Text, primary_key=True),  # the beginning of a stored time
    Column("log_id", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
