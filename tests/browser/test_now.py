"""The screen Now in a real browser, from a service that is fed over its broker: what people see, press and are told."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page, expect

from andon.core.times import stored
from support.browser import faults, keep_at_work, opened
from support.service import Andon

#: Text that tries what a browser would do with it.
HOSTILE = (
    "<script>alert(1)</script><img src=http://203.0.113.9/x.png onerror=alert(2)> \u202egnp.exe "
    + "A" * 20_000
)  # fmt: skip


def alarm(
    host: str,
    severity: str,
    message: str,
    code: str,
    state: str = "raised",
    ago: float = 1500.0,
    line: str = "Packing line 2",
) -> dict[str, object]:
    """A log of an alarm on the packing line, ``ago`` seconds old: none of a flood unless it says so."""
    return {
        "timestamp": stored(round(time.time() - ago, 3)),
        "hostname": host,
        "severity": severity,
        "service": "plc",
        "message": message,
        "context": {"area": "Packing", "line": line, "machine": host, "alarm_code": code, "alarm_state": state},
    }  # fmt: skip


class Site:
    """A service with alarms, and what was sent to it so far."""

    def __init__(self, andon: Andon) -> None:
        self._andon = andon
        self.url = f"http://127.0.0.1:{andon.http_port}/"

    def send(self, *logs: dict[str, object]) -> None:
        """Send logs; the page shows them by itself."""
        # the browser's own loop runs in this thread
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self._andon.publish, *logs).result()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service on which four problems wait."""
    andon = Andon(tmp_path_factory.mktemp("now"), ANDON_SITE_NAME="Northfield")
    andon.start()
    try:
        made = Site(andon)
        made.send(
            alarm("Press 2", "ERROR", "Main drive motor too hot, 142 °C", "M142"),
            alarm("Mill 4", "WARNING", "Coolant level low", "C1"),
            alarm("Dryer 2", "WARNING", "Dew point +6 °C", "D6"),
            alarm("Door 4", "WARNING", "Door 4 left open", "DO4"),
        )
        andon.until(lambda: andon.count("alarms") == 4, "alarms")
        yield made
    finally:
        andon.stop()


def row(page: Page, title: str) -> object:
    """A problem's row."""
    return page.locator("#list .row", has_text=title)


def show_new(page: Page, words: str) -> None:
    """Wait until rows wait, and let them in."""
    expect(page.locator("#new")).to_contain_text(words)
    page.locator("#new").click()
    expect(page.locator("#new")).to_have_class(re.compile("is-empty"))


def test_acknowledged_by_keyboard_and_seen_by_others(browser: Browser, site: Site) -> None:
    """J to the row, A: it stays in its place, outlined, with who has it; the other browser shows it at once."""
    with opened(browser, site.url) as mine, opened(browser, site.url, width=360, height=740, theme="dark") as other:
        expect(mine.page.locator("#list .row, #new:not(.is-empty)").first).to_be_visible()
        with mine.page.expect_response("**/now/list**"):  # an answer that comes later would sort what is acknowledged
            mine.page.keyboard.press("n")  # the list may be of a moment before
        expect(mine.page.locator("#list .row")).to_have_count(4)
        mine.page.keyboard.press("j")
        expect(mine.page.locator("[aria-selected=true]")).to_contain_text("Main drive motor too hot")
        mine.page.keyboard.press("a")
        done = mine.page.locator("#list .row.is-acknowledged")
        expect(done).to_contain_text("Main drive motor too hot, 142 °C")
        expect(mine.page.locator("#list .row").first).to_have_class(re.compile("is-acknowledged"))
        expect(other.page.locator("#list .row.is-acknowledged")).to_contain_text("Acknowledged")
        expect(other.page.locator("#bar-count")).to_contain_text("3")
        # the second of two that press at the same time
        id_ = done.get_attribute("id") or ""
        answer = mine.page.request.post(site.url + "now/acknowledge", form={"row": id_.removeprefix("row-")})
        assert "Already acknowledged" in answer.text()


def test_shelved_with_a_reason_and_brought_back(browser: Browser, site: Site) -> None:
    """S asks for how long and why; the row says so in its place, and the aside says when it comes back."""
    with opened(browser, site.url) as one:
        page = one.page
        title = page.locator("#list .row", has_text="Door 4 left open").locator("[data-open]")
        title.focus()
        page.keyboard.press("s")
        expect(page.get_by_role("dialog")).to_contain_text("Shelve Door 4 left open")
        page.keyboard.type("Gate is being repaired")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator("#list .row.is-shelved")).to_contain_text("Shelved, back in 59 min")
        shelved = page.locator("#shelved li")
        expect(shelved).to_contain_text("“Gate is being repaired”")
        shelved.get_by_role("button", name="Bring back").click()
        expect(shelved).to_have_count(0)
        expect(page.locator("#list .row", has_text="Door 4 left open")).to_have_class(re.compile("is-waiting"))


def test_several_at_once_and_ticks_survive_what_comes(browser: Browser, site: Site) -> None:
    """A bar takes the head's place; new rows wait behind a button meanwhile, and ticks stay where they are."""
    with opened(browser, site.url, width=1920) as one:  # where each row that is ticked is shown in the panel too
        page = one.page
        keep_at_work(page)
        for title in ("Coolant level low", "Dew point +6 °C"):
            page.get_by_role("checkbox", name=f"Select {title}").check()
            expect(page.locator("#panel h2")).to_have_text(title)
        expect(page.locator(".bulk")).to_contain_text("2 selected")
        site.send(alarm("Palletiser", "CRITICAL", "Emergency stop pressed", "ES1"))
        expect(page.locator("#urgent")).to_have_text("1 new critical problem on Packing line 2")
        assert page.locator("#list .row", has_text="Emergency stop").count() == 0
        expect(page.get_by_role("checkbox", name="Select Coolant level low")).to_be_checked()
        page.locator(".bulk").get_by_role("button", name="Acknowledge").click()
        expect(page.locator("#list .row.is-acknowledged", has_text="Dew point")).to_have_count(1)
        expect(page.locator(".bulk")).to_be_hidden()
        show_new(page, "1 new, 1 critical")
        expect(page.locator("#list .row").first).to_contain_text("Emergency stop pressed")
        expect(page.locator("#list ol").nth(1)).to_contain_text("Coolant level low")


def test_a_flood_is_one_with_its_start(browser: Browser, site: Site) -> None:
    """A banner tells it, what followed is folded behind what was first, and all of it is acknowledged with a note."""
    with opened(browser, site.url) as one:
        page = one.page
        keep_at_work(page)
        site.send(
            alarm("Cabinet Q12", "CRITICAL", "24 V supply below 21.6 V", "U24", ago=50),
            *(alarm(f"Station {n}", "ERROR", f"I/O station {n} not reachable", "IO9", ago=45 - n) for n in range(12)),
        )
        banner = page.get_by_role("region", name="Alarm flood")
        expect(banner).to_contain_text("13 alarms, 2 problems, one likely start")
        expect(banner).to_contain_text("24 V supply below 21.6 V, Cabinet Q12, Packing line 2, at ")
        show_new(page, "2 new, 1 critical")
        head = page.locator("#list .row", has_text="24 V supply below")
        expect(head).to_contain_text("First out")
        expect(page.locator("#list .follows")).to_contain_text("12 machines")
        head.get_by_role("button", name="More for").click()
        page.get_by_role("button", name="Acknowledge all 2").click()
        page.get_by_label("Note for the next shift").fill("Electrician is on the way")
        page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
        expect(page.locator("#list .row.is-acknowledged", has_text="Electrician is on the way")).to_have_count(2)
        site.send(alarm("Cabinet Q12", "CRITICAL", "24 V supply below 21.6 V", "U24", "cleared", ago=0))
        expect(head).to_have_class(re.compile("is-cleared"))
        expect(head).to_contain_text("Cleared")


def test_new_rows_come_by_themselves_where_nobody_touches_anything(browser: Browser, site: Site) -> None:
    """After half a minute without a hand on it; on a wall at once, without anything to press."""
    with opened(browser, site.url) as desk, opened(browser, site.url + "?wall=1", width=1920, height=1080) as wall:
        keep_at_work(desk.page)
        site.send(alarm("Oven 1", "WARNING", "Filter clogged", "F1"))
        expect(wall.page.locator("#list .row", has_text="Filter clogged")).to_have_count(1)
        assert wall.page.locator("main button:visible, main input:visible").count() == 0
        expect(desk.page.locator("#polite")).to_have_text("1 new problem on Packing line 2")
        assert desk.page.locator("#list .row", has_text="Filter clogged").count() == 0
        desk.page.evaluate("() => { clearInterval(window.hand); touched = Date.now() - 31_000; }")
        expect(desk.page.locator("#list .row", has_text="Filter clogged")).to_have_count(1)


def test_hostile_text_is_text_and_everything_fits(browser: Browser, site: Site) -> None:
    """Nothing of a log is markup, is loaded, runs or pushes the page aside; axe-core finds nothing serious."""
    with opened(browser, site.url) as one:
        keep_at_work(one.page)
        site.send(alarm("Robot", "ERROR", HOSTILE, "H1", line="Robots|1\np0|CRITICAL|elsewhere"))
        expect(one.page.locator("#new")).to_contain_text("1 new")
        one.page.keyboard.press("n")
        text = one.page.locator("#list .row", has_text="<script>alert(1)</script>")
        expect(text).to_contain_text("\\u202egnp.exe")
        assert one.page.locator("#list img, #list script").count() == 0
        expect(one.page.locator("#new")).to_have_class(re.compile("is-empty"))
        assert faults(one.page) == []
