"""Questions as the store hands them to an analyst."""

from __future__ import annotations

from typing import Any

from andon.core.models import Question, StoredLog


def stored_log(log_id: int = 1, message: str = "SV0401 servo overload on axis X", **changes: Any) -> StoredLog:
    """A stored log of a press line; ``changes`` are other values of its fields."""
    values: dict[str, Any] = {
        "id": log_id,
        "timestamp": "2025-01-15T02:14:23.123Z",
        "hostname": "press-7",
        "severity": "ERROR",
        "service": "drive",
        "message": message,
        "context": None,
        "analysis": None,
        "created_at": "2025-01-15T02:14:24.000Z",
        "severity_native": None,
        "site": "north",
        "area": None,
        "line": "line-2",
        "machine": None,
        "notes": None,
        "stream": "AGENT_STREAM",
        "sequence": log_id,
        "stored_ns": 1_736_907_263_000_000_000 + log_id,
        "pattern_id": 1,
        "analysis_id": None,
        "rung": None,
        "provisional": False,
        "analysis_status": None,
    }
    return StoredLog(**{**values, **changes})


def question(*logs: StoredLog, **changes: Any) -> Question:
    """A question about ``logs`` (one ordinary log where none is given)."""
    values: dict[str, Any] = {
        "pattern_id": 1,
        "template": "SV0401 servo overload on axis <*>",
        "logs": list(logs) or [stored_log()],
        "count": 5,
        "hosts": ["press-7"],
        "first_seen": "2025-01-15T02:00:00.000Z",
        "last_seen": "2025-01-15T02:14:23.123Z",
        "worst_severity": "ERROR",
    }
    return Question(**{**values, **changes})
