"""Templates filled in: how times, numbers and severities are written on the page, and what every screen shares.

Whatever is no markup of our own is escaped, and characters that would steer a terminal or turn the writing direction
are shown instead of obeyed: text of a log is text.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from andon.app.web.page.addresses import own_address, root_of
from andon.app.web.page.answer_sources import source
from andon.app.web.page.backend import Backend
from andon.app.web.people import person_of
from andon.app.web.static_files import address
from andon.core.models import utc_text
from andon.core.models.history import PRIORITY_OF
from andon.core.text import printable
from andon.core.times import clock, seconds
from andon.insight.shifts.calendar import site_shifts, window_at
from andon.insight.titles import about, title_of

#: A moment as the store has it: unix seconds, or a text in stored form.
Moment = float | str

_DAY = 86_400.0
_TITLE_MAX = 200


def page(request: Request, backend: Backend, template: str, status_code: int = 200, **values: object) -> HTMLResponse:
    """A whole page, or a part of one, from a template. ``values`` are what it shows.

    Every template also knows ``person`` (who asks), ``now`` (unix seconds), ``shift`` (the name of the one at work, or
    None), ``settings``, ``root`` (how to get from the page's address to the site's root: ``./`` or ``../``) and ``bar``
    (what stood above the screens last).
    """
    return HTMLResponse(rendered(request, backend, template, **values), status_code)


def rendered(request: Request, backend: Backend, template: str, **values: object) -> str:
    """The same as text, for streams."""
    now = time.time()
    working = window_at(site_shifts(backend.settings), now, backend.zone)
    shared = {
        "person": person_of(request),
        "settings": backend.settings,
        "zone": backend.zone,
        "now": now,
        "shift": working,
        "root": root_of(request),
        "request_path": own_address(request),
        "bar": backend.pulse.last,
    }
    return environment().get_template(template).render(shared | values)


async def page_of_many(
    request: Request, backend: Backend, template: str, status_code: int = 200, **values: object
) -> HTMLResponse:
    """The same as :func:`page` for hundreds of rows: they are written in a thread, as the loop has others to serve."""
    return await asyncio.to_thread(page, request, backend, template, status_code, **values)


def compile_templates() -> None:
    """Make all templates ready: each is compiled when it is first filled in else, while somebody waits for it."""
    made = environment()
    for name in made.list_templates():
        made.get_template(name)


@cache
def environment() -> Environment:
    """The templates with our filters."""
    made = Environment(
        loader=PackageLoader("andon.app.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
        auto_reload=False,
    )
    made.globals.update(static=address)
    made.filters.update(
        clock=_clock, exact=_exact, ago=_ago, lasting=_lasting, until=_until, day=_day, number=number, times=times,
        word=word, duration=duration, severity_class=css_class, second=_second, brief=_brief, unix=moment,
        source=source, titled=_titled, about=about,
    )  # fmt: skip
    for name in ("clock", "exact", "ago", "lasting", "until", "day"):
        made.filters[name] = _or_as_it_stands(made.filters[name])
    made.globals["parts"] = made.get_template("parts.html").module
    return made


def _or_as_it_stands(shown: Callable[[Context, Moment | None], Markup]) -> Callable[[Context, Moment | None], object]:
    """A filter for moments that shows what is no time as it stands: a database that was taken over may hold such."""

    @pass_context
    def filtered(context: Context, value: Moment | None) -> object:
        try:
            return shown(context, value)
        except ValueError:
            return value or "–"

    return filtered


def _shown(value: object) -> object:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def moment(value: Moment) -> float:
    """Unix seconds of either spelling."""
    return seconds(value) if isinstance(value, str) else value


def number(value: float | None, places: int = 0) -> str:
    """``10,412``; a dash for None."""
    return "–" if value is None else f"{value:,.{places}f}"


def times(count: int) -> str:
    """``once``, then ``3 times``."""
    return "once" if count == 1 else f"{count:,} times"


def word(value: str) -> str:
    """A word as it begins a line: ``Critical`` for ``CRITICAL``."""
    return value[:1].upper() + (value[1:].lower() if value.isupper() else value[1:])


def _titled(template: str) -> str:
    """What a problem is called where its newest text is not at hand: whole as a rule, for it may wrap."""
    return title_of(template, _TITLE_MAX)


def duration(length: float) -> str:
    """A length in seconds in words of the floor: ``12 s``, ``13 min``, ``1 h 17 min``, ``3 days 4 h``.

    >>> [duration(length) for length in (0, 59, 780, 4620, 273_600, 86_400)]
    ['0 s', '59 s', '13 min', '1 h 17 min', '3 days 4 h', '24 h']
    """
    whole = int(max(0.0, length))
    if whole < 60:
        return f"{whole} s"
    minutes, hours = whole // 60, whole // 3600
    if minutes < 60:
        return f"{minutes} min"
    if hours <= 24:
        return f"{hours} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{hours // 24} day{'s' if hours >= 48 else ''}" + (f" {hours % 24} h" if hours % 24 else "")


def _element(value: Moment | None, zone: ZoneInfo, shown: str, kind: str = "") -> Markup:
    if value is None:
        return Markup("–")
    # the script adds the whole of it, as a title, where it is pointed at
    at = clock(moment(value), zone)
    return Markup('<time datetime="{}"{}>{}</time>').format(
        utc_text(at), Markup(" data-{}").format(kind) if kind else "", shown
    )


def _at(value: Moment | None, context: Context) -> tuple[datetime, ZoneInfo]:
    zone: ZoneInfo = context["zone"]
    return clock(moment(value or 0.0), zone), zone


@pass_context
def _clock(context: Context, value: Moment | None) -> Markup:
    """The time of day, with the day before it where that is another one: ``02:41``, ``Tue 24 Nov, 08:10``."""
    at, zone = _at(value, context)
    today = clock(context["now"], zone).date() == at.date()
    near = abs(context["now"] - moment(value or 0.0)) < _DAY / 2
    return _element(value, zone, f"{at:%H:%M}" if today or near else f"{at:%a} {at.day} {at:%b, %H:%M}")


@pass_context
def _brief(context: Context, value: Moment | None) -> Markup:
    """In little room: ``02:41``, with the weekday where that was not today, after a week ``24 Nov``."""
    at, zone = _at(value, context)
    today = clock(context["now"], zone)
    if at.date() == today.date():
        return _element(value, zone, f"{at:%H:%M}")
    week = abs((today.date() - at.date()).days) < 7
    return _element(value, zone, f"{at:%a %H:%M}" if week else f"{at.day} {at:%b}")


@pass_context
def _second(context: Context, value: Moment | None) -> Markup:
    """To the second: ``02:41:07``."""
    at, zone = _at(value, context)
    return _element(value, zone, f"{at:%H:%M:%S}")


@pass_context
def _exact(context: Context, value: Moment | None) -> Markup:
    """To the millisecond: ``02:41:07.112``, with the day before it where that is not today."""
    at, zone = _at(value, context)
    today = clock(context["now"], zone).date() == at.date()
    precise = f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"
    return _element(value, zone, precise if today else f"{at.day} {at:%b} {precise}")


@pass_context
def _day(context: Context, value: Moment | None) -> Markup:
    """``9 Jun 2026, 04:40``."""
    at, zone = _at(value, context)
    return _element(value, zone, f"{at.day} {at:%b %Y, %H:%M}")


@pass_context
def _ago(context: Context, value: Moment | None) -> Markup:
    """``2 min ago``; what is older than a day as its day and time. The page keeps it up to date."""
    at, zone = _at(value, context)
    past = context["now"] - moment(value or 0.0)
    if past >= _DAY:
        return _element(value, zone, f"{at:%a} {at.day} {at:%b, %H:%M}")
    return _element(value, zone, f"{duration(past)} ago", "ago")


@pass_context
def _lasting(context: Context, value: Moment | None) -> Markup:
    """How long since then: ``13 min``. The page keeps it up to date."""
    return _element(value, context["zone"], duration(context["now"] - moment(value or 0.0)), "since")


@pass_context
def _until(context: Context, value: Moment | None) -> Markup:
    """How long until then: ``38 min``. The page keeps it up to date."""
    return _element(value, context["zone"], duration(moment(value or 0.0) - context["now"]), "until")


def css_class(severity: str) -> str:
    """The class of a severity: ``critical``, ``error``, ``warning``, ``info``; debug looks like info."""
    return severity.lower() if severity in PRIORITY_OF else "info"
