"""Every screen in a real browser, from a service that runs by itself: it loads, complains of nothing, and fits."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from support.browser import faults, opened

#: Every screen but Actions, which has a test of its own.
SCREENS = ("", "journal", "figures", "shift", "ask", "system")


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_loads_without_complaint(browser: Browser, empty: str, screen: str) -> None:
    """Nothing is refused by the security policy, nothing sticks out, axe-core finds nothing serious."""
    with opened(browser, empty + screen, width=360, theme="dark") as one:
        expect(one.page.locator("#light")).to_contain_text("Andon:")
        assert faults(one.page, [(360, "dark"), (1920, "light")]) == []
        # after an outage of minutes it is live again within seconds; the extension's own limit is a minute
        assert one.page.evaluate("htmx.config.sse.reconnectMaxDelay") == 5000


def test_a_page_that_is_not_there_says_so(browser: Browser, empty: str) -> None:
    """In a page with a way back, not in JSON."""
    page = browser.new_page()
    try:
        answer = page.goto(empty + "nothing/here")
        assert answer is not None
        assert answer.status == 404
        expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
        page.get_by_role("main").get_by_role("link", name="Now").click()
        expect(page).to_have_url(empty)
    finally:
        page.close()
