"""Queries and conversions that reading and the queue share: rows of tables become values of ``models``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Select, case, func, literal, null, select

from andon.core.models import StoredAnalysis, StoredLog
from andon.store.schema.expressions import seconds_text
from andon.store.schema.tables import analyses, logs, patterns, streams

_pattern = patterns.alias("p")
_merged = patterns.alias("m")
#: The analysis that a log shows.
SHOWN = analyses.alias("a")
_open = analyses.alias("o")

#: The log shows an explanation at all.
EXPLAINED = SHOWN.c.text.is_not(None)
#: Longer contexts are left out of lists, in characters.
CONTEXT_LISTED = 16_384
#: An analysis is final once it is finished and holds a text; before that a text is provisional.
FINAL = SHOWN.c.finished_at.is_not(None)

_waiting_status = (
    select(_open.c.status)
    .where(
        _open.c.pattern_id == func.coalesce(_pattern.c.merged_into, logs.c.pattern_id), _open.c.finished_at.is_(None)
    )
    .limit(1)
    .scalar_subquery()
)

_SQL_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)", re.ASCII)
#: What fields of StoredLog are made of that are no columns of ``logs`` by their own names.
_DERIVED = {
    "analysis": SHOWN.c.text,
    "created_at": func.coalesce(logs.c.created_text, seconds_text(logs.c.created_at)),
    "stream": streams.c.name,
    "sequence": logs.c.seq,
    "analysis_id": SHOWN.c.id,
    "rung": SHOWN.c.rung,
    "provisional": SHOWN.c.provisional,
    "analysis_status": func.coalesce(SHOWN.c.status, _waiting_status),
}
_LOG_FIELDS, _ANALYSIS_FIELDS = StoredLog.__struct_fields__, StoredAnalysis.__struct_fields__
_LOG_COLUMNS = [_DERIVED[name] if name in _DERIVED else logs.c[name] for name in _LOG_FIELDS]
_ANALYSIS_COLUMNS = [SHOWN.c[name] for name in _ANALYSIS_FIELDS]
_FROM = (
    logs.join(streams, streams.c.id == logs.c.stream_id)
    .outerjoin(_pattern, _pattern.c.id == logs.c.pattern_id)
    .outerjoin(_merged, _merged.c.id == _pattern.c.merged_into)
    .outerjoin(
        SHOWN,
        SHOWN.c.id == func.coalesce(logs.c.analysis_id, _merged.c.analysis_id, _pattern.c.analysis_id),
    )
)


def select_logs() -> Select[Any]:
    """Logs with the analysis the view shows for them; rows for :func:`to_log`."""
    return select(*_LOG_COLUMNS).select_from(_FROM)


def select_beginnings(length: int) -> Select[Any]:
    """Logs for lists, rows for :func:`to_log`: of messages the first ``length`` characters, no context that is longer
    than :data:`CONTEXT_LISTED`, no bytes and no analysis."""
    left_out = {name: null() for name in ("analysis", "raw", "analysis_id", "rung", "analysis_status", "notes")}
    made = {
        **left_out,
        "message": func.substr(logs.c.message, 1, length),
        "context": case((func.length(logs.c.context) <= CONTEXT_LISTED, logs.c.context)),
        "provisional": literal(value=False),
        "created_at": literal(""),
        "stream": literal(""),
        "sequence": logs.c.seq,
    }
    return select(*(made[name].label(name) if name in made else logs.c[name] for name in _LOG_FIELDS))


def select_logs_and_analyses(*more: Any) -> Select[Any]:
    """Logs, the explanation each shows, and more columns; rows for :func:`to_log_and_analysis`."""
    return select(*_LOG_COLUMNS, *_ANALYSIS_COLUMNS, *more).select_from(_FROM)


def select_analyses() -> Select[Any]:
    """Rows of ``analyses``; for :func:`to_analysis`."""
    return select(*_ANALYSIS_COLUMNS)


def text_of(value: Any) -> str:
    """Rows that were taken over may hold NULL or bytes where a text belongs."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _stored_form(text: str) -> str:
    """A time as the view shows it, whose form is that of the reference system, in stored form; others as they are."""
    found = _SQL_TIME.fullmatch(text)
    return text if found is None else f"{found[1]}T{found[2]}.000Z"


def to_log(row: Iterable[Any]) -> StoredLog:
    """One row of :func:`select_logs`."""
    values = dict(zip(_LOG_FIELDS, row, strict=True))
    for name in ("timestamp", "hostname", "severity", "service", "message", "created_at"):
        values[name] = text_of(values[name])
    values["created_at"] = _stored_form(values["created_at"])
    for name in ("context", "analysis"):
        values[name] = None if values[name] is None else text_of(values[name])
    values["provisional"] = bool(values["provisional"])
    return StoredLog(**values)


def to_analysis(row: Iterable[Any]) -> StoredAnalysis:
    """One row of :func:`select_analyses`."""
    values = dict(zip(_ANALYSIS_FIELDS, row, strict=True))
    for name in ("rung", "text", "created_at"):
        values[name] = text_of(values[name])
    values["provisional"] = bool(values["provisional"])
    values["finding"] = msgspec.json.decode(values["finding"]) if values["finding"] else None
    return StoredAnalysis(**values)


def to_log_and_analysis(row: Iterable[Any]) -> tuple[StoredLog, StoredAnalysis | None, tuple[Any, ...]]:
    """One row of :func:`select_logs_and_analyses`: log, explanation if any, the further columns."""
    values = tuple(row)
    middle, end = len(_LOG_FIELDS), len(_LOG_FIELDS) + len(_ANALYSIS_FIELDS)
    log = to_log(values[:middle])
    return log, None if log.analysis is None else to_analysis(values[middle:end]), values[end:]
