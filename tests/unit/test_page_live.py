"""Streams of the page: whatever happens when, an open page ends up as a fresh one, and is sent no more than it needs."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from fastapi import HTTPException, Request

from andon.app.background.changes import Changes
from andon.app.web.page.live import Elements, Frame, digest, updates
from andon.core.errors import StoreUnavailable
from support.patience import PATIENCE

NAMES = ("light", "head", "notes", "row-1", "row-2")
_PARTIAL = re.compile(r'<hx-partial hx-target="#([^"]*)" hx-swap="outerMorph">(.*?)</hx-partial>', re.DOTALL)


def _request(last: str = "") -> Request:
    headers = [(b"last-event-id", last.encode())] if last else []
    return Request({"type": "http", "path": "/live", "headers": headers})


class Site:
    """A service and its one screen, whose elements are what ``state`` says; each render lets ``meanwhile`` happen."""

    def __init__(self) -> None:
        self.changes = Changes()
        self.state = dict.fromkeys(NAMES, 0)
        self.failing = False
        self.renders = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def look(self) -> dict[str, str]:
        """The elements as they are now; an age is another one each time."""
        self.renders += 1
        age = f'<time datetime="x" data-ago>{self.renders} s ago</time>'
        return {name: f'<p id="{name}">{value}, {age}</p>' for name, value in self.state.items()}

    async def render(self) -> Elements:
        """What a screen's stream renders: what happens after it was read is not in it."""
        made = self.look()
        self.meanwhile()
        if self.failing:
            raise StoreUnavailable("the database is away")
        return made


class Browser:
    """An open page: its elements, and what its stream told it."""

    def __init__(self, site: Site, *, shown: bool = True) -> None:
        self.site = site
        self.page = site.look()
        self.shown = digest(self.page, site.changes) if shown else ""
        self.last = ""
        self.bytes = 0
        self.ticks = 0
        self._stream: Any = None

    def connect(self) -> None:
        """Open the stream, as the extension does: with the last number, where there is one."""
        self._stream = updates(
            _request(self.last),
            self.site.changes,
            ("logs", "work"),
            self.site.render,
            shown=self.shown,
            batch=0,
            beat=0,
        )

    async def cut(self) -> None:
        """The connection breaks."""
        await self._stream.aclose()

    async def hear(self) -> None:
        """The next message of the stream, put into the page."""
        text = await anext(self._stream)
        number = re.search(r"^id: (.*)$", text, re.MULTILINE)
        self.last = number[1] if number else self.last
        if "event: tick" in text:
            self.ticks += 1
            return
        self.bytes += len(text)
        self.put("\n".join(line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")))

    async def tick(self) -> None:
        """Hear until the page is said to be up to date."""
        before = self.ticks
        while self.ticks == before:
            await self.hear()

    def put(self, html: str) -> None:
        """What htmx does with partials: nothing where the page has no such element."""
        self.page |= {name: one for name, one in _PARTIAL.findall(html) if name in self.page}

    @property
    def values(self) -> dict[str, int]:
        """What the elements say, without their ages."""
        return {name: int(re.search(r">(\d+),", html)[1]) for name, html in self.page.items()}  # type: ignore[index]


def _run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await work()

    asyncio.run(bounded())


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_an_open_page_ends_up_as_a_fresh_one(seed: int) -> None:
    """Logs, deeds with their answers, deeds of others, renders that fail, cuts and restarts, in any order."""
    chance = random.Random(seed)

    async def work() -> None:
        site, numbers = Site(), itertools.count(2)

        def change(topic: str = "logs") -> str:
            name = chance.choice(NAMES)
            # deeds are often undone by the next, records never are
            site.state[name] = chance.choice((0, 1)) if topic == "work" else next(numbers)
            site.changes.tell(cast("Any", topic))
            return name

        def answered() -> None:
            """This browser's own deed: what it changed is in the answer, before the stream tells it."""
            name = change("work")
            browser.page[name] = site.look()[name]

        async def cut() -> None:
            await browser.cut()
            for _ in range(chance.randrange(3)):
                change()
            browser.connect()

        async def restart() -> None:
            await browser.cut()
            site.changes = Changes()
            if chance.random() < 0.5:
                change()
            browser.connect()

        site.meanwhile = lambda: None if chance.random() < 0.6 else (change(), None)[1]
        browser = Browser(site, shown=chance.random() < 0.8)
        for _ in range(chance.randrange(3)):
            change()
        browser.connect()
        for _ in range(chance.randrange(12)):
            match chance.randrange(8):
                case 0 | 1:
                    change(chance.choice(("logs", "work")))
                case 2:
                    answered()
                case 3:
                    await cut()
                case 4:
                    await restart()
                case 5:
                    site.failing = not site.failing
                case _:
                    await browser.hear()
        site.failing, site.meanwhile = False, lambda: None
        await browser.tick()
        await browser.tick()  # the first may tell what was rendered before the last change
        assert browser.values == site.state
        await browser.cut()

    _run(work)


def test_what_did_not_change_is_not_sent() -> None:
    """Neither at first, nor for ages, nor to a page that returns; the bar is sent to each that comes."""

    async def work() -> None:
        site = Site()
        browser = Browser(site)
        browser.connect()
        for _ in range(5):
            await browser.tick()
        at_first = browser.bytes
        assert 0 < at_first < 200  # the light alone
        site.state["head"] = 7
        site.changes.tell("logs")
        await browser.tick()
        await browser.tick()
        assert browser.values["head"] == 7
        assert at_first < browser.bytes < 2 * at_first
        await browser.cut()
        browser.connect()
        browser.bytes = 0
        await browser.tick()
        assert browser.bytes == at_first
        await browser.cut()

    _run(work)


@pytest.mark.parametrize("error", [StoreUnavailable("the database is away"), HTTPException(404, "deleted")])
def test_a_page_that_cannot_be_brought_up_to_date_is_not_called_so(error: Exception) -> None:
    """The stream stays, and says no time until it is."""

    async def work() -> None:
        site, wrong = Site(), [error, error]

        async def render() -> Elements:
            if wrong:
                raise wrong.pop()
            return await site.render()

        told = updates(_request(), site.changes, ("logs",), render, batch=0, beat=0)
        assert [await anext(told), await anext(told)] == [":\n\n", ":\n\n"]
        assert "hx-target" in await anext(told)
        assert (await anext(told)).startswith("event: tick\nid: ")
        await told.aclose()  # type: ignore[attr-defined]

    _run(work)


def test_an_element_that_went_is_sent_again_once_it_is_back() -> None:
    """And one whose parts are elements of their own only where it is of another kind."""

    async def work() -> None:
        changes, now = Changes(), {"body": Frame("<p>too little</p>", "too little")}

        async def render() -> Elements:
            return dict(now)

        told = updates(_request(), changes, ("logs",), render, shown=digest(now, changes), batch=0, beat=0)

        async def next_one() -> str:
            text = ""
            async for text in told:
                if "hx-target" in text or changes.closed:
                    break
            return text

        assert (await anext(told)).startswith("event: tick")
        now["body"], now["tiles"] = Frame("<div>1</div>", "found"), "<b>1</b>"  # type: ignore[assignment]
        changes.tell("logs")
        both = await next_one()
        assert both.index("<div>1</div>") < both.index("<b>1</b>")
        now["body"], now["tiles"] = Frame("<div>2</div>", "found"), "<b>2</b>"  # type: ignore[assignment]
        changes.tell("logs")
        assert "<div>" not in (part := await next_one())
        assert "<b>2</b>" in part
        gone = now.pop("tiles")
        await anext(told)
        await anext(told)
        now["tiles"] = gone
        assert "<b>2</b>" in await next_one()
        await told.aclose()  # type: ignore[attr-defined]

    _run(work)
