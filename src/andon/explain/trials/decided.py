"""What trials say of a model, as values."""

from __future__ import annotations

import msgspec

from andon.core.models import Standing


class Score(msgspec.Struct, frozen=True):
    """Right answers to one kind of cases, and the bounds of the rate: each holds with 90 %."""

    kind: str
    right: int
    asked: int
    low: float
    high: float


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What the answers say. ``reason`` is one sentence, empty until the first batch is answered; ``asked`` of ``of``
    cases are, and ``done`` says that no more are to come. ``liftable``: technicians' verdicts may raise it."""

    standing: Standing
    reason: str
    asked: int
    of: int
    done: bool
    scores: list[Score]
    chooses: bool = False
    liftable: bool = False
