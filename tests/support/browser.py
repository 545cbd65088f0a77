"""A real Chromium on a page: tests of what people see and press. Left out, loudly, where the machine has none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect, sync_playwright

from support.patience import PATIENCE

#: The shell is the same browser without its windows, tabs and bookmarks: it takes a third of the processor's time.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_AXE = Path(__file__).parents[1] / "vendor" / "axe-core-4.14.1.min.js"
#: What a page of ours has no use for. The last of these lists counts, so it holds what Playwright leaves out too; the
#: first is a hidden page beside the address bar of each new window, and takes as long to make as the window.
_LEFT_OUT = (
    "WebUIOmniboxPopup",
    "AimEnabled",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    "Translate",
)
#: What keeps a fresh Chromium from calling home and from needing what a container lacks.
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    f"--disable-features={','.join(_LEFT_OUT)}",
]
#: Rules whose breach is a serious one, asked for beside those that axe runs by itself.
_RULES = {"rules": {"target-size": {"enabled": True}}}
#: The rule that a theme alone can break.
_CONTRAST = {"runOnly": ["color-contrast"]}


# as patient as every other test: the machine may be busy
expect.set_options(timeout=PATIENCE * 1000)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, for as many pages as wanted. Without one the test is left out; BROWSER=required makes it fail."""
    if CHROMIUM is None:
        message = (
            "no Chromium on this machine: the tests of the page in a real browser are left out (apt install chromium)"
        )
        if os.environ.get("BROWSER") == "required":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIET)
        _idle[browser] = []
        try:
            yield browser
        finally:
            del _idle[browser]
            browser.close()


@dataclass
class Watched:
    """A page, and what its browser complained of: errors of scripts, what the security policy refused, failed loads."""

    page: Page
    complaints: list[str] = field(default_factory=list)


#: Pages that nobody uses now, by their browser: a fresh profile costs more than most of what a test does on its page.
_idle: dict[Browser, list[Page]] = {}


@contextmanager
def opened(
    browser: Browser, url: str, *, width: int = 1280, height: int = 800, theme: str = "light", **options: Any
) -> Iterator[Watched]:
    """A page that keeps nothing at this width, in ``light`` or ``dark``; a complaint of the browser fails the test.

    With ``options`` of a profile (``fresh`` is none) it has one of its own, else one that was emptied.
    """
    own = bool(options)
    options.pop("fresh", None)
    page = _page(browser, **options) if own or not _idle[browser] else _idle[browser].pop()
    watched = Watched(page)

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            watched.complaints.append(message.text)

    def failed(error: Error) -> None:
        watched.complaints.append(str(error))

    page.on("console", said)
    page.on("pageerror", failed)
    try:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of the two
        page.goto(url)
        yield watched
        assert not watched.complaints, watched.complaints
        if not own:
            page.remove_listener("console", said)
            page.remove_listener("pageerror", failed)
            _empty(page)
            _idle[browser].append(page)
    except BaseException:
        own = True
        raise
    finally:
        if own:
            page.context.close()


def _page(browser: Browser, **options: Any) -> Page:
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE * 1000)
    return context.new_page()


def _empty(page: Page) -> None:
    """Leave a page and its profile as they were when they were made."""
    for other in page.context.pages:
        if other != page:
            other.close()
    page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    page.context.clear_cookies()
    page.context.clear_permissions()
    page.mouse.move(0, 0)
    page.goto("about:blank")


def keep_at_work(page: Page) -> None:
    """Somebody has a hand on this page for as long as it is open: after half a minute without, waiting rows come in."""
    page.evaluate("() => { touch(); window.hand = setInterval(touch, 1_000); }")


def violations(page: Page, rules: Mapping[str, Any] = _RULES) -> list[str]:
    """What axe-core finds wrong by these ``rules``, serious or critical: rule, and the elements."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, {...rules, resultTypes: ['violations']})", rules)
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:200]} {' '.join(node['failureSummary'].split())[:300]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


#: Sizes and themes that a screen is looked at in where nothing else is said: a phone and a large screen, both ways.
LOOKS = ((360, "light"), (360, "dark"), (1920, "dark"), (1920, "light"))


#: Charts follow a new width with the next pictures.
_DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"


def faults(page: Page, looks: Iterable[tuple[int, str]] = LOOKS) -> list[str]:
    """What sticks out of an open page, and what axe-core finds, at these widths and themes one after the other."""
    found = []
    before = 0
    for width, theme in looks:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of the two
        page.evaluate(_DRAWN)
        wrong = violations(page, _CONTRAST) if width == before else overflows(page) + violations(page)
        found += [f"{width} {theme}: {one}" for one in wrong]
        before = width
    return found


def overflows(page: Page) -> list[str]:
    """Elements that stick out of the page sideways, as nothing may on a phone."""
    return page.evaluate(  # type: ignore[no-any-return]
        """() => [...document.querySelectorAll('body *')].filter(e => {
            const box = e.getBoundingClientRect();
            return box.width && box.right > innerWidth + 1 && getComputedStyle(e).position !== 'fixed'
                && !e.closest('.scroll, .hidden, .skip, svg, dialog, [popover]');
        }).map(e => e.outerHTML.slice(0, 160))"""
    )
