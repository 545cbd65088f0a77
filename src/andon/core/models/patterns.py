"""Problems: what names one, what joins two, what is known of one, and looking for them in the history."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from andon.core.models.logs import Filters
from andon.core.models.terms import Names


class Fingerprint(msgspec.Struct, frozen=True, gc=False):
    """The identity of a problem. ``key`` is stable across processes and versions of the cache; ``template`` is
    the masked text shown to people."""

    key: str
    template: str


class Merge(msgspec.Struct, frozen=True):
    """Two patterns turned out to be one problem: ``child`` joins ``parent`` (fingerprint keys), with the evidence.

    ``words`` are the different words that stood at ``position`` (one word only where a masked value stood there too;
    none where both have the same text). ``template`` is the wider text, with a hole in that place.
    """

    child: str
    parent: str
    position: int
    words: tuple[str, ...]
    template: str = ""


class Resolution(msgspec.Struct, frozen=True):
    """A fix that a technician confirmed for a pattern (or, through merging, for its whole problem)."""

    id: int
    pattern_id: int
    fix: str
    cause: str | None
    author: str | None
    created_at: str


class PatternSummary(msgspec.Struct, frozen=True):
    """A row of ``andon patterns``: one problem with everything merged into it.

    ``rate`` is logs per hour over the last 24 hours, ``hosts`` the number of hosts, ``rung`` and ``provisional`` those
    of the shown explanation, ``status`` that of the newest analysis. ``merged`` lists the ids merged into it.
    """

    id: int
    fingerprint: str
    template: str
    count: int
    rate: float
    first_seen: str
    last_seen: str
    worst_severity: str
    hosts: int
    rung: str | None
    provisional: bool
    status: str | None
    merged_into: int | None
    merged: list[int]


class HistoryQuery(Filters, frozen=True, kw_only=True):
    """Which part of the site's history a question is about.

    ``place`` is a site, area, line or machine. It, host, service and ``text``, a substring of the
    message, are compared without regard to case.
    """

    #: What a place is looked for among, in this order.
    PLACES: ClassVar[tuple[str, ...]] = ("line", "machine", "area", "site")

    place: Names | None = None


class PatternSeen(msgspec.Struct, frozen=True):
    """One problem within a part of history: what of it was logged there.

    ``first_log`` and ``last_log`` are ids of the logs that were stored first and last there, None where not asked for.
    ``weight`` is its logs × their severity (:data:`SEVERITY_WEIGHT`), where it was asked for.
    """

    pattern_id: int
    template: str
    count: int
    first_seen: str
    last_seen: str
    worst_severity: str
    hosts: int
    first_log: int | None = None
    last_log: int | None = None
    weight: int = 0


class Period(msgspec.Struct, frozen=True):
    """All that was logged in a part of history: how many logs, of which severities, and every problem, the heaviest
    first.

    ``ungrouped`` are logs of no problem, as a database that was taken over has them.
    """

    logs: int
    severities: dict[str, int]
    problems: list[PatternSeen]
    ungrouped: int = 0


class PatternFacts(msgspec.Struct, frozen=True):
    """One problem with its figures and what is known of it.

    ``last_hour`` and ``last_day`` count its logs before ``at`` (stored form); ``per_hour`` is the average over its
    whole life. ``hosts`` are those with most logs, ``newest`` ids of its newest logs, newest first. ``explanation`` is
    what its logs show, from ``rung`` and there from ``source``, ``second_opinion`` what a model says below that;
    ``fixes`` are confirmed, newest first. ``merged`` are the ids merged into it.
    """

    pattern_id: int
    template: str
    count: int
    first_seen: str
    last_seen: str
    worst_severity: str
    at: str
    last_hour: int
    last_day: int
    per_hour: float
    hosts: list[tuple[str, int]]
    host_count: int
    newest: list[int]
    explanation: str | None
    rung: str | None
    provisional: bool
    fixes: list[Resolution]
    merged: list[int]
    second_opinion: str | None = None
    source: str | None = None


class SiteNames(msgspec.Struct, frozen=True):
    """Names that occur in the records, each list sorted and bounded."""

    hosts: list[str] = []
    services: list[str] = []
    sites: list[str] = []
    areas: list[str] = []
    lines: list[str] = []
    machines: list[str] = []

    @property
    def places(self) -> list[str]:
        """Those of all levels of ISA-95."""
        return sorted({*self.sites, *self.areas, *self.lines, *self.machines})
