"""Behind a reverse proxy that serves us below a path: one that cuts the path off, and one that passes it on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest

from andon.core.models import Role
from support.proxy import proxy
from support.site import Caller, Site, site

PREFIX = "/plants/andon"


@pytest.fixture(scope="module", params=["cuts", "passes on"])
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, int]]:
    """The site, and the port of the proxy in front of it."""
    cuts = request.param == "cuts"
    chosen = {} if cuts else {"http_prefix": "plants/andon/"}
    with site(tmp_path_factory.mktemp("behind"), {"Otto": Role.OPERATOR}, **chosen) as found:
        with proxy(found.port, PREFIX, cuts=cuts) as port:
            yield found, port


def test_a_visit_stays_below_the_path(behind: tuple[Site, int]) -> None:
    """From the page to the login, back to the page, its files, a part of it, its stream, and out."""
    _, port = behind
    caller = Caller(port)

    def visible(here: str, answer_location: str) -> str:
        """Where a browser goes from ``here``."""
        return urljoin(f"http://x{here}", answer_location).removeprefix("http://x")

    here = f"{PREFIX}/problems/1?x=1"
    to_login = visible(here, caller.get(here).headers["Location"])
    assert to_login == f"{PREFIX}/login?next=problems%2F1%3Fx%3D1"
    form = caller.get(to_login).text
    (back,) = re.findall(r'name="next" value="([^"]*)"', form)
    assert 'action="login"' in form
    caller.base = PREFIX
    landed = visible(f"{PREFIX}/login", caller.log_in("Otto", back=back).headers["Location"])
    assert landed == here
    page = caller.get("/journal").text
    (root,) = re.findall(r'<base href="([^"]*)">', page)
    files = re.findall(r'(?:src|href)="(static/[^"]*)"', page)
    assert len(files) > 4
    for name in files:
        address = urljoin(urljoin(f"http://x{PREFIX}/journal", root), name).removeprefix("http://x")
        assert Caller(port).get(address).status == 200, address
    assert '<base href="../">' in caller.get("/problems/1").text
    assert caller.post("/logout", csrf=caller.csrf).status == 303
    assert caller.get("/").status == 303


def test_the_path_alone_leads_to_the_page(tmp_path: Path) -> None:
    """Where it is passed on as it came; health checks need not know of it."""
    with site(tmp_path, http_prefix=PREFIX, http_login="auto") as found:
        caller = Caller(found.port)
        assert caller.get(f"{PREFIX}?x=1").headers["Location"] == f"{PREFIX}/?x=1"
        assert caller.get(f"{PREFIX}/").status == 200
        assert caller.get(f"{PREFIX}/healthz").status == caller.get("/healthz").status == 200
        assert caller.get(f"{PREFIX}x/healthz").status == 404


def test_a_proxy_that_asks_under_a_name_of_its_own(tmp_path: Path) -> None:
    """It tells which it was asked for; forms work where the settings name that one."""
    with site(tmp_path, http_login="auto", http_hosts="andon.plant.example") as found:
        with proxy(found.port, "", cuts=False, host="localhost") as port:
            caller = Caller(port)
            headers = {"Host": "andon.plant.example", "Origin": "http://andon.plant.example"}
            form = {"Content_Type": "application/x-www-form-urlencoded"}
            assert caller("POST", "/name", "name=Ada", **form, **headers).status == 303
            headers = {"Host": "evil.example", "Origin": "http://evil.example"}
            assert caller("POST", "/name", "name=Ada", **form, **headers).status == 403


@pytest.mark.parametrize("path", ["/journal/", "/problems/1/", "/api/logs/", "/docs/"])
def test_no_answer_leads_out_of_the_path(behind: tuple[Site, int], path: str) -> None:
    """A slash too many is a page that is not there: a whole address would lose TLS and the proxy's path."""
    _, port = behind
    caller = Caller(port, PREFIX)
    caller.log_in("Otto")
    answer = caller.get(path)
    assert (answer.status, answer.headers["Location"]) == (404, None)
