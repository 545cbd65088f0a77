"""The page's line to the service: cut, dead or gone it says so and comes back; tabs that nobody sees hold none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from support.api import Client
from support.relay import Relay, relay
from support.service import Andon

#: A tab behind others, as far as scripts can tell, until it is brought to the front.
_BEHIND = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => window.front !== true})"
_TO_FRONT = "front => { window.front = front; document.dispatchEvent(new Event('visibilitychange')); }"
#: What a page of the shift asks its stream at.
_STREAM = "**/live/shift**"


@pytest.fixture(scope="module")
def andon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Andon]:
    """An empty service."""
    one = Andon(tmp_path_factory.mktemp("connected"))
    one.start()
    try:
        yield one
    finally:
        one.close()


@pytest.fixture
def wire(andon: Andon) -> Iterator[Relay]:
    """Between the browser and the service."""
    with relay(andon.http_port) as one:
        yield one


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile; connections that fail are no complaint here."""
    one = browser.new_context()
    try:
        yield one
    finally:
        one.close()


def _note(andon: Andon, text: str) -> None:
    """Somebody elsewhere notes something."""
    client = Client(andon.http_port)
    assert client.post("/api/notes", {"text": text}).status in (200, 201)
    client.close()


def _live(context: BrowserContext, port: int, path: str = "shift") -> Page:
    """An open page whose stream has begun."""
    page = context.new_page()
    page.clock.install()
    with page.expect_response(f"**/live/{path}**"):
        page.goto(f"http://127.0.0.1:{port}/{path}")
    return page


@pytest.mark.parametrize("broken", ["dead", "cut"])
def test_a_line_that_breaks_is_made_again(andon: Andon, wire: Relay, context: BrowserContext, broken: str) -> None:
    """Also one that only carries nothing more, as after a laptop slept; what happened meanwhile is on the page then."""
    system = _live(context, wire.port, "system")
    shift = _live(context, wire.port)
    expect(system.locator("[data-live]")).to_contain_text("Live, updated")
    if broken == "dead":
        wire.deaden()
        _note(andon, f"A {broken} line")
        for page in (system, shift):
            page.clock.fast_forward(20_000)
        expect(system.locator("[data-live]")).to_contain_text("Reconnecting, last update")
        for page in (system, shift):
            page.clock.fast_forward(25_000)
            expect(page.locator("#offline")).to_be_visible()
    else:
        wire.cut()
        _note(andon, f"A {broken} line")
    for _ in range(20):  # a browser notices when it does; then it tries again, perhaps over a line that is as dead
        for page in (system, shift):
            page.clock.run_for(1_000)
            page.clock.fast_forward(30_000)
        with contextlib.suppress(AssertionError):
            expect(shift.locator("#shift-notes")).to_contain_text(f"A {broken} line", timeout=2_000)
            break
    expect(shift.locator("#shift-notes")).to_contain_text(f"A {broken} line")
    expect(system.locator("[data-live]")).to_contain_text("Live, updated")
    for page in (system, shift):
        expect(page.locator("#offline")).to_be_hidden()


@pytest.mark.parametrize("first", ["failed", "refused"])
def test_a_stream_that_never_began_is_asked_for_again(andon: Andon, context: BrowserContext, first: str) -> None:
    """The page came, and the line was away when it asked for its stream: htmx by itself would leave it at that."""
    page = context.new_page()
    page.clock.install()

    def fail(route: Route) -> None:
        if first == "failed":
            route.abort()
        else:
            route.fulfill(status=503)

    page.route(_STREAM, fail, times=1)
    with page.expect_request(_STREAM):
        page.goto(f"http://127.0.0.1:{andon.http_port}/shift")
    _note(andon, f"While it {first}")
    with page.expect_response(lambda answer: "/live/shift" in answer.url and answer.ok):
        page.clock.run_for(46_000)
    expect(page.locator("#shift-notes")).to_contain_text(f"While it {first}")
    expect(page.locator("#offline")).to_be_hidden()


def test_a_page_finds_the_service_that_was_started_again(andon: Andon, context: BrowserContext) -> None:
    """What was changed while none ran is on the page, though the new one counts its changes from the beginning."""
    system, shift = _live(context, andon.http_port, "system"), _live(context, andon.http_port)
    assert andon.stop() == 0
    system.clock.fast_forward(16_000)
    expect(system.locator("[data-live]")).to_contain_text("Reconnecting")
    assert andon.cli("note", "Belt changed by hand", "--by", "Terminal").returncode == 0
    with ThreadPoolExecutor(1) as pool:
        pool.submit(andon.start).result()
    for page in (system, shift):
        page.clock.fast_forward(60_000)
    expect(shift.locator("#shift-notes")).to_contain_text("Belt changed by hand")
    expect(system.locator("[data-live]")).to_contain_text("Live, updated")


def test_tabs_that_nobody_sees_hold_no_connection(andon: Andon, context: BrowserContext) -> None:
    """A browser has six connections to one host: however many tabs were left, also while they connected, each comes back."""
    context.add_init_script(_BEHIND)
    tabs = [context.new_page() for _ in range(8)]
    for tab in tabs:
        tab.goto(f"http://127.0.0.1:{andon.http_port}/shift")
    expect(tabs[-1].locator("#shift-notes")).to_be_visible()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    first = tabs[0]
    with first.expect_response(_STREAM):
        first.evaluate(_TO_FRONT, True)
    first.evaluate(_TO_FRONT, False)
    for tab in tabs[1:]:  # each was looked at, and left again before its stream was there
        tab.route(_STREAM, hold)
        with tab.expect_request(_STREAM):
            tab.evaluate(_TO_FRONT, True)
        tab.evaluate(_TO_FRONT, False)
        with tab.expect_event("requestfailed"):
            held.pop().continue_()
        tab.unroute(_STREAM)
    _note(andon, "Seen on return")
    for tab in (first, tabs[-1]):
        tab.evaluate(_TO_FRONT, True)
        expect(tab.locator("#shift-notes")).to_contain_text("Seen on return")
