"""Second opinions: what a model says below the answer that is shown, never in its place.

Such a row names the row that it stands below (``second_of``) and neither problem nor log: it goes wherever that one
goes. It waits behind everything else, nobody waits for it, and it has no use once something else is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, update

from andon.core.models import AnalysisStatus, Explanation, SecondOpinion, StoredAnalysis, now_text
from andon.store.engine.rows import SHOWN, select_analyses, to_analysis
from andon.store.problems import analysis_rows, members
from andon.store.schema.dialect import portions
from andon.store.schema.tables import analyses, logs

REASON = "second"
#: The tier of such rows in the queue: behind all others.
TIER = -1
#: What an answer that somebody asked for adds to the score.
_ASKED = 1_000
_SUPERSEDED = "superseded: another answer is shown by now"


def ask(connection: Connection, below: int) -> int:
    """Ask for a second opinion below an analysis that is shown; the id of the row that waits for it."""
    waiting = open_below(connection, below)
    if waiting is not None:
        return int(waiting.id)
    base = _row(connection, below)
    score = base.score + (_ASKED if base.caller else 0)
    return analysis_rows.add(connection, reason=REASON, second_of=below, tier=TIER, score=score)


def add(connection: Connection, below: int, explanation: Explanation) -> None:
    """Put a second opinion that is there already below an analysis."""
    row = ask(connection, below)
    end(connection, row, AnalysisStatus.DONE, **analysis_rows.answered(explanation))


def end(connection: Connection, row_id: int, status: AnalysisStatus, **values: Any) -> None:
    """Close the row of a second opinion, with ``values`` for further columns. A closed one stays as it is."""
    row = _row(connection, row_id)
    if row.finished_at is None and row.second_of is not None:
        analysis_rows.close(connection, row_id, status, **values)


def open_below(connection: Connection, below: int) -> Row[Any] | None:
    """The row that waits for a second opinion below an analysis."""
    query = select(analyses).where(analyses.c.second_of == below, analyses.c.finished_at.is_(None))
    return connection.execute(query.limit(1)).one_or_none()


def base_of(connection: Connection, second_of: int) -> Row[Any] | None:
    """The row that a second opinion stands below, as long as its problem or log shows it."""
    base = _row(connection, second_of)
    if base.pattern_id is None:
        showing = connection.execute(select(logs.c.analysis_id).where(logs.c.id == base.log_id)).scalar()
    else:
        root = members.root_of(connection, base.pattern_id)
        shown = None if root is None else members.shown(connection, root)
        showing = None if shown is None else shown.analysis_id
    return base if showing == base.id else None


def forget(connection: Connection, row_id: int) -> None:
    """Close a row for whose opinion nobody has a use any more."""
    end(connection, row_id, AnalysisStatus.DONE, last_error=_SUPERSEDED)


def forget_others(connection: Connection, root: int) -> None:
    """Close what waits below any answer of a problem but the one that it shows."""
    shown = members.shown(connection, root)
    of_problem = select(analyses.c.id).where(analyses.c.pattern_id.in_(members.ids_of(root)))
    connection.execute(
        update(analyses)
        .where(
            analyses.c.second_of.in_(of_problem),
            analyses.c.second_of != (0 if shown is None else shown.analysis_id),
            analyses.c.finished_at.is_(None),
        )
        .values(
            status=AnalysisStatus.DONE,
            finished_at=now_text(),
            lease_owner=None,
            lease_until=None,
            last_error=_SUPERSEDED,
        )
    )


def shown_below(connection: Connection, analysis_ids: Sequence[int]) -> dict[int, SecondOpinion]:
    """The newest second opinion below each of these analyses; those that have none are left out."""
    found: dict[int, SecondOpinion] = {}
    for part in portions(analysis_ids):
        rows = connection.execute(
            select_analyses()
            .add_columns(SHOWN.c.second_of)
            .where(SHOWN.c.second_of.in_(part), SHOWN.c.text.is_not(None), SHOWN.c.finished_at.is_not(None))
            .order_by(SHOWN.c.id)
        )
        found.update({row.second_of: _opinion(to_analysis(tuple(row)[:-1])) for row in rows})
    return found


def _opinion(row: StoredAnalysis) -> SecondOpinion:
    return SecondOpinion(
        analysis_id=row.id,
        text=row.text,
        finding=row.finding,
        provider=row.provider,
        model=row.model,
        standing=row.source,
        created_at=row.finished_at or row.created_at,
    )


def _row(connection: Connection, analysis_id: int) -> Row[Any]:
    return connection.execute(select(analyses).where(analyses.c.id == analysis_id)).one()
