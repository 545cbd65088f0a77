"""What a model's answer has to be before it may replace or accompany anything.

Nothing here judges whether an answer is right: that is measured over many. It turns away what cannot be an answer,
whoever gave it, and what contradicts what is known for sure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from andon.core.models import Explanation, Question
from andon.core.redact import visible
from andon.core.settings.settings import DEFAULT_INSTRUCTIONS
from andon.explain.advice import refusal_of
from andon.explain.gate.answer_language import asked_for, foreign
from andon.explain.gate.cited import invented
from andon.explain.gate.form import worthless
from andon.explain.gate.looping import any_loop, long_loop
from andon.explain.gate.obeying import obeys, talks_of_itself
from andon.explain.gate.said import READ, Asked, Said
from andon.explain.gate.thin import adds_nothing, fits_any, thin_check

#: Categories of one kind do not contradict each other: a drive's overload is mechanical as well, and a full disk is the
#: server's.
_KINDS = tuple(
    frozenset(kind.split())
    for kind in (
        "drive motion mechanical electrical robot power safety",
        "mechanical pneumatic_hydraulic process sensor motion robot",
        "sensor electrical plc safety process robot network",
        "plc network configuration application robot motion drive sensor safety power electrical",
        "plc time storage",
        "server storage database application container configuration power process electrical",
        "network server storage application database container configuration security",
        "certificate network server application container configuration security time",
        "security safety storage database",
    )
)
#: The share of an answer's characters that may be control characters and the like.
_UNSEEN = 0.02


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
    (``ANDON_MODEL_TRUST=always``). Linear in the answer, of which the first 20,000 characters of each part are read;
    some milliseconds, so a service asks in a thread.
    """
    said, asked = Said.of(explanation), Asked.of(question)
    faults = _always(question, explanation, said, asked)
    found = next(faults, None)
    if found is None and not blind:
        found = next(_strictly(question, explanation, ruled, said, asked, instructions), None)
    return found


def _always(question: Question, explanation: Explanation, said: Said, asked: Asked) -> Iterator[Fault]:
    refused = refusal_of(explanation)
    if refused is not None:
        yield Fault(f"is not shown: {refused}", "advice")
    if not any(character.isalnum() for text in said.parts for character in text):
        yield Fault("is empty", "empty", repairable=True)
    if long_loop(said, asked):
        yield Fault("repeats itself over and over", "loop")
    unknown = invented(question, explanation, said, asked)
    if unknown is not None:
        yield Fault(f"cites log {unknown} as evidence, which does not exist", "evidence", repairable=True)


def _strictly(
    question: Question,
    explanation: Explanation,
    ruled: Explanation | None,
    said: Said,
    asked: Asked,
    instructions: str,
) -> Iterator[Fault]:
    raw = explanation.text if explanation.finding is None else "".join(said.parts)
    if len(raw[:READ]) - len(visible(raw[:READ])) > _UNSEEN * len(raw[:READ]):
        yield Fault("is full of control characters", "characters")
    if any_loop(said, asked):
        yield Fault("repeats itself over and over", "loop")
    empty = worthless(explanation, instructions)
    if empty is not None:
        yield Fault(empty, "form", repairable=True)
    obedience = obeys(said, asked, question)
    if obedience is not None:
        yield Fault(obedience, "obeys")
    if talks_of_itself(said, asked):
        yield Fault("speaks of itself and of its task, not of the fault", "talk")
    language = foreign(said, asked, instructions)
    if language is not None:
        yield Fault(language, "language", repairable=True)
    thin = thin_check(said, asked, english=asked_for(instructions) == {"english"})
    if thin is not None:
        yield Fault(f"has checks that name nothing to do: “{thin[:60]}”", "thin", repairable=True)
    if adds_nothing(said, asked):
        yield Fault("repeats the log and adds nothing", "echo")
    if (explanation.finding or {}).get("enough_evidence", True) and fits_any(said, asked):
        yield Fault("would fit any fault: it names nothing specific to this one", "thin")
    contradicted = contradiction(explanation, ruled)
    if contradicted is not None:
        yield Fault(contradicted, "category")


def contradiction(explanation: Explanation, ruled: Explanation | None) -> str | None:
    """How the answer's category contradicts a rule that is sure; of one that names none nothing is said."""
    rule, found = (ruled.finding if ruled else None) or {}, explanation.finding or {}
    sure, said = str(rule.get("category")), str(found.get("category"))
    if rule.get("confidence") != "high" or "unknown" in (sure, said) or "None" in (sure, said) or said == sure:
        return None
    if any(sure in kind and said in kind for kind in _KINDS):
        return None
    return f"puts the fault under {said}, where the rule {ruled.source if ruled else ''} is sure of {sure}"
