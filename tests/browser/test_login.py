"""Logging in and out in a real browser: by keys alone, on a phone, behind a proxy; the name that a browser keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from andon.core.models import Role
from andon.store import people
from support.browser import LOOKS, Watched, faults, opened
from support.patience import PATIENCE
from support.proxy import proxy
from support.site import HASH, PASSWORD, Site, site

expect.set_options(timeout=PATIENCE * 1000)
PEOPLE = {"Vera": Role.VIEWER, "Ada": Role.ADMIN}
#: What Chromium says of a page that answers 401, as that of a wrong password does.
REFUSED = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One that demands a login."""
    with site(tmp_path_factory.mktemp("house"), PEOPLE, beat=0.5, site_name="Northfield") as found:
        yield found


def fits(page: Page) -> None:
    """Nothing sticks out, axe-core finds nothing serious, on a dark phone and a light large screen."""
    assert faults(page, LOOKS[1::2]) == []


def refused_once(one: Watched) -> None:
    """The browser complained of the one wrong password, and of nothing else."""
    assert one.complaints == [REFUSED]
    one.complaints.clear()


def test_somebody_logs_in_and_out_by_keys_alone(browser: Browser, house: Site) -> None:
    """The field is where one types; a wrong password is said, and what was asked for comes after the right one."""
    start = f"http://127.0.0.1:{house.port}/"
    with opened(browser, f"{start}figures") as one:
        page, keys = one.page, one.page.keyboard
        expect(page).to_have_url(f"{start}login?next=figures")
        fits(page)
        keys.type("vera")
        keys.press("Tab")
        keys.type("not the password")
        keys.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("Name or password is wrong: try again.")
        fits(page)
        refused_once(one)
        keys.type(PASSWORD)
        keys.press("Enter")
        expect(page).to_have_url(f"{start}figures")
        expect(page.locator("#light")).to_contain_text("all well")
        person = page.get_by_role("button", name="Vera")
        person.focus()
        keys.press("Enter")
        expect(page.locator("#who")).to_contain_text("Vera, viewer")
        fits(page)
        keys.press("Tab")
        keys.press("Enter")
        expect(page).to_have_url(f"{start}login")
        page.go_back()
        expect(page.get_by_label("Password")).to_be_visible()


def test_a_viewer_sees_no_button_that_changes_something(browser: Browser, house: Site) -> None:
    """On any screen there is nothing to send but the log-out."""
    with opened(browser, f"http://127.0.0.1:{house.port}/login") as one:
        log_in(one.page, "Vera")
        for screen in ("./", "journal", "figures", "shift", "ask", "actions", "system"):
            one.page.goto(f"http://127.0.0.1:{house.port}/{screen}")
            expect(one.page.get_by_role("heading", level=1)).to_be_visible()
            found = one.page.locator("form[method=post], [hx-post], [hx-delete], [hx-put], [hx-patch]")
            sends = {form.get_attribute("hx-post") or form.get_attribute("action") for form in found.all()}
            assert sends == {"logout"}, screen


def log_in(page: Page, name: str) -> None:
    """Fill in the form, and wait for the page behind it."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#light")).to_contain_text("Andon:")


def test_an_open_page_of_somebody_who_is_disabled_leads_to_the_login(browser: Browser, house: Site) -> None:
    """By itself, within a beat of its stream; the login leads back to it."""
    house.change(people.add, "Gone", HASH, Role.ADMIN, None, now=0.0)
    with opened(browser, f"http://127.0.0.1:{house.port}/login") as one:
        log_in(one.page, "Gone")
        one.page.goto(f"http://127.0.0.1:{house.port}/shift")
        expect(one.page.locator("#light")).to_contain_text("all well")
        house.change(people.set_enabled, "gone", None, enabled=False, now=0.0)
        expect(one.page).to_have_url(f"http://127.0.0.1:{house.port}/login?next=shift")
        assert any("SSE reconnect failed with status 401" in said for said in one.complaints)
        one.complaints.clear()


def test_before_anybody_is_added_the_page_says_how(browser: Browser, tmp_path: Path) -> None:
    """With the command, on a phone too, and without any script."""
    with site(tmp_path) as found:
        with opened(browser, f"http://127.0.0.1:{found.port}/", width=360) as one:
            expect(one.page.locator("pre")).to_have_text("andon user add NAME --role admin")
            fits(one.page)
        found.change(people.add, "Ada", HASH, Role.ADMIN, None, now=0.0)
        with opened(browser, f"http://127.0.0.1:{found.port}/system", java_script_enabled=False) as one:
            log_in(one.page, "Ada")
            expect(one.page).to_have_url(f"http://127.0.0.1:{found.port}/system")


def test_on_loopback_the_browser_keeps_a_name(browser: Browser, tmp_path: Path) -> None:
    """Asked for once, changed in the bar, known to the next page."""
    with site(tmp_path, http_login="auto") as found:
        start = f"http://127.0.0.1:{found.port}/"
        with opened(browser, start) as one:
            page = one.page
            fits(page)
            page.get_by_role("main").get_by_label("Your name, for the next shift").fill(
                "Jörg Müller-Łukasiewicz of the second line"
            )
            page.keyboard.press("Enter")
            expect(page.locator("#ask-name")).to_have_count(0)
            who = page.locator(".who")
            expect(who).to_have_attribute("title", "Jörg Müller-Łukasiewicz of the second line")
            fits(page)
            page.goto(f"{start}journal")
            who.click()
            page.locator("#who").get_by_label("Your name, for the next shift").fill("Ada")
            fits(page)
            page.get_by_role("button", name="Save name").click()
            expect(who).to_have_attribute("title", "Ada")
            page.reload()
            expect(who).to_have_attribute("title", "Ada")
        with opened(browser, start, width=360) as one:
            one.page.get_by_role("button", name="Not now").click()
            expect(one.page.locator("#ask-name")).to_have_count(0)
            one.page.reload()
            expect(one.page.get_by_role("heading", level=1)).to_be_visible()
            expect(one.page.locator("#ask-name")).to_have_count(0)


@pytest.mark.parametrize("cuts", [True, False])
def test_behind_a_proxy_everything_stays_below_its_path(browser: Browser, tmp_path: Path, cuts: bool) -> None:
    """Login, styles, scripts, the stream and the log-out."""
    with site(tmp_path, {"Ada": Role.ADMIN}, http_prefix="" if cuts else "/plants/andon") as found:
        with proxy(found.port, "/plants/andon", cuts=cuts) as port:
            start = f"http://127.0.0.1:{port}/plants/andon/"
            with opened(browser, f"{start}journal") as one:
                expect(one.page).to_have_url(f"{start}login?next=journal")
                log_in(one.page, "Ada")
                expect(one.page).to_have_url(f"{start}journal")
                expect(one.page.locator("#light")).to_contain_text("all well")
                assert one.page.locator(".bar").evaluate("bar => getComputedStyle(bar).position") == "sticky"
                one.page.get_by_role("link", name="Figures").click()
                expect(one.page).to_have_url(f"{start}figures")
                one.page.locator(".who").click()
                one.page.get_by_role("button", name="Log out").click()
                expect(one.page).to_have_url(f"{start}login")
