"""The screen System: whether Andon itself is well, what waits, what could not be read, and what it is told to do."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

import andon
from andon.app.background.changes import Topic
from andon.app.system_state import SystemState, system_state
from andon.app.web.operations import MOST_AT_ONCE, Operations
from andon.app.web.page.backend import Backend
from andon.app.web.page.bar import bar_elements
from andon.app.web.page.failures import said
from andon.app.web.page.live import Elements, Shown, digest, partial, stream, updates
from andon.app.web.page.rendering import page, rendered
from andon.app.web.people import Person, Role, at_least, person_of
from andon.app.wellbeing import Signs, Trouble, size_text, troubles
from andon.core.errors import StoreError
from andon.core.models import ID_MAX, StoredReject
from andon.core.redact import Redactor
from andon.core.settings.origins import origins
from andon.core.settings.settings import Settings
from andon.core.settings.shown import SettingShown, shown_settings
from andon.core.text import counted
from andon.insight.sources import Source
from andon.store import Connection, counts, queue, recording
from andon.store.queue import QueueEntry

TOPICS: tuple[Topic, ...] = ("logs", "work", "answers")
#: Changes are shown so often at most, in seconds.
BATCH = 2.0
#: Rows of a panel; the rest is one press away, as far as a person may want to read it.
ROWS, ALL = 10, 500
UNREAD = 20
#: Characters of a message that could not be read: in the list, and when it is opened.
START, WHOLE = 120, 20_000
_DAY = 86_400.0

#: The panels in their order: sources, ways in, what waits, model, broker, disk, what could not be read.
PANELS = ("sources", "inputs", "waiting", "model", "broker", "disk", "unread")

#: Why a problem waits, for people; what is not here is said as it is.
WHY = {
    "new": "new problem",
    "every": "every record is explained",
    "asked": "somebody asked again",
    "split": "split off another problem",
    "resolved": "a fix was confirmed",
    "revoked": "a fix was taken back",
    "severity": "it got worse",
    "host": "it came to another host",
    "rate": "it comes more often",
    "age": "its answer is old",
    "site": "a runbook or rule was added",
    "runbook": "its runbook was removed",
    "rule": "its rule changed",
    "advice": "its answer contained forbidden advice",
    "second": "a second opinion",
}
#: What a model is worth, for people.
STANDING = {
    "qualified": "Good enough: its answers are shown first",
    "advisory": "Second opinion only: built-in rules answer first",
    "unfit": "Not good enough: asked only where nothing else is known",
}
#: What the questions ask by which a model is measured.
ASKED = {
    "kept": "Right where built-in rules are right",
    "gain": "Right where built-in rules are wrong or missing",
    "vague": "Vague records recognised as vague",
    "hostile": "Instructions inside records ignored",
}

Ids = Annotated[list[Annotated[int, Query(ge=1, le=ID_MAX)]], Query(max_length=1_000)]
GivenIds = Annotated[list[int], Form(max_length=1_000)]
Admin = Annotated[Person, Depends(at_least(Role.ADMIN))]


class Records(NamedTuple):
    """What the database holds for this screen. ``day`` are the records of the last 24 hours."""

    waiting: list[QueueEntry]
    failed: list[QueueEntry]
    unread: list[StoredReject]
    day: int


class View(NamedTuple):
    """What the screen shows; without ``state`` the database cannot be asked, and ``problem`` says why."""

    signs: Signs
    wrong: list[Trouble]
    state: SystemState | None
    records: Records | None
    problem: str | None

    @property
    def forecast(self) -> str | None:
        """When the disk, or what the database may take, is full at the rate of the last 24 hours."""
        if self.state is None or self.records is None or self.signs.room is None or not self.state.retention.logs:
            return None
        used, cap = self.state.retention.used, self.state.retention_max_bytes
        growth = self.records.day * used / self.state.retention.logs
        if growth < 1:
            return None
        rate = f"About {size_text(growth)} a day at the rate of the last 24 hours"
        days = min(self.signs.room.free, cap - used if cap else self.signs.room.free) / growth
        if days <= 0:
            return f"{rate}. The database is at its maximum size: the oldest, least severe records are deleted first."
        ending = (
            "the database reaches its maximum size" if cap and cap - used < self.signs.room.free else "the disk is full"
        )
        return f"{rate}: {ending} in {_days(days)}." if days < 365 else f"{rate}: enough room for more than a year."


def _days(days: float) -> str:
    return "less than a day" if days < 1 else f"about {counted(int(days), 'day')}"


def _read(connection: Connection, now: float) -> Records:
    return Records(
        waiting=_waiting(connection, ROWS),
        failed=queue.listing(connection, failed=True, limit=3),
        unread=recording.list_rejects(connection, UNREAD, retried=False),
        day=sum(counts.hourly(connection, now - _DAY, now).values()),
    )


def _waiting(connection: Connection, limit: int) -> list[QueueEntry]:
    """Problems that wait for their answer, in the order of asking; second opinions, which come last, are not among
    them."""
    return [one for one in queue.listing(connection, limit=limit) if one.tier >= 0]


async def _look(backend: Backend) -> View:
    signs = await backend.pulse.wellbeing.look()
    try:
        state = await system_state(backend.settings, backend.ask, backend.service)
        records = await backend.ask(_read, time.time())
    except StoreError as error:
        return View(signs, troubles(signs), None, None, str(error))
    return View(signs, troubles(signs), state, records, None)


def ordered(sources: list[Source]) -> list[Source]:
    """Silent ones first, the longest before others; then those that report, by name; those that are gone last."""
    return sorted(sources, key=lambda one: (one.gone, one.silent_since is None, one.silent_since or 0.0, one.host))


def start_of(data: bytes, length: int = START) -> str:
    """The beginning of a message for people, on one line."""
    text = " ".join(data[: length * 4].decode("utf-8", "backslashreplace").split())
    return text[:length] + ("…" if len(text) > length or len(data) > length * 4 else "")


def values_of(view: View, person: Person, backend: Backend) -> dict[str, Any]:
    """What the templates of this screen work with."""
    return {
        "view": view,
        "signs": view.signs,
        "state": view.state,
        "records": view.records,
        "wrong": {one.part for one in view.wrong},
        "sources": ordered(list(view.signs.sources)),
        "inputs": [] if backend.service is None or backend.service.intake is None else backend.service.intake.states(),
        "rows": ROWS,
        "why": WHY,
        "standing": STANDING,
        "asked": ASKED,
        "size": size_text,
        "start_of": start_of,
        "may_admin": person.role >= Role.ADMIN,
        "version": andon.__version__,
        "started": None if backend.service is None else backend.service.started,
    }


def add(router: APIRouter, backend: Backend) -> None:
    """Its addresses."""
    whence = functools.cache(lambda: origins(backend.settings))

    @router.get("/system")
    async def system(request: Request) -> HTMLResponse:
        view = await _look(backend)
        settings, places = await _settings(backend.settings, whence)
        values = {**values_of(view, person_of(request), backend), "listed": settings, "places": places}
        shown = digest(_panels(request, backend, values), backend.changes)
        return page(request, backend, "system.html", panels=PANELS, digest=shown, **values)

    @router.get("/system/settings")
    async def settings(request: Request) -> HTMLResponse:
        listed, places = await _settings(backend.settings, whence)
        return page(request, backend, "system/settings.html", listed=listed, places=places)

    @router.get("/system/sources")
    async def sources(request: Request) -> HTMLResponse:
        signs = await backend.pulse.wellbeing.look()
        return page(request, backend, "system/all_sources.html", sources=ordered(list(signs.sources)), most=ALL)

    @router.get("/system/waiting")
    async def waiting(request: Request) -> HTMLResponse:
        rows = await backend.ask(_waiting, ALL)
        return page(request, backend, "system/all_waiting.html", waiting=rows, why=WHY)

    @router.get("/live/system")
    async def live_system(request: Request, shown: Shown = "") -> StreamingResponse:
        return stream(
            updates(
                request, backend.changes, TOPICS, lambda: _elements(request, backend), shown=shown, batch=BATCH
            )
        )  # fmt: skip

    _unread(router, backend)


async def _settings(settings: Settings, whence: functools._lru_cache_wrapper[dict[str, str]]) -> tuple[Any, Any]:
    places = await asyncio.to_thread(whence)  # it reads files
    redactor = Redactor()
    return [_without_secrets(one, redactor) for one in shown_settings(settings)], places


def _without_secrets(one: SettingShown, redactor: Redactor) -> SettingShown:
    """A value in whose midst somebody wrote a secret, such as in the agent's instructions, is shown without it."""
    return SettingShown(
        one.name, redactor.redact(one.value), one.default, one.changed, one.secret, one.description
    )  # fmt: skip


async def _elements(request: Request, backend: Backend) -> Elements:
    values = values_of(await _look(backend), person_of(request), backend)
    return {**_panels(request, backend, values), **await bar_elements(request, backend)}


def _panels(request: Request, backend: Backend, values: Mapping[str, Any]) -> Elements:
    names = ("wrong", *PANELS)
    return {f"system-{name}": rendered(request, backend, f"system/{name}.html", **values) for name in names}


def _unread(router: APIRouter, backend: Backend) -> None:
    """What people do with messages that could not be read."""
    operations = Operations(backend)

    async def answer(request: Request, sentence: str) -> Response:
        values = values_of(await _look(backend), person_of(request), backend)
        panel = rendered(request, backend, "system/unread.html", **values)
        parts = said(sentence) + partial("#system-unread", panel) + partial("#dialog", "", "innerHTML")
        return HTMLResponse(parts)

    @router.get("/system/unread/{reject_id}")
    async def one(request: Request, reject_id: int) -> HTMLResponse:
        row = await backend.ask(recording.reject, reject_id)
        text = row.data[: WHOLE * 4].decode("utf-8", "backslashreplace")
        cut = len(text) > WHOLE or len(row.data) > WHOLE * 4
        return page(request, backend, "system/message.html", row=row, text=text[:WHOLE], cut=cut)

    async def named(message: list[int], every: bool, verb: str) -> list[int]:
        """The messages that were ticked, or all that are there."""
        if every:
            return await backend.ask(_every)
        if not message:
            raise HTTPException(400, f"Tick the messages first, then press {verb}.")
        return message

    @router.get("/system/unread")
    async def confirm(
        request: Request,
        _person: Admin,
        message: Ids = [],  # noqa: B006 - never changed
        every: bool = False,
    ) -> Response:
        ids = await named(message, every, "Delete")
        return page(request, backend, "system/delete.html", ids=ids)

    @router.post("/system/unread/retry")
    async def retry(
        request: Request,
        person: Admin,
        message: GivenIds = [],  # noqa: B006 - never changed
        every: bool = False,
    ) -> Response:
        done = await operations.retry_rejects(await named(message, every, "Try again"), person.name)
        return await answer(
            request, f"{counted(done, 'message')} read again. Those that still cannot be understood come back here."
        )

    @router.post("/system/unread/delete")
    async def delete(request: Request, person: Admin, message: GivenIds) -> Response:
        done = await operations.delete_rejects(message, person.name)
        return await answer(request, f"{counted(done, 'message')} deleted.")


def _every(connection: Connection) -> list[int]:
    """The newest messages that could not be read, as many as may be named at once."""
    return [one.id for one in recording.list_rejects(connection, MOST_AT_ONCE, retried=False)]
