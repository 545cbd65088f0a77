"""What happened in the plant, worked out from its description: the same for the same end, to the millisecond."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from andon.app.demo.plant import Coming, Plant, Problem, Values

#: ``told`` is a message that says nothing of a state.
Said = Literal["raised", "acknowledged", "cleared", "told"]

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
#: The night that is told of minute by minute; what was before is thinner.
NIGHT = 8 * _HOUR
#: The flood is described as so long, and lasts this long at least; it begins this long after ten minutes of the clock.
FLOOD, _FLOOD_LEAST, _FLOOD_AFTER = 14.6 * _MINUTE, 7 * _MINUTE, 15.0
#: Share of the usual number of alarms that weekends and nights have.
_WEEKEND, _NIGHTS = 0.6, 0.7
#: An alarm is acknowledged at its machine within these seconds, if it is.
_ACKED_WITHIN = (25.0, 240.0)
#: How long an episode of the weeks before takes.
_EPISODE = 11 * _MINUTE
_STAYS = float("inf")


class Happening(msgspec.Struct, frozen=True):
    """One thing that a host says at a moment (unix seconds)."""

    at: float
    problem: Problem
    host: str
    said: Said
    text: str
    fields: dict[str, Any]


class _Time(msgspec.Struct, frozen=True, order=True):
    """One time that something comes: when, for how many seconds (None where nobody says when it ends), and where."""

    at: float
    lasts: float | None
    host: str


def happened(plant: Plant, end: float) -> list[Happening]:
    """Everything up to ``end`` (unix seconds), in the order of time."""
    found: list[Happening] = []
    for problem in plant.problems:
        dice = random.Random(problem.name)  # noqa: S311 - of its own: what changes in one problem leaves the others
        for time in _one_after_the_other([*_before(plant, problem, end, dice), *_tonight(problem, end, dice)]):
            found += [one for one in told(problem, time.host, time.at, time.lasts, dice) if one.at <= end]
    return sorted(found, key=lambda one: one.at)


def told(problem: Problem, host: str, at: float, lasts: float | None, dice: random.Random) -> list[Happening]:
    """What a host says of one time that the problem comes: once, or that it comes, is seen and goes."""
    drawn = {name: _drawn(values, dice) for name, values in problem.values.items()}
    fields = {name: _drawn(values, dice) for name, values in problem.fields.items()}

    def one(moment: float, said: Said) -> Happening:
        return Happening(round(moment, 3), problem, host, said, problem.text.format(**drawn), fields)

    if lasts is None:
        return [one(at, "told")]
    story = [one(at, "raised")]
    seen = dice.uniform(*_ACKED_WITHIN)
    if dice.random() < problem.acked and seen < lasts < _STAYS:
        story.append(one(at + seen, "acknowledged"))
    if lasts != _STAYS:
        story.append(one(at + lasts, "cleared"))
    return story


def length(problem: Problem, dice: random.Random, lasts: tuple[float, float] | None = None) -> float | None:
    """For how many seconds it is active this time; None where nobody says when it ends."""
    span = lasts or problem.lasts
    return None if span is None else dice.uniform(*span) * _MINUTE


def _drawn(values: Values, dice: random.Random) -> int | str:
    if len(values) == 2 and isinstance(values[0], int) and isinstance(values[1], int):
        return dice.randint(values[0], values[1])
    return dice.choice(values)


def _before(plant: Plant, problem: Problem, end: float, dice: random.Random) -> Iterator[_Time]:
    """The weeks before the night, with the rhythm of days and weeks, and their bad quarters of an hour."""
    since, until = end - plant.weeks * 7 * _DAY, end - NIGHT
    for host in problem.on:
        wanted = round(problem.weekly * plant.weeks * dice.uniform(0.85, 1.15) / len(problem.on))
        while wanted > 0:
            at = dice.uniform(since, until)
            if dice.random() < _rhythm(at):
                wanted -= 1
                yield _Time(at, length(problem, dice), host)
    for episode in plant.episodes:
        start = end - episode.days * _DAY
        for number in range(episode.alarms.get(problem.name, 0)):
            lasts = length(problem, dice)
            at = start + dice.uniform(0, _EPISODE)
            yield _Time(at, None if lasts is None else min(lasts, 40.0), problem.on[number % len(problem.on)])


def _rhythm(at: float) -> float:
    """How much goes on at that hour, beside the busiest."""
    moment = datetime.fromtimestamp(at, UTC)
    day = _WEEKEND if moment.weekday() >= 5 else 1.0
    return day * (1.0 if 6 <= moment.hour < 20 else _NIGHTS)


def _tonight(problem: Problem, end: float, dice: random.Random) -> Iterator[_Time]:
    for coming in problem.tonight:
        for number, at in enumerate(_moments(coming, end, dice)):
            lasts = _STAYS if coming.stays else length(problem, dice, coming.lasts)
            yield _Time(at, lasts, problem.on[number % len(problem.on)] if coming.stays else dice.choice(problem.on))


def _moments(coming: Coming, end: float, dice: random.Random) -> list[float]:
    if not isinstance(coming.ago, tuple):
        return [_moment(coming.ago, end)]
    if coming.even:
        first, last = (end - one * _MINUTE for one in coming.ago)
        step = (last - first) / (coming.times - 1)
        return [first + step * (number + dice.uniform(-0.05, 0.05)) for number in range(coming.times - 1)] + [last]
    first, last = (_moment(one, end) for one in coming.ago)
    return [dice.uniform(first, last) for _ in range(coming.times)]


def _moment(ago: float, end: float) -> float:
    """The moment ``ago`` minutes before the end; those of the flood lie between its beginning by the clock and now."""
    before = ago * _MINUTE
    if before <= FLOOD:
        before *= (end - flood_began(end)) / FLOOD
    return end - before


def flood_began(end: float) -> float:
    """When the flood begins of a night that ends at ``end``: 7 to 17 minutes before."""
    return (end - _FLOOD_LEAST - _FLOOD_AFTER) // (10 * _MINUTE) * 10 * _MINUTE + _FLOOD_AFTER


def _one_after_the_other(times: list[_Time]) -> Iterator[_Time]:
    """Without those that would begin while the host still has the one before."""
    over: dict[str, float] = {}
    for time in sorted(times):
        if time.at <= over.get(time.host, 0.0):
            continue
        over[time.host] = time.at + (time.lasts or 0.0) + 1.0
        yield time
