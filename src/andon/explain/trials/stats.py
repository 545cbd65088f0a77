"""The few statistics that a report needs."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: The normal distribution's 97.5 % and 90 % points.
_Z = 1.959963984540054
ONE_SIDED_90 = 1.2815515655446004


def wilson(passed: int, n: int, z: float = _Z) -> tuple[float, float]:
    """The interval of a rate by Wilson's score (E. B. Wilson, JASA 22, 1927): honest for small n and near 0 or 1.

    It holds with 95 %; with ``z`` as :data:`ONE_SIDED_90` each of its bounds by itself holds with 90 %.

    >>> [round(bound, 3) for bound in wilson(8, 10)]
    [0.49, 0.943]
    """
    if n == 0:
        return 0.0, 1.0
    rate, z2 = passed / n, z * z
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    # the bounds are exact there; floating point is not
    return (0.0 if passed == 0 else middle - half), (1.0 if passed == n else middle + half)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least ``share`` (0 to 1) of ``values`` do not exceed (nearest rank); None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def sign_test(better: int, worse: int) -> float:
    """How likely chance alone tips at least this far (two-sided, exact): McNemar's test for paired answers.

    >>> round(sign_test(9, 1), 4)
    0.0215
    """
    n = better + worse
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(min(better, worse) + 1))
    return min(1.0, tail / (1 << (n - 1)))
