"""The screen Figures: whether the alarm system itself is healthy."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from andon.app.web.api.parameters import Text
from andon.app.web.page import bar, charts
from andon.app.web.page.backend import Backend
from andon.app.web.page.charts import Bars
from andon.app.web.page.live import Elements, Frame, Shown, digest, stream, updates
from andon.app.web.page.rendering import rendered
from andon.app.web.page.screens.figure_tiles import tiles
from andon.app.web.page.screens.figure_words import course_rows, flood_words, label, span_words
from andon.app.web.page.shared_answers import SharedAnswers
from andon.insight.alarms import alarm_overview, rhythm
from andon.insight.alarms.alarm_overview import Order, Overview
from andon.insight.alarms.metrics import FLOOD_BEGINS, TEN_MINUTES
from andon.insight.shifts.calendar import last_before, site_shifts, window_at
from andon.store import Connection, alarms, counts
from andon.store.alarms import AlarmFilter

Period = Literal["shift", "24h", "7d", "30d"]
PERIODS: dict[Period, str] = {"shift": "Shift", "24h": "24 h", "7d": "7 days", "30d": "30 days"}
_LENGTHS: dict[Period, float] = {"24h": 86_400.0, "7d": 7 * 86_400.0, "30d": 30 * 86_400.0}
#: An open page is brought up to date at most this often, in seconds.
_BATCH = 10.0
#: Where nothing changed, figures are good for so long, in seconds.
_GOOD_FOR = 60.0
#: The axis of alarms in ten minutes ends here: what is higher is cut, and says its number.
TOP = 30
#: Parts that change while the page is open, by the ids of their elements.
_PARTS = ("tiles", "course", "course-read", "course-table", "problems", "hours")


class Asked(NamedTuple):
    """What the address asks for."""

    period: Period = "7d"
    area: str | None = None
    sort: Order = "count"

    def query(self, **changes: str | int | None) -> str:
        """The query of an address for the same with changes; what is usual is left out."""
        asked = {**self._asdict(), **changes}
        named = {name: value for name, value in asked.items() if value != getattr(_USUAL, name, None)}
        return f"?{urlencode(named)}" if named else ""


_USUAL = Asked()


def _asked(
    period: Annotated[Period, Query()] = "7d",
    area: Annotated[Text | None, Query()] = None,
    sort: Annotated[Order, Query()] = "count",
) -> Asked:
    return Asked(period, area or None, sort)


class Found(NamedTuple):
    """What was found: ``overview`` is None where there is less data than a full shift. ``end`` is that of the axis."""

    areas: list[str]
    overview: Overview | None
    end: float
    shift: str | None = None


def add(router: APIRouter, backend: Backend) -> None:
    """Its addresses."""

    answers: SharedAnswers[Found] = SharedAnswers(_GOOD_FOR)

    def find(asked: Asked) -> Callable[[], Awaitable[Found]]:
        return lambda: backend.ask(_find, asked, backend, time.time())

    @router.get("/figures")
    async def figures(request: Request, asked: Annotated[Asked, Depends(_asked)]) -> HTMLResponse:
        seen = backend.changes.seen(bar.BAR_TOPICS)
        found = await answers.soon((asked, seen), find(asked))
        if found is None:  # it comes by the stream
            shown: dict[str, object] = {
                "asked": asked,
                "areas": [],
                "periods": PERIODS,
                "about": "",
                "state": "waiting",
            }
            return HTMLResponse(rendered(request, backend, "figures.html", digest="", **shown))
        shown = _shown(found, asked, backend)
        now = digest(_elements(request, backend, shown), backend.changes)
        return HTMLResponse(rendered(request, backend, "figures.html", digest=now, **shown))

    @router.get("/live/figures")
    async def live_figures(
        request: Request, asked: Annotated[Asked, Depends(_asked)], shown: Shown = ""
    ) -> StreamingResponse:
        async def render() -> Elements:
            now = backend.changes.seen(bar.BAR_TOPICS)
            found = _shown(await answers.get((asked, now), find(asked)), asked, backend)
            return {**_elements(request, backend, found), **await bar.bar_elements(request, backend)}

        return stream(updates(request, backend.changes, bar.BAR_TOPICS, render, shown=shown, batch=_BATCH))


def _elements(request: Request, backend: Backend, shown: Mapping[str, object]) -> Elements:
    """What changes while the page is open: the body as a whole only where it becomes another one of its kinds."""
    names = ("areas", "about", "body", *(_PARTS if shown["state"] == "found" else ()))
    made = {f"figures-{one}": rendered(request, backend, f"figures/{one}.html", **shown) for one in names}
    return made | {"figures-body": Frame(made["figures-body"], str(shown["state"]))}


def _find(connection: Connection, asked: Asked, backend: Backend, now: float) -> Found:
    shifts, zone = site_shifts(backend.settings), backend.zone
    known, full = alarms.areas(connection), last_before(shifts, now, zone)
    span = counts.span(connection)
    if span is None or full is None or span[0] * 60 > full.start:
        return Found(known, None, now)
    working = window_at(shifts, now, zone) or full
    start, end = (working.start, working.end) if asked.period == "shift" else (now - _LENGTHS[asked.period], now)
    chosen = AlarmFilter(area=(asked.area,)) if asked.area else AlarmFilter()
    found = alarm_overview.find(connection, start, min(now, end), zone, chosen, order=asked.sort)
    return Found(known, found, end, working.name if asked.period == "shift" else None)


def _shown(found: Found, asked: Asked, backend: Backend) -> dict[str, object]:
    """What the templates show."""
    shared = {"asked": asked, "areas": found.areas, "periods": PERIODS}
    one = found.overview
    if one is None:
        return {**shared, "state": "too little", "about": ""}
    hours = one.hours
    return {
        **shared,
        "state": "found",
        "about": span_words(one, found.shift, asked.area, backend.zone),
        "tiles": tiles(one.report.figures, one.ack_seconds),
        "course": _bars(found, one, backend),
        "course_read": flood_words(one, backend.zone),
        "problems": one.problems,
        "all_problems": one.all_problems,
        "order": one.order,
        "most": max((each.share.count for each in one.problems), default=1),
        "longest": max((each.share.seconds or 0.0 for each in one.problems), default=0.0) or 1.0,
        "rows": _by_weekday(hours),
        "block_rows": _by_weekday(rhythm.blocks(hours)),
        "mean": one.days > 7.5,
    }


def _bars(found: Found, one: Overview, backend: Backend) -> Bars:
    zone, course = backend.zone, one.course
    fine = course.step == TEN_MINUTES
    end = max(found.end, course.since + course.step * len(course.values))
    names, rows = course_rows(one, zone)
    return Bars(
        id="figures-course",
        label=label(one, zone),
        since=course.since,
        step=course.step,
        values=course.values,
        until=end,
        ticks=charts.ticks(course.since, end, zone),
        marks=charts.marks(course.since, end, site_shifts(backend.settings), zone),
        top=TOP,
        limit=FLOOD_BEGINS,
        limit_words="Flood: more than 10",
        many="alarms" if fine else "alarms in the worst 10 minutes",
        one="alarm" if fine else "alarm in the worst 10 minutes",
        range_href="journal?since={since}&until={until}",
        names=names,
        rows=rows,
    )


def _by_weekday(hours: list[rhythm.Hour]) -> list[tuple[str, list[rhythm.Hour]]]:
    """Rows of a table: a weekday and its hours."""
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    return [
        (names[day], [one for one in hours if one.weekday == day])
        for day in dict.fromkeys(one.weekday for one in hours)
    ]
