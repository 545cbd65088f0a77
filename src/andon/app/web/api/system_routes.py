"""Routes about Andon itself: how it stands, its queue, what was done, what it deletes; and questions in own words."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response

from andon.app import retention_policy
from andon.app.system_state import SystemState, system_state
from andon.app.web.api.answers import (
    CHANGE_FAILURES,
    Log,
    RetentionAnswer,
    RetentionRule,
    as_log,
    first_of,
    send,
    send_list,
    shows,
)
from andon.app.web.api.bodies import Asking, Operator, named
from andon.app.web.api.parameters import AuditListing, Listed, Nothing, QueueListing, named_parameters
from andon.app.web.page.backend import Backend
from andon.core.errors import StoreUnavailable
from andon.core.moments import text_of
from andon.insight import filters
from andon.insight.ask.investigator import Investigated
from andon.insight.ask.retrieval import Inquiry
from andon.store import audit, queue, retention
from andon.store.queue import QueueEntry
from andon.store.retention import AuditEntry

#: Details of deeds that earlier versions wrote down as unix seconds.
_MOMENTS = ("until", "start", "end")


class Looked(msgspec.Struct, frozen=True):
    """A look-up of the model in the history."""

    tool: str
    asked: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a question; ``[#12]`` in it cites log 12, which is among ``cited``.

    ``mode`` says how it came about: by a model with ``tools``, by a model shown the ``facts``, or by ``none``, and
    ``reason`` why then. ``unknown`` are cited ids that the model was never shown: what rests on them is not to be
    relied on. ``scope`` is the part of history in words, ``seconds`` how long it took.
    """

    question: str
    text: str
    mode: str
    scope: str
    notes: list[str]
    cited: list[Log]
    unknown: list[int]
    looked: list[Looked]
    reason: str | None
    provider: str | None
    model: str | None
    calls: int
    input_tokens: int
    output_tokens: int
    seconds: float
    facts: dict[str, Any]


def add(router: APIRouter, backend: Backend) -> None:
    """Add them."""
    _state(router, backend)
    _records(router, backend)
    _questions(router, backend)


def _state(router: APIRouter, backend: Backend) -> None:
    @router.get("/system", responses=shows(SystemState), tags=["system"])
    async def system(_asked: Annotated[Nothing, Query()]) -> Response:
        """The state of everything: queue, budget, models, broker, stream, retention, disks, settings (no secrets)."""
        return send(await system_state(backend.settings, backend.ask, backend.service))

    @router.get("/retention", name="retention", responses=shows(RetentionAnswer), tags=["system"])
    async def deletions(_asked: Annotated[Nothing, Query()]) -> Response:
        """The rules by which logs are deleted, and what was deleted."""
        settings, state = backend.settings, await backend.ask(retention.state)
        rules = map(
            RetentionRule, retention_policy.labels(settings), map(retention_policy.described, settings.retention)
        )
        return send(RetentionAnswer(list(rules), settings.retention_max_bytes, state))


def _records(router: APIRouter, backend: Backend) -> None:
    ask = backend.ask

    @router.get("/queue", responses=shows(QueueEntry, several=True), tags=["system"])
    async def waiting(asked: Annotated[QueueListing, Query()]) -> Response:
        """The problems that wait for an explanation, the next one first, and why they wait."""
        return first_of(await ask(queue.listing, failed=asked.failed, limit=asked.limit + 1), asked.limit)

    @router.get("/queue/failed", responses=shows(QueueEntry, several=True), tags=["system"])
    async def failed(asked: Annotated[Listed, Query()]) -> Response:
        """The problems that the model gave up on, and why."""
        return first_of(await ask(queue.listing, failed=True, limit=asked.limit + 1), asked.limit)

    @router.get("/audit", responses=shows(AuditEntry, several=True), tags=["system"])
    async def deeds(asked: Annotated[AuditListing, Query()]) -> Response:
        """Who did what, newest first: people, programs, and retention rules."""
        rows = await ask(audit.entries, asked.limit + 1, asked.action, asked.next)
        shown = list(map(_deed, rows[: asked.limit]))
        return send_list(shown, str(shown[-1].id) if len(rows) > asked.limit else None)


def _deed(entry: AuditEntry) -> AuditEntry:
    old = {name: value for name in _MOMENTS if isinstance(value := entry.detail.get(name), float)}
    told = {name: text_of(value) for name, value in old.items()}
    return msgspec.structs.replace(entry, detail=entry.detail | told) if old else entry


def _questions(router: APIRouter, backend: Backend) -> None:
    zone = backend.settings.time_zone

    @router.post("/ask", responses=shows(Answer, sentence="The answer.") | CHANGE_FAILURES, tags=["system"])
    async def ask(person: Operator, asked: Asking) -> Response:
        """Ask about the history in your own words; the answer cites the logs it is based on.

        A question to a model counts against the budgets. Without a model the answer is what the database holds.
        """
        with named_parameters():
            since, until = filters.span(asked.since, asked.until, zone)
        inquiry = Inquiry(
            text=asked.question.strip(),
            now=datetime.fromtimestamp(time.time(), backend.zone),
            since=since,
            until=until,
            host=asked.host,
            place=asked.line,
            service=asked.service,
        )
        if backend.service is None:
            raise StoreUnavailable("nothing answers questions here: start Andon with `andon run`")
        by = named(person, asked.by)
        found = await backend.service.questions.answer(inquiry, by=by, who=by or "")
        return send(_answer(asked.question, found))


def _answer(question: str, found: Investigated) -> Answer:
    same = ("text", "mode", "scope", "notes", "unknown", "reason", "provider", "model", "calls", "facts")
    return Answer(
        question=question,
        **{name: getattr(found, name) for name in (*same, "input_tokens", "output_tokens")},
        cited=list(map(as_log, found.cited)),
        looked=[Looked(tool, asked) for tool, asked in found.looked],
        seconds=found.latency,
    )
