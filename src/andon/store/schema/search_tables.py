"""The tables that the indexer keeps: fields and their values, and counts by hour and day.

Days and hours are counted since 1970 (UTC).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table

from andon.store.schema.columns import Key, Text, metadata

# What fields there are: the record's own (hostname, service …) and those of contexts; ``kept`` values are told apart.
fields = Table(
    "fields",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kept", Integer, nullable=False),
    sqlite_autoincrement=True,
)

# ``rest`` stands for all values beyond those that are kept, and for values that are too long.
field_values = Table(
    "field_values",
    metadata,
    Column("id", Key, primary_key=True),
    Column("field_id", BigInteger, nullable=False),
    Column("value", Text, nullable=False),
    Column("rest", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
Index("field_values_value", field_values.c.field_id, field_values.c.value, field_values.c.rest, unique=True)

# How many logs of a pattern had which value on which day (since 1970, UTC). By the hour this would be ten times as many
# rows. Questions are about a field over a span; those about one pattern look at each day in it.
facets = Table(
    "facets",
    metadata,
    Column("field_id", BigInteger, primary_key=True, autoincrement=False),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("pattern_id", BigInteger, primary_key=True, autoincrement=False),
    Column("value_id", BigInteger, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# The same for the logs of all patterns together (and those of none), by the hour since 1970.
facet_hours = Table(
    "facet_hours",
    metadata,
    Column("field_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("value_id", BigInteger, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# pattern_minutes without hosts by the hour since 1970: for spans of weeks. Kept by the indexer, as all below.
pattern_hours = Table(
    "pattern_hours",
    metadata,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("pattern_id", BigInteger, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# All logs of an hour (since 1970) have ids from ``first_id`` to ``last_id``, among others': ids follow time nearly, and
# some indexes know ids only. ``count`` are the logs that were indexed, whether or not they are still there.
log_hours = Table(
    "log_hours",
    metadata,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("first_id", BigInteger, nullable=False),
    Column("last_id", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
