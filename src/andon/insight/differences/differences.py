"""What is different about these logs? Fields of records and contexts, and the shift and hour they fell into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

import msgspec

from andon.core.models.history import Comparison, Difference, FieldCounts
from andon.core.times import clock
from andon.grouping.codes import CodeRules
from andon.insight.differences.lift import differences
from andon.insight.shifts.calendar import Shift, window_at
from andon.store import Connection, search

_CODES = CodeRules()
#: With fewer logs in question nothing can be told from chance.
LEAST_LOGS = 5


class DiffResult(msgspec.Struct, frozen=True):
    """Logs in question (``inside``) and others (``outside``), and what stands out; ``note`` says why nothing can."""

    inside: int
    outside: int
    exact: bool
    differences: list[Difference]
    note: str | None = None


def of_pattern(
    connection: Connection,
    pattern_id: int,
    since: float,
    until: float,
    shifts: Sequence[Shift],
    zone: ZoneInfo,
    *,
    limit: int = 20,
) -> DiffResult:
    """What stands out in a problem's logs beside all others of the same time (unix seconds). Raises NotFound."""
    return find(search.compare_pattern(connection, pattern_id, since, until), shifts, zone, limit=limit)


def of_windows(
    connection: Connection,
    window: tuple[float, float],
    baseline: tuple[float, float],
    pattern_id: int | None,
    zone: ZoneInfo,
    *,
    limit: int = 20,
) -> DiffResult:
    """What stands out in the logs of one time beside another's, of one problem or of all. Raises NotFound."""
    return find(search.compare_windows(connection, window, baseline, pattern_id), None, zone, limit=limit)


def find(compared: Comparison, shifts: Sequence[Shift] | None, zone: ZoneInfo, *, limit: int = 20) -> DiffResult:
    """What stands out in a comparison, the most telling first.

    ``shifts`` is None where two times are compared: that they are different times is nothing to be found. As little is
    the code by which a problem is told from the others.
    """
    fields = dict(compared.fields)
    if shifts is not None:
        fields = {name: counts for name, counts in fields.items() if not _is_own_code(name, counts)}
        fields["shift"] = _by_hour(compared, lambda at: one.name if (one := window_at(shifts, at, zone)) else None)
        fields["hour of day"] = _by_hour(compared, lambda at: f"{clock(at, zone):%H}:00")
    found = differences(fields, limit=limit)
    return DiffResult(compared.inside, compared.outside, compared.exact, found, _note(compared, found))


def _is_own_code(name: str, counts: FieldCounts) -> bool:
    """Whether this field holds a code that all logs in question have and no other log."""
    if len(counts.inside) != 1 or sum(counts.inside.values()) != counts.inside_total:
        return False
    (value,) = counts.inside
    return value not in counts.outside and bool(_CODES.in_context({name.rpartition(".")[2]: value}))


def _note(compared: Comparison, found: list[Difference]) -> str | None:
    if not compared.inside:
        return "there are no such logs in this time: choose a longer one"
    if compared.inside < LEAST_LOGS:
        few = "1 log is" if compared.inside == 1 else f"{compared.inside} logs are"
        return f"{few} too few to tell a difference from chance"
    if not compared.outside:
        return "there are no other logs in this time to compare with: choose a longer one"
    return None if found else "nothing stands out beyond what chance explains"


def _by_hour(compared: Comparison, name: Callable[[float], str | None]) -> FieldCounts:
    inside: Counter[str] = Counter()
    outside: Counter[str] = Counter()
    for hour, (here, there) in compared.hours.items():
        value = name(hour * 3600.0)
        if value is not None:
            inside[value] += here
            outside[value] += there
    return FieldCounts(+inside, +outside, inside.total(), outside.total())


def sentence(d: Difference) -> str:
    """One difference as a line: ``firmware 2.1.4: 41 of 48, 6.0 × more often (p < 0.001)``.

    >>> sentence(Difference("firmware", "2.1.4", 41, 48, 285, 2000, 5.994, 1e-20))
    'firmware 2.1.4: 41 of 48, 6.0 × more often (p < 0.001)'
    """
    chance = "p < 0.001" if d.p < 0.001 else f"p = {d.p:.3f}"
    times = "nowhere else" if d.outside == 0 else f"{d.lift:.1f} × more often"
    return f"{d.field} {d.value}: {d.inside:,} of {d.of_inside:,}, {times} ({chance})"
