"""Explanations: what the analyst is asked, what it answers, and the queue and callers that wait for it."""

from __future__ import annotations

import enum
from typing import Any, Literal

import msgspec

from andon.core.models.logs import Picture, StoredLog
from andon.core.models.patterns import Resolution


class Rung(enum.StrEnum):
    """Where an explanation came from: the ladder of answers, best first; ``reference`` rows were taken over."""

    REUSED = "reused"
    RESOLUTION = "resolution"
    RUNBOOK = "runbook"
    MODEL = "model"
    PLAYBOOK = "playbook"
    REFERENCE = "reference"


def rung_words(rung: str) -> str:
    """What people call a rung.

    >>> rung_words("resolution"), rung_words("playbook"), rung_words("reference")
    ('confirmed fix', 'playbook', 'earlier answer')
    """
    return {"resolution": "confirmed fix", "reused": "earlier answer", "reference": "earlier answer"}.get(rung, rung)


class AnalysisStatus(enum.StrEnum):
    """State of a row of ``analyses``. PENDING rows are the queue; a PENDING row may hold a provisional text.

    A REFUSED row keeps what a model said and may not be shown: in ``finding``, with the reason in ``last_error``.
    A row with ``second_of`` is a second opinion below that row, or waits to become one.
    """

    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


class Standing(enum.StrEnum):
    """What a model's answers are worth here: QUALIFIED ones replace the playbook's, ADVISORY ones stand below it, and
    an UNFIT model is asked only where nothing else is known."""

    QUALIFIED = "qualified"
    ADVISORY = "advisory"
    UNFIT = "unfit"


class Hint(msgspec.Struct, frozen=True):
    """What is known that may bear on a problem: a confirmed fix of a similar problem, a runbook, the explanation of a
    similar problem, or a rule of the playbook.

    ``kind`` is ``resolution``, ``runbook``, ``explained`` or ``rule``; ``source`` names it (``pattern 12``,
    ``runbooks/oven.md``, a rule's id); ``score`` is the similarity from 0 to 1, or a rule's specificity, where there is
    one. ``category``, ``cause`` and ``checks`` are set where it has them apart from ``text``.
    """

    kind: str
    source: str
    title: str
    text: str
    score: float | None = None
    category: str | None = None
    cause: str | None = None
    checks: list[str] = []


class Question(msgspec.Struct):
    """What the analyst is asked: one problem, seen through its newest logs (newest first, at least one).

    ``fix`` is the newest confirmed fix of this very problem, where it is asked about as the store has it.
    ``hints`` are what the rungs above know about similar problems; the analyst shows them to the model and says so.
    ``rules`` are the rules of the playbook that come nearest, best first: the model may rest on one, or on none.
    ``facts`` are short lines from the site's history (counts, what else the host logged around the same time).
    ``pictures`` came with the logs; a model that cannot see is told that they exist.
    """

    pattern_id: int
    template: str
    logs: list[StoredLog]
    count: int
    hosts: list[str]
    first_seen: str
    last_seen: str
    worst_severity: str
    fix: Resolution | None = None
    hints: list[Hint] = []
    rules: list[Hint] = []
    facts: list[str] = []
    pictures: list[Picture] = []


def question_of(text: str, service: str = "", host: str = "") -> Question:
    """A question about some words as if a log had said them: what runbooks and rules are compared with."""
    now = "1970-01-01T00:00:00.000Z"
    said = StoredLog(
        id=0, timestamp=now, hostname=host, severity="INFO", service=service, message=text, context=None, analysis=None,
        created_at=now, severity_native=None, site=None, area=None, line=None, machine=None, notes=None, stream="",
        sequence=0, stored_ns=0, pattern_id=None, analysis_id=None, rung=None, provisional=False, analysis_status=None,
    )  # fmt: skip
    return question_about(said, text)


def question_about(log: StoredLog, template: str) -> Question:
    """A question about a single log, for answers that must not wait for the queue."""
    return Question(
        pattern_id=log.pattern_id or 0,
        template=template,
        logs=[log],
        count=1,
        hosts=[log.hostname] if log.hostname else [],
        first_seen=log.timestamp,
        last_seen=log.timestamp,
        worst_severity=log.severity,
    )


#: What a model may suggest to do at a connected system.
Do = Literal["ticket", "message"]


class Suggestion(msgspec.Struct, frozen=True):
    """What a model would have people approve at a connected system, and why, in a sentence of its own."""

    do: Do
    target: str
    why: str


class Explanation(msgspec.Struct, kw_only=True):
    """An answer to a :class:`Question`. ``text`` is what ``agent_logs.analysis`` shows.

    ``finding`` is the typed finding as plain JSON values, None where the model could only give free text.
    ``source`` says which rule, runbook or resolution it was. ``latency`` is in seconds. ``cited`` are the ids of logs
    that a model gave as evidence, before those that do not exist were taken out; ``looked_up`` are those that its
    tools showed it; ``suggestion`` is what it would have people approve. None of these is stored.
    """

    rung: Rung
    text: str
    finding: dict[str, Any] | None = None
    source: str | None = None
    provider: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency: float | None = None
    cited: list[int] = []
    looked_up: list[int] = []
    suggestion: Suggestion | None = None

    @property
    def tokens(self) -> int:
        """What a model read and wrote for it; 0 where none was asked, or its provider does not tell."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)


class PendingAnalysis(msgspec.Struct):
    """A claimed row of the queue: ours until the lease ends.

    ``second_of`` is the row below which its answer is to stand as a second opinion; ``provisional`` says that something
    is shown for it already; ``late`` that only logs of the past ask for it.
    """

    id: int
    pattern_id: int
    fingerprint: str
    log_id: int
    reason: str
    attempts: int
    provisional: bool
    question: Question
    second_of: int | None = None
    late: bool = False


class StoredAnalysis(msgspec.Struct, frozen=True):
    """A row of ``analyses`` that holds a text. ``score`` is its place in the queue; below 0 only logs of the past asked
    for it."""

    id: int
    pattern_id: int | None
    log_id: int | None
    status: str
    rung: str
    provisional: bool
    text: str
    finding: dict[str, Any] | None
    source: str | None
    provider: str | None
    model: str | None
    prompt_version: str | None
    created_at: str
    finished_at: str | None
    score: int = 0


class SecondOpinion(msgspec.Struct, frozen=True):
    """What a model says below the answer that is shown. ``standing`` is what its answers were worth when it said so."""

    analysis_id: int
    text: str
    finding: dict[str, Any] | None
    provider: str | None
    model: str | None
    standing: str | None
    created_at: str


class Waiter(msgspec.Struct, frozen=True):
    """A durable caller: the subject that gets the analysis of log ``log_id``, or is told of ``reject_id``.

    ``log_id`` is 0 where the message was refused.
    """

    id: int
    log_id: int
    reply_to: str
    reject_id: int | None = None
