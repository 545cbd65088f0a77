"""Where a model's answer goes: in place of the playbook's, before the general answer, below what is shown, or nowhere.

What decides is what the model proved to be worth. One that has not proved itself never takes the place of a rule that
fits, and where none fits its answer is put together with the general one so that nothing of that is lost: what the
log says, the kind of equipment, the severity, each of its checks, the first one first.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from andon.core.models import Explanation, Question, Rung, Standing
from andon.explain.finding import CAUSE_MAX, CHECK_MAX, CHECKS_MAX, EVIDENCE_MAX, SUMMARY_MAX, Finding, render
from andon.explain.interfaces import Rules
from andon.explain.playbook import GENERAL

#: What is said of a model, by its standing.
_WORTH = {
    Standing.QUALIFIED: "which passed its test on labelled cases",
    Standing.ADVISORY: "which has not passed its test (yet)",
    Standing.UNFIT: "which failed its test and is unfit to answer first",
}
#: Between what a model suggests and the general answer that it is put together with.
_BELOW = "The playbook's general answer, with what is the model's own marked:"


def undoubted(rules: Rules, general: Rules, doubts: Callable[[str], bool]) -> Rules:
    """``rules`` without those that technicians here found wrong: the ``general`` answer stands in for them, says so."""

    def answer(question: Question) -> Explanation:
        found = rules(question)
        if fits(found) and found.source is not None and doubts(found.source):
            said = f"Rule {found.source} fits too, but technicians here found its answer wrong."
            instead = general(question)
            return msgspec.structs.replace(instead, text=f"{instead.text}\n{said}")
        return found

    return answer


def fits(ruled: Explanation) -> bool:
    """Whether the playbook's answer is that of a rule, and not the general one."""
    return ruled.source != GENERAL


def settled(standing: Standing, ruled: Explanation) -> bool:
    """Whether the playbook's answer is final at once, without waiting for a model of this standing."""
    return standing is not Standing.QUALIFIED and (fits(ruled) or standing is Standing.UNFIT)


def asked_below(standing: Standing, ruled: Explanation) -> bool:
    """Whether a model of this standing is asked for a second opinion below a settled answer of the playbook."""
    return settled(standing, ruled) and (standing is Standing.UNFIT) != fits(ruled)


def name_of(explanation: Explanation, otherwise: str = "the model") -> str:
    """Who gave an answer, for people."""
    return " ".join(part for part in (explanation.provider, explanation.model) if part) or otherwise


def second_opinion(explanation: Explanation, standing: Standing) -> Explanation:
    """A model's answer as it stands below what is shown; ``source`` keeps what it was worth."""
    label = f"Second opinion of {name_of(explanation)}, {_WORTH[standing]}:"
    return msgspec.structs.replace(explanation, text=f"{label}\n{explanation.text}", source=standing.value)


def labelled(explanation: Explanation, general: Explanation, standing: Standing) -> Explanation:
    """The answer of a model that has not proved itself, for a problem that no rule fits, on the general answer.

    The model adds its guess at the cause, and its checks behind the first one; nothing that the general answer says is
    left out.
    """
    base = Finding.model_validate(general.finding)
    said = explanation.finding or {}
    own = _checks(said.get("checks"), base.checks)[: CHECKS_MAX - len(base.checks)]
    checks = [*base.checks[:1], *own, *base.checks[1:]]
    proved = {text for index, text in enumerate(_texts(said.get("checks"))) if index in (said.get("vetted") or ())}
    guess = said.get("probable_cause") or explanation.text
    evidence = [*base.evidence, *(one for one in said.get("evidence") or () if one not in base.evidence)]
    finding = base.model_copy(
        update={
            "category": base.category if base.category != "unknown" else said.get("category", "unknown"),
            "probable_cause": _line(f"{base.probable_cause} The model's guess: {guess}", CAUSE_MAX),
            "checks": checks,
            "evidence": evidence[:EVIDENCE_MAX],
            "based_on": list(said.get("based_on") or ()),
            "vetted": [at for at, check in enumerate(checks) if check in base.checks or check in proved],
        }
    )
    label = f"No rule answers this. Suggested by {name_of(explanation)}, {_WORTH[standing]}:"
    label = f"{label} {_line(said.get('summary') or guess, SUMMARY_MAX)}"
    return msgspec.structs.replace(
        explanation,
        rung=Rung.MODEL,
        text=f"{label.rstrip()}\n{_BELOW}\n{render(finding)}",
        finding=finding.model_dump(mode="json"),
        source=standing.value,
    )


def _texts(checks: object) -> list[str]:
    return [_line(one, CHECK_MAX) for one in checks if isinstance(one, str)] if isinstance(checks, list) else []


def _checks(checks: object, known: list[str]) -> list[str]:
    """The model's checks that the general answer does not have."""
    return [text for text in dict.fromkeys(_texts(checks)) if text and text not in known]


def _line(text: object, limit: int) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
