"""Where an answer comes from, in words of the floor: what programs call its rung."""

from __future__ import annotations

_SOURCES = {
    "resolution": "a confirmed fix",
    "runbook": "your runbook",
    "model": "the model",
    "playbook": "built-in rules",
}


def source(rung: str) -> str:
    """``built-in rules`` for ``playbook``; an earlier answer for what was explained before and says no more."""
    return _SOURCES.get(rung, "an earlier answer")
