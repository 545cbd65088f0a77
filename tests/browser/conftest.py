"""What a worker's tests of the page share, as long as they come one after the other: the browser, and two services."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from support.browser import chromium
from support.plant_site import plant_site
from support.service import running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A real Chromium; the tests that need it are left out where there is none.

    Until it is closed its loop counts as running, and no other test could run one: so it is closed with this package.
    """
    with chromium() as found:
        yield found


@pytest.fixture(scope="package")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service without a log, for tests that change nothing."""
    with running(tmp_path_factory.mktemp("empty"), ANDON_SITE_NAME="Northfield") as andon:
        yield f"http://127.0.0.1:{andon.http_port}/"


@pytest.fixture(scope="package")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a plant whose week ends now, for tests that add to it nothing but notes and signatures."""
    with plant_site(tmp_path_factory.mktemp("plant")) as address:
        yield address
