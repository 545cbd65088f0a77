"""The journal in a real browser, beside a service that runs: found, opened, watched, and text that means harm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import faults, opened
from support.pictures import data_url, picture
from support.service import Andon, log

HARM = (
    "<script>alert(1)</script>",
    "<img src=http://example.invalid/x>",
    "<hx-partial hx-target=body>gone</hx-partial>",
    '<b hx-get="journal" hx-trigger="load">pressed</b>',
    "split\rdata: x\n\ndata: <script>alert(2)</script>\n\nevent: tick",
    "NUL \x00 inside",
    "turned \u202egnp.exe \u2066round",
    "half \ud800 of a pair",
    "long " * 40_000,
)


def at(minutes: float) -> str:
    """So long ago, as a producer writes it."""
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat(timespec="milliseconds")


@pytest.fixture(scope="module")
def andon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Andon]:
    """A service with a morning of records."""
    service = Andon(tmp_path_factory.mktemp("site"), ANDON_SITE_NAME="Northfield", ANDON_TIME_ZONE="Europe/Berlin")
    service.start()
    try:
        ordinary = [
            log(
                f"F30003 Power unit {n}: DC link undervoltage",
                timestamp=at(n + 1),
                severity=("ERROR", "WARNING", "INFO")[n % 3],
                machine=f"Drive A-0{n % 4}",
                line=f"L{n % 2}",
                area="Packing",
                context={"alarm_code": "F30003", "state": "active" if n % 2 else "cleared", "lot": n},
            )
            for n in range(24)
        ]
        shown = log("camera saw this", timestamp=at(0.5), images=[data_url(picture())], machine="Camera 1")
        hostile = [
            json.dumps(log(text, timestamp=at(400), hostname="<b>harm</b>")).encode("utf-8", "surrogatepass")
            for text in HARM
        ]
        publish(service, shown, *ordinary, *hostile)
        service.until(lambda: service.count() == len(ordinary) + len(HARM) + 1, "every record")
        yield service
    finally:
        service.stop()


@pytest.fixture
def site(andon: Andon) -> str:
    """Its address."""
    return f"http://127.0.0.1:{andon.http_port}/"


def publish(andon: Andon, *records: dict[str, object] | bytes) -> None:
    """In a thread of its own: Playwright has a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(andon.publish, *records).result()


def rows(page: Page) -> int:
    """Records in the list."""
    return page.locator("#rows [data-row]").count()


def test_it_fits_and_is_accessible_with_a_row_open(browser: Browser, site: str) -> None:
    """Nothing sticks out, axe-core finds nothing serious, and every filter is shown with the number of matches."""
    with opened(browser, f"{site}journal?line=L1&severity=info") as one:
        page = one.page
        expect(page.locator("#matches")).to_contain_text("12 records match.")
        page.locator("#rows [data-open]").first.click()
        expect(page.locator(".detail")).to_contain_text("alarm_code")
        for width in (1920, 360):
            assert faults(page, [(width, "light"), (width, "dark")]) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("button", name="Filters (2)").click()
        expect(page.get_by_role("button", name="Severity")).to_be_visible()


def test_filters_stand_in_the_address(browser: Browser, site: str) -> None:
    """Words, menus, places and chips change it; without scripts too; what makes no sense is said and kept."""
    with opened(browser, f"{site}journal", java_script_enabled=True) as one:
        page = one.page
        page.keyboard.press("/")
        page.keyboard.type("undervoltage")
        page.keyboard.press("Enter")
        page.wait_for_url("**/journal?text=undervoltage")
        page.get_by_role("button", name="Where").click()
        page.locator("#places").get_by_role("link", name="L1", exact=True).click()
        page.wait_for_url("**text=undervoltage*line=L1**")
        assert rows(page) == 12
        page.get_by_role("button", name="State").click()
        page.locator("#states").get_by_role("link", name="Raised").click()
        page.wait_for_url("**state=raised**")
        expect(page.locator("#rows .state").first).to_have_text("Raised")
        page.get_by_label("Remove filter Line: L1").click()
        page.wait_for_url(lambda url: "line" not in url and "state=raised" in url)
        page.get_by_role("link", name="Clear filters").click()
        expect(page.locator(".chip")).to_have_count(0)
    with opened(browser, f"{site}journal?host=press-01", java_script_enabled=False) as one:
        page = one.page
        page.get_by_role("searchbox").fill("nothing like this")
        page.keyboard.press("Enter")
        expect(page.get_by_text("No record matches in this period (Last 8 h). 2 filters are on.")).to_be_visible()
        page.get_by_role("button", name="Where").click()
        page.get_by_label("Area, line, machine, host or source").fill("line 1")
        page.get_by_role("button", name="Show this place").click()
        page.wait_for_url("**line=line+1**")
        assert "text=nothing" in page.url


def test_what_makes_no_sense_is_a_sentence(browser: Browser, site: str) -> None:
    """Beside the field; the filters are kept, and nothing is searched."""
    with opened(browser, f"{site}journal?since=yesterday-ish&severity=error&text=drive") as one:
        page = one.page
        expect(page.get_by_role("alert").filter(has_text="'yesterday-ish' is not a time")).to_be_visible()
        expect(page.get_by_role("searchbox")).to_have_value("drive")
        expect(page.locator(".chip")).to_have_text("Error and above")
        expect(page.get_by_label("From")).to_have_value("yesterday-ish")
        page.goto(f"{site}journal?machine=Drive+Z")
        expect(page.get_by_role("alert").filter(has_text="no machine is called 'Drive Z'")).to_be_visible()
        assert [said for said in one.complaints if "400" not in said] == []
        one.complaints.clear()


def test_a_row_opens_in_place_and_has_an_address(browser: Browser, site: str) -> None:
    """With its fields, its pictures, a minute around it, and by the keyboard."""
    with opened(browser, f"{site}journal") as one:
        page = one.page
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        detail = page.locator(".detail")
        expect(detail.get_by_role("img", name="Picture 1")).to_be_visible()
        assert detail.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 40
        copied = detail.get_by_role("button", name="Copy link").get_attribute("data-copy")
        page.keyboard.press("Enter")
        expect(detail).to_have_count(0)
        page.goto(f"{site}{copied}")
        expect(page.locator("tr[aria-selected=true] + .detail")).to_contain_text("camera saw this")
        page.locator(".detail").get_by_role("link", name="Show 1 min around it").click()
        expect(page.locator("#rows [data-row]").first).to_be_visible()
        assert 1 <= rows(page) <= 3
        assert "record=" in page.url


def test_text_that_means_harm_is_text(browser: Browser, site: str) -> None:
    """In the list and opened: nothing is fetched, run, or rendered; what is long is cut, and whole on demand."""
    with opened(browser, "about:blank", fresh=True) as one:
        page = one.page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda _: pytest.fail("a dialog opened"))
        page.goto(f"{site}journal?host=%3Cb%3Eharm%3C%2Fb%3E")
        expect(page.locator("#rows [data-row]")).to_have_count(len(HARM))
        expect(page.locator("[data-live]")).to_contain_text("Live")  # from now on a press is heard
        for number, row in enumerate(page.locator("#rows [data-open]").all(), 1):
            row.click()
            expect(page.locator(".detail")).to_have_count(number)
        said = page.locator("#rows").inner_text()
        for text in ("<script>alert(1)</script>", "<img src=http://example.invalid/x>", "\\u202egnp.exe"):
            assert text in said
        assert page.locator("#rows :is(script, b, img, hx-partial)").count() == 0
        assert page.locator("#rows [hx-get]").count() == 0
        expect(page.get_by_text("The first 20,000 of")).to_have_count(1)
        with page.context.expect_page() as whole:
            page.get_by_role("link", name="Show the whole text").click()
        assert len(whole.value.locator("body").inner_text()) > 190_000
        assert [url for url in asked if not url.startswith(site)] == []


def test_records_that_come_wait_or_show_themselves(browser: Browser, site: str, andon: Andon) -> None:
    """At the top and untouched they come in; after a press they wait behind "n new", paused too; a flood is cut."""
    with opened(browser, f"{site}journal?text=first") as one:
        page = one.page
        expect(page.get_by_text("No record matches in this period (Last 8 h). 1 filter is on.")).to_be_visible()
        expect(page.locator("[data-live]")).to_contain_text("Live")
        publish(andon, log("first", timestamp=at(0), service="tail"))
        expect(page.locator("#rows [data-open]")).to_have_text("first")
        expect(page.locator("#heard")).to_have_text("1 new record")
        expect(page.get_by_text("No record matches")).to_be_hidden()
    with opened(browser, f"{site}journal?service=tail") as one:
        page = one.page
        expect(page.locator("#rows [data-row]")).to_have_count(1)
        expect(page.locator("[data-live]")).to_contain_text("Live")
        publish(andon, log("second", timestamp=at(0), service="tail"), log("else", timestamp=at(0), service="other"))
        expect(page.locator("#rows [data-open]").first).to_have_text("second")
        page.keyboard.press("p")
        expect(page.get_by_label("Pause")).to_be_checked()
        publish(andon, *(log(f"late {n}", timestamp=at(0), service="tail", severity="CRITICAL") for n in range(3)))
        expect(page.locator("#news")).to_have_text("3 new, 3 critical")
        assert rows(page) == 2
        page.keyboard.press("n")
        expect(page.locator("#rows [data-row]")).to_have_count(5)
        expect(page.locator("#news")).to_be_hidden()
        publish(andon, *(log(f"flood {n}", timestamp=at(0), service="tail") for n in range(300)))
        andon.until(lambda: andon.count(where="service = 'tail'") == 305, "the flood")
        expect(page.locator("#news")).to_have_text("300 new")
        page.keyboard.press("p")
        expect(page.locator("#news")).to_be_hidden()  # who goes on wants to see what came
        told = page.locator(".gap td").first.get_attribute("data-more")
        assert told is not None
        assert int(told) + rows(page) == 305
        assert rows(page) <= 205
