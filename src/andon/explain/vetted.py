"""What of a model's answer is known here already: its checks compared with those of rules, runbooks and fixes.

Nobody takes the model's word for it. A check that has the words of a vetted one is replaced by that one, so that what
is marked as vetted is what somebody vetted, to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from andon.core.models import Hint, Question
from andon.core.redact import clean
from andon.explain.finding import (
    CAUSE_MAX,
    CHECK_MAX,
    CHECKS_MAX,
    FITS,
    SOURCE_MAX,
    SUMMARY_MAX,
    Finding,
    ModelFinding,
    worst,
)

#: The share of telling words that two texts must have in common. Copies, cut or with a few words changed, have 0.85
#: and more; checks of the same device that ask for something else 0.4 and less (tests/unit/test_explain_vetted.py).
ALIKE = 0.7
#: Fewer words than this are in too many checks to come from one.
WORDS_LEAST = 3
#: What technicians here or the authors of rules have vetted; an explanation of a similar problem is none of it.
VETTED = frozenset({"rule", "runbook", "resolution"})

_EVIDENCE = 3
_WORD = re.compile(r"\w+")
#: They tell no two checks apart.
_SMALL = frozenset(("a", "an", "and", "are", "at", "by", "for", "from", "in", "is", "it", "its", "of", "on", "or", "s"))
_SMALL |= {"that", "the", "then", "to", "whether", "with"}


def with_sources(said: ModelFinding, question: Question) -> Finding:
    """What the model ``said`` as a finding that tells what of it is known here, by the question's rules and hints."""
    known = [*vetted_checks(question)]
    checks: list[str] = []
    sources: list[str] = []
    vetted: list[str] = []
    if (rule := chosen(said, question)) is not None:
        sources.append(rule.source)
    for check in said.checks:
        source, text = _from(check, known)
        if text in checks:
            continue
        checks.append(text)
        if source is not None:
            sources.append(source)
            vetted.append(text)
    kept = said.model_dump(include=set(Finding.model_fields))
    return Finding.model_validate(
        {
            **kept,
            "checks": checks,
            "based_on": [clean(source, SOURCE_MAX) for source in dict.fromkeys(sources)],
            "vetted": [index for index, check in enumerate(checks) if check in vetted],
        }
    )


def of_rule(rule: Hint, question: Question) -> Finding:
    """The finding that an offered ``rule`` stands for, in its own words."""
    checks = [clean(check, CHECK_MAX) for check in rule.checks[:CHECKS_MAX]] or [clean(rule.title, CHECK_MAX)]
    return Finding.model_validate(
        {
            "summary": clean(rule.title, SUMMARY_MAX),
            "category": rule.category or "unknown",
            "probable_cause": clean(rule.cause or rule.title, CAUSE_MAX),
            "checks": checks,
            "severity_assessed": worst(question),
            "confidence": "medium",
            "evidence": [log.id for log in question.logs[:_EVIDENCE]],
            "enough_evidence": True,
            "based_on": [clean(rule.source, SOURCE_MAX)],
            "vetted": list(range(len(checks))) if rule.checks else [],
        }
    )


def chosen(said: ModelFinding, question: Question) -> Hint | None:
    """The offered rule that the model holds for right; None where it says none, or names one that was not offered."""
    place = FITS.index(said.fits)
    return question.rules[place] if said.fits != "none" and place < len(question.rules) else None


def vetted_checks(question: Question) -> Iterator[tuple[str, str]]:
    """Source and text of each vetted check that the question carries, the best rules first."""
    for hint in (*question.rules, *question.hints):
        if hint.kind in VETTED:
            for text in hint.checks or ([hint.text] if hint.kind == "resolution" else []):
                yield hint.source, clean(text, CHECK_MAX)


def likeness(check: str, vetted: str) -> float:
    """From 0 to 1: how much of their words two checks share, in any order. A check may be a vetted one's beginning, as
    it is where the model ran out of room.

    >>> likeness("Check the cabinet fan and filter", "Check the cabinet fan and the filter mats.")
    1.0
    """
    said, known = _words(check), _words(vetted)
    if min(len(said), len(known)) < WORDS_LEAST:
        return 0.0
    return round(max(_shared(said, known), _shared(said, known[: len(said)])), 2)


def _from(check: str, known: Sequence[tuple[str, str]]) -> tuple[str | None, str]:
    """The source and the text of the vetted check that ``check`` is; no source and itself where it is none."""
    best = max(known, key=lambda pair: likeness(check, pair[1]), default=None)
    return best if best is not None and likeness(check, best[1]) >= ALIKE else (None, check)


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold()) if word not in _SMALL]


def _shared(said: list[str], known: list[str]) -> float:
    """Dice's coefficient of two bags of words."""
    rest = list(known)
    both = 0
    for word in said:
        if word in rest:
            rest.remove(word)
            both += 1
    return 2 * both / (len(said) + len(known))
