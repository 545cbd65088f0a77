"""The ladder of answers: what the site knows goes before the model, and what is like it becomes the model's context.

A confirmed fix of this very problem answers at once, then a runbook of the site. Below them stand the model and the
playbook; both are given (and tell) what is known of similar problems. ``reused`` is a matter of replies, not of rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import msgspec
import structlog

from andon.core.errors import QueryTooSlow
from andon.core.models import Explanation, Hint, Question, Resolution, Rung
from andon.explain.context import COMPARED, Explained, facts_about
from andon.explain.finding import CAUSE_MAX, CHECK_MAX, SUMMARY_MAX, worst
from andon.explain.interfaces import Ready, Rules, at_hand
from andon.explain.runbooks.runbooks import MarkdownRunbooks
from andon.grouping.similar_fixes import ConfirmedFixes
from andon.store import Ask, Connection, problems, queue

log = structlog.get_logger(__name__)

#: Hints that one question carries at most, and the characters of each that an explanation tells.
HINTS_MAX = 4
TOLD_MAX = 400
#: Rules that a model is offered: as many as it has letters for.
RULES_MAX = 3
#: What is resolved is read again from the store after so many seconds.
RENEW_AFTER = 1.0
#: Up to so many fixes they are simply read for each question.
READ_EACH_TIME = 500

_EVIDENCE = 3


@dataclass(eq=False, repr=False)
class Ladder:
    """The rungs around the model. ``read`` asks the store; ``fixes``, ``runbooks`` and ``history`` may be absent.

    ``own_rules`` is how many of ``rules`` are the site's own; ``rules_near`` are those that a model is offered, best
    first. ``ready`` loads the rules, before they are first asked. ``clock`` gives seconds.
    """

    read: Ask
    rules: Rules
    _: KW_ONLY
    fixes: ConfirmedFixes | None = None
    runbooks: MarkdownRunbooks | None = None
    history: Ask | None = None
    own_rules: Callable[[], int] = int
    rules_near: Callable[[Question], list[Hint]] = lambda _: []
    ready: Ready = at_hand
    clock: Callable[[], float] = time.monotonic
    _renewed: float = field(default=0.0, init=False)
    _resolved: int = field(default=0, init=False)
    _explained: Explained = field(default_factory=Explained, init=False)

    def known(self, question: Question) -> Explanation | None:
        """The final answer that needs no model: a confirmed fix or a runbook; None where there is none."""
        if question.fix is not None:
            return resolved(question, question.fix)
        return self.runbooks.explain(question) if self.runbooks is not None else None

    async def prepare(self, question: Question, *, for_model: bool = False) -> Question:
        """The question with what the site knows of similar problems, most helpful first; ``for_model`` with the nearest
        rules and facts from history as well. Raises StoreError."""
        await self._look_around(explained=for_model)
        hints: list[Hint] = []
        if self.fixes is not None:
            hints += self.fixes.hints(question)
        if self.runbooks is not None:
            hints += self.runbooks.hints(question)
        if for_model:
            hints += await self._explained.alike(self.read, question)
        facts = question.facts
        if for_model and self.history is not None:
            try:
                facts = await facts_about(self.history, question)
            except QueryTooSlow as error:
                log.info("question is sent without facts", pattern=question.pattern_id, reason=str(error))
                facts = []
        rules = self.rules_near(question)[:RULES_MAX] if for_model else question.rules
        return msgspec.structs.replace(question, hints=hints[:HINTS_MAX], rules=rules, facts=facts)

    async def _look_around(self, *, explained: bool) -> None:
        """Read anew, at once, what was confirmed of other problems and, where it matters, ``explained``."""
        now = self.clock()
        due = self._resolved <= READ_EACH_TIME or now - self._renewed >= RENEW_AFTER
        fixed = self.fixes is not None and due
        if not fixed and not explained:
            return
        fixes, latest = await self.read(_of_others, fixed, explained)
        if self.fixes is not None and fixed:
            self.fixes.renew(fixes)
            self._renewed, self._resolved = now, len(fixes)
        if explained:
            self._explained.renew(latest)

    def playbook(self, question: Question) -> Explanation:
        """The built-in rules' answer, with the question's hints told. Never raises."""
        return with_hints(self.rules(question), question.hints)


def _of_others(
    connection: Connection, fixed: bool, explained: bool
) -> tuple[list[tuple[str, str, Resolution]], list[tuple[int, str]]]:
    """The problems that are ``fixed``, and those that models ``explained``; none of what is not asked for."""
    return (
        problems.fixed_patterns(connection) if fixed else [],
        queue.explained_by_models(connection, COMPARED) if explained else [],
    )


def with_hints(explanation: Explanation, hints: list[Hint]) -> Explanation:
    """``explanation`` with a line for each fix and runbook that was given, so that a reader knows what it may rest
    on."""
    hints = [hint for hint in hints if hint.kind != "explained"]
    if not hints:
        return explanation
    return msgspec.structs.replace(explanation, text="\n".join([explanation.text, *map(_line, hints)]))


def _line(hint: Hint) -> str:
    if hint.kind == "resolution":
        return f"A similar problem ({hint.source}) was fixed by: {_cut(hint.text, TOLD_MAX)}"
    return f"Runbook that may apply: {_cut(hint.title, 120)} ({hint.source}): {_cut(hint.text, TOLD_MAX)}"


def resolved(question: Question, resolution: Resolution) -> Explanation:
    """A technician's confirmed fix as the answer to ``question``."""
    who = f" by {_cut(resolution.author, 80)}" if resolution.author else ""
    lines = [  # the words that the logs of the problem show from the moment on at which the fix is recorded
        f"Confirmed fix: {_plain(resolution.fix)}",
        *([f"Cause: {_plain(resolution.cause)}"] if resolution.cause else []),
        f"(Confirmed{who} on {resolution.created_at[:10]}.)",
    ]
    finding: dict[str, Any] = {
        "summary": _cut(f"Known problem with a confirmed fix: {resolution.fix}", SUMMARY_MAX),
        "category": "unknown",
        "probable_cause": _cut(resolution.cause or "The technician recorded no cause.", CAUSE_MAX),
        "checks": [_cut(resolution.fix, CHECK_MAX)],
        "severity_assessed": worst(question).value,
        "confidence": "high",
        "evidence": [entry.id for entry in question.logs[:_EVIDENCE]],
        "enough_evidence": True,
    }
    return Explanation(
        rung=Rung.RESOLUTION, text="\n".join(lines), finding=finding, source=f"resolution {resolution.id}", latency=0.0
    )


def _plain(text: str) -> str:
    """``text`` without control characters; its line ends stay."""
    return "\n".join(
        "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line) for line in text.splitlines()
    ).strip()


def _cut(text: str, limit: int) -> str:
    """``text`` on one line, at most ``limit`` characters."""
    line = " ".join(_plain(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
