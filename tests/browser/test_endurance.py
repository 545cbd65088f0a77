"""The page over time: it keeps up with a flood, does not grow, is light, and lets the service stop."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from support.browser import keep_at_work, opened
from support.patience import PATIENCE
from support.plant_night import fill
from support.service import Andon

#: Events a second, and for how many seconds: what one line sends in its worst minute.
RATE, SECONDS = 200, 2
#: What a page may weigh without pictures, in bytes, as it is sent.
WEIGHT = 150_000
#: How many hours a page stays open, and after which it is looked at first: its lists are as long as they get by then.
HOURS, WARM = 8, 2
SCREENS = ("", "journal", "problems/1", "figures", "shift", "ask", "actions", "system")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """A thread to publish in: Playwright has a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture(scope="module")
def andon(tmp_path_factory: pytest.TempPathFactory, elsewhere: ThreadPoolExecutor) -> Iterator[Andon]:
    """The demo's plant in the middle of its night."""
    one = Andon(tmp_path_factory.mktemp("night"))
    one.data.mkdir()
    elsewhere.submit(fill, one.database).result()
    one.start()
    try:
        yield one
    finally:
        one.close()


def happening(text: str, number: int, began: float) -> dict[str, object]:
    """One of many alarms of one kind, each with its number, ``RATE`` a second from ``began`` on."""
    return {
        "timestamp": datetime.fromtimestamp(began + number / RATE, UTC).isoformat(),
        "hostname": "press-99",
        "severity": "ERROR",
        "service": "press",
        "message": f"{text} {number}",
        "context": {"site": "Tarnbeck", "area": "Machining", "line": "Line 9", "machine": "Press 99"},
    }


#: Kept when the page has heard more ticks than so many; they come at least every ten seconds.
A_TICK_AFTER = """before => new Promise(done => {
    const look = () => { if ((window.ticks ?? 0) > before) { document.removeEventListener("tick", look); done(); } };
    document.addEventListener("tick", look);
    look();
})"""

#: From now on the page's stream may take as long as it likes to begin.
ANY_TIME_TO_CONNECT = r"""() => {
    document.querySelector("[hx-sse\\:connect]")._htmx.sse.config.connectTimeout = 0;
}"""


def publish_evenly(andon: Andon, text: str) -> None:
    """``RATE`` events a second for ``SECONDS``, ten at a time."""
    began, clock = time.time(), time.monotonic()
    for first in range(0, RATE * SECONDS, 10):
        time.sleep(max(0.0, clock + first / RATE - time.monotonic()))
        andon.publish(*(happening(text, number, began) for number in range(first, first + 10)))


def numbers(page: Page, text: str) -> list[int]:
    """The numbers of the events in the journal from top to bottom; where it left some out, as it says, those too."""
    found: list[int] = []
    said = "rows => rows.map(row => row.querySelector('[data-more]')?.dataset.more ?? row.innerText)"
    for line in page.locator("#rows > tr").evaluate_all(said):
        told, left_out = re.search(rf"{text} (\d+)", line), line.replace(",", "")
        if told:
            found.append(int(told[1]))
        elif found and left_out.isdecimal():
            found += range(found[-1] - 1, found[-1] - 1 - int(left_out), -1)
    return found


def test_open_pages_keep_up_with_a_flood(browser: Browser, andon: Andon, elsewhere: ThreadPoolExecutor) -> None:
    """What was sent is what is shown, the last event too, and the page is at rest a moment later."""
    text, last, address = "Ram stopped at cycle", RATE * SECONDS - 1, f"http://127.0.0.1:{andon.http_port}/"
    with opened(browser, address) as now, opened(browser, address + "journal") as journal:
        keep_at_work(now.page)
        elsewhere.submit(publish_evenly, andon, text).result()
        expect(journal.page.locator("#rows")).to_contain_text(f"{text} {last}")
        shown = numbers(journal.page, text)
        assert len(shown) > 100
        assert shown == list(range(last, last - len(shown), -1))
        now.page.get_by_role("button", name=re.compile(r"\d+ new")).click()
        row = now.page.locator("[data-row]", has_text=text)
        expect(row).to_contain_text(str(RATE * SECONDS))
        for watched in (now, journal):
            assert watched.page.evaluate(
                "() => new Promise(done => requestIdleCallback(rest => done(!rest.didTimeout), {timeout: 30000}))"
            )


@pytest.mark.parametrize("screen", ["", "journal"])
def test_a_page_that_is_open_for_eight_hours_does_not_grow(
    browser: Browser, andon: Andon, elsewhere: ThreadPoolExecutor, screen: str
) -> None:
    """Neither its elements, nor its listeners, nor its heap, while new events come all the time and each is shown.

    Of each hour half a minute is lived through, in which every timer runs as often as it comes and the hour's batch is
    shown; the rest is left out at once, as for a laptop that sleeps: the page finds itself out of date and connects
    again, eight times.
    """
    text = f"Bed {len(screen)} is out of level at cycle"
    with opened(browser, "about:blank", fresh=True) as one:
        one.page.clock.install()
        one.page.add_init_script("document.addEventListener('tick', () => { window.ticks = (window.ticks ?? 0) + 1; })")
        one.page.goto(f"http://127.0.0.1:{andon.http_port}/{screen}")
        one.page.evaluate(A_TICK_AFTER, 0)
        one.page.evaluate(ANY_TIME_TO_CONNECT)  # this page's seconds are far shorter than the service's
        tools = one.page.context.new_cdp_session(one.page)
        tools.send("Performance.enable")
        began: float = one.page.evaluate("Date.now()")
        seen: list[dict[str, float]] = []
        total = 0
        for step in range(WARM + HOURS):
            many = 30 if step > WARM else 300
            events = [happening(text, total + number, time.time() - 1) for number in range(many)]
            total += many
            before: int = one.page.evaluate("window.ticks ?? 0")
            elsewhere.submit(andon.publish, *events).result()
            one.page.clock.run_for(35_000)  # nobody touches it for so long: what waits comes in by itself
            is_shown(one.page, screen, text, total)
            one.page.evaluate(A_TICK_AFTER, before)  # the stream may be a moment behind what it brought
            seen.append(measured(tools))
            one.page.clock.fast_forward(3_540_000)
        assert one.page.evaluate("Date.now()") - began >= HOURS * 3_600_000
        early, late = seen[WARM], seen[-1]
        print(screen or "now", seen)
        assert late["Nodes"] <= 1.15 * early["Nodes"] + 200, seen
        assert late["JSEventListeners"] <= early["JSEventListeners"] + 50, seen
        assert late["JSHeapUsedSize"] <= 1.3 * early["JSHeapUsedSize"] + 1_000_000, seen


def is_shown(page: Page, screen: str, text: str, total: int) -> None:
    """The last of so many events: on Now in the problem's count, in the journal as its first row of that text."""
    if screen:
        row = page.locator("#rows > tr", has_text=f"{text} {total - 1}").first
        expect(row).to_be_attached()
    else:
        row = page.locator("#list [data-row]", has_text=text).locator(".times .flash")
        expect(row).to_have_text(f"{total:,}")


def measured(tools: CDPSession) -> dict[str, float]:
    """What the browser counts of a page, after its garbage is gone."""
    tools.send("HeapProfiler.collectGarbage")
    found: list[dict[str, Any]] = tools.send("Performance.getMetrics")["metrics"]
    return {
        one["name"]: one["value"] for one in found if one["name"] in ("Nodes", "JSEventListeners", "JSHeapUsedSize")
    }


def test_every_screen_is_light(browser: Browser, andon: Andon) -> None:
    """Page, styles and scripts together, without pictures; ``-rP`` shows how much it is."""
    with opened(browser, "about:blank", fresh=True) as one:
        one.page.context.new_cdp_session(one.page).send("Network.setCacheDisabled", {"cacheDisabled": True})
        for screen in SCREENS:
            one.page.goto(f"http://127.0.0.1:{andon.http_port}/{screen}")
            expect(one.page.locator("#light")).to_contain_text("Andon:")
            parts: list[dict[str, Any]] = one.page.evaluate(
                """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
                    .filter(e => !/\\.(svg|png)/.test(e.name))
                    .map(e => ({name: e.name, sent: e.encodedBodySize, bytes: e.decodedBodySize}))"""
            )
            assert len(parts) >= 5
            sent, unpacked = (sum(part[name] for part in parts) for name in ("sent", "bytes"))
            print(f"/{screen}: {sent:,} bytes sent, {unpacked:,} unpacked: {parts}")
            assert 10_000 < sent <= WEIGHT, parts


def test_a_stop_ends_ten_open_pages(tmp_path: Path) -> None:
    """Each stream ends in order, and the service as soon as it does without them."""
    andon = Andon(tmp_path)
    andon.start()
    connections = [http.client.HTTPConnection("127.0.0.1", andon.http_port, timeout=PATIENCE) for _ in range(10)]
    streams = []
    try:
        for connection in connections:
            connection.request("GET", "/live/bar", headers={"Accept": "text/event-stream"})
            answer = connection.getresponse()
            assert answer.status == 200
            while answer.readline() != b"event: tick\n":  # what stands above every screen comes before
                pass
            streams.append(answer)
        assert andon.stop() == 0
        for answer in streams:
            answer.read()  # raises where it was torn off
            assert answer.isclosed()
    finally:
        for connection in connections:
            connection.close()
        andon.close()
