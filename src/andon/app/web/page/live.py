"""Streams that keep an open page up to date: what changed of it is rendered and sent, in batches."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Annotated

import structlog
from fastapi import HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from markupsafe import Markup

from andon.app.background.changes import BATCH, Changes, Topic
from andon.core.errors import AndonError
from andon.core.times import stored

_log = structlog.get_logger(__name__)

#: What stands above every screen, by its ids: sent to a page whose own elements need not be, as the page may have been
#: made before anybody looked.
BAR = ("light", "bar-count", "actions-count", "actions-more", "actions-tab", "favicon")

#: Elements of a page by their ids: what each looks like now.
Elements = Mapping[str, str]

_WORK: tuple[Topic, ...] = ("work",)

#: The parameter of a stream's address with which a page says what it shows: its :func:`digest`.
Shown = Annotated[str, Query(max_length=100)]

#: Ages, which the page lets go on by itself: no element is sent for them alone.
_AGE = re.compile(r"(<time [^>]* data-(?:ago|since|until)>)[^<]*")
#: A stream that has nothing to say keeps its connection: proxies cut those that are silent for long.
SILENCE = ":\n\n"


def partial(target: str, html: str, swap: str = "outerMorph") -> Markup:
    """``html`` in the place of what the selector ``target`` finds; nothing happens where it finds nothing."""
    return Markup('<hx-partial hx-target="{}" hx-swap="{}">{}</hx-partial>').format(target, swap, Markup(html))  # noqa: S704 - rendered by us


def message(html: str, event: str = "", number: str = "") -> str:
    """A message of a stream (the format of server-sent events); ``number`` is what a browser that returns tells us."""
    number = f"id: {number}\n" if number else ""
    lines = "".join(f"data: {line}\n" for line in html.replace("\r", "").split("\n"))
    return f"event: {event}\n{number}{lines}\n" if event else f"{number}{lines}\n"


def stream(messages: AsyncIterator[str]) -> StreamingResponse:
    """The answer that carries these messages; no proxy may hold them back."""
    return StreamingResponse(
        messages, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


class Frame(str):
    """The HTML of an element whose parts are elements of their own: it is sent where its ``kind`` is another one."""

    __slots__ = ("kind",)
    kind: str

    def __new__(cls, html: str, kind: str) -> Frame:
        """``html`` as it is now."""
        made = super().__new__(cls, html)
        made.kind = kind
        return made


def digest(elements: Elements, changes: Changes) -> str:
    """A few letters that are others where any of these elements looks otherwise, but for ages and the bar.

    A page carries those of what it shows in the address of its stream, as ``shown``. They are others too once people
    did something: the answer to what they do on the page changes it.
    """
    return _digest(_looks(elements), changes, changes.seen(_WORK))


def _looks(elements: Elements) -> dict[str, str]:
    return {name: html.kind if isinstance(html, Frame) else _AGE.sub(r"\1", html) for name, html in elements.items()}


def _digest(looks: Mapping[str, str], changes: Changes, work: int) -> str:
    parts = [part for name in sorted(looks) if name not in BAR for part in (name, looks[name])]
    look = hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=9).hexdigest()
    return f"{look}-{changes.name}-{work}"


async def updates(
    request: Request,
    changes: Changes,
    topics: Iterable[Topic],
    render: Callable[[], Awaitable[Elements]],
    *,
    shown: str = "",
    batch: float = BATCH,
    beat: float | None = None,
) -> AsyncIterator[str]:
    """Messages with those elements of a page that look otherwise than it shows them.

    After each connect everything is rendered, and sent unless the page shows just that: what it shows is told by
    ``shown``, the :func:`digest` in its address, and where it was connected before by the number of the last ``tick``
    (the header Last-Event-ID). Nothing is remembered between two connections, so that neither a restart of the service
    nor what happened in between is missed. From then on what was sent last is compared. Each change is followed by a
    render that begins after it; time alone changes things too (what is shelved comes back, a source falls silent), so
    it is rendered with each beat as well. Where people did two things between two renders everything is sent: the
    answer to the first shows what was undone by the second, and was never rendered here. (New records undo nothing to
    the letter: they are counted.)

    An element that is not rendered any more is left as it is, and sent again once it is. What cannot be rendered now (a
    database that is away, a problem that was deleted) is left for the next time. Each render is followed by the event
    ``tick`` with the time, which tells the page that it is up to date; a failed one is not.
    """
    watched = tuple(topics)
    sent: dict[str, str] | None = None
    worked = 0
    known = request.headers.get("last-event-id") or shown
    async for _ in changes.watch(watched, -1, batch=batch, beat=beat):
        work = changes.seen(_WORK)
        try:
            now = await render()
        except (AndonError, HTTPException) as error:
            _log.info("page not brought up to date", path=request.url.path, reason=str(error))
            yield SILENCE
            continue
        looks, before = _looks(now), sent
        number = _digest(looks, changes, work)
        if before is None and number == known:
            before = {name: look for name, look in looks.items() if name not in BAR}
        elif before is None or work - worked > 1:
            before = {}
        if html := "".join(partial(f"#{name}", now[name]) for name, look in looks.items() if before.get(name) != look):
            yield message(html)
        sent, worked = looks, work
        yield message(stored(time.time()), "tick", number)
