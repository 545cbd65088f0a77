"""The screen Ask: a question in own words, its answer as it arrives, and the records it rests on beside it."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from andon.app.background.changes import Changes
from andon.app.background.own_words import ASKED
from andon.app.web.page.answer_text import answer_html
from andon.app.web.page.backend import Backend
from andon.app.web.page.live import message, partial, stream
from andon.app.web.page.rendering import page, rendered
from andon.app.web.people import Person, Role, at_least, person_of
from andon.core.errors import AndonError
from andon.core.times import stored
from andon.insight.ask.conversation import Watch
from andon.insight.ask.follow_up import REMEMBERED
from andon.insight.ask.investigator import Investigated, cited_ids
from andon.insight.ask.retrieval import Exchanged, Inquiry
from andon.store import Connection, audit, search

log = structlog.get_logger(__name__)

#: An answer that comes is shown anew so often at most, in seconds.
SOON = 0.2
LONGEST = 500
#: Conversations that are remembered, for follow-up questions.
KEPT = 100
#: Words of the terminal and what the page says instead: commands are left out, for whoever reads this has none.
_SAID_OTHERWISE = (
    (re.compile(r"(?m)^ *(?:`andon [^`\n]+` .*|Answered by .*|Evidence: .*|Category: .*)\n?"), ""),
    (re.compile(r"[:;] `andon [^`\n]+`[^.\n]*(?=\.)"), ""),
    (re.compile(r"Explained \(playbook[^)]{0,40}\)"), "Built-in rules say"),
    (re.compile(r"Explained \(model[^)]{0,40}\)"), "The model says"),
    (re.compile(r"Explained \(runbook[^)]{0,40}\)"), "Your runbook says"),
    (re.compile(r"Explained \([^)]{1,60}\)"), "Known"),
    (re.compile(r"\s?<\*>"), " …"),
    (re.compile(r"(\d) logs of (?=[\d,]+ problem)"), r"\1 records of "),
    (re.compile(r"(?m), by logs:$"), ", by records:"),
    (re.compile(r"(?m)% of the logs$"), "% of the records"),
    (re.compile(r"\(logs × severity:"), "(records × severity:"),
)
_WEEK = 7 * 86_400.0
_RECENT = 8

Operator = Annotated[Person, Depends(at_least(Role.OPERATOR))]


@dataclass
class Following(Watch):
    """What of an answer has come, for the stream that shows it."""

    words: str = ""
    steps: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def text(self, piece: str) -> None:
        self.words += piece
        self.news.set()

    def restart(self) -> None:
        self.words = ""
        self.news.set()

    def looked(self, tool: str, asked: str) -> None:
        self.steps.append(f"{tool.replace('_', ' ')} {asked}".strip())
        self.news.set()


@dataclass
class Asked:
    """A question that is being answered."""

    id: str
    question: str
    conversation: str
    who: str
    started: float
    watch: Following
    task: asyncio.Task[Investigated] | None = None


class Asking:
    """The questions of open pages: each is answered by a task of its own, which ends with the page that shows it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._running: dict[str, Asked] = {}
        self._ending: set[asyncio.Task[Investigated]] = set()
        self._told: OrderedDict[str, tuple[Exchanged, ...]] = OrderedDict()

    def begin(self, question: str, conversation: str, person: Person, who: str) -> Asked:
        """Begin to answer. Raises HTTPException where nobody can answer here."""
        service = self._backend.service
        if service is None:
            raise HTTPException(503, "Nothing answers questions here: start Andon with `andon run`.")
        inquiry = Inquiry(
            text=question,
            now=datetime.fromtimestamp(time.time(), self._backend.zone),
            earlier=self._told.get(conversation, ()),
        )
        watch = Following()
        kept = conversation if conversation in self._told else secrets.token_urlsafe(9)
        asked = Asked(secrets.token_urlsafe(9), question, kept, who, time.time(), watch)
        asked.task = asyncio.create_task(
            service.questions.answer(inquiry, watch, by=person.name, who=who), name=f"ask-{asked.id}"
        )
        asked.task.add_done_callback(lambda _task: watch.news.set())
        self._running[asked.id] = asked
        return asked

    def stop(self, question_id: str, who: str) -> None:
        """Stop answering. Raises HTTPException where there is no such question of theirs, as its answer is there."""
        asked = self._running.get(question_id)
        if asked is None or asked.who != who or asked.task is None:
            raise HTTPException(404, "This question is not being answered any more.")
        asked.task.cancel()

    def end(self, asked: Asked) -> None:
        """Nobody shows the answer any more: whatever works on it ends."""
        self._running.pop(asked.id, None)
        task = asked.task
        if task is not None and not task.done():
            self._ending.add(task)
            task.add_done_callback(self._ended)
            task.cancel()

    def _ended(self, task: asyncio.Task[Investigated]) -> None:
        self._ending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("question ended", reason=str(error))

    def remember(self, asked: Asked, found: Investigated) -> None:
        """Keep what a question that follows means by itself."""
        cited = tuple(one.id for one in found.cited)
        one = Exchanged(asked.question, found.text, cited, found.looked_at)
        self._told[asked.conversation] = (*self._told.get(asked.conversation, ()), one)[-REMEMBERED:]
        self._told.move_to_end(asked.conversation)
        while len(self._told) > KEPT:
            self._told.popitem(last=False)


def add(router: APIRouter, backend: Backend) -> None:
    """Its addresses."""
    asking = Asking(backend)

    @router.get("/ask")
    async def ask(request: Request, q: str = "") -> HTMLResponse:
        may = person_of(request).role >= Role.OPERATOR
        others, place = await backend.ask(_others, time.time()), _place(backend)
        shown: dict[str, Any] = {
            "others": others,
            "place": place,
            "may": may,
            "asked": None,
            "cited": None,
            "numbers": {},
        }
        return page(request, backend, "ask.html", 200, question=q.strip()[:LONGEST], **shown)

    @router.post("/ask")
    async def put(
        request: Request,
        person: Operator,
        question: Annotated[str, Form(max_length=LONGEST)] = "",
        conversation: Annotated[str, Form(max_length=20)] = "",
    ) -> Response:
        words = " ".join(question.replace("\0", " ").split())
        if not words:
            raise HTTPException(400, "Write a question first.")
        return stream(_answer(request, backend, asking, asking.begin(words, conversation, person, _who(request))))

    @router.post("/ask/{question_id}/stop")
    async def stop(request: Request, question_id: str, _person: Operator) -> Response:
        asking.stop(question_id, _who(request))
        return Response(status_code=204)

    @router.get("/ask/records/{record_id}")
    async def record(request: Request, record_id: int) -> Response:
        return page(request, backend, "ask/record.html", one=await backend.ask(search.log, record_id))


def _who(request: Request) -> str:
    """Who asks one question at a time: a person by name, or the machine they sit at."""
    return person_of(request).name or (request.client.host if request.client else "")


def _place(backend: Backend) -> str | None:
    """A line of this plant, for the examples."""
    signs = backend.pulse.wellbeing.last
    return next((one.line for one in signs.sources if one.line), None) if signs else None


def _others(connection: Connection, now: float) -> list[tuple[str, str, str]]:
    """The questions of the last week, each once, the newest first: what, who, when."""
    found: dict[str, tuple[str, str, str]] = {}
    for one in audit.recent(connection, ASKED, stored(now - _WEEK), 200):
        question = str(one.detail.get("question", ""))
        found.setdefault(question.casefold(), (question, one.actor, one.at))
    return list(found.values())[:_RECENT]


async def _answer(request: Request, backend: Backend, asking: Asking, asked: Asked) -> AsyncIterator[str]:
    """The parts of the page that show a question, its answer as it comes, and what it rests on."""

    def shown(template: str, **values: object) -> str:
        return rendered(request, backend, f"ask/{template}.html", asked=asked, **values)

    task, watch, changes = asked.task, asked.watch, backend.changes
    closing = asyncio.create_task(_woken_at_the_end(changes, watch), name=f"ask-{asked.id}-end")
    try:
        head = partial("#answers", shown("answer", words=""), "afterbegin")
        yield message(head + partial("#ask-conversation", shown("conversation")) + partial("#said", "", "innerHTML"))
        while task is not None and not task.done():
            await watch.news.wait()
            watch.news.clear()
            if changes.closed:  # Andon stops
                return
            if task.done():
                break
            numbers = {one: number for number, one in enumerate(cited_ids(watch.words), 1)}
            words = answer_html(watch.words, numbers, linked=False)
            yield message(partial(f"#answer-{asked.id}", shown("coming", words=words)))
            await asyncio.wait({task}, timeout=SOON)
        if task is not None:
            yield message(_end(asking, asked, task, shown))
    finally:
        closing.cancel()
        asking.end(asked)


async def _woken_at_the_end(changes: Changes, watch: Following) -> None:
    """Tell an answer's stream that Andon stops."""
    async for _ in changes.watch(()):
        pass
    watch.news.set()


def for_the_floor(text: str) -> str:
    """What the records show, told for a terminal, without what helps only there."""
    for pattern, words in _SAID_OTHERWISE:
        text = pattern.sub(words, text)
    return text


def _end(asking: Asking, asked: Asked, task: asyncio.Task[Investigated], shown: Any) -> str:
    """The answer as it stays."""
    name = f"#answer-{asked.id}"
    if task.cancelled():
        numbers = {one: number for number, one in enumerate(cited_ids(asked.watch.words), 1)}
        words = answer_html(asked.watch.words, numbers, linked=False)
        return partial(name, shown("stopped", words=words, reason=None))
    error = task.exception()
    if error is not None:
        if not isinstance(error, AndonError):
            log.error("question failed", exc_info=error)
        reason = str(error) if isinstance(error, AndonError) else "Andon failed; its log says why"
        return partial(name, shown("stopped", words="", reason=reason))
    found = task.result()
    asking.remember(asked, found)
    numbers = {one.id: number for number, one in enumerate(found.cited, 1)}
    words = answer_html(for_the_floor(found.text) if found.mode == "none" else found.text, numbers)
    beside = partial("#beside", shown("beside", cited=found.cited, numbers=numbers))
    return partial(name, shown("done", words=words, found=found)) + beside
