"""What the plant goes on to say while the demo runs: readings, alarms that come and go, at times a new problem."""

from __future__ import annotations

import heapq
import random

from andon.app.demo.forms import Message, message
from andon.app.demo.happenings import Happening, length, told
from andon.app.demo.plant import Plant, Problem

#: Busy and calm times take turns, each of so many seconds.
WAVE = 600.0
#: Alarms a second, in busy times and in calm ones.
_BUSY, _CALM = 1 / 45, 1 / 200
#: Readings a second.
_READINGS = 1.2
#: One alarm in so many comes in a burst of this many.
_BURST_EVERY, _BURST = 7, (4, 8)
#: A problem that was never there before comes after so many seconds.
_FRESH_EVERY = 90.0


class Traffic:
    """The plant's talk from the moment ``start`` (unix seconds) on; the same for the same ``seed`` and questions."""

    def __init__(self, plant: Plant, start: float, seed: int = 1) -> None:
        self._plant = plant
        self._dice = random.Random(seed)  # noqa: S311 - a plant that is made up
        self._start = self._until = start
        self._readings = [one for one in plant.problems if one.live and one.severity == "INFO"]
        self._alarms = [one for one in plant.problems if one.live and one.severity != "INFO" and not one.fresh]
        self._fresh = [one for one in plant.problems if one.fresh]
        self._next_fresh = start + _FRESH_EVERY / 2
        self._waiting: list[tuple[float, int, Happening]] = []
        self._count = 0
        self._over: dict[tuple[str, str], float] = {}

    def until(self, now: float) -> list[Message]:
        """What was said since the last question, up to ``now``, in the order of time."""
        span, begin = max(0.0, now - self._until), self._until
        self._until = max(self._until, now)
        for _ in range(self._number(span * _READINGS)):
            self._say(self._drawn(self._readings), begin + self._dice.random() * span)
        busy = int((now - self._start) // WAVE) % 2 == 0
        for _ in range(self._number(span * (_BUSY if busy else _CALM))):
            self._raise(self._drawn(self._alarms), begin + self._dice.random() * span)
        if self._fresh and now >= self._next_fresh:
            self._next_fresh = now + _FRESH_EVERY
            new = self._fresh.pop(0)
            self._alarms.append(new)
            self._say(new, now)
        found: list[Message] = []
        while self._waiting and self._waiting[0][0] <= now:
            found.append(message(self._plant, heapq.heappop(self._waiting)[2]))
        return found

    def _number(self, expected: float) -> int:
        """A whole number that is ``expected`` on average."""
        return int(expected) + (self._dice.random() < expected % 1)

    def _drawn(self, among: list[Problem]) -> Problem:
        return self._dice.choices(among, [one.live for one in among])[0]

    def _raise(self, problem: Problem, at: float) -> None:
        if self._dice.random() * _BURST_EVERY >= 1:
            self._say(problem, at)
            return
        for _ in range(self._dice.randint(*_BURST)):
            self._say(problem, at)
            at += self._dice.uniform(2.0, 12.0)

    def _say(self, problem: Problem, at: float) -> None:
        """Let a host say that it comes and goes, unless it still has it."""
        host = self._dice.choice(problem.on)
        lasts = length(problem, self._dice)
        if at <= self._over.get((problem.name, host), 0.0):
            return
        if lasts is not None:
            self._over[problem.name, host] = at + lasts + 1.0
        for one in told(problem, host, at, lasts, self._dice):
            self._count += 1
            heapq.heappush(self._waiting, (one.at, self._count, one))
