"""The screen Figures in a real browser: its figures, its chart by mouse and keys, its links, and how it stays current."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from support.browser import faults, opened
from support.patience import PATIENCE

#: How many elements the browser keeps of a chart, and the pictures that charts.js holds.
_HELD = "() => [document.querySelectorAll('.uplot').length, pictures.size]"


def chart(page: Page) -> None:
    """Wait until the chart is drawn."""
    expect(page.locator("#figures-course canvas")).to_be_visible(timeout=PATIENCE * 1000)


def test_it_fits_and_everybody_can_use_it(browser: Browser, plant: str) -> None:
    """Nothing sticks out, axe-core finds nothing serious, and eight figures say what they are worth."""
    with opened(browser, f"{plant}figures") as one:
        chart(one.page)
        expect(one.page.locator(".tile")).to_have_count(8)
        expect(one.page.locator("#figures-about")).to_contain_text("all areas. Provisional: 7 of 30 days.")
        expect(one.page.locator(".tile", has_text="Peak in 10 min")).to_contain_text("Over target")
        wide, narrow = one.page.locator(".heat.wide"), one.page.locator(".heat.narrow")
        for width in (360, 1920):
            assert faults(one.page, [(width, "dark"), (width, "light")]) == []
            expect(narrow if width == 360 else wide).to_be_visible()
            expect(wide if width == 360 else narrow).to_be_hidden()


def test_the_chart_is_read_by_keys_and_followed_into_the_journal(browser: Browser, plant: str) -> None:
    """Arrows move the read-out, Enter and a drag lead to the records of a time; the table tells the same."""
    with opened(browser, f"{plant}figures?period=shift") as one:
        chart(one.page)
        read, picture = one.page.locator("#figures-course-read"), one.page.locator("#figures-course")
        told = read.text_content()
        picture.focus()
        picture.press("Home")
        expect(read).to_have_text(re.compile(r"^\d\d:\d0 to \d\d:\d0: \d+ alarms?$"))
        first = read.text_content()
        picture.press("ArrowRight")
        expect(read).not_to_have_text(first or "")
        picture.press("Escape")
        one.page.locator("summary", has_text="Show as table").focus()
        expect(read).to_have_text(told or "")
        one.page.keyboard.press("Enter")
        expect(one.page.locator("#figures-course-table tbody tr").first).to_be_visible()
        box = picture.bounding_box()
        assert box is not None
        one.page.mouse.move(box["x"] + 100, box["y"] + 60)
        one.page.mouse.down()
        one.page.mouse.move(box["x"] + 200, box["y"] + 60, steps=4)
        one.page.mouse.up()
        expect(one.page).to_have_url(re.compile(r"/journal\?since=20\d\d-.*Z&until=20\d\d-.*Z$"))


def test_links_keep_what_was_chosen(browser: Browser, plant: str) -> None:
    """Area, period and order stand in the address; a problem leads to its screen."""
    with opened(browser, f"{plant}figures") as one:
        chart(one.page)
        expect(one.page.locator("#figures-course-read")).to_contain_text(
            "Each bar: the worst 10 minutes of half an hour"
        )
        one.page.get_by_role("button", name="All areas").click()
        one.page.get_by_role("link", name="Packaging").click()
        one.page.get_by_role("link", name="24 h").click()
        one.page.get_by_role("link", name="Minutes").click()
        expect(one.page).to_have_url(f"{plant}figures?period=24h&area=Packaging&sort=minutes")
        rows = one.page.locator("#figures-problems tbody tr")
        expect(rows.first).to_be_visible()
        assert "Coolant level low" not in one.page.locator("#figures-problems").inner_text()
        minutes = [float(text.replace(",", "")) for text in rows.locator("td:nth-child(5)").all_inner_texts()]
        assert minutes == sorted(minutes, reverse=True)
        expect(one.page.locator("#figures-course-read")).not_to_contain_text("Each bar")
        assert re.fullmatch(r"problems/\d+", rows.first.get_by_role("link").get_attribute("href") or "")


def test_a_chart_that_is_sent_again_is_drawn_again_and_nothing_is_left(browser: Browser, plant: str) -> None:
    """Other values by a morph make one new picture; the old one is destroyed, a theme only repaints it."""
    with opened(browser, f"{plant}figures") as one:
        chart(one.page)
        assert one.page.evaluate(_HELD) == [1, 1]
        for turn in range(3):
            one.page.evaluate(
                """turn => { const old = document.querySelector('#figures-course'), made = old.cloneNode(false);
                made.dataset.values = JSON.stringify(JSON.parse(old.dataset.values).map((n) => n + turn + 1));
                return htmx.swap({ text: `<hx-partial hx-target="#figures-course" hx-swap="outerMorph">${made.outerHTML}</hx-partial>`,
                    target: document.body, swap: 'none', sourceElement: document.body }); }""",
                turn,
            )
            assert one.page.evaluate(_HELD) == [1, 1]
        one.page.emulate_media(color_scheme="dark")
        one.page.set_viewport_size({"width": 700, "height": 800})
        expect(one.page.locator("#figures-course canvas")).to_be_visible()
        assert one.page.evaluate(_HELD) == [1, 1]
