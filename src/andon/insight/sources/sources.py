"""The hosts that send logs: when each was heard last, and whether its silence is more than chance explains.

Silence is judged by ten minutes: a sample of them over the last week says in how large a share of the time a host
logs. Machines rest at night and at weekends, so a silence that came as long several times in four weeks is usual,
however unlikely the shares make it. Times are those that the logs say; a host whose last logs were read from old files
was not heard in them, and so it did not fall silent after them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from andon.core.models import Moment
from andon.insight.trends.rates import holm, silence_chance
from andon.store import Connection, counts

#: Hosts that logged within so many seconds are sources.
KNOWN = 30 * 86_400.0
#: A source that has been silent for longer than this, in seconds, is gone: that is no news any more.
GONE = 7 * 86_400.0
#: A silence is told where the chance of an accident, corrected for all sources, is below this.
ALPHA = 0.01
#: A host that logs in a smaller share of the ten minutes than this logs seldom: its silence says nothing.
SELDOM = 1 / 6
#: Ten minutes that must have been looked at before a silence is judged: about half a day.
LEAST_PERIODS = 12
#: One silence as long in so many days is usual, counting from the second on.
USUAL_EVERY = 9

_HOUR, _DAY, _PERIOD = 3_600, 86_400, 600
_SAMPLED = 7 * 24  # hours
_RECENT = 6 * 60  # minutes that are read at most to find the newest of each host


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A host that sends logs, and where it stands.

    ``last_seen`` is the newest minute in which it logged (its end, or the present). ``silent_since`` is the same where
    the silence is beyond chance, else null; one that is silent for more than a week is ``gone`` instead.
    ``usual_gap`` is the mean time in seconds from one ten minutes with logs to the next, null where too little is
    known.
    """

    host: str
    site: str | None
    area: str | None
    line: str | None
    machine: str | None
    last_seen: Moment
    silent_since: Moment | None
    usual_gap: float | None
    gone: bool = False


class Habit(msgspec.Struct, frozen=True):
    """How a host usually logs: in ``active`` of ``periods`` sampled ten minutes; its silences of whole hours.

    ``days`` is over how long those were counted, ``last`` the last minute (since 1970) that was known, ``standing``
    where the host stands.
    """

    active: int
    periods: int
    gaps: Sequence[int]
    days: float
    last: int
    standing: tuple[str | None, str | None, str | None, str | None]

    @property
    def regular(self) -> bool:
        """Whether its silence can say anything."""
        return self.periods >= LEAST_PERIODS and self.active >= SELDOM * self.periods

    def chance(self, silence: float) -> float:
        """The chance of so many seconds of silence; 1 where it is a usual one."""
        if not self.regular:
            return 1.0
        hours = int(silence // _HOUR)
        if hours and sum(gap >= hours for gap in self.gaps) >= max(1, int(self.days // USUAL_EVERY)):
            return 1.0
        return silence_chance(self.active, self.periods, silence / _PERIOD)


class Habits(msgspec.Struct, frozen=True):
    """What is known of all hosts at ``made`` (unix seconds); it changes slowly and may be used for minutes."""

    made: float
    of: Mapping[str, Habit]
    indexed: int  # the newest hour (since 1970) that was counted


def find(
    connection: Connection, now: float, known: Habits | None = None, listening_since: float | None = None
) -> list[Source]:
    """Every host that logged in the last 30 days, by name.

    ``known`` is what :func:`habits` said some minutes ago, else it is asked anew. ``listening_since`` is when Andon
    began to listen (unix seconds): nobody was silent because Andon did not hear.
    """
    known = known or habits(connection, now)
    minute = int(now // 60)
    first = max(min(minute - 15, known.indexed * 60), minute - _RECENT)
    newest = counts.last_minutes(connection, first, minute + 1)
    fresh = {host: last for host, last in newest.items() if host not in known.of and host}
    places = counts.standing(connection, fresh) if fresh else {}
    judged = {host: max(habit.last, newest.get(host, 0)) for host, habit in known.of.items()}
    chances = _chances(known, judged, now, listening_since)
    found = []
    for host, last in sorted((judged | fresh).items()):
        habit = known.of.get(host)
        site, area, line, machine = habit.standing if habit else places[host]
        seen = min(float(int(now)), (last + 1) * 60.0)
        silent = chances.get(host, 1.0) < ALPHA and not counts.only_past(connection, host, last)
        gap = habit.periods * float(_PERIOD) / habit.active if habit and habit.regular else None
        found.append(
            Source(
                host=host, site=site, area=area, line=line, machine=machine, last_seen=seen,
                silent_since=seen if silent else None, usual_gap=gap, gone=now - seen > GONE,
            )
        )  # fmt: skip
    return found


def _chances(known: Habits, judged: Mapping[str, int], now: float, listening: float | None) -> dict[str, float]:
    """The corrected chance of each host's silence; those that are gone are not looked at."""
    silences = {host: now - (last + 1) * 60.0 for host, last in judged.items()}
    heard = now - (listening or 0.0)
    looked = [host for host, silence in silences.items() if silence <= GONE and known.of[host].regular]
    chances = [known.of[host].chance(min(silences[host], heard)) for host in looked]
    return dict(zip(looked, holm(chances, len(looked)), strict=True))


def habits(connection: Connection, now: float) -> Habits:
    """How every host of the last 30 days usually logs, up to an hour that is counted whole.

    Reads the counts by hour, one ten minutes of each hour of a week, and one log of each host without an alarm.
    """
    present = int(now // _HOUR)
    hours = counts.hours_by_host(connection, int((now - KNOWN) // _HOUR), present + 1)
    sampled = [hour * 6 + (hour * 5 + hour // 24) % 6 for hour in range(present - _SAMPLED, present)]
    active = counts.hosts_in(connection, sampled)
    last = _last_minutes(connection, hours)
    standing = counts.standing(connection, last)
    begin = min((those[0] for those in hours.values()), default=present)
    known: dict[str, Habit] = {}
    for host, minute in last.items():
        those = hours[host]
        # its own life: from its first hour on, without the silence that is to be judged
        periods = [period for period in sampled if those[0] <= period // 6 <= those[-1]]
        known[host] = Habit(
            active=sum(period // 6 >= those[0] for period in active.get(host, ())),
            periods=len(periods),
            gaps=_gaps(those),
            days=(present - max(begin, those[0])) * _HOUR / _DAY,
            last=minute,
            standing=standing[host],
        )
    return Habits(now, known, max((those[-1] for those in hours.values()), default=present))


def _last_minutes(connection: Connection, hours: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """The last minute of each host, looked for in its last hour."""
    found: dict[str, int] = {}
    for hour in sorted({those[-1] for those in hours.values()}):
        newest = counts.last_minutes(connection, hour * 60, hour * 60 + 60)
        found |= {host: newest.get(host, hour * 60) for host, those in hours.items() if those[-1] == hour}
    return found


def _gaps(hours: Sequence[int]) -> list[int]:
    """How many hours without logs lay between those with some.

    >>> _gaps([1, 2, 5, 6, 20])
    [2, 13]
    """
    return [later - hour - 1 for hour, later in pairwise(hours) if later > hour + 1]
