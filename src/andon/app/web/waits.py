"""Growing waits for those who try to log in and fail: in memory, bounded, forgotten by and by."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

#: Keys that are remembered at most; beyond them the one that failed longest ago is forgotten.
KEYS = 10_000
#: Failures are forgotten so many seconds after the last.
FORGOTTEN_AFTER = 900.0


class _Failures(NamedTuple):
    number: int
    last: float


class Waits:
    """How long who fails again and again has to wait: nothing for the first ``free``, then 2 s, 4 s, … ``longest``."""

    def __init__(self, free: int, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._free, self._longest, self._clock = free, longest, clock
        self._failed: OrderedDict[str, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failed)

    def left(self, key: str) -> float:
        """Seconds until ``key`` may try again; 0 where it may now."""
        found = self._failed.get(key)
        if found is None or found.number < self._free:
            return 0.0
        wait: float = min(self._longest, 2.0 ** min(found.number - self._free + 1, 30))
        return max(0.0, found.last + wait - self._clock())

    def failed(self, key: str) -> None:
        """A try of ``key`` failed (or has begun, so that many at once count)."""
        now = self._clock()
        before = self._failed.pop(key, None)
        count = before.number if before is not None and now - before.last < FORGOTTEN_AFTER else 0
        self._failed[key] = _Failures(count + 1, now)
        if len(self._failed) > KEYS:
            self._failed.popitem(last=False)

    def take_back(self, key: str) -> None:
        """The last try of ``key`` was none that failed."""
        before = self._failed.pop(key, None)
        if before is not None and before.number > 1:
            self._failed[key] = _Failures(before.number - 1, before.last)

    def forget(self, key: str) -> None:
        """``key`` starts anew."""
        self._failed.pop(key, None)
