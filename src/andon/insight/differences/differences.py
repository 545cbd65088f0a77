"""What is different about these logs? Fields of records and contexts, and the shift and hour they fell into."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from andon.core.models.history import Comparison, Difference, FieldCounts
from andon.core.names import key
from andon.grouping.codes import CodeRules
from andon.insight.differences import hours
from andon.insight.differences.lift import differences
from andon.insight.shifts.calendar import Shift, window_at
from andon.store import Connection, search

_CODES = CodeRules()
#: With fewer logs in question nothing can be told from chance.
LEAST_LOGS = 5
#: So many values that stand out are looked through for the same facts.
FOUND_MAX = 500
#: Two fields with the same value tell the same fact where so large a share of the logs has both, at least.
_NEARLY = 0.9
_OWN_FIRST = ("machine", "line", "area", "site", "hostname", "service", "shift")


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
        fields["shift"] = hours.by_name(
            compared.hours, lambda at: one.name if (one := window_at(shifts, at, zone)) else None
        )
        fields["hour of day"] = hours.of_the_day(compared.hours, zone)
    enough = compared.inside >= LEAST_LOGS
    found = _when_once(folded(differences(fields, limit=FOUND_MAX)))[:limit] if enough else []
    return DiffResult(compared.inside, compared.outside, compared.exact, found, _note(compared, found))


def _is_own_code(name: str, counts: FieldCounts) -> bool:
    """Whether this field holds a code that all logs in question have and no other log."""
    if len(counts.inside) != 1 or sum(counts.inside.values()) != counts.inside_total:
        return False
    (value,) = counts.inside
    return value not in counts.outside and bool(_CODES.in_context({name.rpartition(".")[2]: value}))


def _note(compared: Comparison, found: list[Difference]) -> str | None:
    if not compared.inside:
        return "there are no such logs in this time: choose a longer time"
    if compared.inside < LEAST_LOGS:
        few = "1 log is" if compared.inside == 1 else f"{compared.inside} logs are"
        return f"{few} too few to tell a difference from chance"
    if not compared.outside:
        return "there are no other logs in this time to compare with: choose a longer time"
    if found:
        return None
    events = compared.fields["hostname"].independent if "hostname" in compared.fields else None
    if events is not None and round(events.inside_total) < LEAST_LOGS:
        came = "at one time" if round(events.inside_total) <= 1 else f"in {round(events.inside_total)} bursts"
        return f"all {compared.inside:,} logs came {came}: too few events to tell a difference from chance"
    return "nothing stands out beyond what chance explains"


def folded(found: Sequence[Difference]) -> list[Difference]:
    """Each fact once: what the same logs have under several names becomes ``also`` of one.

    The same logs: as many of those in question and as many of the others, or nearly as many with the same value (a
    machine's name as ``machine``, ``hostname`` and in the context).
    """
    groups: list[list[Difference]] = []
    for one in found:
        for group in groups:
            if all(one.field != other.field for other in group) and any(_same(other, one) for other in group):
                group.append(one)
                break
        else:
            groups.append([one])
    facts = []
    for group in groups:
        first, *others = sorted(group, key=_by_name)
        facts.append(msgspec.structs.replace(first, also=tuple((one.field, one.value) for one in others)))
    return facts


def _when_once(found: list[Difference]) -> list[Difference]:
    """Shift and hour of the day both tell when; the more telling one is enough."""
    when = [one for one in found if one.field in ("shift", "hour of day")]
    return [one for one in found if one not in when or one.field == when[0].field]


def _same(one: Difference, other: Difference) -> bool:
    if (one.inside, one.outside) == (other.inside, other.outside):
        return True
    fewer, more = sorted((one.inside, other.inside))
    value = key(one.value, "")
    named = one.field.rpartition(".")[2] == other.field.rpartition(".")[2]
    telling = named or (any(map(str.isalpha, value)) and any(map(str.isdecimal, value)))
    return telling and value == key(other.value, "") and fewer >= _NEARLY * more


def _by_name(one: Difference) -> tuple[int, int, int, str]:
    """The one that covers most first, then the record's own fields."""
    own = _OWN_FIRST.index(one.field) if one.field in _OWN_FIRST else len(_OWN_FIRST)
    return -one.inside, own, len(one.field), one.field


def sentence(d: Difference) -> str:
    """One difference as a line: ``firmware 2.1.4: 41 of 48, 6.0 × more often (p < 0.001)``.

    >>> sentence(Difference("firmware", "2.1.4", 41, 48, 285, 2000, 5.994, 1e-20))
    'firmware 2.1.4: 41 of 48, 6.0 × more often (p < 0.001)'
    >>> sentence(Difference("machine", "P4", 9, 9, 0, 50, float("inf"), 1e-5, (("hostname", "p4"), ("recipe", "R7"))))
    'machine P4 (also hostname; recipe R7): 9 of 9, nowhere else (p < 0.001)'
    """
    names = [field if key(value, "") == key(d.value, "") else f"{field} {value}" for field, value in d.also]
    also = f" (also {'; '.join(names)})" if names else ""
    chance = "p < 0.001" if d.p < 0.001 else f"p = {d.p:.3f}"
    times = "nowhere else" if d.outside == 0 else f"{d.lift:.1f} × more often"
    return f"{d.field} {d.value}{also}: {d.inside:,} of {d.of_inside:,}, {times} ({chance})"
