"""The screen Problem in a real browser, from a service that explains by its rules: each action once, and what shows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from support.browser import faults, opened
from support.service import Andon

_SUPPLY = "Supply G2 output {volt} V below 21.6 V, load {amps} A, undervoltage alarm"
_HOSTILE = (
    "<script>document.title='owned'</script> <img src=http://evil.invalid/x.png> [press](http://evil.invalid) "
    "\u202egnp.exe\u202c " + "A" * 19_000
)


class Site(NamedTuple):
    """A running service with some problems: its address, and their numbers by a word of their text."""

    url: str
    andon: Andon
    ids: dict[str, int]

    def at(self, word: str) -> str:
        """The address of the problem with this word."""
        return f"{self.url}problems/{self.ids[word]}"


def _record(ago: float, host: str, severity: str, message: str, **more: object) -> dict[str, object]:
    at = datetime.fromtimestamp(time.time() - ago, UTC).isoformat().replace("+00:00", "Z")
    return {"timestamp": at, "hostname": host, "severity": severity, "service": "plc", "message": message, **more}


def _publish(andon: Andon, *records: dict[str, object]) -> None:
    """Publish from a thread of its own: the browser's driver keeps this thread's loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(andon.publish, *records).result()


def _records() -> list[dict[str, object]]:
    """A supply that failed on several days and fails now, and others around it."""
    where = {"site": "Northfield", "area": "Packing", "line": "Packing line 2", "machine": "Cabinet Q12"}
    found = []
    for days in range(8, 0, -1):
        raised = {"context": {"alarm_code": "A7431", "state": "raised"}, **where}
        cleared = {"context": {"alarm_code": "A7431", "state": "cleared"}, **where}
        text = _SUPPLY.format(volt=f"20.{days}", amps=f"2{1 + days % 3}.5")
        found += [
            _record(days * 86_400, "plc-pl2", "CRITICAL", text, **raised),
            _record(days * 86_400 - 600, "plc-pl2", "INFO", "Supply G2 output normal", **cleared),
        ]
    found.append(_record(780, "plc-pl2", "CRITICAL", _SUPPLY.format(volt="19.8", amps="27.4"), **raised))
    found += [
        _record(300, "press-02", "ERROR", "Drive overtemperature 142 °C at main motor M12, fan failed", line="Press 2"),
        _record(290, "press-03", "ERROR", "Door 4 left open during the cycle of the cell", machine="Cell 3"),
        _record(280, "press-03", "WARNING", "Hydraulic oil level low in tank T1 of the press", machine="Press 3"),
        _record(200, "press-04", "ERROR", _HOSTILE, machine='"><b>x</b>', line="<i>Line</i>"),
    ]
    return found


_WORDS = {"Supply": "undervoltage", "Drive": "overtemperature", "Door": "left open", "Oil": "oil level", "A": "AAAA"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The service with its problems, explained."""
    andon = Andon(tmp_path_factory.mktemp("site"), ANDON_SITE_NAME="Northfield")
    andon.start()
    try:
        _publish(andon, *_records())
        seen = "SELECT id FROM patterns WHERE template LIKE '%{}%' AND analysis_id IS NOT NULL"
        indexed = "SELECT 1 FROM alarms AS a JOIN patterns AS p ON p.id = a.pattern_id WHERE p.template LIKE '%{}%'"
        for word in _WORDS.values():
            andon.until(lambda word=word: andon.sql(seen.format(word)), f"an explanation of {word}")
            andon.until(lambda word=word: andon.sql(indexed.format(word)), f"the alarm of {word}")
        ids = {name: int(andon.sql(seen.format(word))[0][0]) for name, word in _WORDS.items()}
        yield Site(f"http://127.0.0.1:{andon.http_port}/", andon, ids)
    finally:
        andon.stop()


@contextmanager
def _open(browser: Browser, site: Site, word: str, **options: object) -> Iterator[Page]:
    """The page of a problem, live, with its slower parts."""
    with opened(browser, site.at(word), **options) as one:  # type: ignore[arg-type]
        expect(one.page.locator("#different")).not_to_contain_text("Comparing")
        expect(one.page.locator("#similar")).not_to_contain_text("Looking")
        yield one.page


def _dialog(page: Page) -> Locator:
    dialog = page.locator("#dialog")
    expect(dialog).to_be_visible()
    return dialog


@pytest.mark.parametrize("word", ["Supply", "A"])
def test_it_fits_and_nothing_serious_is_found(browser: Browser, site: Site, word: str) -> None:
    """On a phone and on a large screen, in both themes, a hostile log too."""
    with _open(browser, site, word, width=360, theme="dark") as page:
        page.get_by_role("button", name="Open record 1").click()
        expect(page.locator("#record-1 .record")).to_be_visible()
        page.evaluate("scrollTo(0, 0)")  # nothing stands half below the bar
        assert faults(page, [(360, "dark"), (1920, "light")]) == []


def test_it_says_how_the_problem_stands(browser: Browser, site: Site) -> None:
    """State, place, how often, what happened, steps, evidence, figures, and what is different."""
    with _open(browser, site, "Supply") as page:
        expect(page.get_by_role("heading", level=1)).to_have_text(_SUPPLY.format(volt="19.8", amps="27.4"))
        expect(page.locator(".state-line")).to_contain_text("Critical, active, not acknowledged")
        expect(page.locator(".state-line")).to_contain_text("Cabinet Q12, Packing line 2")
        expect(page.locator(".state-line")).to_contain_text("9 times in total")
        expect(page.locator(".trail")).to_contain_text("Packing line 2")
        expect(page.locator("#steps li")).not_to_have_count(0)
        expect(page.locator(".check")).to_contain_text("Built-in rules")
        expect(page.locator("#different")).to_contain_text("Load 27.4 A, before 21.5 to 23.5 A")
        expect(page.locator("#facts")).to_contain_text("10 min")
        expect(page.locator("#trend canvas")).to_be_visible()
        record = page.locator("#evidence-1")
        expect(record).to_contain_text("Supply G2")
        record.get_by_role("button").click()
        expect(page.locator("#record-1")).to_contain_text("A7431")
        page.get_by_role("button", name="Close record 1").click()
        expect(page.locator("#record-1 .record")).to_have_count(0)


def test_acknowledged_shelved_and_put_back_by_keyboard(browser: Browser, site: Site) -> None:
    """A, a note, Enter; S, a reason; then back. The state line follows, and dialogs close."""
    with _open(browser, site, "Drive") as page:
        page.keyboard.press("a")
        dialog = _dialog(page)
        expect(dialog).to_contain_text("Acknowledge Drive overtemperature")
        dialog.get_by_label("Note for the next shift").fill("fitter called")
        page.keyboard.press("Enter")
        expect(page.locator(".state-line")).to_contain_text("acknowledged")
        expect(page.locator(".state-line")).to_contain_text("“fitter called”")
        expect(page.locator(".state-line")).not_to_contain_text("not acknowledged")
        expect(page.locator("#said")).to_have_text("Acknowledged.")
        expect(dialog).to_be_hidden()
        page.keyboard.press("s")
        dialog.get_by_label("4 h").check()
        dialog.get_by_role("button", name="Shelve").click()
        expect(dialog).to_be_visible()  # a reason is needed
        dialog.get_by_label("Why?").fill("spare comes at noon")
        page.keyboard.press("Enter")
        expect(page.locator(".state-line")).to_contain_text("shelved, back in")
        page.keyboard.press("s")  # "Put back" stands where "Shelve" stood
        expect(page.locator(".state-line")).to_contain_text("end not reported, acknowledged")


def test_two_people_see_each_others_ticks(browser: Browser, site: Site) -> None:
    """By Space in one browser, at once in the other, and taken back there."""
    with _open(browser, site, "Supply") as one, _open(browser, site, "Supply") as other:
        box, theirs = one.get_by_role("checkbox").first, other.get_by_role("checkbox").first
        box.focus()
        one.keyboard.press("Space")
        expect(other.locator("#progress")).to_contain_text("1 of ")
        expect(theirs).to_be_checked()
        expect(other.locator("#step-1")).to_contain_text("Done")
        expect(one.locator("#step-1")).to_contain_text("Done")
        expect(box).to_be_focused()
        theirs.click()
        expect(one.locator("#progress")).to_contain_text("0 of ")
        expect(box).not_to_be_checked()
        expect(box).to_be_focused()


def test_what_people_say_of_the_answer(browser: Browser, site: Site) -> None:
    """Helpful, wrong with a note, taken back; asked again; the second opinion says that there is none."""
    with _open(browser, site, "Door") as page:
        help_, wrong = (
            page.locator("#help").get_by_role("button", name="Helpful"),
            page.get_by_role("button", name="Wrong"),
        )
        help_.click()
        expect(help_).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#help")).to_contain_text("Helpful: 1")
        wrong.click()
        _dialog(page).get_by_label("Note (optional)").fill("the door was not it")
        page.locator("#dialog").get_by_role("button", name="Wrong").click()
        expect(page.locator("#notes")).to_contain_text("the door was not it")
        expect(page.locator("#help")).to_contain_text("wrong: 1")
        expect(help_).to_have_attribute("aria-pressed", "false")
        page.locator("#help").get_by_role("button", name="Wrong").click()
        expect(page.locator("#help")).not_to_contain_text("wrong: 1")
        second = page.get_by_role("button", name="Second opinion")
        second.click()
        expect(page.locator("#second")).to_contain_text("There is no second opinion")
        expect(second).to_have_attribute("aria-expanded", "true")
        second.click()
        expect(page.locator("#second")).to_be_empty()
        page.get_by_role("button", name="Ask again").click()
        expect(page.locator("#said")).to_contain_text("Asked again")


def test_a_fix_in_two_taps_told_to_others_and_taken_back(browser: Browser, site: Site) -> None:
    """What another one reads stays where it is until they ask for the new answer."""
    with _open(browser, site, "Oil") as one, _open(browser, site, "Oil") as other:
        reading = other.locator("#steps").inner_text()
        one.keyboard.press("f")
        dialog = _dialog(one)
        expect(dialog).to_contain_text("What was it?")
        dialog.get_by_label("Something else").check()
        dialog.get_by_label("What it was").fill("Hose of tank T1 leaked, replaced")
        dialog.get_by_role("button", name="Save fix").click()
        expect(one.locator("#said")).to_have_text("Saved. Next time this fix is shown first.")
        expect(one.locator(".check")).to_contain_text("Fix confirmed by your crew")
        expect(one.locator("#step-1")).to_contain_text("Hose of tank T1 leaked, replaced")
        expect(other.locator("#arrived")).to_have_text("A new answer has arrived")
        assert other.locator("#steps").inner_text() == reading
        other.locator("#arrived a").click()
        expect(other.locator("#step-1")).to_contain_text("Hose of tank T1")
        one.get_by_role("checkbox").first.click()  # a fix is a step like any other
        expect(other.locator("#progress")).to_contain_text("1 of ")
        one.get_by_role("button", name="Take back the fix").click()
        _dialog(one).get_by_role("button", name="Take back").click()
        expect(one.locator(".check")).to_contain_text("Built-in rules")
        expect(one.locator("#notes")).not_to_contain_text("Hose")


def test_noted_merged_and_split(browser: Browser, site: Site) -> None:
    """A note; another problem found by its words, both titles shown, merged: its address leads here; split again."""
    with _open(browser, site, "Door") as page:
        more = page.get_by_role("button", name="More to do")
        more.click()
        page.locator("#acts").get_by_role("button", name="Note").click()
        _dialog(page).get_by_label("Note", exact=True).fill("<b>Key</b> is with the foreman")
        page.locator("#dialog").get_by_role("button", name="Add note").click()
        expect(page.locator("#notes")).to_contain_text("<b>Key</b> is with the foreman")
        more.click()
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy link").click()
        expect(page.locator("#acts [data-copy]")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == site.at("Door")
        page.get_by_role("button", name="Merge with another").click()
        _dialog(page).get_by_role("searchbox").fill("oil level")
        page.locator("#merge-found button").first.click()
        expect(page.locator("#dialog")).to_contain_text("Merge these two problems?")
        expect(page.locator("#dialog")).to_contain_text("Hydraulic oil level low")
        expect(page.locator("#dialog")).to_contain_text("Door 4 left open")
        page.locator("#dialog").get_by_role("button", name="Merge").click()
        expect(page.locator("#facts")).to_contain_text("2 texts")
        page.goto(site.at("Oil"))
        expect(page).to_have_url(site.at("Door"))
        more.click()
        page.get_by_role("button", name="Split").click()
        expect(_dialog(page)).to_contain_text("Hydraulic oil level low")
        page.locator("#dialog").get_by_role("button", name="Split").click()
        expect(page.locator("#said")).to_contain_text("is separate again")
        page.goto(site.at("Oil"))
        expect(page).to_have_url(site.at("Oil"))


def test_log_text_is_text(browser: Browser, site: Site) -> None:
    """Nothing of it runs, loads or can be pressed, nor turns the writing direction."""
    with _open(browser, site, "A") as page:
        assert "owned" not in page.title()[:5]
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_contain_text("<script>")
        expect(heading).to_contain_text("\\u202e")
        assert page.locator("main img, main script, main a[href*=evil]").count() == 0
        page.get_by_role("button", name="Open record 1").click()
        expect(page.locator("#record-1 pre")).to_contain_text("[press](http://evil.invalid)")
        assert page.locator("main img, main script, main a[href*=evil]").count() == 0


def test_what_is_open_survives_what_comes_in(browser: Browser, site: Site) -> None:
    """A menu, an opened record and a half-written fix stay; the state line says that it is over."""
    with _open(browser, site, "Supply") as page:
        page.get_by_role("button", name="Open record 1").click()
        page.get_by_role("button", name="More to do").click()
        where = {"area": "Packing", "line": "Packing line 2", "machine": "Cabinet Q12"}
        over = {"context": {"alarm_code": "A7431", "state": "cleared"}, **where}
        _publish(site.andon, _record(5, "plc-pl2", "INFO", "Supply G2 output normal", **over))
        expect(page.locator(".state-line")).to_contain_text("Critical, cleared")
        expect(page.locator("#acts")).to_be_visible()
        expect(page.locator("#record-1 .record")).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="This fixed it").click()
        dialog = _dialog(page)
        dialog.get_by_label("Something else").check()
        dialog.get_by_label("What it was").fill("a cable of")
        again = {"context": {"alarm_code": "A7431", "state": "raised"}, **where}
        _publish(site.andon, _record(1, "plc-pl2", "CRITICAL", _SUPPLY.format(volt="19.1", amps="28.4"), **again))
        expect(page.locator(".state-line")).to_contain_text("active, not acknowledged")
        expect(page.get_by_role("heading", level=1, include_hidden=True)).to_contain_text("19.1 V")
        expect(dialog.get_by_label("What it was")).to_have_value("a cable of")
        expect(dialog.get_by_label("What it was")).to_be_focused()
