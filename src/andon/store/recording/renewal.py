"""When an explanation has to be made anew: the problem changed, or the explanation is old.

Asked for each explained problem of a batch once its interval is over, so most of it is answered from memory.
"""

from __future__ import annotations

import math
import sys
from collections import OrderedDict

import msgspec
from sqlalchemy import Connection

from andon.core.times import unix_minute
from andon.store.problems import members
from andon.store.recording.batch import Problem, Share
from andon.store.rules.analysis import AnalysisPolicy, rank_of

#: A rate has jumped where this many times as many logs came as before, and at least so many.
RATE_FACTOR = 10
RATE_LEAST = 20
#: The usual rate is looked at this often, in minutes of the logs.
_RATE_AGAIN = 60
_REMEMBERED = 5_000
_REMEMBERED_HOSTS = 100_000


class _Watched(msgspec.Struct):
    """What is known of a problem since its explanation: its hosts and its rate."""

    explained_at: float
    hosts: set[str] | None = None
    #: Logs since its rate was looked at, how many it takes for a jump, and the minute to look again in any case.
    unseen: int = 0
    room: int = 0
    again: int = 0


class Renewals:
    """Says why a problem needs another explanation. Used by the writer thread only."""

    def __init__(self, policy: AnalysisPolicy) -> None:
        self._after = policy.renew_after
        self._interval = policy.renew_interval
        self._watched: OrderedDict[int, _Watched] = OrderedDict()
        self._hosts = 0

    def forget(self) -> None:
        """Ask the database again about everything."""
        self._watched.clear()
        self._hosts = 0

    def due(self, problem: Problem, now: float) -> bool:
        """Whether the least time between two explanations is over."""
        last = problem.renewed_at if problem.renewed_at is not None else problem.explained_at
        return last is not None and now >= last + self._interval

    def reason(self, connection: Connection, problem: Problem, share: Share, hosts: set[str], now: float) -> str | None:
        """``severity``, ``host``, ``rate`` or ``age``; None where the explanation still holds.

        ``share`` is the problem's share of the batch, stored in this transaction already; ``hosts`` its hosts.
        """
        explained_at = problem.explained_at or 0.0
        if share.worst > rank_of(problem.explained_severity or ""):
            return "severity"
        watched = self._watch(problem.root, explained_at)
        if self._new_host(connection, problem, watched, hosts):
            return "host"
        if self._jumped(connection, problem, share, watched):
            return "rate"
        return "age" if self._after and now >= explained_at + self._after else None

    def _watch(self, root: int, explained_at: float) -> _Watched:
        watched = self._watched.get(root)
        if watched is None or watched.explained_at != explained_at:
            watched = self._watched[root] = _Watched(explained_at)
        self._watched.move_to_end(root)
        if len(self._watched) > _REMEMBERED:
            self._watched.popitem(last=False)
        return watched

    def _new_host(self, connection: Connection, problem: Problem, watched: _Watched, hosts: set[str]) -> bool:
        known = problem.explained_hosts or 0
        if known >= members.MOST_HOSTS:
            return False
        if watched.hosts is None:
            found = members.host_names(connection, problem.root)
            if len(found) > known:
                return True
            self._hosts += len(found)
            if self._hosts > _REMEMBERED_HOSTS:
                self.forget()
            watched.hosts = found
        # A set that is no larger than it was at the explanation holds all hosts of then.
        return not hosts <= watched.hosts

    def _jumped(self, connection: Connection, problem: Problem, share: Share, watched: _Watched) -> bool:
        """Whether many more logs came lately than before, asked only where so many can have come."""
        minute = unix_minute(share.last_seen)
        watched.unseen += share.count
        if watched.unseen < watched.room and minute < watched.again:
            return False
        recent = members.recent_count(connection, problem.root, minute)
        found = members.figures(connection, problem.root)
        span = minute - members.RATE_WINDOW - unix_minute(found.first_seen)
        settled = span >= members.RATE_WINDOW
        usual = max(
            (found.count - recent) * members.RATE_WINDOW / span if settled else 0.0, problem.explained_rate or 0
        )
        many = max(RATE_LEAST, math.ceil(RATE_FACTOR * usual))
        watched.unseen, watched.room = 0, many - recent
        watched.again = minute + (_RATE_AGAIN if settled else members.RATE_WINDOW)
        if not settled:
            watched.room = sys.maxsize  # too young to have a usual rate
        return settled and recent >= many
