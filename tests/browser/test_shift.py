"""The screen Shift in a real browser: each problem once, notes, sign-off, and one printed page."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from andon.core.models.history import ShiftWindow
from andon.core.settings.settings import load_settings
from andon.insight.report import report_page
from andon.insight.report.shift_problems import ShiftProblem
from andon.insight.report.shift_report import ShiftReport, make
from andon.insight.shifts.calendar import site_shifts
from andon.store import Visitor
from support.browser import faults, opened
from support.patience import PATIENCE
from support.plant_week import HOUR, fill


def report(page: Page) -> None:
    """Wait until the report is there."""
    expect(page.locator("#shift-report .report")).to_be_visible(timeout=PATIENCE * 1000)


def pages(pdf: bytes) -> int:
    """How many pages a PDF has."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


#: The end of the night that is printed, in unix seconds.
MORNING = datetime(2026, 3, 1, 5, 30, tzinfo=UTC).timestamp()


def bad_night(path: Path) -> ShiftReport:
    """The report of a plant's night, with as many open and shelved problems as a bad one has."""
    fill(path, MORNING)
    window = ShiftWindow("night", MORNING - 7.5 * HOUR, MORNING + HOUR / 2)
    with Visitor(path) as visitor:
        found = visitor.read(make, window, site_shifts(load_settings()), ZoneInfo("Europe/Berlin"), MORNING + 60)

    def many(state: str, count: int) -> list[ShiftProblem]:
        some = [one for one in found.problems if one.state == state]
        return [replace(some[number % len(some)], pattern_id=1000 + number) for number in range(count)]

    rest = [one for one in found.problems if one.state not in ("open", "shelved")]
    return replace(found, problems=[*many("open", 15), *many("shelved", 4), *rest])


def test_it_fits_and_everybody_can_use_it(browser: Browser, plant: str) -> None:
    """Nothing sticks out, axe-core finds nothing serious; on a large screen the shift before stands beside it."""
    with opened(browser, f"{plant}shift", width=360) as one:
        report(one.page)
        before = one.page.locator(".before .report")
        expect(one.page.locator(".add-note")).to_be_visible()
        assert faults(one.page, [(360, "light"), (360, "dark")]) == []
        expect(before).to_have_count(0)
        one.page.set_viewport_size({"width": 1920, "height": 800})
        expect(before).to_be_visible()
        assert faults(one.page, [(1920, "dark"), (1920, "light")]) == []


def test_each_problem_stands_once_and_one_page_is_printed(browser: Browser, plant: str) -> None:
    """What is open, what is shelved, what was done; on A4 and on Letter; as a file too."""
    with opened(browser, f"{plant}shift") as one:
        report(one.page)
        names = one.page.locator("#shift-report tbody th a").all_inner_texts()
        assert len(names) == len(set(names)) >= 5
        expect(one.page.locator(".part-open")).to_contain_text("Check first: Fuse F4, then the load of supply G2")
        expect(one.page.locator(".part-open")).to_contain_text("“Infeed checked, waits for the electrician”")
        expect(one.page.locator(".part-shelved")).to_contain_text(re.compile(r"Door 4 left open.*Back at", re.DOTALL))
        assert [pages(one.page.pdf(format=paper)) for paper in ("A4", "Letter")] == [1, 1]
        with one.page.expect_download() as download:
            one.page.get_by_role("link", name="Download").click()
        text = download.value.path().read_text("utf-8")
        assert "<h2>Sign-off</h2>" in text
        assert text.count("24 V supply below 21.6 V") == 1
        assert "<script" not in text


def test_a_bad_night_is_printed_on_one_page(browser: Browser, tmp_path: Path) -> None:
    """With three times as many open problems it is printed closer."""
    with ThreadPoolExecutor(1) as pool:  # the browser has a loop of its own in this thread
        night = pool.submit(bad_night, tmp_path / "agent.db").result()
    with browser.new_page() as page:
        page.set_content(report_page.page(night, "Northfield"))
        expect(page.locator(".part-open tbody tr")).to_have_count(15)
        assert [pages(page.pdf(format=paper)) for paper in ("A4", "Letter")] == [1, 1]


def test_a_note_is_written_and_seen_by_another(browser: Browser, plant: str) -> None:
    """Its text is text; the field is empty afterwards; another browser has it without a reload."""
    with opened(browser, f"{plant}shift") as one, opened(browser, f"{plant}shift") as other:
        report(one.page)
        report(other.page)
        one.page.get_by_label("Note for the next shift").fill("<b>Press 2</b> runs at 80 %")
        one.page.get_by_role("button", name="Add note").click()
        expect(one.page.locator("#shift-notes")).to_contain_text("<b>Press 2</b> runs at 80 %")
        expect(one.page.get_by_label("Note for the next shift")).to_have_value("")
        expect(other.page.locator("#shift-notes")).to_contain_text("<b>Press 2</b> runs at 80 %")


def test_handing_over_keeps_the_report(browser: Browser, plant: str) -> None:
    """By keys: the first name keeps it, the second takes over, the same name twice is refused in a sentence."""
    with opened(browser, f"{plant}shift") as one:
        report(one.page)
        one.page.get_by_role("button", name="Earlier shifts").click()
        one.page.locator("#earlier a").nth(1).click()
        one.page.wait_for_url("**/shift?*")
        report(one.page)
        name = one.page.get_by_label("Handed over by")
        name.fill("A. Meier")
        name.press("Enter")
        expect(one.page.locator("#shift-signing")).to_contain_text("A. Meier")
        expect(one.page.locator("#shift-report")).to_contain_text("Signed, and kept as it was")
        one.page.get_by_label("Taken over by").fill("B. Okoro")
        one.page.get_by_role("button", name="Take over").click()
        expect(one.page.locator("#shift-signing dd")).to_have_count(2)
        expect(one.page.locator("#shift-signing form")).to_have_count(0)
        one.page.reload()
        expect(one.page.locator("#earlier a", has_text="handed over")).to_have_count(1)
