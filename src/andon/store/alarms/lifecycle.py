"""The course of one alarm: what it was told makes times at which it was active. Pure.

Logs come late, twice and in the wrong order. The rules, each of which a test holds:

- active again while it is active is no new time;
- active before it was (some minutes late) moves the start; long before, it is an earlier time whose end is not known;
- cleared although it was not active is remembered: an activation that arrives later and is older ended with it;
- acknowledged before it was active counts for the activation that arrives later and is older;
- a log that tells of a whole time is a time of its own, once, however often it comes;
- what a person or a producer acknowledged needs no attention until the alarm becomes active again;
- what tells of the past, as it was read from an old file, adds times, and ends them, but makes nothing active and
  wakes nobody.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal

import msgspec

from andon.store.alarms.states import Report

State = Literal["active", "cleared", "unknown"]

#: An activation that comes so many seconds after a later one is the beginning of the same time.
LATE_SECONDS = 300.0
#: How many activations within a minute are told apart; more count as so many.
MOST = 20
_MINUTE = 60.0


class Course(msgspec.Struct):
    """One time that the alarm was active; ``clears`` is False where nobody says when it ended. Unix seconds."""

    started: float
    ended: float | None = None
    clears: bool = False
    priority: int = 0
    stopped: bool = False
    acknowledged: float | None = None
    log_id: int | None = None


class Alarm(msgspec.Struct):
    """An alarm as far as its course matters, with the times around those that change.

    ``times`` must hold every time that begins at or after the oldest moment to be told, and the one before it.
    ``fresh`` says that nothing was told of it yet.
    """

    stated: bool = False
    clears: bool = False
    state: State = "unknown"
    active_since: float | None = None
    last_seen: float = 0.0
    cleared_at: float | None = None
    acked_at: float | None = None
    acked_by: str | None = None
    ack_note: str | None = None
    recent: list[float] = []
    times: list[Course] = []
    #: Starts of times that changed, and of those that are no more.
    changed: set[float] = set()
    gone: set[float] = set()
    fresh: bool = False

    def tell(self, report: Report, at: float, priority: int, log_id: int, *, past: bool = False) -> list[float]:
        """Take in what a log of the time ``at`` says; the moments at which the alarm became active because of it.

        A log that states nothing is an activation by itself, and leaves no time behind. ``priority`` 0 is none. So is
        one that names no alarm and says that something is over, or seen, which was never known to be active. With
        ``past`` it was told when it was no news any more.
        """
        if past:
            return self._told_late(report, at, priority, log_id)
        if self.state == "cleared" and not self.stated:
            self.state = "unknown"  # only the past was known of it
        self.fresh = False
        self.last_seen = max(self.last_seen, at)
        return self._take(report, at, priority, log_id)

    def _told_late(self, report: Report, at: float, priority: int, log_id: int) -> list[float]:
        """The same of the past. An alarm that nothing else is known of is over, as far as anybody knows."""
        acked = self.acked_at, self.acked_by, self.ack_note
        known = {one.started for one in self.times}
        new = self._take(report, at, priority, log_id)
        if not report.acknowledged:
            self.acked_at, self.acked_by, self.ack_note = acked
        newest = self.times[-1] if self.times else None
        if newest is not None and newest.ended is None and newest.started not in known:
            newest.clears = False  # it ended at some time, and nobody said when
            self._settle()
        if self.fresh and self.state == "unknown":
            self.state = "cleared"
        self.fresh = False
        return new

    def _take(self, report: Report, at: float, priority: int, log_id: int) -> list[float]:
        if not report.stated:
            if priority:
                self._wake(at)
            return [at] if priority else []
        self.stated = True
        new: list[float] = []
        if report.code is None and not (report.active or report.spans or self.times) and priority:
            self._wake(at)
            new = [at]
        started = at if report.started is None else report.started
        if (report.active or report.spans) and priority:
            new = self._raise(started, report, priority, log_id)
        if report.spans:
            if report.ended is not None:
                self._clear(report.ended, started)
        elif report.active is False:
            self._clear(at)
        if report.acknowledged:
            self._acknowledge(report.acknowledged_at or at, report.acknowledged_by)
        self._settle()
        return new

    def most(self, at: float) -> int:
        """Note an activation; how many there were within the minute that ends with it, :data:`MOST` at most."""
        recent = self.recent
        if not recent or at >= recent[-1]:  # the usual case
            while recent and at - recent[0] > _MINUTE:
                del recent[0]
            recent.append(at)
            del recent[:-MOST]
            return len(recent)
        self.recent = sorted([*recent, at])[-MOST:]
        newest = self.recent[-1]
        self.recent = [one for one in self.recent if newest - one <= _MINUTE]
        return sum(0 <= at - one <= _MINUTE for one in self.recent) or 1

    def _wake(self, at: float) -> None:
        """It became active: what was acknowledged before needs attention anew."""
        if self.acked_at is not None and at > self.acked_at:
            self.acked_at = self.acked_by = self.ack_note = None

    def _before(self, at: float) -> Course | None:
        """The newest time that began at or before ``at``."""
        index = bisect_right(self.times, at, key=lambda one: one.started)
        return self.times[index - 1] if index else None

    def _raise(self, at: float, report: Report, priority: int, log_id: int) -> list[float]:
        index = bisect_right(self.times, at, key=lambda one: one.started)
        before = self.times[index - 1] if index else None
        after = self.times[index] if index < len(self.times) else None
        if before is not None and before.started == at:
            self._again(before, report, priority)
            return []
        if not report.spans:
            if before is not None and ((before.ended is None and before.clears) or (before.ended or at) > at):
                self._again(before, report, priority)
                return []
            if after is not None and after.started - at <= LATE_SECONDS:
                self.gone.add(after.started)
                self.gone.discard(at)
                after.started = at
                self._again(after, report, priority)
                return []
        elif before is not None and before.ended is None:
            before.clears = False  # it ended at some time before this one, and nobody said when
            self.changed.add(before.started)
        self._begin(at, report, priority, log_id, newest=after is None)
        return [at]

    def _begin(self, at: float, report: Report, priority: int, log_id: int, *, newest: bool) -> None:
        made = Course(at, None, newest, priority, report.stopped, None, log_id)
        if newest and not report.spans and self.cleared_at is not None and self.cleared_at >= at:
            made.ended = self.cleared_at
        if newest:
            self._wake(at)
            made.acknowledged = self.acked_at
        self.times.insert(bisect_right(self.times, at, key=lambda one: one.started), made)
        self.gone.discard(at)
        self.changed.add(at)

    def _again(self, one: Course, report: Report, priority: int) -> None:
        """The same time is told again: it may have become more urgent."""
        one.priority = min(one.priority, priority) or priority
        one.stopped = one.stopped or report.stopped
        self.changed.add(one.started)

    def _clear(self, at: float, started: float | None = None) -> None:
        """It ended; ``started`` names the time that did where the log tells of a whole one."""
        self.clears = True
        one = self._before(at if started is None else started)
        if one is not None and (one.ended is None or (started is None and one.started <= at < one.ended)):
            one.ended, one.clears = at, True
            self.changed.add(one.started)
        self.cleared_at = max(self.cleared_at or at, at)

    def _acknowledge(self, at: float, by: str | None) -> None:
        one = self._before(at)
        if one is not None and one.acknowledged is None:
            one.acknowledged = at
            self.changed.add(one.started)
        newest = self.times[-1] if self.times else None
        if (newest is None or at >= newest.started) and (self.acked_at is None or at > self.acked_at):
            self.acked_at, self.acked_by = at, by

    def _settle(self) -> None:
        """The present state: that of the newest time, or what was said last where there is none."""
        newest = self.times[-1] if self.times else None
        if newest is not None and newest.ended is None and newest.clears:
            self.state, self.active_since = "active", newest.started
            return
        self.active_since = None
        if newest is not None or self.cleared_at is not None:
            self.state = "cleared"
