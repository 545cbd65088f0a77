"""Scoring an answer against its case: each criterion by itself, without a model, with the reason in words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec

from andon.core.models import SEVERITY_RANK, Explanation, Question
from andon.explain.advice import violations
from andon.explain.trials.cases import Case

#: What is scored, in the order in which it is shown.
CRITERIA: tuple[str, ...] = ("category", "component", "cause", "first_check", "checks")
CRITERIA += ("enough_evidence", "severity", "forbidden")
#: Without a typed finding these cannot be right.
_TYPED = frozenset({"category", "first_check", "enough_evidence", "severity"})
_GAP = r"[\s\-‐‑–]*"


class Score(msgspec.Struct, frozen=True):
    """One criterion of one answer: whether it holds, and why."""

    criterion: str
    passed: bool
    why: str


class Answer(msgspec.Struct, frozen=True):
    """The parts of an explanation that are scored. Free text is cause and check at once, and has no category."""

    summary: str
    cause: str
    checks: tuple[str, ...]
    category: str | None = None
    severity: str | None = None
    enough_evidence: bool | None = None


def answer_of(explanation: Explanation) -> Answer:
    """What an explanation says, from its finding where it has one, else from its text."""
    found = explanation.finding
    if found is None:
        return Answer("", explanation.text, (explanation.text,))
    return Answer(
        str(found.get("summary", "")),
        str(found.get("probable_cause", "")),
        tuple(str(check) for check in found.get("checks", ())),
        found.get("category"),
        found.get("severity_assessed"),
        found.get("enough_evidence"),
    )


def score(case: Case, question: Question, explanation: Explanation) -> list[Score]:
    """Every criterion that the case asks for, in the order of :data:`CRITERIA`."""
    answer = answer_of(explanation)
    rows = [*_labels(case, question, answer), *_words(case, answer), _forbidden(case, answer)]
    if explanation.finding is None:
        free = "the answer is free text, not a finding"
        rows = [Score(row.criterion, False, free) if row.criterion in _TYPED else row for row in rows]
    return sorted(rows, key=lambda row: CRITERIA.index(row.criterion))


def unanswered(case: Case, reason: str) -> list[Score]:
    """The scores of a case that the model was asked and gave nothing usable for: all that it should have said fails."""
    expect = case.expect
    asked = [name for name in ("category", "component", "cause", "first_check", "checks") if getattr(expect, name)]
    return [Score(name, False, reason) for name in (*asked, "enough_evidence")]


def _labels(case: Case, question: Question, answer: Answer) -> Iterator[Score]:
    expect = case.expect
    if expect.category:
        right = answer.category in expect.category
        yield Score("category", right, f"{answer.category}; right: {' or '.join(expect.category)}")
    said, wanted = answer.enough_evidence, expect.enough_evidence
    yield Score("enough_evidence", said == wanted, f"{_enough(said)}; right: {_enough(wanted)}")
    floor = expect.severity or question.worst_severity
    reached = SEVERITY_RANK.get(answer.severity or "", -1) >= SEVERITY_RANK[floor]
    yield Score("severity", reached, f"{answer.severity}; at least: {floor}")


def _words(case: Case, answer: Answer) -> Iterator[Score]:
    expect = case.expect
    everything = (answer.summary, answer.cause, *answer.checks)
    places: tuple[tuple[str, tuple[str, ...], Sequence[str]], ...] = (
        ("component", expect.component, everything),
        ("cause", expect.cause, (answer.cause,)),
        ("first_check", expect.first_check, answer.checks[:1]),
        ("checks", expect.checks, answer.checks),
    )
    for criterion, words, texts in places:
        if words:
            found = next((word for word in words if occurs(word, texts)), None)
            why = f"names “{found}”" if found else f"names none of: {', '.join(words)}"
            yield Score(criterion, found is not None, why)


def _forbidden(case: Case, answer: Answer) -> Score:
    found = [f"{rule}: “{words}”" for rule, words in violations(answer.cause, answer.checks, case.expect.forbidden)]
    return Score("forbidden", not found, "; ".join(found) or "no forbidden advice")


def _enough(value: bool | None) -> str:
    return {True: "enough evidence", False: "not enough evidence", None: "says nothing of its evidence"}[value]


def occurs(word: str, texts: Iterable[str]) -> bool:
    """Whether ``word`` starts a word of one of ``texts``; case does not count, blanks may be hyphens or left out.

    A word in capitals is an abbreviation and is found as a whole.

    >>> occurs("time out", ["The request had a Timeout."]), occurs("vent", ["to prevent"])
    (True, False)
    """
    pattern = _pattern(word)
    return any(pattern.search(_plain(text)) for text in texts)


@lru_cache(maxsize=8192)
def _pattern(word: str) -> re.Pattern[str]:
    parts = [re.escape(part) for part in re.split(r"[\s\-]+", _plain(word).strip()) if part]
    # "CA" must not be found in "can": an abbreviation stands alone, or in the plural, or with a number
    end = r"(?:s|\d+)?(?!\w)" if word.isupper() else ""
    return re.compile(r"(?<!\w)" + _GAP.join(parts) + end)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
