"""What a model's answer has to be before it may replace or accompany anything."""

from __future__ import annotations

from typing import NamedTuple

from andon.core.models import Explanation, Question
from andon.core.settings.settings import DEFAULT_INSTRUCTIONS
from andon.explain.advice import refusal_of
from andon.explain.gate.form import worthless


class Fault(NamedTuple):
    """Why an answer is refused: ``reason`` reads behind "The answer of X", ``kind`` is its name in /metrics, and
    ``repairable`` says that the same question, asked once more, may well bring a good answer."""

    reason: str
    kind: str
    repairable: bool = False


def fault(
    question: Question,
    explanation: Explanation,
    ruled: Explanation | None,
    *,
    blind: bool = False,
    instructions: str = DEFAULT_INSTRUCTIONS,
) -> Fault | None:
    """The first fault of a model's answer to ``question``; None where it may be shown. Never raises.

    ``ruled`` is the playbook's answer to the same question, ``instructions`` are those that the model was given: they
    say in which language it answers. ``blind`` looks for forbidden advice, evidence that does not exist and loops alone
    (``ANDON_MODEL_TRUST=always``). Linear in the answer, of which the first 20,000 characters are read; some
    milliseconds, so a service asks in a thread.
    """
    refused = refusal_of(explanation)
    if refused is not None:
        return Fault(f"is not shown: {refused}", "advice")
    said = worthless(explanation)
    return Fault(said, "form") if said is not None and not blind else None
