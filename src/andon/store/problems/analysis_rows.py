"""Rows of ``analyses``: adding, changing and ending them."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, CursorResult, bindparam, update

from andon.core.models import AnalysisStatus, Explanation, now_text
from andon.store.schema.tables import analyses

_CHANGE = update(analyses).where(analyses.c.id == bindparam("changed_id"))
_ADD = analyses.insert()


def change(connection: Connection, analysis_id: int, **values: Any) -> None:
    """Give columns of one analysis other values."""
    connection.execute(_CHANGE, {"changed_id": analysis_id, **values})


def close(connection: Connection, analysis_id: int, status: AnalysisStatus, **values: Any) -> None:
    """End an analysis and its lease, with ``values`` for further columns."""
    ended = {"finished_at": now_text(), "lease_owner": None, "lease_until": None, "provisional": False}
    change(connection, analysis_id, status=status, **ended, **values)


def add(connection: Connection, **values: Any) -> int:
    """A new analysis, open and due unless ``values`` say otherwise; its id."""
    usual = {"status": AnalysisStatus.PENDING, "caller": False, "tier": 0, "score": 0, "created_at": now_text()}
    usual |= {"not_before": 0.0, "attempts": 0, "provisional": False}
    return inserted_id(connection.execute(_ADD, usual | values))


def answered(explanation: Explanation) -> dict[str, Any]:
    """The columns that hold an explanation."""
    values = {name: value for name, value in msgspec.structs.asdict(explanation).items() if name in analyses.c}
    if values["finding"] is not None:
        values["finding"] = msgspec.json.encode(values["finding"]).decode()
    return values


def refused(explanation: Explanation) -> dict[str, Any]:
    """The columns that hold what a model said and nobody is shown: as a finding, with no text and no rung."""
    said = explanation.finding if explanation.finding is not None else {"text": explanation.text}
    return answered(msgspec.structs.replace(explanation, finding=said)) | {"rung": None, "text": None}


def inserted_id(made: CursorResult[Any]) -> int:
    """The id that an inserted row got."""
    key = made.inserted_primary_key
    return 0 if key is None else int(key[0])
