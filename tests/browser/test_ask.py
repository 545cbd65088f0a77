"""Ask in a real browser, against a service with a stand-in for a model: what comes, what is cited, what stops."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page, expect

from andon.core.times import stored
from support.browser import faults, opened
from support.ollama import Answer, Ollama
from support.service import Andon, log

FIRST, SECOND = "24 V supply below 21.6 V", "Fuse F4 tripped <b>hard</b>"
HOSTILE = (
    "The supply of cabinet Q12 fell below its limit [log 1]. <img src=x onerror=alert(1)> "
    "See [the fix](https://evil.example/a) and https://evil.example/b now.\n\n"
    "1. Measure the 24 V at terminal X1 [log 2].\n2. Look at fuse F4 **first** [log 999]."
)


@pytest.fixture(scope="module")
def model() -> Iterator[Ollama]:
    """A model that answers as the test scripts it."""
    with Ollama() as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, model: Ollama) -> Iterator[str]:
    """A service with two records; its address."""
    andon = Andon(
        tmp_path_factory.mktemp("ask"),
        PROVIDER="OLLAMA",
        OLLAMA_HOST=model.url,
        ANDON_ANALYZE="none",
        MODEL=model.models[0],
    )
    andon.start()
    try:
        now = stored(time.time())
        context = {"line": "Packing line 2"}
        logs = [log(text, timestamp=now, context=context) for text in (FIRST, SECOND)]
        with ThreadPoolExecutor(1) as pool:  # the browser's loop runs in this thread
            pool.submit(andon.publish, *logs).result()
        andon.until(lambda: andon.count() == 2, "the records")
        yield f"http://127.0.0.1:{andon.http_port}/"
    finally:
        andon.stop()


def put(page: Page, question: str) -> None:
    """Ask as a person does: write, press Enter."""
    page.get_by_role("searchbox", name="Your question").fill(question)
    page.keyboard.press("Enter")


def test_an_answer_is_text_with_citations_that_open(browser: Browser, site: str, model: Ollama) -> None:
    """Markup and links of a model stay words; what it cites opens beside it; what it was never shown is told."""
    model.script(Answer(text=HOSTILE))
    with opened(browser, f"{site}ask", width=360, theme="dark") as one:
        page = one.page
        put(page, "what stopped packing line 2 in the last 2 hours?")
        answer = page.get_by_role("article", name="what stopped packing line 2 in the last 2 hours?")
        expect(answer).to_contain_text("From the model deepseek-r1:1.5b (OLLAMA)")
        expect(answer).to_contain_text("Searched: from ")
        words = answer.locator(".words")
        expect(words).to_contain_text("<img src=x onerror=alert(1)>")
        expect(words).to_contain_text("https://evil.example/b")
        expect(words.locator("ol li")).to_have_count(2)
        expect(words).to_contain_text("Look at fuse F4 first [record 999: not found]")
        expect(answer).to_contain_text("The answer cites a record that the model was not shown")
        assert words.locator("img, a:not(.cite)").count() == 0
        assert page.get_by_role("searchbox").input_value() == ""
        words.get_by_role("link", name="Record 2").click()
        record = page.get_by_role("region", name="Record 2")
        expect(record).to_contain_text("Fuse F4 tripped <b>hard</b>")
        expect(record.get_by_role("link", name="Open in the journal")).to_have_attribute("href", "records/2")
        assert faults(page, [(360, "dark"), (1920, "light")]) == []


def test_a_question_that_follows_is_stopped_and_shown_to_others(browser: Browser, site: str, model: Ollama) -> None:
    """It means the place of the one before; Stop ends it at the model too, and the next one may be asked at once."""
    model.script(Answer(text="The 24 V supply fell [log 1]."), Answer(hang="head"), Answer(text="Nothing did [log 2]."))
    gone = model.disconnects
    with opened(browser, f"{site}ask?q=what+stopped+packing+line+2%3F") as one:
        page = one.page
        page.keyboard.press("Enter")
        expect(page.get_by_role("article")).to_contain_text("Searched: ")
        put(page, "and what came before?")
        waiting = page.get_by_role("article", name="and what came before?")
        expect(waiting).to_contain_text("Looking at the records")
        model.wait_until("running")
        waiting.get_by_role("button", name="Stop").click()
        expect(waiting).to_contain_text("Stopped early.")
        put(page, "and now?")
        after = page.get_by_role("article", name="and now?")
        expect(after).to_contain_text("place Packing line 2")
        assert "asked before" in str(model.requests[-1])
        page.reload()
        asked = page.get_by_role("region", name="Asked this week")
        expect(asked.get_by_role("link", name="and what came before?")).to_be_visible()
    assert model.wait_until("disconnects")
    assert model.disconnects > gone
    assert model.violations == []
