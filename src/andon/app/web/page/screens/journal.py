"""The screen Journal: any record, found, watched as it comes, and opened in place."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import structlog
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from andon.app.background.changes import Topic
from andon.app.web.api.parameters import PathId
from andon.app.web.page.backend import Backend
from andon.app.web.page.bar import BAR_TOPICS, bar_elements
from andon.app.web.page.charts import Bars, marks, nice, ticks
from andon.app.web.page.journal_address import COLUMNS, PLACES, JournalAddress, whole_minutes
from andon.app.web.page.live import SILENCE, message, partial, stream
from andon.app.web.page.rendering import duration, number, page, page_of_many, rendered
from andon.core import names as reading
from andon.core.errors import AndonError, QueryTooSlow, StoreUnavailable, UnknownName
from andon.core.models import LogQuery, StoredLog
from andon.core.text import printable
from andon.core.times import clock, stored
from andon.insight import journal as records
from andon.insight.shifts.calendar import site_shifts
from andon.store import Connection, names, search

_log = structlog.get_logger(__name__)

TOPICS: tuple[Topic, ...] = BAR_TOPICS
#: Seconds between two counts of an open page: they read more than what arrives.
COUNTS_EVERY = 10.0
#: Characters of a record's text that a row opens with; the whole has its own address.
OPENED_MAX = 20_000
#: Names of each kind in the menu of places.
NAMES_SHOWN = 40
#: What a picture may be served as: what its bytes say, of these.
_PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff")
_ANY = LogQuery()
#: The cookie in which a browser keeps the columns that were chosen last, and for how many seconds.
_KEPT, _KEPT_FOR = "andon-columns", 400 * 86_400
_ALONE = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cross-Origin-Resource-Policy": "same-origin"}


def add(router: APIRouter, backend: Backend) -> None:
    """Its addresses."""
    _add_screen(router, backend)
    _add_parts(router, backend)
    _add_record(router, backend)


def _asked(request: Request, backend: Backend) -> JournalAddress:
    kept = request.cookies.get(_KEPT, "")
    return JournalAddress(request.query_params.multi_items(), backend.settings, time.time(), kept)


def _add_screen(router: APIRouter, backend: Backend) -> None:
    @router.get("/journal")
    async def journal(request: Request) -> Response:
        asked = _asked(request, backend)
        return await _shown(request, backend, asked)

    @router.get("/records/{record_id}")
    async def record(request: Request, record_id: PathId) -> Response:
        """The journal around a record, with its row open: what citations and copied links lead to."""
        kept = request.cookies.get(_KEPT, "")
        asked = JournalAddress([("record", str(record_id))], backend.settings, time.time(), kept)
        return await _shown(request, backend, asked)

    @router.get("/journal/place")
    async def place(request: Request, place: Annotated[str, Query(max_length=200)] = "") -> Response:
        """The journal of a place that was typed, whatever kind of place it is."""
        asked = _asked(request, backend)
        name, level, sentence = place.strip(), "", ""
        if name and "\0" not in name:
            level, sentence = await backend.ask(_level_of, name)
        if sentence:
            asked.wrong = ("place", sentence)
            return await _shown(request, backend, asked, place=name)
        return RedirectResponse(f"../{asked.link(**({level: name} if level else {}))}", 303)


async def _shown(request: Request, backend: Backend, asked: JournalAddress, place: str = "") -> HTMLResponse:
    """The whole screen; what an address asks for wrongly is said where it was written."""
    now = time.time()
    look, slow = None, ""
    if asked.wrong is None:
        try:
            look = await backend.ask(records.look, whole_minutes(asked.query), asked.record)
        except UnknownName as error:
            asked.wrong = ("place", str(error))
        except (QueryTooSlow, StoreUnavailable) as error:
            slow = str(error)
    values: dict[str, Any] = {"counted": None, "chart": None, "opened": None}
    if look is not None and _is_quick(asked, look):
        values |= await backend.ask(_counts, look, now)
    if look is not None and asked.record is not None:
        values["opened"] = await backend.ask(records.whole, asked.record)
    status = 400 if asked.wrong else 503 if slow else 200
    shown = {"asked": asked, "look": look, "slow": slow, "place": place, "columns": COLUMNS}
    bars = _drawn(backend, asked, values["chart"])
    answer = await page_of_many(
        request, backend, "journal.html", status, **shown, **values, bars=bars, opened_max=OPENED_MAX
    )
    if asked.many("columns"):
        answer.set_cookie(_KEPT, " ".join(asked.columns), max_age=_KEPT_FOR, httponly=True, samesite="strict")
    return answer


def _is_quick(asked: JournalAddress, look: records.Look) -> bool:
    """Whether counting takes no longer than the list itself: of times alone, or where all is on the page."""
    return look.page.older is None or not asked.filters_on


def _counts(connection: Connection, look: records.Look, now: float) -> dict[str, Any]:
    since, until = records.span(look.query, now, look.begins)
    counted, chart = records.matches(connection, look.query, since, until, look.page)
    return {"counted": counted, "chart": chart}


def _drawn(backend: Backend, asked: JournalAddress, chart: records.Chart | None) -> Bars | None:
    """The chart's picture and table; None where there is none."""
    if chart is None or chart.bars is None:
        return None
    since, step = float(chart.bars[0][0]), chart.minutes * 60.0
    values = [count for _, count in chart.bars]
    usual = sorted(values)[-1 - max(1, len(values) // 40)] if len(values) > 2 else 0  # but for the few highest
    until = chart.bars[-1][0] + step
    place = asked.link(since="{since}", until="{until}").replace("%7B", "{").replace("%7D", "}")
    zone = backend.zone
    return Bars(
        id="records",
        label=f"Records per {duration(step)}",
        since=since,
        step=step,
        values=values,
        top=nice(1.5 * usual)[0] if usual and max(values) > 3 * usual else None,
        until=until,
        ticks=ticks(since, until, zone),
        marks=marks(since, until, site_shifts(backend.settings), zone),
        one="record",
        many="records",
        range_href=place,
        names=("From", "Records"),
        rows=[(f"{clock(at, zone):%a %d %b, %H:%M}", number(count)) for at, count in chart.bars],
    )


def _level_of(connection: Connection, said: str) -> tuple[str, str]:
    """The kind of place that has this name, or the sentence that says that none has."""
    own = reading.level_of(said)
    sentence = ""
    for level in sorted(PLACES, key=lambda level: level != own):
        try:
            names.read(connection, msgspec.structs.replace(_ANY, **{level: said}))
        except UnknownName as error:
            sentence = sentence or str(error)
        else:
            return level, ""
    return "", f"no area, line, machine, host, site or source is called {reading.quoted(said)}"


def _add_parts(router: APIRouter, backend: Backend) -> None:
    @router.get("/journal/older")
    async def older(request: Request) -> Response:
        """The next rows of the list."""
        asked = _checked(request, backend)
        look = await backend.ask(records.look, whole_minutes(asked.query))
        return await page_of_many(request, backend, "journal/older.html", asked=asked, look=look, opened=None)

    @router.get("/journal/counts")
    async def counts(request: Request) -> Response:
        """How many records match, and when they were: what is not quick is asked for once the list is shown."""
        asked = _checked(request, backend)
        return HTMLResponse(await _counted(request, backend, asked))

    @router.get("/journal/places")
    async def places(request: Request, place: Annotated[str, Query(max_length=200)] = "") -> Response:
        """The names that records carry, and that hold what was typed."""
        asked = _asked(request, backend)
        known = await backend.ask(names.of_site)
        part = place.strip().casefold()
        found = {level: [name for name in getattr(known, f"{level}s") if part in name.casefold()] for level in PLACES}
        return page(
            request,
            backend,
            "journal/places.html",
            asked=asked,
            found=found,
            places=PLACES,
            most=NAMES_SHOWN,
            part=part,
        )

    @router.get("/live/journal")
    async def live(request: Request, after: int = 0) -> StreamingResponse:
        """The records that come, as rows."""
        return stream(_tail(request, backend, _checked(request, backend), after))


def _checked(request: Request, backend: Backend) -> JournalAddress:
    asked = _asked(request, backend)
    if asked.wrong:
        raise HTTPException(400, ": ".join(filter(None, asked.wrong)))
    return asked


async def _counted(request: Request, backend: Backend, asked: JournalAddress) -> str:
    look = await backend.ask(records.look, whole_minutes(asked.query))
    values = await backend.ask(_counts, look, time.time())
    shown: dict[str, Any] = {"asked": asked, "look": look, "slow": "", **values}
    shown["bars"] = _drawn(backend, asked, values["chart"])
    return "".join(
        partial(f"#{name}", rendered(request, backend, f"journal/{name}.html", **shown))
        for name in ("matches", "chart")
    )


async def _tail(request: Request, backend: Backend, asked: JournalAddress, after: int) -> AsyncIterator[str]:
    """Messages with the rows that came, and what changed of the bar; each carries the id up to which all was told."""
    told = request.headers.get("last-event-id", "")
    last = int(told[:18]) if told.isascii() and told.isdecimal() else after
    sent: dict[str, str] = {}
    counted, came_since, due = time.monotonic(), False, False
    async for changed in backend.changes.watch(TOPICS, -1):
        html, due = "", due or changed  # what could not be read is read with the next beat
        try:
            if due:
                came = await backend.ask(_arrived, asked, last)
                if came.records or came.more:
                    html = rendered(request, backend, "journal/arrived.html", came=came, asked=asked)
                last, due, came_since = came.last, False, came_since or came.last != last
            bar = await bar_elements(request, backend)
            html += "".join(partial(f"#{name}", one) for name, one in bar.items() if sent.get(name) != one)
            sent.update(bar)
            if came_since and not asked.filters_on and time.monotonic() - counted >= COUNTS_EVERY:
                counted, came_since = time.monotonic(), False
                html += await _counted(request, backend, _asked(request, backend))
        except AndonError as error:
            _log.info("page not brought up to date", path=request.url.path, reason=str(error))
            yield f"id: {last}\n{message(html)}" if html else SILENCE
            continue
        if html:
            yield f"id: {last}\n{message(html)}"
        yield message(stored(time.time()), "tick")


def _arrived(connection: Connection, asked: JournalAddress, after: int) -> records.Arrived:
    return records.arrived(connection, names.read(connection, asked.query).query, after)


def _add_record(router: APIRouter, backend: Backend) -> None:
    @router.get("/records/{record_id}/detail")
    async def detail(request: Request, record_id: PathId) -> Response:
        """The row that opens below a record's."""
        whole = await backend.ask(records.whole, record_id)
        asked = JournalAddress([], backend.settings, time.time())
        return page(request, backend, "journal/record.html", whole=whole, asked=asked, opened_max=OPENED_MAX)

    @router.get("/records/{record_id}/text")
    async def text(record_id: PathId) -> Response:
        """The whole text, as text."""
        row = await backend.ask(_row, record_id)
        return _plain(row.message)

    @router.get("/records/{record_id}/raw")
    async def raw(record_id: PathId) -> Response:
        """The bytes it came in where they are no UTF-8, else the fields of its context as they are stored."""
        row = await backend.ask(_row, record_id)
        if row.raw is not None:
            name = f'attachment; filename="record-{record_id}.bin"'
            return Response(
                row.raw, media_type="application/octet-stream", headers={**_ALONE, "Content-Disposition": name}
            )
        return _plain(row.context or "")

    @router.get("/records/{record_id}/pictures/{number}")
    async def picture(record_id: PathId, number: int) -> Response:
        """A picture of it."""
        found = await backend.ask(records.picture, record_id, number)
        if found.media_type not in _PICTURES:
            raise HTTPException(404, f"picture {number} of record {record_id} has a type that browsers are not given")
        return Response(found.data, media_type=found.media_type, headers=_ALONE)


def _row(connection: Connection, record_id: int) -> StoredLog:
    return search.log(connection, record_id)


def _plain(value: str) -> Response:
    return Response(printable(value).encode("utf-8", "replace"), media_type="text/plain; charset=utf-8", headers=_ALONE)
