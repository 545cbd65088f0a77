"""Which problems show what a model said that has proved itself."""

from __future__ import annotations

from sqlalchemy import Connection

from andon.core.models import Rung
from andon.store.schema.dialect import run

_BY_MODELS = """
SELECT latest.id, latest.template
FROM (
    SELECT id, template, analysis_id, last_seen FROM patterns
    WHERE merged_into IS NULL ORDER BY last_seen DESC, id DESC LIMIT ?
) AS latest
JOIN analyses ON analyses.id = latest.analysis_id
WHERE analyses.rung = ? AND analyses.source IS NULL AND NOT analyses.provisional
ORDER BY latest.last_seen DESC, latest.id DESC
"""


def explained_by_models(connection: Connection, limit: int) -> list[tuple[int, str]]:
    """(id, template) of those of the ``limit`` problems seen last that show the answer of a model which has proved
    itself (of one that has not, its standing is the answer's source), the latest first."""
    return [(int(id_), str(template)) for id_, template in run(connection, _BY_MODELS, (limit, Rung.MODEL.value))]
