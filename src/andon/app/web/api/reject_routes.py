"""Routes about rejects: messages that could not be understood and are kept as they came."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Query, Response

from andon.app.web.api.answers import CHANGE_FAILURES, send, send_list, shows
from andon.app.web.api.bodies import Admin, Doing, Several, named
from andon.app.web.api.parameters import Deleting, Nothing, PathId, RejectListing, TakingBack
from andon.app.web.operations import Operations
from andon.app.web.page.backend import Backend
from andon.core.models import StoredReject
from andon.core.text import readable
from andon.store import recording

_DOING = Doing()
#: Bytes of a reject that a listing shows as text, and that one of them does.
_START, _TEXT = 500, 4_000


class RejectEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be understood, or the part at this place of one; ``text`` is the beginning of its bytes.

    ``retried_at`` is when it was last published again; where that did not help there is a new one.
    """

    id: int
    received_at: str
    stream: str
    sequence: int
    part: int
    subject: str
    reason: str
    size: int
    text: str
    retried_at: str | None


class Reject(RejectEntry, frozen=True, kw_only=True):
    """The same with its bytes (base64)."""

    data: bytes


class Retried(msgspec.Struct, frozen=True):
    """How many were published again. What is still not understood becomes a new reject."""

    retried: int


class Deleted(msgspec.Struct, frozen=True):
    """How many were deleted."""

    deleted: int


def add(router: APIRouter, backend: Backend) -> None:
    """Add them."""
    _known(router, backend)
    _retrying(router, Operations(backend))
    _deleting(router, Operations(backend))


def _known(router: APIRouter, backend: Backend) -> None:
    ask = backend.ask

    @router.get("/rejects", responses=shows(RejectEntry, several=True), tags=["rejects"])
    async def listing(asked: Annotated[RejectListing, Query()]) -> Response:
        """Messages that could not be understood, newest first, without those published again."""
        rows = await ask(recording.reject_starts, asked.limit + 1, asked.next, retried=asked.retried, length=_START)
        shown = [RejectEntry(**_told(row, size, _START)) for row, size in rows[: asked.limit]]
        return send_list(shown, str(shown[-1].id) if len(rows) > asked.limit else None)

    @router.get("/rejects/{reject_id}", responses=shows(Reject), tags=["rejects"])
    async def one(reject_id: PathId, _asked: Annotated[Nothing, Query()]) -> Response:
        """One of them with its bytes."""
        row = await ask(recording.reject, reject_id)
        return send(Reject(**_told(row, len(row.data), _TEXT), data=row.data))


def _told(row: StoredReject, size: int, length: int) -> dict[str, Any]:
    names = ("id", "received_at", "stream", "sequence", "part", "subject", "reason", "retried_at")
    text = readable(row.data[:length]) + ("…" if size > length else "")
    return {name: getattr(row, name) for name in names} | {"size": size, "text": text}


def _retrying(router: APIRouter, operations: Operations) -> None:
    answers = shows(Retried) | CHANGE_FAILURES

    @router.post("/rejects/retry", responses=answers, tags=["rejects"])
    async def several(person: Admin, given: Several) -> Response:
        """Publish several again, byte for byte, for example after an update that understands them."""
        return send(Retried(await operations.retry_rejects(given.ids, named(person, given.by))))

    @router.post("/rejects/{reject_id}/retry", responses=answers, tags=["rejects"])
    async def one(reject_id: PathId, person: Admin, given: Annotated[Doing, Body()] = _DOING) -> Response:
        """Publish one again, byte for byte."""
        return send(Retried(await operations.retry_rejects([reject_id], named(person, given.by))))


def _deleting(router: APIRouter, operations: Operations) -> None:
    answers = shows(Deleted) | CHANGE_FAILURES

    @router.delete("/rejects", responses=answers, tags=["rejects"])
    async def several(person: Admin, asked: Annotated[Deleting, Query()]) -> Response:
        """Delete several for good, with their bytes, all or none: ``id=1&id=2``."""
        return send(Deleted(await operations.delete_rejects(asked.id, named(person, asked.by))))

    @router.delete("/rejects/{reject_id}", responses=answers, tags=["rejects"])
    async def one(reject_id: PathId, person: Admin, asked: Annotated[TakingBack, Query()]) -> Response:
        """Delete one for good, with its bytes."""
        return send(Deleted(await operations.delete_rejects([reject_id], named(person, asked.by))))
