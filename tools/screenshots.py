"""Take the README's pictures of the page: ``make screenshots``. Needs Chromium and takes half a minute.

The demo runs in a directory of its own; its four main screens are taken in light and dark, as PNG files of few colours
in ``docs/pictures``. So that they hardly change from one time to the next, the site lies where it is night just now.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
WIDTH, HEIGHT = 1280, 800
#: Most bytes of a picture, and the colours that are tried until it has no more.
LARGEST, COLOURS = 150_000, (256, 128, 64, 32)
#: The hour at which the pictures are taken, on the site's clocks, and cities of all zones to find one where it is.
HOUR = 2
CITIES = (
    "Europe/Berlin Europe/London Europe/Athens Europe/Moscow Asia/Dubai Asia/Karachi Asia/Dhaka Asia/Bangkok "
    "Asia/Shanghai Asia/Tokyo Australia/Brisbane Pacific/Noumea Pacific/Auckland Pacific/Tongatapu Pacific/Kiritimati "
    "Pacific/Pago_Pago Pacific/Honolulu America/Anchorage America/Los_Angeles America/Denver America/Chicago "
    "America/New_York America/Halifax America/Sao_Paulo Atlantic/South_Georgia Atlantic/Azores UTC"
)
#: What the picture of a problem is of, and who looks at it.
PROBLEM, WHO = "F30004", "Mira Sand"
#: A service that has not said its address after so many seconds does not start.
STARTS_WITHIN = 120.0
#: What a page asks for behind its first picture is there, and so many milliseconds later its charts are drawn.
QUIET = "() => !document.querySelector('.htmx-request:not([hx-sse\\\\:connect])')"
SETTLED = 2_000


def main() -> None:
    """Take them all, or those of the screens that are named."""
    parser = argparse.ArgumentParser(prog="screenshots", description=__doc__)
    parser.add_argument("screens", nargs="*", help="of now, problem, journal, figures; all unless given")
    parser.add_argument("--to", type=Path, default=PICTURES, help="directory of the pictures")
    parser.add_argument("--address", help="take them of a service that runs already")
    chosen = parser.parse_args()
    browser_path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser_path is None:
        sys.exit("screenshots: there is no Chromium on this machine; on Debian: apt install chromium")
    chosen.to.mkdir(parents=True, exist_ok=True)
    with service(chosen.address) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        for theme in ("light", "dark"):
            for name, picture in taken(browser, address, theme, chosen.screens):
                path = chosen.to / f"{name}-{theme}.png"
                path.write_bytes(picture)
                print(f"{path}: {len(picture):,} bytes")
        browser.close()


@contextmanager
def service(address: str | None) -> Iterator[str]:
    """The demo, in a directory of its own; its address."""
    if address is not None:
        yield address
        return
    with tempfile.TemporaryDirectory(prefix="andon-screenshots-") as place:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANDON_")},
            "PROVIDER": "PLAYBOOK",
            "NATS_URL": "",
            "ANDON_TIME_ZONE": zone_at(HOUR),
            "ANDON_NATS_PORT": "-1",
            "COLUMNS": "200",
        }
        running = subprocess.Popen(
            [sys.executable, "-m", "andon", "demo", "--stay", "--data-dir", "demo"],
            env=environment,
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            said = next((line for line in running.stdout or () if line.startswith("Open http")), None)
            if said is None:
                sys.exit("screenshots: the demo did not start; `andon demo` says why")
            yield re.findall(r"http\S+", said)[0]
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(STARTS_WITHIN)


def zone_at(hour: int) -> str:
    """A time zone in which it is that hour now; UTC where no city's is."""
    now = datetime.now(UTC)
    return next((city for city in CITIES.split() if now.astimezone(ZoneInfo(city)).hour == hour), "UTC")


def taken(browser: Browser, address: str, theme: str, names: list[str]) -> Iterator[tuple[str, bytes]]:
    """The screens by name, as small pictures."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    if (name := page.get_by_role("textbox", name=re.compile("your name", re.IGNORECASE))).count():
        name.first.fill(WHO)
        name.first.press("Enter")
        page.goto(address)
    problem = page.get_by_role("link", name=re.compile(PROBLEM)).first.get_attribute("href", timeout=10_000)
    screens = {"now": "", "problem": problem or "", "journal": "journal?severity=WARNING", "figures": "figures"}
    for name, path in screens.items():
        if names and name not in names:
            continue
        page.goto(f"{address}/{path}")
        page.wait_for_timeout(SETTLED)
        page.wait_for_function(QUIET)
        yield name, small(page.screenshot(animations="disabled", caret="hide"))
    context.close()


def small(png: bytes) -> bytes:
    """The picture with as many colours as fit into :data:`LARGEST` bytes. Exits where it fits with none."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in COLOURS:
        data = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(data, "PNG", optimize=True)
        if data.tell() <= LARGEST:
            return data.getvalue()
    sys.exit(f"screenshots: a picture of {WIDTH} × {HEIGHT} is larger than {LARGEST:,} bytes in {COLOURS[-1]} colours")


if __name__ == "__main__":
    main()
