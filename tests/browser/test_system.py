"""System in a real browser, on a service with every secret there is: how it stands, what could not be read, settings."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, expect
from pydantic import SecretStr

from andon.core.settings.settings import Settings, environment_name
from andon.core.times import stored
from support.browser import faults, opened, overflows
from support.service import SUBJECT, Andon, connected, log

MARK = "never-to-be-shown"
BROKEN = b'\xff\xfe\x00<script>alert("x")</script>'


def secrets() -> dict[str, str]:
    """Every setting that holds a secret, or may hold one in its midst, set to something that says so."""
    keys = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]
    found = {environment_name(name): f"{MARK}-{number}" for number, name in enumerate(keys)}
    del found["ANDON_HTTP_TOKEN"]  # with it everybody would have to log in
    return {
        **found,
        "ANDON_NATS_USER": "operator",
        "ANDON_NATS_USERS": json.dumps([{"user": "line3", "password": f"{MARK}-user"}]),
        "ANDON_BASE_URL": f"https://me:{MARK}-login@models.example/v1?key={MARK}-key",
        "OLLAMA_HOST": f"http://me:{MARK}-host@127.0.0.1:11434",
        "AGENT_INSTRUCTIONS": f"You help. The password: {MARK}-4711 opens the cabinet.",
    }


@pytest.fixture(scope="module")
def andon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Andon]:
    """A service with a record and two messages that are none."""
    made = Andon(tmp_path_factory.mktemp("system"), ANDON_TIME_ZONE="Europe/Berlin", **secrets())
    made.start()
    try:
        send(made, log("24 V supply below 21.6 V", timestamp=stored(time.time())), BROKEN, BROKEN)
        made.until(lambda: made.count("rejects") == 2, "what cannot be read")
        yield made
    finally:
        made.stop()


def send(andon: Andon, *payloads: bytes | dict[str, object]) -> None:
    """Publish with the login of a producer, in a thread without the browser's loop."""

    async def work() -> None:
        connection = await connected(f"nats://line3:{MARK}-user@127.0.0.1:{andon.nats_port}")
        for payload in payloads:
            await connection.publish(SUBJECT, payload if isinstance(payload, bytes) else json.dumps(payload).encode())
        await connection.flush()
        await connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work()).result()


def address(andon: Andon, path: str = "system") -> str:
    return f"http://127.0.0.1:{andon.http_port}/{path}"


def test_it_says_how_andon_stands_and_no_secret(browser: Browser, andon: Andon) -> None:
    """Every panel is there at every width; no key, password or login stands in any page, whatever is set."""
    with opened(browser, address(andon)) as one:
        page = one.page
        for name in ("Sources", "Inputs", "Waiting for an answer", "Model", "Broker and stream", "Disk and retention"):
            expect(page.get_by_role("region", name=name, exact=True)).to_be_visible()
        expect(page.get_by_role("region", name="Sources")).to_contain_text("press-01")
        expect(page.get_by_role("region", name="Broker and stream")).to_contain_text("as Andon needs them")
        expect(page.locator("#light")).to_contain_text("Andon: all well")
        shown = page.content()
        for width in (360, 768, 1280, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert overflows(page) == []
        assert faults(page, [(1920, "light"), (1920, "dark")]) == []
        page.get_by_role("link", name="Show all").click()
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="ANDON_NATS_PASSWORD", exact=True))
        expect(row).to_contain_text("set, not shown")
        expect(row).to_contain_text("environment")
        assert faults(page, [(1920, "dark"), (1920, "light")]) == []
        assert MARK not in shown + page.content()
    assert MARK not in andon.get("/readyz")[1]


def test_what_could_not_be_read_is_shown_tried_again_and_deleted(browser: Browser, andon: Andon) -> None:
    """Its raw text is text; Try again leaves what still cannot be read; deleting asks first; others see it at once."""
    with opened(browser, address(andon)) as one, opened(browser, address(andon), theme="dark") as other:
        page, panel = one.page, one.page.get_by_role("region", name="Not readable")
        expect(panel.get_by_role("listitem")).to_have_count(2)
        panel.get_by_role("button", name="Show message").first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog.locator("pre")).to_contain_text('<script>alert("x")</script>')
        dialog.get_by_role("button", name="Close").click()
        panel.get_by_role("button", name="Try again", exact=True).click()
        expect(page.locator("#said")).to_contain_text("Tick the messages first")
        one.complaints.clear()  # the browser tells of the refusal too
        panel.get_by_role("checkbox").first.check()
        panel.get_by_role("button", name="Try again", exact=True).click()
        expect(page.locator("#said")).to_contain_text("1 message read again.")
        andon.until(lambda: andon.count("rejects") == 3, "the message that comes back")
        panel.get_by_role("button", name="Delete all").click()
        expect(dialog.get_by_role("heading")).to_contain_text("for good?")
        dialog.get_by_role("button", name="Delete").click()
        expect(panel).to_contain_text("Every message could be understood.")
        expect(other.page.get_by_role("region", name="Not readable")).to_contain_text(
            "Every message could be understood."
        )
        deeds = andon.sql("SELECT action FROM audit WHERE action LIKE 'rejects.%' ORDER BY id")
        assert [one for (one,) in deeds] == ["rejects.retry", "rejects.delete"]


def test_this_screen_is_kept_in_the_browser(browser: Browser, andon: Andon) -> None:
    """Theme, density and keys hold on every screen and after a reload; keys that are off do nothing."""
    with opened(browser, address(andon), theme="light") as one:
        page = one.page
        page.get_by_label("Theme").select_option("Dark")
        page.get_by_label("Density").select_option("Large, for gloves")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.goto(address(andon, "actions"))
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        expect(page.locator("html")).to_have_attribute("data-density", "touch")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("g")
        page.keyboard.press("y")
        expect(page.get_by_role("heading", level=1)).to_have_text("System")
        page.get_by_label("Single-key shortcuts").select_option("Off")
        page.reload()
        expect(page.get_by_label("Single-key shortcuts")).to_have_value("off")
        page.locator("h1").click()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_have_count(0)
