"""The screen Actions: what leaves the house, to the letter, and what people decide about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from andon.app.action_entries import IN_HAND
from andon.app.web.api.parameters import PathId
from andon.app.web.operations import Operations
from andon.app.web.page.backend import Backend
from andon.app.web.page.bar import bar_elements
from andon.app.web.page.failures import said
from andon.app.web.page.live import Elements, Shown, digest, partial, stream, updates
from andon.app.web.page.rendering import page
from andon.app.web.page.screens.action_view import TOPICS, WORDS, View, elements, look, part
from andon.app.web.people import Role, at_least, person_of
from andon.core.models.actions import Action, ActionStatus
from andon.store import actions

Text = Annotated[str, Form(max_length=2_000)]
#: Places in the list of what is over.
Before = Annotated[int | None, Query()]


def add(router: APIRouter, backend: Backend) -> None:
    """Its addresses."""

    async def show(request: Request, chosen: int, before: int | None) -> HTMLResponse:
        view = await look(request, backend, chosen, before, first=not chosen)
        known = digest(elements(request, view), backend.changes)
        return page(request, backend, "actions.html", view=view, digest=known, chosen=chosen, **WORDS)

    @router.get("/actions")
    async def all_of_them(request: Request, before: Before = None) -> HTMLResponse:
        return await show(request, 0, before)

    @router.get("/actions/{action_id}")
    async def one(request: Request, action_id: PathId, before: Before = None) -> HTMLResponse:
        return await show(request, action_id, before)

    @router.get("/actions/{action_id}/requests/{number}")
    async def whole(action_id: PathId, number: int) -> Response:
        found = await backend.ask(actions.action, action_id)
        if not 0 < number <= len(found.rendered.requests):
            raise HTTPException(404, f"Action {action_id} has no request {number}.")
        name = f'attachment; filename="action-{action_id}-request-{number}.txt"'
        body = found.rendered.requests[number - 1].body
        return Response(body, media_type="text/plain; charset=utf-8", headers={"Content-Disposition": name})

    @router.get("/live/actions")
    async def live(request: Request, shown: Shown = "", action: int = 0, before: Before = None) -> StreamingResponse:
        reading = Reading(request, backend, action, before)
        return stream(updates(request, backend.changes, TOPICS, reading.render, shown=shown))

    _add_deeds(router, backend)


class Reading:
    """What one page shows while it is open: the action that is being read stays, whatever else comes or goes."""

    def __init__(self, request: Request, backend: Backend, action: int, before: int | None) -> None:
        self._request, self._backend, self._action, self._before = request, backend, action, before

    async def render(self) -> Elements:
        """The parts that change while one looks, as they are now."""
        view = await look(self._request, self._backend, self._action, self._before, first=not self._action)
        self._action = view.lists.chosen.id if view.lists.chosen else 0
        return {**elements(self._request, view), **await bar_elements(self._request, self._backend)}


def _add_deeds(router: APIRouter, backend: Backend) -> None:
    """What people decide: each one by itself, bound to the hash that stood on the page."""
    operations = Operations(backend)
    may = [Depends(at_least(Role.named(backend.settings.approve_role)))]

    async def answer(request: Request, done: Action, sentence: str = "") -> HTMLResponse:
        view = await look(request, backend, done.id)
        parts = [partial(f"#{name}", html) for name, html in elements(request, view).items()]
        return HTMLResponse("".join([*parts, partial("#dialog", "", "innerHTML"), said(sentence or _approved(view))]))

    async def dialog(request: Request, action_id: PathId, name: str) -> HTMLResponse:
        return HTMLResponse(part(request, await look(request, backend, action_id), name))

    @router.post("/actions/{action_id}/approve", dependencies=may)
    async def approve(request: Request, action_id: PathId, seen: Annotated[str, Form(max_length=64)]) -> HTMLResponse:
        done = await operations.approve_action(action_id, person_of(request).name, seen)
        return await answer(request, done)

    @router.get("/actions/{action_id}/decline", dependencies=may)
    async def ask_why(request: Request, action_id: PathId) -> HTMLResponse:
        return await dialog(request, action_id, "decline")

    @router.post("/actions/{action_id}/decline", dependencies=may)
    async def decline(request: Request, action_id: PathId, note: Text = "") -> HTMLResponse:
        done = await operations.decline_action(action_id, person_of(request).name, note.strip() or None)
        sent = done.sent_at is not None
        return await answer(request, done, "Given up." if sent else "Declined. Nothing is sent.")

    @router.get("/actions/{action_id}/retry", dependencies=may)
    async def ask_sure(request: Request, action_id: PathId) -> HTMLResponse:
        return await dialog(request, action_id, "retry")

    @router.post("/actions/{action_id}/retry", dependencies=may)
    async def retry(request: Request, action_id: PathId) -> HTMLResponse:
        done = await operations.retry_action(action_id, person_of(request).name)
        return await answer(request, done, "Being sent again.")

    @router.get("/actions/{action_id}/settle", dependencies=may)
    async def ask_what(request: Request, action_id: PathId) -> HTMLResponse:
        return await dialog(request, action_id, "settle")

    @router.post("/actions/{action_id}/settle", dependencies=may)
    async def settle(request: Request, action_id: PathId, ref: Text = "") -> HTMLResponse:
        done = await operations.settle_action(action_id, ref, person_of(request).name)
        return await answer(request, done, "Saved: it was done.")


def _approved(view: View) -> str:
    """What is said to who approved, by what became of it meanwhile."""
    found = view.action
    if found is None or found.of.status is ActionStatus.DONE:
        return "Approved, and done."
    if found.of.status not in IN_HAND:
        return "Approved. The result is shown below."
    if found.target is not None and found.target.trouble:
        return f"Approved. It is sent as soon as {found.of.target} can be reached."
    return "Approved. It is being sent."
