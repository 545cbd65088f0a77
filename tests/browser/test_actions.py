"""Actions in a real browser, on a service with a ticket desk: proposed, read to the letter, approved, and done once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Browser, Route, expect

from andon.core.times import stored
from support.api import Client
from support.browser import faults, opened
from support.desk import Desk, desk, install_desk
from support.service import Andon, log

HOSTILE = 'Spindle <script>alert("x")</script> **stopped** [here](javascript:alert)'


@pytest.fixture(scope="module")
def counter() -> Iterator[Desk]:
    """The desk."""
    with desk() as found:
        yield found


@pytest.fixture(scope="module")
def andon(tmp_path_factory: pytest.TempPathFactory, counter: Desk) -> Iterator[Andon]:
    """A service with the desk and with six problems."""
    place: Path = tmp_path_factory.mktemp("actions")
    install_desk(place / "packages")
    path = os.pathsep.join(filter(None, (str(place / "packages"), os.environ.get("PYTHONPATH"))))
    made = Andon(place, ANDON_TIME_ZONE="Europe/Berlin", ANDON_CONNECTORS=json.dumps(counter.table()), PYTHONPATH=path)
    made.start()
    texts = (HOSTILE, "Feeder stands", "Door open", "Oil low", "Belt torn", "Fuse gone")
    said = [log(text, timestamp=stored(time.time()), hostname=f"press-{n}") for n, text in enumerate(texts)]
    try:
        with ThreadPoolExecutor(1) as pool:  # the browser has a loop of its own in this thread
            pool.submit(made.publish, *said).result()
        made.until(lambda: made.count("patterns") == len(texts), "the problems")
        yield made
    finally:
        made.close()


def address(andon: Andon, path: str = "actions") -> str:
    return f"http://127.0.0.1:{andon.http_port}/{path}"


def problem(andon: Andon, words: str) -> int:
    """The id of the problem with these words."""
    return int(andon.sql("SELECT id FROM patterns WHERE template LIKE ?", f"%{words}%")[0][0])


def proposed(andon: Andon, words: str, do: str = "ticket") -> int:
    """The id of a proposal that a program makes."""
    client = Client(andon.http_port)
    try:
        wanted = {"problem": problem(andon, words), "target": "desk", "do": do, "by": "Meier"}
        return int(client.post("/api/actions", wanted).json["id"])
    finally:
        client.close()


def test_nothing_waits_and_nothing_is_made_up(browser: Browser, empty: str) -> None:
    """No action, no system, no button that could send anything; the tab counts nothing."""
    with opened(browser, f"{empty}actions") as one:
        page = one.page
        main = page.get_by_role("main")
        expect(main).to_contain_text("Nothing waits for approval.")
        expect(main).to_contain_text("No ticket system is connected.")
        assert page.locator(".actions").get_by_role("button").count() == 0
        expect(page.locator("#actions-count")).to_be_hidden()
        expect(page.get_by_role("link", name="Actions", exact=True).first).to_have_attribute("aria-current", "page")
        assert faults(page) == []
        page.goto(f"{empty}actions/7")
        expect(page.get_by_role("main")).to_contain_text("There is no action 7.")
        one.complaints.clear()  # the browser tells of the 404 too


def test_a_ticket_is_proposed_read_approved_and_done(browser: Browser, andon: Andon, counter: Desk) -> None:
    """From the problem to the desk: others see each step, and what arrives is what stood there, byte for byte.

    What is said to who approves is said too where the page was brought up to date before the answer came.
    """
    id_ = problem(andon, "alert")
    with opened(browser, address(andon)) as other, opened(browser, address(andon, f"problems/{id_}")) as one:
        page, panel = one.page, one.page.get_by_role("region", name="Tickets and messages")
        expect(panel).to_contain_text("Nothing was sent about this problem.")
        panel.get_by_role("button", name="Propose").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Ticket at desk, LINE3").check()
        dialog.get_by_label("Why?").fill("second time this week")
        dialog.get_by_role("button", name="Propose").click()
        expect(panel).to_contain_text("Waiting for approval, proposed")
        expect(other.page.get_by_role("region", name="Waiting for approval")).to_contain_text("Open a ticket at desk")
        expect(page.locator("#actions-count")).to_contain_text("1")
        panel.get_by_role("link", name="Open a ticket at desk").click()
        card = page.get_by_role("region", name="Open a ticket at desk")
        expect(card).to_contain_text("second time this week")
        expect(card).to_contain_text('<script>alert("x")</script>')
        exact = card.get_by_role("region", name="Body of request 1", exact=True).inner_text()
        assert faults(page) == []
        assert counter.taken == {}
        answers: list[tuple[Route, APIResponse]] = []
        page.route("**/approve", lambda route: answers.append((route, route.fetch())))
        card.get_by_role("button", name="Approve").click()
        expect(card.get_by_role("button", name="Approve")).to_have_count(0)  # the stream is first
        ((route, answer),) = answers
        route.fulfill(response=answer)
        expect(page.locator("#said")).to_contain_text("Approved")
        page.unroute("**/approve")
        link = card.get_by_role("link", name="OPS-1")
        expect(link).to_have_attribute("href", f"{counter.url}/browse/OPS-1")
        expect(other.page.get_by_role("region", name="Done and failed")).to_contain_text("Done")
        (arrived,) = counter.taken.values()
        assert {**json.loads(exact), "ref": "OPS-1", "url": f"{counter.url}/browse/OPS-1"} == arrived
        assert arrived["project"] == "LINE3"
        page.goto(address(andon, f"problems/{id_}"))
        expect(panel.get_by_role("link", name="OPS-1")).to_be_visible()
        assert faults(page, [(360, "dark"), (1280, "light")]) == []
        panel.get_by_role("button", name="Propose").click()
        expect(dialog).to_contain_text("OPS-1 is already open at desk.")
        assert dialog.get_by_label("Ticket at desk").count() == 0
    deeds = andon.sql("SELECT action FROM audit WHERE action LIKE 'action.%' AND subject = 'action 1' ORDER BY id")
    assert [deed for (deed,) in deeds][:2] == ["action.propose", "action.approve"]


def test_declining_asks_why_and_sends_nothing(browser: Browser, andon: Andon, counter: Desk) -> None:
    """What a program proposed comes up by itself; who declines may say why, and everybody reads it."""
    before = len(counter.taken)
    with opened(browser, address(andon)) as one:
        page = one.page
        waiting = page.get_by_role("region", name="Waiting for approval")
        id_ = proposed(andon, "Feeder")
        expect(waiting.get_by_role("link")).to_have_count(1)
        waiting.get_by_role("link").click()
        page.wait_for_url(f"**/actions/{id_}")
        page.get_by_role("button", name="Decline").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Why?").fill("maintenance knows of it")
        assert faults(page, [(360, "light"), (1280, "dark")]) == []
        dialog.get_by_role("button", name="Decline").click()
        expect(page.locator("#said")).to_contain_text("Declined. Nothing is sent.")
        expect(page.get_by_role("region", name="Done and failed")).to_contain_text("“maintenance knows of it”")
        expect(waiting).to_contain_text("Nothing waits for approval.")
        expect(page.get_by_role("region", name="Open a ticket at desk").get_by_role("button")).to_have_count(0)
    assert len(counter.taken) == before


def test_a_refusal_stands_there_in_the_words_of_the_desk(browser: Browser, andon: Andon, counter: Desk) -> None:
    """It is failed, says why, and goes through once what was wrong is put right."""
    id_ = proposed(andon, "Door")
    counter.refusing = "customfield_10042 is required"
    with opened(browser, address(andon, f"actions/{id_}")) as one:
        page = one.page
        page.get_by_role("button", name="Approve").click()
        card = page.get_by_role("region", name="Open a ticket at desk")
        expect(card).to_contain_text("customfield_10042 is required")
        expect(card).to_contain_text("Failed")
        assert faults(page, [(360, "light"), (1280, "dark")]) == []
        counter.refusing = ""
        card.get_by_role("button", name="Try again").click()
        expect(card).to_contain_text("Done")


def test_what_nobody_is_sure_of_asks_a_person(browser: Browser, andon: Andon, counter: Desk) -> None:
    """It stands before all others with its question; a ticket is settled by its number, or sent again."""
    ids = [proposed(andon, words) for words in ("Oil", "Belt")]
    counter.lost = True
    with opened(browser, address(andon, f"actions/{ids[0]}")) as one:
        page = one.page
        page.get_by_role("button", name="Approve").click()
        asked = page.get_by_role("region", name="Was it done?")
        expect(asked).to_contain_text("Was this ticket opened?")
        card = page.get_by_role("region", name="Open a ticket at desk")
        expect(card).to_contain_text("Check desk and say what you found.")
        assert faults(page) == []
        card.get_by_role("button", name="It was done", exact=True).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Its number in desk").fill("OPS-99")
        dialog.get_by_role("button", name="It was done").click()
        expect(card).to_contain_text("OPS-99")
        expect(asked).to_be_hidden()
        page.goto(address(andon, f"actions/{ids[1]}"))
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("button", name="It was not done").click()
        counter.lost = False
        page.get_by_role("dialog").get_by_role("button", name="Send it again").click()
        expect(page.get_by_role("region", name="Done and failed")).to_contain_text("Belt")
        expect(card).to_contain_text("Done")
    assert sum("Belt" in one["title"] for one in counter.taken.values()) == 1


def test_rows_are_reached_and_opened_by_keys(browser: Browser, andon: Andon) -> None:
    """J goes to the next row, Enter opens it; the keys of letters approve nothing."""
    id_ = proposed(andon, "Fuse", "message")
    with opened(browser, address(andon)) as one:
        page = one.page
        page.keyboard.press("j")
        expect(page.locator("[data-row][aria-selected=true]")).to_have_count(1)
        for key in "xasfnp":
            page.keyboard.press(key)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/actions/{id_}")
        expect(page.get_by_role("region", name="Send a message to desk")).to_contain_text("Waiting for approval")
        expect(page.get_by_role("region", name="Connected systems")).to_contain_text("1 waiting for approval")


def test_a_phone_says_that_something_waits(browser: Browser, andon: Andon) -> None:
    """Without a press: at *More*, below which Actions is. The screen's parts stand in the order of the document."""
    proposed(andon, "Belt torn", "message")
    with opened(browser, address(andon, ""), width=360) as one:
        page = one.page
        expect(page.locator(".tab-more")).to_contain_text("to decide on")
        expect(page.locator("#actions-tab")).to_be_visible()
        page.goto(address(andon))
        heads = page.locator(".actions section:visible h2")
        expect(heads.last).to_have_text("Connected systems")
        tops = [box["y"] for at in range(heads.count()) if (box := heads.nth(at).bounding_box())]
        assert tops == sorted(tops)
        assert faults(page, [(360, "dark"), (768, "light")]) == []
