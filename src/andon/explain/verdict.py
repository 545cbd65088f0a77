"""What follows from a question that came to nothing: who is at fault, why, and whether it was an attempt."""

from __future__ import annotations

from typing import NamedTuple

from andon.core.errors import ModelAnswerError, ModelBusy, ModelError, ModelMisconfigured, ModelUnavailable
from andon.explain.admission import Admission
from andon.explain.interfaces import Analyst


class Verdict(NamedTuple):
    """``counted`` where the question is at fault: a bounded number of tries. ``retry_after`` is in seconds."""

    reason: str
    counted: bool
    retry_after: float | None = None


async def verdict_on(admission: Admission, analyst: Analyst, question: int, error: ModelError) -> Verdict:
    """Ask the provider how it is where the error does not say, and tell ``admission``."""
    reason = str(error)
    retry_after = error.retry_after if isinstance(error, ModelUnavailable) else None
    if isinstance(error, ModelAnswerError) and error.by_model:
        admission.alive(question)
        return Verdict(reason, counted=True)
    if isinstance(error, ModelBusy):
        return Verdict(reason, admission.away(question, reason, retry_after, busy=True), retry_after)
    try:
        await analyst.check()
    except ModelError as outage:
        guilty = admission.away(question, str(outage), retry_after)
        return Verdict(f"Each time it has this question: {outage}" if guilty else str(outage), guilty, retry_after)
    reason = error.alone or reason
    provider = admission.failed(question, reason)
    # a server that fails at everything has been tried; one that refuses everybody has looked at nothing
    refuses = isinstance(error, ModelMisconfigured | ModelAnswerError)
    return Verdict(reason, counted=not (provider and refuses), retry_after=retry_after)
