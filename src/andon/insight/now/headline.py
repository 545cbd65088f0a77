"""The shortest answer to what is wrong now: how many problems nobody has, and the worst there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from andon.core.models import SEVERITY_RANK
from andon.insight.now import problem_row
from andon.insight.now.board import moment_of, unacknowledged
from andon.insight.shifts.calendar import Shift
from andon.store import Connection, alarms


class Headline(NamedTuple):
    """``waiting`` problems that nobody acknowledged, the worst severity of them; else the worst that somebody has."""

    waiting: int
    worst: str | None
    acknowledged: str | None


def headline(connection: Connection, now: float, shifts: Sequence[Shift], zone: ZoneInfo) -> Headline:
    """What stands above every screen."""
    waiting, worst = unacknowledged(connection, now, shifts, zone)
    if waiting:
        return Headline(waiting, worst, None)
    at, _ = moment_of(connection, now, shifts, zone)
    seen = [
        one.severity
        for one in alarms.present(connection, at.since)
        if problem_row.is_open(one, at.since) and not problem_row.is_shelved(one, now)
    ]
    return Headline(0, None, max(seen, key=lambda one: SEVERITY_RANK.get(one, 0), default=None))
