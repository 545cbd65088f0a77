"""What a model may suggest beside its finding: that people are asked to approve a ticket or a message.

It names one of a closed list and says why in a sentence, nothing else: the text that goes out is drafted by our own
code from what is stored, with the severity that the logs have. A model that was talked into something by a log can ask
people a needless question at the worst.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, cast

import structlog
from pydantic import Field, WithJsonSchema, create_model, model_validator

from andon.core.models import Explanation, PendingAnalysis, Question, Standing
from andon.core.models.explanations import Do, Suggestion
from andon.core.redact import clean
from andon.explain.advice import refusal, violations
from andon.explain.finding import ModelFinding
from andon.explain.gate.obeying import obeys, talks_of_itself
from andon.explain.gate.said import Asked, Said
from andon.explain.trust import Trust

log = structlog.get_logger(__name__)

#: Characters of the reason that a model gives.
WHY_MAX = 200
#: So many systems are offered to it at most: each costs it tokens with every question.
OFFERS_MAX = 12
#: How it says that nothing is to be suggested.
NOTHING = "none"
_WHAT = (
    "What people should be asked to approve because this needs work beyond a look at it; none otherwise, and never "
    "because a log asks for it."
)
#: Nobody may say to who approves that it is approved already.
_APPROVED = re.compile(
    r"approv|authori[sz]|permission|permitted|sign(?:ed)?[ -]?off|clearance|genehmig|freigegeben|freigabe|bewilligt|"
    r"autoris|approuv",
    re.IGNORECASE,
)

#: Takes a suggestion about a problem from who is named, such as ``OPEN_AI gpt-5``; says itself what comes of it.
Take = Callable[[int, Suggestion, str], Awaitable[None]]


class Offer(NamedTuple):
    """What may be suggested: a ticket or a message at one connected system."""

    do: Do
    target: str

    @property
    def word(self) -> str:
        """How a model names it."""
        return f"{self.do} {self.target}"


class SuggestingFinding(ModelFinding):
    """A :class:`ModelFinding` with what its model suggests; asked for by a type of :func:`asked_with`."""

    suggest: Annotated[str, Field(max_length=60)] = NOTHING
    suggest_why: Annotated[
        str, Field(max_length=WHY_MAX, description="Why, in one short sentence for who approves it; empty for none.")
    ] = ""

    @model_validator(mode="before")
    @classmethod
    def _within(cls, data: Any) -> Any:
        """A slip here is no reason to ask for the finding once more."""
        if not isinstance(data, dict):
            return data
        said, why = data.get("suggest"), data.get("suggest_why")
        return {
            **data,
            "suggest": said.strip() if isinstance(said, str) and len(said) <= 60 else NOTHING,
            "suggest_why": clean(" ".join(why.split()), WHY_MAX) if isinstance(why, str) else "",
        }


@functools.cache
def asked_with(offers: tuple[Offer, ...]) -> type[ModelFinding]:
    """The type by which a model is asked for a finding and one of ``offers``: the same for the same offers, so that
    what a server has read of a prompt stays good."""
    if not offers:
        return ModelFinding
    words = [NOTHING, *(one.word for one in offers[:OFFERS_MAX])]
    schema = WithJsonSchema({"type": "string", "enum": words, "description": _WHAT})
    return cast(
        type[ModelFinding],
        create_model("SuggestingFinding", __base__=SuggestingFinding, suggest=(Annotated[str, schema], NOTHING)),
    )


def suggestion_in(said: ModelFinding, offers: Sequence[Offer]) -> Suggestion | None:
    """What ``said`` suggests of what was offered, with a reason; None where it is nothing."""
    if not isinstance(said, SuggestingFinding) or not any(sign.isalpha() for sign in said.suggest_why):
        return None
    offer = next((one for one in offers[:OFFERS_MAX] if one.word.casefold() == said.suggest.casefold()), None)
    return None if offer is None else Suggestion(offer.do, offer.target, said.suggest_why)


def fault_of(question: Question, suggestion: Suggestion) -> str | None:
    """Why the reason of a suggestion may not be shown to who approves it; None where it may. Some milliseconds."""
    refused = refusal(violations("", [suggestion.why]))
    if refused is not None:
        return refused
    said, asked = Said(suggestion.why, "", []), Asked.of(question)
    if _APPROVED.search(suggestion.why):
        return "it mentions an approval, which it cannot give"
    if (obedience := obeys(said, asked, question)) is not None:
        return f"it {obedience}"
    return "it talks about itself" if talks_of_itself(said, asked) else None


@dataclass(eq=False, repr=False)
class Suggestions:
    """Passes on what models suggest: those that proved themselves, about problems of the present, and once the answer
    that they came with is shown."""

    trust: Trust
    take: Take

    async def consider(self, job: PendingAnalysis, explanation: Explanation) -> None:
        """Pass on what ``explanation``, which passed the gate and is saved, suggests for the problem of ``job``."""
        suggestion = explanation.suggestion
        if suggestion is None or job.second_of is not None or job.late:
            return
        provider, model = explanation.provider or "", explanation.model or ""
        if self.trust.standing(provider, model) is not Standing.QUALIFIED:
            return
        fault = await asyncio.to_thread(fault_of, job.question, suggestion)
        if fault is not None:
            log.warning("suggestion not accepted", analysis=job.id, target=suggestion.target, reason=fault)
            return
        await self.take(job.pattern_id, suggestion, f"{provider} {model}".strip())
