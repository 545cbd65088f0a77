"""How the cost of work grows with its size, in this thread's processor time: other load on the machine is not counted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

#: The larger of the two sizes is so many times the smaller.
TIMES = 16
#: So many times the smaller's cost is far from 16, as a straight line has it, and far from 256, as a square has it.
_ALLOWED = 4 * TIMES
#: Seconds; less than that says nothing.
_LEAST = 0.0005
_TRIES = 5


def grows_like_a_line(work: Callable[[int], object], size: int) -> bool:
    """Whether ``work(16 * size)`` costs no more than a straight line through ``work(size)`` has it, generously."""
    small = large = math.inf
    work(size)
    for _ in range(_TRIES):
        small, large = min(small, _seconds(work, size)), min(large, _seconds(work, TIMES * size))
        if large <= _ALLOWED * max(small, _LEAST):
            return True
    return False


def _seconds(work: Callable[[int], object], size: int) -> float:
    begin = time.thread_time()
    work(size)
    return time.thread_time() - begin
