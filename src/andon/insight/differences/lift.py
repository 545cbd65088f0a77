"""What is different about these logs? Values of fields that are over-represented, with a test against chance.

For each value of each field the logs in question are held against the others in a two by two table. Where every
expected count is at least five, the G-test (log-likelihood ratio, one degree of freedom) gives the chance of such a
table, else Fisher's exact test; both one-sided, because only what is more frequent explains anything. The chances are
corrected by Holm's step-down method for all values of all fields that were there to be found, so that a field with
thousands of values (a serial number) has to be thousands of times as convincing. Where the counts say how many
independent observations the logs are, chance and ratio are those of observations: a storm is one event.

Sources: Sokal & Rohlf, Biometry (G-test); Fisher 1922; Holm 1979; Cochran's rule of five for expected counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from andon.core.models.history import Difference, FieldCounts
from andon.insight.trends.rates import holm

#: A value must be on this many of the logs in question: less is an anecdote.
LEAST_COUNT = 3
#: Expected counts below this call for the exact test.
_RULE_OF_FIVE = 5.0
#: The exact test sums at most so many terms; beyond them the rest is too small to matter.
_TERMS_MAX = 10_000


def differences(
    fields: Mapping[str, FieldCounts], *, least_count: int = LEAST_COUNT, alpha: float = 0.05, limit: int = 20
) -> list[Difference]:
    """The values that stand out with a corrected chance below ``alpha``, the most telling first.

    A field that none of the other logs carries is left out: nothing can be compared. Telling is what covers most of the
    logs in question and few others; ties go by the names, so that the order never changes by itself.
    """
    found: list[Difference] = []
    tested = 0
    for field, counts in fields.items():
        if counts.inside_total <= 0 or counts.outside_total <= 0:
            continue
        tested += len(counts.inside.keys() | counts.outside.keys()) + counts.others
        for value, logs in counts.inside.items():
            if logs >= least_count and (one := _compared(field, value, counts, least_count)) is not None:
                found.append(one)
    chances = holm([row.p for row in found], tested)
    kept = [msgspec.structs.replace(row, p=p) for row, p in zip(found, chances, strict=True) if p < alpha]
    kept.sort(key=lambda d: (-_weight(d), d.p, d.field, d.value))
    return kept[:limit]


def _compared(field: str, value: str, counts: FieldCounts, least_count: int) -> Difference | None:
    """One value inside and outside; None where it is not more frequent inside."""
    of = counts.independent or counts
    inside, outside = of.inside.get(value, 0), of.outside.get(value, 0)
    logs, others = counts.inside[value], counts.outside.get(value, 0)
    if others == 0:
        outside = 0
    inside_total, outside_total = max(of.inside_total, inside), max(of.outside_total, outside)
    if round(inside) < least_count or inside * outside_total <= outside * inside_total:
        return None
    p = chance(round(inside), round(inside_total), round(outside), max(1, round(outside_total)))
    lift = math.inf if others == 0 or not outside else (inside / inside_total) / (outside / outside_total)
    return Difference(field, value, logs, counts.inside_total, others, counts.outside_total, lift, p)


def _weight(d: Difference) -> float:
    """How much a value tells: the difference of the two shares (1: all of these, none of the others)."""
    return d.inside / d.of_inside - d.outside / d.of_outside


def chance(inside: int, inside_total: int, outside: int, outside_total: int) -> float:
    """The chance that so large a share inside (``inside`` of ``inside_total``) comes about by accident, one-sided.

    >>> round(chance(3, 3, 1, 4), 4)
    0.1143
    """
    total = inside_total + outside_total
    having = inside + outside
    smallest = min(having, total - having) * min(inside_total, outside_total) / total
    if smallest < _RULE_OF_FIVE:
        return _fisher(inside, inside_total, having, total)
    return _g_test(inside, inside_total, outside, outside_total)


def _g_test(inside: int, inside_total: int, outside: int, outside_total: int) -> float:
    """One-sided chance by G = 2 Σ O ln(O/E), which for one degree of freedom is the square of a normal deviate."""
    total = inside_total + outside_total
    having = inside + outside
    g = 0.0
    for observed, row, column in (
        (inside, inside_total, having),
        (inside_total - inside, inside_total, total - having),
        (outside, outside_total, having),
        (outside_total - outside, outside_total, total - having),
    ):
        if observed:
            g += observed * math.log(observed * total / (row * column))
    return 0.5 * math.erfc(math.sqrt(max(0.0, g)))


def _fisher(inside: int, inside_total: int, having: int, total: int) -> float:
    """The upper tail of the hypergeometric distribution: at least ``inside`` of ``having`` marked among the drawn."""
    most = min(having, inside_total)
    if inside > most:
        return 0.0
    # Each term follows from the one before by a ratio; the first is the only one that needs logarithms.
    term = math.exp(
        _ln_choose(having, inside) + _ln_choose(total - having, inside_total - inside) - _ln_choose(total, inside_total)
    )
    tail = 0.0
    for k in range(inside, min(most, inside + _TERMS_MAX) + 1):
        tail += term
        if term < tail * 1e-17:
            break
        term *= (having - k) * (inside_total - k) / ((k + 1) * (total - having - inside_total + k + 1))
    return min(1.0, tail)


def _ln_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
