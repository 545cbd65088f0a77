"""The screen Problem: one problem, what to do about it, and everything that is known of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from andon.app.web.page.backend import Backend
from andon.app.web.page.bar import bar_elements
from andon.app.web.page.live import Elements, Shown, partial, stream, updates
from andon.app.web.page.rendering import page
from andon.app.web.page.screens.problem_actions import add_actions
from andon.app.web.page.screens.problem_view import TOPICS, digest_of, elements, look, part, root_of
from andon.core.errors import QueryTooSlow
from andon.core.models import Hint, Question, StoredLog
from andon.core.times import seconds, stored
from andon.insight.shifts.calendar import site_shifts
from andon.insight.situation import alike, changed
from andon.store import search

#: Fields of a record that are shown with it, and how long one of them may be.
_FIELDS = ("severity", "severity_native", "hostname", "service", "site", "area", "line", "machine", "notes")
_FIELDS_MAX, _FIELD_MAX = 60, 2_000
_AROUND = 60.0
#: Records that come without a pause bring an open page up to date this often, in seconds: it reads a whole problem.
_BATCH = 2.0


def add(router: APIRouter, backend: Backend) -> None:
    """Its addresses."""

    @router.get("/problems/{problem_id}")
    async def problem(request: Request, problem_id: int) -> Response:
        root = await root_of(backend, problem_id)
        if root != problem_id:
            return RedirectResponse(str(root), 302)  # what it is part of, beside it in every prefix
        view = await look(request, backend, root)
        return page(request, backend, "problem.html", view=view, digest=digest_of(request, view))

    @router.get("/live/problems/{problem_id}")
    async def live(
        request: Request, problem_id: int, shown: Shown = "", answer: Annotated[str, Query(max_length=40)] = ""
    ) -> StreamingResponse:
        root = await root_of(backend, problem_id)
        reading = Reading(request, backend, root, answer)
        return stream(updates(request, backend.changes, TOPICS, reading.render, shown=shown, batch=_BATCH))

    _add_lazy_parts(router, backend)
    add_actions(router, backend)


class Reading:
    """What one page shows while it is open: the answer that is being read stays until its reader asks for another."""

    def __init__(self, request: Request, backend: Backend, root: int, answer: str) -> None:
        self._request, self._backend, self._root, self._answer = request, backend, root, answer

    async def render(self) -> Elements:
        """The parts that change while one looks, as they are now."""
        root = await root_of(self._backend, self._root)
        view = await look(self._request, self._backend, root)
        found = elements(self._request, view, answer=self._answer)
        self._answer = self._answer or view.key
        return {**found, **await bar_elements(self._request, self._backend)}


def _add_lazy_parts(router: APIRouter, backend: Backend) -> None:
    """Parts that take longer to find out: the page is there before them."""
    shifts = site_shifts(backend.settings)

    @router.get("/problems/{problem_id}/different")
    async def different(request: Request, problem_id: int) -> HTMLResponse:
        view = await look(request, backend, await root_of(backend, problem_id))
        try:
            found = await backend.ask(changed.read, view.id, shifts, backend.zone, view.now)
        except QueryTooSlow:
            found = changed.Changes([], [], [], ["there are too many records to read in a few seconds"])
        return page(request, backend, "problem/different.html", changes=found)

    @router.get("/problems/{problem_id}/similar")
    async def similar(request: Request, problem_id: int) -> HTMLResponse:
        root = await root_of(backend, problem_id)
        try:
            found = await backend.ask(alike.problems_like, root)
            books = await backend.ask(alike.books_for, root, _runbooks(backend))
        except QueryTooSlow:
            missing = "there are too many problems to compare in a few seconds"
            return page(request, backend, "problem/similar.html", alike=[], books=[], missing=missing)
        return page(request, backend, "problem/similar.html", alike=found, books=books, missing="")

    @router.get("/problems/{problem_id}/second")
    async def second(request: Request, problem_id: int, open: bool = True) -> HTMLResponse:  # noqa: A002 - an address
        view = await look(request, backend, await root_of(backend, problem_id))
        shown = part(request, view, "second") if open else ""
        button = part(request, view, "second-button", opened=open)
        return HTMLResponse(partial("#second", shown, "innerHTML") + partial("#second-button", button))

    @router.get("/problems/{problem_id}/records/{log_id}")
    async def record(
        request: Request,
        problem_id: int,
        log_id: int,
        n: Annotated[int, Query(ge=1, le=99)] = 1,
        open: bool = True,  # noqa: A002 - an address
    ) -> HTMLResponse:
        view = await look(request, backend, await root_of(backend, problem_id))
        log = await backend.ask(search.log_or_none, log_id)
        if log is None:
            raise HTTPException(404, f"Record {log_id} is no longer stored.")
        since, until = _around(log)
        shown = part(request, view, "record", log=log, fields=_fields(log), since=since, until=until) if open else ""
        button = part(request, view, "open-button", log=log, n=n, opened=open)
        return HTMLResponse(partial(f"#record-{n}", shown, "innerHTML") + partial(f"#open-{n}", button))


def _runbooks(backend: Backend) -> Callable[[Question], list[Hint]]:
    """What finds the runbooks that fit; none where no service runs."""
    service = backend.service

    def hints(question: Question) -> list[Hint]:
        return [] if service is None else service.runbooks.hints(question)

    return hints


def _around(log: StoredLog) -> tuple[str, str]:
    """The minute before and after a record, in stored form."""
    try:
        at = seconds(log.timestamp)
    except ValueError:  # taken over as it was
        return log.timestamp, log.timestamp
    return stored(at - _AROUND), stored(at + _AROUND)


def _fields(log: StoredLog) -> list[tuple[str, str]]:
    """All that is known of a record beside its text, its context one field after another."""
    found = [(name.replace("_", " "), str(value)) for name in _FIELDS if (value := getattr(log, name))]
    found.append(("record", str(log.id)))
    context: object = None
    if log.context:
        try:
            context = msgspec.json.decode(log.context)
        except (msgspec.DecodeError, RecursionError):  # taken over as it was
            context = log.context
    if isinstance(context, dict):
        more = [(str(name), _value(value)) for name, value in context.items()]
        found += [one for one in more if one not in found]
    elif context:
        found.append(("context", _value(context)))
    return [(name, value[:_FIELD_MAX]) for name, value in found[:_FIELDS_MAX]]


def _value(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
