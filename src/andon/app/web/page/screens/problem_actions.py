"""What people do about one problem, from its screen: each opens a dialog or acts at once, and answers what changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from andon.app.web.operations import Operations
from andon.app.web.page.backend import Backend
from andon.app.web.page.failures import SAID, said
from andon.app.web.page.live import partial
from andon.app.web.page.rendering import rendered
from andon.app.web.page.screens import problem_outside
from andon.app.web.page.screens.problem_view import View, look, part, root_of
from andon.app.web.people import Person, Role, at_least
from andon.core.errors import StoreError
from andon.core.times import clock
from andon.insight.shifts.calendar import site_shifts, window_at
from andon.store import problems

#: Who works on problems, and who says which of them are one.
Operator = Annotated[Person, Depends(at_least(Role.OPERATOR))]
Admin = Annotated[Person, Depends(at_least(Role.ADMIN))]

_FOUND_MAX = 10
#: How long a problem is shelved, in seconds; "shift" is until the shift ends.
_SHELVES = {"15 min": 900.0, "1 h": 3_600.0, "4 h": 14_400.0}

Text = Annotated[str, Form(max_length=20_000)]
Key = Annotated[str, Form(max_length=40)]


class _Desk:
    """What the actions share: the operations, and answering with what changed."""

    def __init__(self, backend: Backend) -> None:
        self.backend, self.operations = backend, Operations(backend)

    async def look(self, request: Request, problem_id: int) -> View:
        """The problem as it is now."""
        return await look(request, self.backend, await root_of(self.backend, problem_id))

    async def dialog(self, request: Request, problem_id: int, name: str, **values: object) -> HTMLResponse:
        """A form for the dialog."""
        view = await self.look(request, problem_id)
        return HTMLResponse(part(request, view, name, **values))

    async def done(
        self, request: Request, problem_id: int, sentence: str, *names: str, anew: bool = False
    ) -> HTMLResponse:
        """Say it, close the dialog, and bring these parts up to date; ``anew`` the answer too, for its reader asked."""
        view = await self.look(request, problem_id)
        parts = [partial(f"#{name}", part(request, view, name)) for name in names]
        if anew:
            # its stream sends everything once: the page shows some parts as they were before
            live = rendered(request, self.backend, "problem/live.html", view=view, digest="")
            parts += [partial("#answer", part(request, view, "answer")), partial("#live", live, "outerHTML")]
        return HTMLResponse("".join([*parts, partial("#dialog", "", "innerHTML"), said(sentence)]))


def _meanwhile(what: str) -> HTMLResponse:
    """Nothing is done to an answer that is another one by now."""
    sentence = f"Not {what}: a new answer has arrived in the meantime. Read it first. Nothing was changed."
    return HTMLResponse(said(sentence, "failed", "dialog[open] .answer, #said"), 409, {SAID: "failed"})


def add_actions(router: APIRouter, backend: Backend) -> None:
    """Their addresses."""
    desk = _Desk(backend)
    _add_alarm_actions(router, desk)
    _add_answer_actions(router, desk)
    _add_fixes_and_notes(router, desk)
    _add_merging(router, desk)
    _add_splitting(router, desk)
    _add_proposing(router, desk)


def _add_alarm_actions(router: APIRouter, desk: _Desk) -> None:
    @router.get("/problems/{problem_id}/acknowledge")
    async def ask_note(request: Request, _person: Operator, problem_id: int) -> HTMLResponse:
        return await desk.dialog(request, problem_id, "acknowledge")

    @router.post("/problems/{problem_id}/acknowledge")
    async def acknowledge(request: Request, person: Operator, problem_id: int, note: Text = "") -> HTMLResponse:
        found = await desk.operations.acknowledge_problem(problem_id, person.name, note.strip() or None)
        sentence = "Acknowledged."
        if not found:
            state = (await desk.look(request, problem_id)).found.state
            sentence = "There is nothing to acknowledge."
            if state.acked_at is not None:
                who = f" by {state.acked_by}" if state.acked_by else ""
                sentence = f"Already acknowledged {clock(state.acked_at, desk.backend.zone):%H:%M}{who}."
            sentence += " Your note is kept." if note.strip() else ""
        return await desk.done(request, problem_id, sentence, "head", "notes")

    @router.get("/problems/{problem_id}/shelve")
    async def ask_how_long(request: Request, _person: Operator, problem_id: int) -> HTMLResponse:
        view = await desk.look(request, problem_id)
        choices = [(name, view.now + length) for name, length in _SHELVES.items()]
        return HTMLResponse(
            part(request, view, "shelve", choices=choices, shift_end=_shift_end(desk.backend, view.now))
        )

    @router.post("/problems/{problem_id}/shelve")
    async def shelve(
        request: Request,
        person: Operator,
        problem_id: int,
        length: Annotated[str, Form(max_length=20)],
        note: Text = "",
    ) -> HTMLResponse:
        view = await desk.look(request, problem_id)
        end = _shift_end(desk.backend, view.now)
        until = end if length == "shift" else view.now + _SHELVES.get(length, 0.0)
        if until is None or until <= view.now:
            raise StoreError("choose one of the offered times to shelve the problem for")
        await desk.operations.shelve_problem(problem_id, max(60.0, until - view.now), person.name, note)
        return await desk.done(request, problem_id, "Shelved. It comes back by itself.", "head")

    @router.post("/problems/{problem_id}/unshelve")
    async def unshelve(request: Request, person: Operator, problem_id: int) -> HTMLResponse:
        view = await desk.look(request, problem_id)
        await desk.operations.unshelve(view.found.state.shelved, person.name)
        return await desk.done(request, problem_id, "Put back.", "head")


def _shift_end(backend: Backend, now: float) -> float | None:
    """When the shift ends that works now (unix seconds)."""
    working = window_at(site_shifts(backend.settings), now, backend.zone)
    return None if working is None else working.end


def _add_answer_actions(router: APIRouter, desk: _Desk) -> None:
    @router.post("/problems/{problem_id}/tick")
    async def tick(
        request: Request,
        person: Operator,
        problem_id: int,
        answer: Key,
        step: Annotated[int, Form()],
        done: bool = Form(default=False),
    ) -> HTMLResponse:
        view = await desk.look(request, problem_id)
        if answer != view.key:
            return _meanwhile("ticked")
        await desk.operations.tick(problem_id, step, done, person.name)
        view = await desk.look(request, problem_id)
        parts = [partial(f"#{name}", part(request, view, name)) for name in ("steps", "progress")]
        return HTMLResponse("".join(parts))

    @router.get("/problems/{problem_id}/wrong")
    async def ask_why(request: Request, _person: Operator, problem_id: int) -> HTMLResponse:
        return await desk.dialog(request, problem_id, "wrong")

    @router.post("/problems/{problem_id}/judge")
    async def judge(
        request: Request,
        person: Operator,
        problem_id: int,
        answer: Key,
        verdict: Annotated[str, Form(max_length=20)],
        note: Text = "",
        second: bool = Form(default=False),
    ) -> HTMLResponse:
        if answer != (await desk.look(request, problem_id)).key:
            return _meanwhile("saved")
        by = person.name
        if verdict == "none":
            await desk.operations.take_back_verdict(problem_id, by, second=second)
            sentence = "Taken back."
        else:
            await desk.operations.judge(problem_id, verdict, by, note.strip() or None, second=second)
            sentence = "Noted: it helped." if verdict == "helpful" else "Noted: it was wrong."
        response = await desk.done(request, problem_id, sentence, "help", "notes")
        if not second:
            return response
        view = await desk.look(request, problem_id)
        again = partial("#second", part(request, view, "second"), "innerHTML")
        return HTMLResponse(bytes(response.body).decode() + again)

    @router.post("/problems/{problem_id}/ask")
    async def ask(request: Request, person: Operator, problem_id: int) -> HTMLResponse:
        await desk.operations.ask_again(problem_id, person.name)
        return await desk.done(request, problem_id, "Asked again. The new answer appears here by itself.", "waiting")


def _add_fixes_and_notes(router: APIRouter, desk: _Desk) -> None:
    @router.get("/problems/{problem_id}/fix")
    async def ask_what(request: Request, _person: Operator, problem_id: int) -> HTMLResponse:
        return await desk.dialog(request, problem_id, "fix")

    @router.post("/problems/{problem_id}/fix")
    async def fix(
        request: Request, person: Operator, problem_id: int, choice: Text = "", other: Text = ""
    ) -> HTMLResponse:
        words = choice.strip() or other.strip()
        if not words:
            raise StoreError("a fix needs a few words: choose a step, or write what it was")
        await desk.operations.resolve(problem_id, words, None, person.name)
        sentence = "Saved. Next time this fix is shown first."
        return await desk.done(request, problem_id, sentence, "head", "notes", "facts", "history", anew=True)

    @router.get("/problems/{problem_id}/revoke/{fix_id}")
    async def ask_revoke(request: Request, _person: Operator, problem_id: int, fix_id: int) -> HTMLResponse:
        view = await desk.look(request, problem_id)
        found = next((one for one in view.found.fixes if one.id == fix_id), None)
        if found is None:
            raise HTTPException(404, "This fix has already been taken back.")
        return HTMLResponse(part(request, view, "revoke", fix=found))

    @router.post("/problems/{problem_id}/revoke/{fix_id}")
    async def revoke(request: Request, person: Operator, problem_id: int, fix_id: int) -> HTMLResponse:
        await desk.operations.revoke_fix(problem_id, fix_id, person.name)
        sentence = "Taken back. The previous answer is shown again."
        return await desk.done(request, problem_id, sentence, "head", "notes", "facts", "history", anew=True)

    @router.get("/problems/{problem_id}/note")
    async def ask_text(request: Request, _person: Operator, problem_id: int) -> HTMLResponse:
        return await desk.dialog(request, problem_id, "note")

    @router.post("/problems/{problem_id}/note")
    async def note(request: Request, person: Operator, problem_id: int, text: Text = "") -> HTMLResponse:
        await desk.operations.note_problem(problem_id, text, person.name)
        return await desk.done(request, problem_id, "Note added.", "notes")


def _add_merging(router: APIRouter, desk: _Desk) -> None:
    @router.get("/problems/{problem_id}/merge")
    async def ask_other(request: Request, _person: Admin, problem_id: int) -> HTMLResponse:
        return await desk.dialog(request, problem_id, "merge")

    @router.get("/problems/{problem_id}/merge/search")
    async def search(
        request: Request, _person: Admin, problem_id: int, q: Annotated[str, Query(max_length=200)] = ""
    ) -> HTMLResponse:
        view = await desk.look(request, problem_id)
        found = await desk.backend.ask(problems.look_up, q, _FOUND_MAX, but=view.id)
        return HTMLResponse(part(request, view, "merge-found", found=found, q=q.strip()))

    @router.get("/problems/{problem_id}/merge/{other}")
    async def ask_sure(request: Request, _person: Admin, problem_id: int, other: int) -> HTMLResponse:
        view, joining = await desk.look(request, problem_id), await desk.look(request, other)
        return HTMLResponse(part(request, view, "merge-sure", joining=joining))

    @router.post("/problems/{problem_id}/merge")
    async def merge(request: Request, person: Admin, problem_id: int, other: Annotated[int, Form()]) -> HTMLResponse:
        await desk.operations.merge(other, problem_id, person.name)
        sentence = f"Merged: problem {other} is now part of this one."
        return await desk.done(request, problem_id, sentence, "head", "notes", "facts", "trend", "history", anew=True)


def _add_splitting(router: APIRouter, desk: _Desk) -> None:
    @router.get("/problems/{problem_id}/split")
    async def ask_which(request: Request, _person: Admin, problem_id: int) -> HTMLResponse:
        view = await desk.look(request, problem_id)
        leaving = await desk.backend.ask(problems.parts_of, view.id)
        return HTMLResponse(part(request, view, "split", leaving=leaving))

    @router.post("/problems/{problem_id}/split")
    async def split(request: Request, person: Admin, problem_id: int, child: Annotated[int, Form()]) -> HTMLResponse:
        view = await desk.look(request, problem_id)
        if child == view.id or child not in view.found.problem.members:
            raise HTTPException(404, f"Problem {child} is no longer part of this one.")
        await desk.operations.split(child, person.name)
        sentence = f"Split: problem {child} is separate again."
        return await desk.done(request, problem_id, sentence, "head", "notes", "facts", "trend", "history", anew=True)


def _add_proposing(router: APIRouter, desk: _Desk) -> None:
    @router.get("/problems/{problem_id}/propose")
    async def ask_what(request: Request, _person: Operator, problem_id: int) -> HTMLResponse:
        view = await desk.look(request, problem_id)
        return HTMLResponse(part(request, view, "propose", choices=view.outside.choices(view.connectors)))

    @router.post("/problems/{problem_id}/propose")
    async def propose(
        request: Request,
        person: Operator,
        problem_id: int,
        what: Annotated[str, Form(max_length=400)] = "",
        why: Annotated[str, Form(max_length=500)] = "",
    ) -> HTMLResponse:
        wanted = problem_outside.chosen(what)
        if wanted is None:
            raise HTTPException(400, "Choose what to propose first.")
        do, target, where = wanted
        await desk.operations.propose(problem_id, target, do, person.name, why.strip(), where)
        sentence = "Proposed. It is sent once somebody has approved it under Actions."
        return await desk.done(request, problem_id, sentence, "outside")
