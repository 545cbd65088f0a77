"""A question that goes on from the last one: it means the same time and place unless it names others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from andon.core.redact import clean
from andon.explain.model.fence import encode
from andon.insight.ask import shift_words
from andon.insight.ask.name_filter import find_names
from andon.insight.ask.retrieval import Inquiry
from andon.insight.ask.scope import time_of
from andon.insight.shifts.calendar import Shift
from andon.store import Ask, names

#: So much of each earlier answer is told to a model, in characters.
TOLD = 600
#: So many earlier questions are.
REMEMBERED = 3


async def carried_on(inquiry: Inquiry, ask: Ask, shifts: Sequence[Shift]) -> Inquiry:
    """``inquiry`` with the time and place of the question before it, as far as it names none of its own.

    Raises StoreError.
    """
    if not inquiry.earlier:
        return inquiry
    before, text = inquiry.earlier[-1].scope, shift_words.without(inquiry.text, shifts)
    named = find_names(text, await ask(names.of_site))
    if not (named.hosts or named.places or named.codes or named.unknown or named.unclear):
        inquiry = replace(inquiry, host=inquiry.host or before.host, place=inquiry.place or before.place)
    said = time_of(inquiry.text, inquiry.now, (inquiry.since, inquiry.until), [], shifts, ever=False).said
    return inquiry if said else replace(inquiry, since=before.since, until=before.until)


def earlier_lines(inquiry: Inquiry) -> tuple[list[str], set[int]]:
    """What was asked and answered before, as lines for the fence, and the ids of the logs cited there."""
    lines = [
        encode({"asked before": clean(one.question, TOLD), "answered": clean(one.answer, TOLD)})
        for one in inquiry.earlier[-REMEMBERED:]
    ]
    return lines, {id_ for one in inquiry.earlier[-REMEMBERED:] for id_ in one.cited}
