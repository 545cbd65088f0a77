"""Queries and conversions that reading and the queue share: rows of tables become values of ``models``."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, Select, func, select

from andon.core.models import StoredAnalysis, StoredLog
from andon.store.schema.expressions import seconds_text
from andon.store.schema.tables import analyses, logs, patterns, streams

_pattern = patterns.alias("p")
_merged = patterns.alias("m")
_shown = analyses.alias("a")
_open = analyses.alias("o")

#: The log shows an explanation at all.
EXPLAINED = _shown.c.text.is_not(None)
#: An analysis is final once it is finished and holds a text; before that a text is provisional.
FINAL = _shown.c.finished_at.is_not(None)

_created_at = func.coalesce(logs.c.created_text, seconds_text(logs.c.created_at))
_waiting_status = (
    select(_open.c.status)
    .where(
        _open.c.pattern_id == func.coalesce(_pattern.c.merged_into, logs.c.pattern_id), _open.c.finished_at.is_(None)
    )
    .limit(1)
    .scalar_subquery()
)

# In the order of StoredLog's fields.
_LOG_COLUMNS = (
    logs.c.id,
    logs.c.timestamp,
    logs.c.hostname,
    logs.c.severity,
    logs.c.service,
    logs.c.message,
    logs.c.context,
    _shown.c.text,
    _created_at,
    logs.c.severity_native,
    logs.c.site,
    logs.c.area,
    logs.c.line,
    logs.c.machine,
    logs.c.notes,
    streams.c.name,
    logs.c.seq,
    logs.c.stored_ns,
    logs.c.pattern_id,
    _shown.c.id,
    _shown.c.rung,
    _shown.c.provisional,
    func.coalesce(_shown.c.status, _waiting_status),
)
_ANALYSIS_COLUMNS = (
    _shown.c.id,
    _shown.c.pattern_id,
    _shown.c.log_id,
    _shown.c.status,
    _shown.c.rung,
    _shown.c.provisional,
    _shown.c.text,
    _shown.c.finding,
    _shown.c.source,
    _shown.c.provider,
    _shown.c.model,
    _shown.c.prompt_version,
    _shown.c.created_at,
    _shown.c.finished_at,
)
_FROM = (
    logs.join(streams, streams.c.id == logs.c.stream_id)
    .outerjoin(_pattern, _pattern.c.id == logs.c.pattern_id)
    .outerjoin(_merged, _merged.c.id == _pattern.c.merged_into)
    .outerjoin(
        _shown,
        _shown.c.id == func.coalesce(logs.c.analysis_id, _merged.c.analysis_id, _pattern.c.analysis_id),
    )
)
_LOG_WIDTH = len(_LOG_COLUMNS)


def select_logs() -> Select[Any]:
    """Logs with the analysis the view shows for them; rows for :func:`to_log`."""
    return select(*_LOG_COLUMNS).select_from(_FROM)


def select_logs_and_analyses(*more: Any) -> Select[Any]:
    """Logs, the explanation each shows, and more columns; rows for :func:`to_log_and_analysis`."""
    return select(*_LOG_COLUMNS, *_ANALYSIS_COLUMNS, *more).select_from(_FROM)


def select_analyses() -> Select[Any]:
    """Rows of ``analyses``; for :func:`to_analysis`."""
    return select(*_ANALYSIS_COLUMNS)


def shown_columns() -> Any:
    """The analysis table as the selects here name it, for further conditions."""
    return _shown.c


def _text(value: Any) -> str:
    """Rows that were taken over may hold NULL or bytes where a text belongs."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def to_log(row: Row[Any] | tuple[Any, ...]) -> StoredLog:
    """One row of :func:`select_logs`."""
    (id_, time, host, severity, service, message, context, analysis, created, *rest) = tuple(row)
    (native, site, area, line, machine, notes, stream, seq, ns, pattern_id, analysis_id, rung, provisional, status) = (
        rest
    )
    return StoredLog(
        id=id_,
        timestamp=_text(time),
        hostname=_text(host),
        severity=_text(severity),
        service=_text(service),
        message=_text(message),
        context=_text_or_none(context),
        analysis=_text_or_none(analysis),
        created_at=_text(created),
        severity_native=native,
        site=site,
        area=area,
        line=line,
        machine=machine,
        notes=notes,
        stream=stream,
        sequence=seq,
        stored_ns=ns,
        pattern_id=pattern_id,
        analysis_id=analysis_id,
        rung=rung,
        provisional=bool(provisional),
        analysis_status=status,
    )


def to_analysis(row: Row[Any] | tuple[Any, ...]) -> StoredAnalysis:
    """One row of :func:`select_analyses`."""
    (id_, pattern_id, log_id, status, rung, provisional, text, finding, source, *rest) = tuple(row)
    provider, model, prompt_version, created_at, finished_at = rest
    return StoredAnalysis(
        id=id_,
        pattern_id=pattern_id,
        log_id=log_id,
        status=status,
        rung=_text(rung),
        provisional=bool(provisional),
        text=_text(text),
        finding=msgspec.json.decode(finding) if finding else None,
        source=source,
        provider=provider,
        model=model,
        prompt_version=prompt_version,
        created_at=_text(created_at),
        finished_at=finished_at,
    )


def to_log_and_analysis(row: Row[Any]) -> tuple[StoredLog, StoredAnalysis | None, tuple[Any, ...]]:
    """One row of :func:`select_logs_and_analyses`: log, explanation if any, the further columns."""
    values = tuple(row)
    end = _LOG_WIDTH + len(_ANALYSIS_COLUMNS)
    log = to_log(values[:_LOG_WIDTH])
    return log, None if log.analysis is None else to_analysis(values[_LOG_WIDTH:end]), values[end:]


__all__ = [
    "EXPLAINED",
    "FINAL",
    "select_analyses",
    "select_logs",
    "select_logs_and_analyses",
    "shown_columns",
    "to_analysis",
    "to_log",
    "to_log_and_analysis",
]
