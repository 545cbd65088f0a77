"""The tables that the indexer keeps: fields and their values, and counts by hour and day.

Days and hours are counted since 1970 (UTC).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Float, Index, Integer

from andon.store.schema.columns import Text, clustered, given, key, numbered, unique

# What fields there are: the record's own (hostname, service …) and those of contexts; ``kept`` values are told apart.
fields = numbered("fields", unique(Text, "name"), given(Integer, "kept"))

# ``rest`` stands for all values beyond those that are kept, and for values that are too long.
field_values = numbered("field_values", given(BigInteger, "field_id"), given(Text, "value"), given(Boolean, "rest"))
Index("field_values_value", field_values.c.field_id, field_values.c.value, field_values.c.rest, unique=True)

# How many logs of a pattern had which value on which day (since 1970, UTC). By the hour this would be ten times as many
# rows. Questions are about a field over a span; those about one pattern look at each day in it.
facets = clustered("facets", key(BigInteger, "field_id", "day", "pattern_id", "value_id"), given(BigInteger, "count"))

# The same for the logs of all patterns together (and those of none), by the hour since 1970.
facet_hours = clustered("facet_hours", key(BigInteger, "field_id", "hour", "value_id"), given(BigInteger, "count"))

# The same by the day, with the sum of the squares of its hours' counts, which says how evenly they are spread.
facet_days = clustered(
    "facet_days", key(BigInteger, "field_id", "day", "value_id"), given(BigInteger, "count"), given(Float, "squares")
)

# pattern_minutes without hosts by the hour since 1970: for spans of weeks. Kept by the indexer, as all below.
pattern_hours = clustered("pattern_hours", key(BigInteger, "hour", "pattern_id"), given(BigInteger, "count"))

# All logs of an hour (since 1970) have ids from ``first_id`` to ``last_id``, among others': ids follow time nearly, and
# some indexes know ids only. ``count`` are the logs that were indexed, whether or not they are still there.
log_hours = clustered("log_hours", key(BigInteger, "hour"), given(BigInteger, "first_id", "last_id", "count"))
