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
from andon.store.counts.hosts import hosts_in, hours_by_host, last_minutes, only_past, standing

__all__ = [
    "activity",
    "by_problem_and_minute",
    "by_ten_minutes",
    "by_value",
    "first_seen_within",
    "hosts_in",
    "hourly",
    "hours_by_host",
    "known",
    "last_minutes",
    "minutely",
    "minutes_of",
    "only_past",
    "sizes",
    "span",
    "standing",
]
