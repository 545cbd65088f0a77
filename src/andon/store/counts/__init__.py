"""Counts over time, read from rollups and never by scanning logs, and the sizes of everything."""

from andon.store.counts.counts import (
    activity,
    by_problem_and_minute,
    by_ten_minutes,
    by_value,
    first_seen_within,
    hourly,
    known,
    minutely,
    minutes_of,
    sizes,
    span,
)

__all__ = [
    "activity",
    "by_problem_and_minute",
    "by_ten_minutes",
    "by_value",
    "first_seen_within",
    "hourly",
    "known",
    "minutely",
    "minutes_of",
    "sizes",
    "span",
]
