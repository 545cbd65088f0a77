"""``/docs`` in a real browser: it loads from this machine alone, tells what a route takes, and puts a request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from andon.store import prepare
from support.api import Client, served
from support.browser import opened


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The page over an empty database."""
    path: Path = tmp_path_factory.mktemp("docs") / "agent.db"
    prepare(path, durability="normal")
    with served(path, page=True) as port:
        yield port


def test_a_request_is_put_from_the_description(browser: Browser, port: int) -> None:
    """On a phone: the browser complains of nothing, asks nobody else, and what is sent is done."""
    asked: list[str] = []
    with opened(browser, "about:blank", width=360) as one:
        one.page.on("request", lambda request: asked.append(request.url))
        one.page.goto(f"http://127.0.0.1:{port}/docs")
        note = one.page.locator("#operations-shifts-note_api_notes_post")
        note.locator(".opblock-summary").click()
        note.get_by_role("button", name="Try it out").click()
        note.get_by_role("button", name="Execute").click()
        expect(note.locator(".live-responses-table .response-col_status").nth(1)).to_contain_text("200")
        assert one.page.evaluate("document.documentElement.scrollWidth") == 360
    assert {url.partition("/")[2].split("/")[1] for url in asked} == {f"127.0.0.1:{port}"}
    client = Client(port)
    (kept,) = client("/api/notes").json["items"]
    client.close()
    assert kept["author"] == "Meier"
