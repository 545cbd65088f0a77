"""The tables of retention: what is remembered of messages without a row, and how far the rules were applied."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer

from andon.store.schema.columns import Text, clustered, given, key

# Messages that were handled and have no row (any more): all of a stream from ``first_seq`` to ``last_seq`` that were
# stored there from ``first_ns`` to ``last_ns`` (sequences alone are used again after the broker lost its tail).
gone = clustered(
    "gone",
    key(Integer, "stream_id"),
    key(BigInteger, "last_seq", "last_ns"),
    given(BigInteger, "first_seq", "first_ns"),
)

# Up to ``log_id`` every log was looked at when it was ``age`` seconds old, by the rules of this digest.
retention_marks = clustered("retention_marks", key(Text, "policy"), key(BigInteger, "age"), given(BigInteger, "log_id"))

# Logs that must be looked at again: something still needs them, or they were stored under a clock that was wrong.
retention_later = clustered("retention_later", key(BigInteger, "log_id"))

# The one log that stays of a pattern and an hour (the beginning of a stored time), where the rest went.
samples = clustered("samples", key(BigInteger, "pattern_id"), key(Text, "hour"), given(BigInteger, "log_id"))
