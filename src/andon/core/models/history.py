"""The values of what operators ask about the past: occurrences of alarms, shifts, differences. No I/O.

Times are unix seconds (UTC) in here: these values are computed with. Texts for people are made where they are shown.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from andon.core.models.terms import Moment, Names


class Priority(enum.StrEnum):
    """How urgently an operator has to act, as alarm management counts it."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


#: A log of this severity is annunciated with this priority; what is left out here is no alarm but information.
PRIORITY_OF = {"CRITICAL": Priority.HIGH, "ERROR": Priority.MEDIUM, "WARNING": Priority.LOW}


class ShiftWindow(msgspec.Struct, frozen=True):
    """One working of a shift: its name and the moments between which it lasts (the end does not belong to it)."""

    name: str
    start: Moment
    end: Moment


class Observations(NamedTuple):
    """How often each value of a field was observed inside and outside, where what came in one storm counts as one."""

    inside: Mapping[str, float]
    outside: Mapping[str, float]
    inside_total: float
    outside_total: float


class FieldCounts(NamedTuple):
    """How often each value of a field occurs in the logs in question and in the others.

    The totals count the logs that carry the field at all; they may be larger than the sums where rare values were left
    out, of which there were at most ``others``. ``independent`` are the same counts, of independent observations
    instead of logs; None where each log is one.
    """

    inside: Mapping[str, int]
    outside: Mapping[str, int]
    inside_total: int
    outside_total: int
    others: int = 0
    independent: Observations | None = None


class Comparison(NamedTuple):
    """Logs in question beside others: how many, the values of their fields, and how many fell into which hour (unix).

    ``exact`` says that the logs in question were read themselves, not counted by whole hours.
    """

    inside: int
    outside: int
    fields: Mapping[str, FieldCounts]
    hours: Mapping[int, tuple[int, int]]
    exact: bool


class Place(NamedTuple):
    """Part of a site: a field of the record (``hostname``, ``site``, ``area``, ``line``, ``machine``) and names."""

    field: str
    names: Names


class Activity(NamedTuple):
    """How often a problem occurred in some time: logs, periods with any, and the sum of squares of their counts."""

    logs: int
    active: int
    squares: int


class Counted(NamedTuple):
    """Problems (by the pattern that stands for each) and how often each occurred in ``since`` ≤ t < ``until``.

    The span (unix seconds) may be wider than asked for where only whole days are counted. ``period`` is the length in
    seconds of what :class:`Activity` calls a period.
    """

    since: float
    until: float
    period: float
    problems: Mapping[int, Activity]


class Known(NamedTuple):
    """What is known of a problem with all that is merged into it; times in stored form."""

    template: str
    worst_severity: str
    first_seen: str
    last_seen: str


class Difference(msgspec.Struct, frozen=True):
    """One value of one field that stands out: so many of the logs in question have it, against so many of the others.

    ``of_inside`` and ``of_outside`` count the logs that carry the field at all. ``lift`` is the ratio of the two shares
    (infinite where no other log has the value). ``p`` is corrected for the number of values that were looked at.
    ``also`` are other fields with their values that the same logs have: the same fact by other names.
    """

    field: str
    value: str
    inside: int
    of_inside: int
    outside: int
    of_outside: int
    lift: float
    p: float
    also: tuple[tuple[str, str], ...] = ()
