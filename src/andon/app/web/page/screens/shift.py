"""The screen Shift: what one shift hands over to the next, on one printed page."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from markupsafe import Markup

from andon.app.web.api.parameters import Text
from andon.app.web.operations import Operations
from andon.app.web.page import bar
from andon.app.web.page.backend import Backend
from andon.app.web.page.failures import said
from andon.app.web.page.live import Elements, Shown, digest, partial, stream, updates
from andon.app.web.page.rendering import page, rendered
from andon.app.web.page.shared_answers import SharedAnswers
from andon.app.web.people import Person, Role, at_least
from andon.core.models.history import ShiftWindow
from andon.core.times import clock
from andon.insight.report import report_page
from andon.insight.report.shift_report import ShiftReport, report_of
from andon.insight.shifts.calendar import NoShift, Shift, previous, site_shifts, working_of, workings_within
from andon.store import Connection, alarms, counts
from andon.store.alarms import Handover, ShiftNote

_DAY = 86_400.0
#: So long ago shifts are offered, in seconds, and so many of them.
_EARLIER, _EARLIER_MAX = 5 * _DAY, 12
#: An open page is brought up to date at most this often, in seconds.
_BATCH = 10.0
#: Where nothing changed, a report is good for so long, in seconds.
_GOOD_FOR = 60.0
#: The longest name and note that the page takes; the store knows its own limits.
_NAME_MAX, _NOTE_MAX = 100, 2_000

Name = Annotated[str, Form(max_length=_NAME_MAX)]
#: Whoever may hand over and take over.
Operator = Annotated[Person, Depends(at_least(Role.OPERATOR))]


class Which(NamedTuple):
    """Which working an address names: the shift, and the day on which it began."""

    shift: str | None = None
    day: str | None = None


def _which(shift: Annotated[Text | None, Query()] = None, day: Annotated[Text | None, Query()] = None) -> Which:
    return Which(shift, day)


class Working(NamedTuple):
    """A working of a shift as the address names it: ``day`` is the one on which it began."""

    window: ShiftWindow
    day: str

    @property
    def query(self) -> str:
        """Its part of an address."""
        return f"?{urlencode({'shift': self.window.name, 'day': self.day})}"


class Around(NamedTuple):
    """What stands beside the report: notes of the shift, who signed, and the shifts before now with whether signed."""

    notes: list[ShiftNote]
    signed: list[Handover]
    earlier: list[tuple[Working, bool]]


def add(router: APIRouter, backend: Backend) -> None:
    """Its addresses."""
    screen = _Screen(backend)
    screen.add_looking(router)
    screen.add_working(router)


class _Screen:
    """The screen's addresses over one database."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._answers: SharedAnswers[ShiftReport | str] = SharedAnswers(_GOOD_FOR)
        self._operations = Operations(backend)

    def add_looking(self, router: APIRouter) -> None:
        """What shows it."""
        backend = self._backend

        @router.get("/shift")
        async def shift(request: Request, which: Annotated[Which, Depends(_which)]) -> HTMLResponse:
            asked = self._asked(which)
            if asked is None:
                return page(request, backend, "shift.html", working=None)
            seen = backend.changes.seen(bar.BAR_TOPICS)
            report = await self._answers.soon((asked, seen), self._find(asked))
            shown = await self._shown(asked, report)
            shown["digest"] = digest(self._elements(request, shown), backend.changes)
            return HTMLResponse(rendered(request, backend, "shift.html", **shown))

        @router.get("/shift/before")
        async def before(which: Annotated[Which, Depends(_which)]) -> HTMLResponse:
            """The working of the same shift before, to stand beside it."""
            asked = self._asked(which)
            found = None if asked is None else previous(self._shifts, asked.window, backend.zone)
            if found is None:
                return HTMLResponse("")
            report = await self._find(_working(found, backend))()
            return HTMLResponse(_before(report) if isinstance(report, ShiftReport) else f"<p>{_sentence(report)}</p>")

        @router.get("/shift/report.html")
        async def download(which: Annotated[Which, Depends(_which)]) -> Response:
            """The report as a file that needs nothing else."""
            asked = self._asked(which)
            report = "no shift has worked yet" if asked is None else await self._find(asked)()
            if asked is None or isinstance(report, str):
                raise HTTPException(404, f"There is no report: {report}")
            name = f"shift-{asked.day}-{asked.window.name.encode('ascii', 'ignore').decode() or 'report'}.html"
            headers = {
                "Content-Security-Policy": report_page.POLICY,
                "Content-Disposition": f'attachment; filename="{name.replace(chr(34), "").replace(" ", "-")}"',
            }
            return HTMLResponse(report_page.page(report, backend.settings.site_name), headers=headers)

        @router.get("/live/shift")
        async def live(
            request: Request, which: Annotated[Which, Depends(_which)], shown: Shown = ""
        ) -> StreamingResponse:
            asked = self._named(which)

            async def render() -> Elements:
                now = backend.changes.seen(bar.BAR_TOPICS)
                found = await self._shown(asked, await self._answers.get((asked, now), self._find(asked)))
                return self._elements(request, found) | dict(await bar.bar_elements(request, backend))

            return stream(updates(request, backend.changes, bar.BAR_TOPICS, render, shown=shown, batch=_BATCH))

    def add_working(self, router: APIRouter) -> None:
        """What people do there."""

        @router.post("/shift/note")
        async def note(
            request: Request,
            person: Operator,
            text: Annotated[str, Form(max_length=_NOTE_MAX)],
            which: Annotated[Which, Depends(_which)],
        ) -> HTMLResponse:
            asked = self._named(which)
            await self._operations.note(text, person.name)
            return await self._changed(request, asked, "Noted for the next shift.", "shift/note-form.html")

        @router.post("/shift/sign")
        async def sign(
            request: Request,
            person: Operator,
            name: Name,
            which: Annotated[Which, Depends(_which)],
        ) -> HTMLResponse:
            asked = self._named(which)
            found = await self._operations.sign(asked.window, name, person.name)
            first = len(found.signatures) == 1
            kept = "Handed over: the report is kept as it is now." if first else "Taken over."
            return await self._changed(request, asked, kept)

    async def _changed(self, request: Request, asked: Working, sentence: str, form: str = "") -> HTMLResponse:
        """The parts of the page that an action changed."""
        shown = await self._shown(asked, await self._find(asked)())
        parts = [partial(f"#{name}", html) for name, html in self._elements(request, shown).items()]
        if form:
            parts.append(partial("#note", rendered(request, self._backend, form, **shown), "outerHTML"))
        return HTMLResponse("".join([*parts, said(sentence)]))

    def _elements(self, request: Request, shown: dict[str, object]) -> dict[str, str]:
        names = ("report", "notes", "signing")
        return {f"shift-{one}": rendered(request, self._backend, f"shift/{one}.html", **shown) for one in names}

    @property
    def _shifts(self) -> list[Shift]:
        return site_shifts(self._backend.settings)

    def _named(self, which: Which) -> Working:
        """The working that an address names, else the one at work or the last. Raises HTTPException."""
        try:
            found = working_of(self._shifts, self._backend.zone, time.time(), name=which.shift, day=which.day)
        except NoShift as error:
            raise HTTPException(404, f"There is no such shift: {error}") from None
        return _working(found, self._backend)

    def _asked(self, which: Which) -> Working | None:
        """The same; None where none is named and none worked in the last week."""
        try:
            return self._named(which)
        except HTTPException:
            if which == Which():
                return None
            raise

    def _find(self, asked: Working) -> Callable[[], Awaitable[ShiftReport | str]]:
        zone, shifts = self._backend.zone, self._shifts
        return lambda: self._backend.ask(report_of, asked.window, shifts, zone, time.time())

    async def _shown(self, asked: Working, report: ShiftReport | str | None) -> dict[str, object]:
        """What the templates show; ``report`` is None where it is not made yet."""
        now = time.time()
        around = await self._backend.ask(_around, asked, self._backend, now)
        window, zone = asked.window, self._backend.zone
        made = isinstance(report, ShiftReport)
        return {
            "working": asked,
            "running": window.end > now,
            "made": made,
            "report": Markup(report_page.body(report, _link)) if isinstance(report, ShiftReport) else None,  # noqa: S704 - escaped there
            "sentence": _sentence(report) if isinstance(report, str) else "",
            "name": _name(window.name),
            "span": report_page.span_words(window.start, window.end, zone),
            "notes": around.notes,
            "signed": around.signed,
            "earlier": [(_label(one, zone), one, signed) for one, signed in around.earlier],
        }


def _around(connection: Connection, asked: Working, backend: Backend, now: float) -> Around:
    shifts, zone = site_shifts(backend.settings), backend.zone
    notes = alarms.notes(connection, asked.window.start, asked.window.end)
    span = counts.span(connection)
    oldest = now if span is None else span[0] * 60.0
    workings = workings_within(shifts, max(now - _EARLIER, oldest), now, zone)[::-1][:_EARLIER_MAX]
    earlier = [(_working(one, backend), bool(alarms.handovers(connection, one))) for one in workings]
    return Around(notes, alarms.handovers(connection, asked.window), earlier)


def _working(window: ShiftWindow, backend: Backend) -> Working:
    return Working(window, clock(window.start, backend.zone).date().isoformat())


def _link(pattern_id: int) -> str:
    return f"problems/{pattern_id}"


def _name(shift: str) -> str:
    return f"{shift[:1].upper()}{shift[1:]} shift"


def _label(one: Working, zone: object) -> str:
    start = clock(one.window.start, zone)  # type: ignore[arg-type]  # the site's zone
    return f"{_name(one.window.name)}, {start:%a} {start.day} {start:%b}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _before(report: ShiftReport) -> str:
    """The report of the shift before, with its title."""
    title = Markup("<h2>{}, {}</h2>").format(report_page.name_of(report), report_page.span_of(report))
    return f"<header>{title}</header><div class='body'>{report_page.body(report, _link)}</div>"
