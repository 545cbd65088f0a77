"""Problems as rows for other systems: one flat row each, the same columns wherever they go. No secrets are in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec

from andon.core.models import PatternSummary
from andon.core.redact import clean, one_numbering
from andon.insight.export import safe_cell
from andon.insight.titles import TITLE_MAX, about, title_of
from andon.store import Connection, problems
from andon.store.problems import PatternSort

_NAME_MAX, _FIX_MAX = 200, 500


class ProblemRow(msgspec.Struct, frozen=True, kw_only=True):
    """One problem. Times are ISO 8601 in UTC; place, machine and service are those of its newest log, None where it
    says none. ``explained_by`` is where its explanation comes from, ``fix`` the newest confirmed fix."""

    problem_id: int
    title: str
    severity: str
    count: int
    hosts: int
    first_seen: str
    last_seen: str
    site: str | None
    area: str | None
    line: str | None
    machine: str | None
    host: str | None
    service: str | None
    explained_by: str | None
    fix: str | None


#: The columns in their order.
COLUMNS = ProblemRow.__struct_fields__


def rows(connection: Connection, limit: int, sort: PatternSort = "last", since: str | None = None) -> list[ProblemRow]:
    """Problems in the order of ``sort``; ``since`` (stored form) leaves out those that were not seen any more then."""
    found = problems.listing(connection, limit, sort)
    with one_numbering():
        return [_row(connection, one) for one in found if since is None or one.last_seen >= since]


def row(connection: Connection, problem_id: int) -> ProblemRow:
    """One problem. Raises NotFound."""
    with one_numbering():
        return _row(connection, problems.summary(connection, problem_id))


def as_csv(listed: Sequence[ProblemRow]) -> str:
    """The rows as CSV with a head, safe in a spreadsheet."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([safe_cell(getattr(one, name)) for name in COLUMNS] for one in listed)
    return buffer.getvalue()


def as_lines(listed: Sequence[ProblemRow]) -> str:
    """The rows as JSON lines."""
    return b"".join(msgspec.json.encode(one) + b"\n" for one in listed).decode()


def as_records(listed: Sequence[ProblemRow]) -> tuple[dict[str, Any], ...]:
    """The rows as objects."""
    return tuple(msgspec.to_builtins(one) for one in listed)


def _row(connection: Connection, one: PatternSummary) -> ProblemRow:
    newest = next(iter(problems.newest_logs(connection, one.id, 1)), None)
    fix = next(iter(problems.fixes_of(connection, one.id)), None)

    def told(name: str) -> str | None:
        value = None if newest is None else getattr(newest, name)
        return clean(" ".join(value.split()), _NAME_MAX) if value else None

    return ProblemRow(
        problem_id=one.id,
        title=clean(about(title_of(one.template), told("machine"), told("hostname")), TITLE_MAX),
        severity=one.worst_severity,
        count=one.count,
        hosts=one.hosts,
        first_seen=one.first_seen,
        last_seen=one.last_seen,
        site=told("site"),
        area=told("area"),
        line=told("line"),
        machine=told("machine"),
        host=told("hostname"),
        service=told("service"),
        explained_by=one.rung,
        fix=None if fix is None else clean(" ".join(fix.fix.split()), _FIX_MAX),
    )
