"""Routes about what leaves the house: proposals, what people decide about them, and the connected systems."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Request, Response

from andon.app.action_entries import ActionEntry, ActionShown, TargetEntry, entry, shown
from andon.app.targets import connected_targets
from andon.app.web.api.answers import CHANGE_FAILURES, send, send_list, shows
from andon.app.web.api.bodies import Approving, Declining, Doing, Operator, Proposing, Settling, Uploading, named
from andon.app.web.api.parameters import ActionListing, Nothing, PathId
from andon.app.web.operations import Operations
from andon.app.web.page.backend import Backend
from andon.app.web.people import Role, at_least, person_of
from andon.store import actions

_DOING = Doing()
_DECLINING = Declining()
_SETTLING = Settling()
_DONE = shows(ActionShown, sentence="Done; the action as it is now.") | CHANGE_FAILURES


def add(router: APIRouter, backend: Backend) -> None:
    """Add them."""
    _known(router, backend)
    _decided(router, backend, Operations(backend))
    _unsure(router, backend, Operations(backend))


def _known(router: APIRouter, backend: Backend) -> None:
    @router.get("/actions", responses=shows(ActionEntry, several=True), tags=["actions"])
    async def listing(asked: Annotated[ActionListing, Query()]) -> Response:
        """Actions proposed for other systems and their outcome, newest first."""
        rows = await backend.ask(
            actions.listing,
            asked.limit + 1,
            statuses=asked.status,
            target=asked.target,
            problem_id=asked.problem,
            before_id=asked.next,
        )
        found = rows[: asked.limit]
        return send_list([entry(one) for one in found], str(found[-1].id) if len(rows) > asked.limit else None)

    @router.get("/actions/{action_id}", responses=shows(ActionShown), tags=["actions"])
    async def one(action_id: PathId, _asked: Annotated[Nothing, Query()]) -> Response:
        """One action with its exact requests, byte for byte but for credentials, and their hash."""
        return send(shown(await backend.ask(actions.action, action_id)))

    @router.get("/targets", name="targets", responses=shows(TargetEntry, several=True), tags=["actions"])
    async def targets(_asked: Annotated[Nothing, Query()]) -> Response:
        """The connected systems: what each does, what is waiting for it, and why it cannot be reached."""
        found = await connected_targets(backend)
        return send_list(found, notes=[] if found else ["no system is connected"])


def _decided(router: APIRouter, backend: Backend, operations: Operations) -> None:
    may = [Depends(at_least(Role.named(backend.settings.approve_role)))]

    @router.post("/actions", responses=_DONE, tags=["actions"])
    async def propose(person: Operator, given: Proposing) -> Response:
        """Propose a ticket, a message or an event about a problem. Nothing is sent until it is approved."""
        by = named(person, given.by)
        made = await operations.propose(given.problem, given.target, given.do, by, given.why, given.where)
        return send(shown(made))

    @router.post("/actions/uploads", responses=_DONE, tags=["actions"])
    async def upload(person: Operator, given: Uploading) -> Response:
        """Propose a report, an export, rows, an action or an alert. Nothing is sent until it is approved."""
        made = await operations.upload(
            given.target,
            given.what,
            named(person, given.by),
            problem_id=given.problem,
            name=given.name,
            why=given.why,
            where=given.where,
        )
        return send(shown(made))

    @router.post("/actions/{action_id}/approve", dependencies=may, responses=_DONE, tags=["actions"])
    async def approve(request: Request, action_id: PathId, given: Approving) -> Response:
        """Approve an action exactly as rendered. It is sent once; the hash says what was reviewed."""
        by = named(person_of(request), given.by)
        return send(shown(await operations.approve_action(action_id, by, given.digest)))

    @router.post("/actions/{action_id}/decline", dependencies=may, responses=_DONE, tags=["actions"])
    async def decline(
        request: Request, action_id: PathId, given: Annotated[Declining, Body()] = _DECLINING
    ) -> Response:
        """Decline a proposal, withdraw an approved action that has not started, or give up an unsure one."""
        by = named(person_of(request), given.by)
        return send(shown(await operations.decline_action(action_id, by, given.note)))


def _unsure(router: APIRouter, backend: Backend, operations: Operations) -> None:
    may = [Depends(at_least(Role.named(backend.settings.approve_role)))]

    @router.post("/actions/{action_id}/retry", dependencies=may, responses=_DONE, tags=["actions"])
    async def retry(request: Request, action_id: PathId, given: Annotated[Doing, Body()] = _DOING) -> Response:
        """Send a failed action again, or an unsure one that the caller knows was not carried out."""
        return send(shown(await operations.retry_action(action_id, named(person_of(request), given.by))))

    @router.post("/actions/{action_id}/settle", dependencies=may, responses=_DONE, tags=["actions"])
    async def settle(request: Request, action_id: PathId, given: Annotated[Settling, Body()] = _SETTLING) -> Response:
        """Confirm that an unsure action was carried out, with the reference that the system gave it."""
        by = named(person_of(request), given.by)
        return send(shown(await operations.settle_action(action_id, given.ref, by)))
