"""Logs as a file that is written while it is read, and what is known of a problem."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

import msgspec
from fastapi.responses import StreamingResponse

from andon.app.web.api.answers import Log, ProblemAnswer, as_log, noted
from andon.core.models import LogQuery, StoredLog
from andon.core.redact import Redactor
from andon.insight.export import csv_chunks, json_chunks, redacted
from andon.insight.problem import below, explanation_of, newest_log
from andon.store import Ask, Connection, problems, search, verdicts

#: Logs that are read and written at a time.
PAGE = 1_000
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {kind.partition(";")[0]: {} for kind in _TYPES.values()}}
}


async def stream(
    ask: Ask,
    query: LogQuery,
    form: Literal["csv", "jsonl"],
    limit: int | None,
    notes: Sequence[str],
    redactor: Redactor | None,
) -> StreamingResponse:
    """The logs of ``query`` as a file, without secrets where there is a ``redactor``.

    Raises StoreError where not even the first page can be read.

    A later page that cannot be read breaks the answer off, which HTTP shows to the client as incomplete.
    """

    async def pages() -> AsyncIterator[bytes]:
        asked, left = query, limit
        while left is None or left > 0:
            asked = msgspec.structs.replace(asked, limit=query.limit if left is None else min(query.limit, left))
            data, rows = await ask(_page, asked, form, redactor)
            yield data
            if len(rows) < asked.limit:
                return
            left = None if left is None else left - len(rows)
            asked = msgspec.structs.replace(asked, before=(rows[-1].timestamp, rows[-1].id))

    following = pages()
    first = await anext(following)

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for data in following:
            yield data

    headers = {"Content-Disposition": f'attachment; filename="andon-logs.{form}"', **noted(notes)}
    return StreamingResponse(whole(), media_type=_TYPES[form], headers=headers)


def _page(
    connection: Connection, asked: LogQuery, form: str, redactor: Redactor | None
) -> tuple[bytes, list[StoredLog]]:
    rows = search.find(connection, asked)
    told = rows if redactor is None else [redacted(row, redactor) for row in rows]
    chunks = list(csv_chunks([told]) if form == "csv" else json_chunks([told]))
    if form == "csv" and asked.before is not None:
        del chunks[0]  # the names of the columns stand on the first page
    return b"".join(data for data, _ in chunks), rows


def log_answer(connection: Connection, log_id: int) -> Log:
    """A log with what is shown for it. Raises NotFound."""
    row = search.log(connection, log_id)
    opinion = problems.shown_below(connection, [row.analysis_id]).get(row.analysis_id) if row.analysis_id else None
    return msgspec.structs.replace(as_log(row), second_opinion=opinion)


def problem_answer(connection: Connection, pattern_id: int) -> ProblemAnswer:
    """What is known of a problem. Raises NotFound."""
    pattern = problems.summary(connection, pattern_id)
    log = newest_log(connection, pattern)
    explanation = explanation_of(connection, pattern, log)
    return ProblemAnswer(
        pattern=pattern,
        explanation=explanation,
        second_opinion=below(connection, explanation),
        verdicts=verdicts.of_problem(connection, pattern_id),
        ticks=problems.ticks_of(connection, pattern_id),
        notes=problems.notes_of(connection, pattern_id),
        newest_message=None if log is None else log.message,
        hosts=problems.hosts_of(connection, pattern_id),
        merges=problems.merges_of(connection, pattern_id),
        resolutions=problems.fixes_of(connection, pattern_id),
    )
