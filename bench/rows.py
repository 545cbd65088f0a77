"""One figure of a measurement, beside its yardstick and its goal.

A measurement returns what it found: ``return [Row("file", 412, "bytes/log", yardstick="raw JSON", beside=362)]``.
None, or nothing, is allowed: what it prints stands for itself then.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import msgspec

#: What a goal is of, and how it is written: ``">= 0.85 x"`` of the ratio, ``"<= 80"`` of the value itself.
_OF_RATIO = " x"


class Row(msgspec.Struct, frozen=True):
    """A figure: ``value`` in ``unit``, and in the same unit what the ``yardstick`` of the same run came to."""

    #: As :data:`bench.promises.PROMISES` calls it, where it is promised there; any other name stands below them.
    name: str
    value: float
    unit: str
    yardstick: str = ""
    beside: float | None = None
    #: ``>=`` or ``<=``, a number, and ``x`` where the ratio is meant; "" where nothing is aimed at, or
    #: :data:`bench.promises.PROMISES` says it.
    goal: str = ""
    #: The least and the greatest of the rounds: of the ratio where there is one, else of the value.
    spread: tuple[float, float] | None = None
    rounds: int = 1
    #: The median of the rounds' own ratios, where rounds were in turn; else ``value / beside``.
    median_ratio: float | None = None
    #: What else must be known to read it, in a few words.
    note: str = ""
    #: False where less was measured than the goal is about (``--quick``, a small file): nothing is said of it then.
    full: bool = True

    @property
    def ratio(self) -> float | None:
        """How many times the yardstick the figure is; None without one."""
        if self.median_ratio is not None:
            return self.median_ratio
        return self.value / self.beside if self.beside else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where nobody can say. Raises ValueError if the goal is misspelt."""
        if not self.goal or not self.full:
            return None
        least, limit, of_ratio = read_goal(self.goal)
        figure = self.ratio if of_ratio else self.value
        if figure is None:
            return None
        return figure >= limit if least else figure <= limit


def in_turns(name: str, values: Sequence[float], others: Sequence[float], unit: str, yardstick: str) -> Row:
    """A row of rounds that were in turn: medians of both, and the median and the spread of the rounds' own ratios."""
    ratios = [one / other for one, other in zip(values, others, strict=True)]
    return Row(
        name,
        statistics.median(values),
        unit,
        yardstick=yardstick,
        beside=statistics.median(others),
        spread=(min(ratios), max(ratios)),
        rounds=len(ratios),
        median_ratio=statistics.median(ratios),
    )


#: What a measurement may return.
Rows = Sequence[Row] | None


def read_goal(goal: str) -> tuple[bool, float, bool]:
    """(whether it is the least, the number, whether of the ratio) of ``">= 0.85 x"``. Raises ValueError."""
    number = goal[2:].removesuffix(_OF_RATIO)
    if goal[:2] not in (">=", "<="):
        raise ValueError(f"a goal begins with >= or <=, not {goal!r}")
    return goal[:2] == ">=", float(number.replace(",", "")), goal.endswith(_OF_RATIO)


def in_turn(values: Sequence[float], beside: Sequence[float]) -> dict[str, Any]:
    """The fields of a :class:`Row` that rounds in turn give: medians, the median of the ratios, their spread."""
    ratios = [one / other for one, other in zip(values, beside, strict=True)]
    return {
        "value": statistics.median(values),
        "beside": statistics.median(beside),
        "median_ratio": statistics.median(ratios),
        "spread": (min(ratios), max(ratios)),
        "rounds": len(ratios),
    }
