"""The journal's addresses: what they answer to anybody who asks, sensibly or not."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from andon.app.background.changes import Changes
from andon.app.web.headers import SafeHeaders
from andon.app.web.page import Backend, add_failures, build_page_router
from andon.core.models import NewPicture
from andon.core.settings.database_url import Database
from andon.core.settings.settings import load_settings
from andon.store import Visitor
from support import postgres
from support.pictures import picture
from support.store_data import Clock, a_log, opened

DAY = "since=2025-01-15&until=2025-01-16"
PNG = NewPicture("ab" * 32, "image/png", 40, 30, picture())
SVG = NewPicture("cd" * 32, "image/svg+xml", 40, 30, b"<svg xmlns='http://www.w3.org/2000/svg'/>", 1)


def _fill(path: Database) -> None:
    rows = [
        a_log(
            n,
            f"p{n % 2}",
            severity=("WARNING", "ERROR", "CRITICAL")[n % 3],
            hostname=f"plc-{n % 2}",
            line=f"L{n % 2}",
            context=json.dumps({"alarm_code": "F7", "state": ("active", "cleared")[n % 2], "deep": {"er": n}}),
        )
        for n in range(1, 451)
    ]
    odd = a_log(900, timestamp="2025-01-15T09:00:00.000Z", raw=b"\xff\xfe odd", pictures=(PNG, SVG), context="no JSON")

    async def work() -> None:
        clock = Clock()
        async with opened(path, clock=clock) as store:
            await store.record([*rows, odd], [])
            clock.now += 60
            while (await store.index(500))[1]:
                pass

    asyncio.run(work())


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """What the screens work with, over a filled database of either kind."""
    path: Database = tmp_path_factory.mktemp("journal") / "agent.db"
    if request.param == "postgresql":
        server = postgres.cluster()
        if server is None:
            pytest.skip(postgres.MISSING)
        path = server.prepared()
    _fill(path)
    with Visitor(path) as visitor:
        yield Backend(load_settings(time_zone="Europe/Berlin"), visitor.ask, visitor.ask, Changes())


def client_of(backend: Backend) -> TestClient:
    """The page alone, without a service."""
    app = FastAPI()
    app.add_middleware(SafeHeaders)
    app.include_router(build_page_router(backend))
    add_failures(app, backend)
    return TestClient(app, follow_redirects=False)


@pytest.fixture(scope="module")
def client(backend: Backend) -> TestClient:
    """Asks it."""
    return client_of(backend)


def listed(html: str) -> list[int]:
    """The ids of the rows."""
    return [int(found) for found in re.findall(r'<tr id="r(\d+)" data-row', html)]


def test_two_hundred_are_listed_and_the_rest_is_older(client: TestClient) -> None:
    """Page by page, the newest first, each once; the number of matches is exact, and so is the table below the bars."""
    first = client.get(f"/journal?{DAY}")
    assert first.status_code == 200
    seen = listed(first.text)
    assert len(seen) == 200
    assert "451 records match." in first.text
    table = re.findall(r'<td class="num">([\d,]+)</td>', first.text)
    assert sum(int(cell.replace(",", "")) for cell in table) == 451
    html = first.text
    while address := re.search(r'<p id="older"><a [^>]*hx-get="([^"]+)"', html):
        html = client.get(f"/{address[1].replace('&amp;', '&')}").text
        seen += listed(html)
    assert len(seen) == len(set(seen)) == 451


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ("severity=critical", 150),
        ("host=plc-1", 225),
        ("line=l1&state=cleared", 225),
        ("state=event", 1),
        ("text=%22fault+7+of%22", 1),
        ("field=deep.er%3D7", 1),
        ("problem=1&severity=info", 226),
        ("pattern=1", 226),
    ],
)
def test_every_filter_counts(client: TestClient, filters: str, count: int) -> None:
    """In the list, and in the number, which comes later where it takes longer."""
    page = client.get(f"/journal?{DAY}&{filters}").text
    assert len(listed(page)) == min(count, 200)
    later = client.get(f"/journal/counts?{DAY}&{filters}").text
    number = f"{count} records match." if count != 1 else "1 record matches."
    assert number in page + later
    exported = re.search(r'href="(api/export\?[^"]+format=csv)"', page)
    assert exported is not None
    asked = parse_qs(urlsplit(exported[1].replace("&amp;", "&")).query)
    assert asked["since"] == ["2025-01-14T23:00:00.000Z"]
    assert {name for name in asked if name not in ("since", "until", "format")} == {
        "pattern" if part.startswith("problem") else part.partition("=")[0] for part in filters.split("&")
    }


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("since=yesterday-ish", "is not a time"),
        ("since=8h&until=9h", "start must be earlier than the end"),
        ("severity=loud", "is not a severity"),
        ("state=odd", "is not a state"),
        ("problem=x", "is not the number of a problem"),
        ("problem=77", "there is no problem 77"),
        ("host=plc-9", "no host is called"),
        ("field=alone", "is not a field"),
        ("before=x", "not a place in the journal"),
        ("text=a%00b", "NUL"),
        ("text=" + "x" * 1_001, "1,000 characters"),
        ("record=0", "is not the number of a record"),
    ],
)
def test_what_makes_no_sense_is_a_sentence_in_the_page(client: TestClient, asked: str, sentence: str) -> None:
    """With the other filters as they were."""
    answer = client.get(f"/journal?line=L1&{asked}")
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
    assert sentence.lower() in answer.text.lower()
    assert "Line: L1" in answer.text
    assert "Nothing was searched" in answer.text


def test_a_record_has_an_address(client: TestClient) -> None:
    """Around it stand those before and after; one that is not there is told; its parts open."""
    page = client.get("/records/300").text
    around = listed(page)
    assert 300 in around
    assert len(around) == 200
    assert 'id="d300"' in page
    assert "deep.er" in page
    older = re.search(r'<p id="older"><a [^>]*hx-get="([^"]+)"', page)
    assert older is not None
    assert max(listed(client.get(f"/{older[1].replace('&amp;', '&')}").text)) == min(around) - 1
    same = re.findall(r'href="(journal[?]field=[^"]+)"', page)
    assert len(same) == 3
    assert all(300 in listed(client.get(f"/{address}&since=all&record=300").text) for address in same)
    assert listed(client.get(f"/{same[2]}&since=all").text) == [300]
    assert client.get("/records/4000").status_code == 404
    detail = client.get("/records/300/detail").text
    assert detail.lstrip().startswith('<tr class="detail" id="d300">')
    minute = re.search(r'href="(journal\?[^"]*record=300)"', detail)
    assert minute is not None
    assert 300 in listed(client.get(f"/{minute[1].replace('&amp;', '&')}").text)


def test_bytes_and_pictures_are_served_as_what_they_are(client: TestClient) -> None:
    """Never as something that a browser would run."""
    detail = client.get("/records/451/detail").text
    assert "no JSON" in detail
    assert "\\xff\\xfe odd" in detail
    raw = client.get("/records/451/raw")
    assert (raw.content, raw.headers["content-type"]) == (b"\xff\xfe odd", "application/octet-stream")
    shown = client.get("/records/451/pictures/1")
    assert (shown.content, shown.headers["content-type"]) == (PNG.data, "image/png")
    for answer in (raw, shown, client.get("/records/1/text"), client.get("/records/1/raw")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert client.get("/records/1/text").headers["content-type"] == "text/plain; charset=utf-8"
    assert client.get("/records/451/pictures/2").status_code == 404
    assert client.get("/records/451/pictures/3").status_code == 404


def test_a_place_is_found_whatever_it_is(client: TestClient) -> None:
    """By its name, as people write it; a wrong one is told."""
    answer = client.get("/journal/place?place=line+1&severity=error")
    assert (answer.status_code, answer.headers["location"]) == (303, "../journal?severity=error&line=line+1")
    assert "L1" in client.get("/journal/places?place=l").text
    assert "plc-0" not in client.get("/journal/places?place=l1").text
    wrong = client.get("/journal/place?place=nowhere&severity=error")
    assert wrong.status_code == 400
    assert "Error and above" in wrong.text


def test_columns_are_kept_by_the_browser(backend: Backend) -> None:
    """What was chosen last holds where the address names none."""
    own = client_of(backend)
    chosen = own.get(f"/journal?{DAY}&columns=state&columns=code")
    assert 'class="journal chosen c-state c-code"' in chosen.text
    assert "httponly" in chosen.headers["set-cookie"].lower()
    assert 'class="journal chosen c-state c-code"' in own.get(f"/journal?{DAY}").text


async def test_the_stream_sends_each_record_once(backend: Backend) -> None:
    """From the id on that the page was rendered with, or that the browser heard last; of too many the newest."""
    from andon.app.web.page.screens import journal

    asked = journal.JournalAddress([("severity", "critical"), ("since", "2025-01-01")], backend.settings, 0.0)
    changes = backend.changes
    first = await _tail(journal, _request(), backend, asked, 441, changes)
    assert listed(first) == [449, 446, 443]
    assert "id: 451" in first
    assert listed(await _tail(journal, _request(last_event_id="448"), backend, asked, 0, changes)) == [449]
    many = await _tail(journal, _request(), backend, asked, 1, changes)
    assert len(listed(many)) == 100
    assert 'data-more="50"' in many


def _request(**headers: str) -> Request:
    """A browser's request for the stream."""
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": "/live/journal", "root_path": "", "query_string": b"", "headers": sent}
    return Request({**scope, "server": ("127.0.0.1", 80), "scheme": "http", "method": "GET"})


async def _tail(journal: Any, request: Any, backend: Any, asked: Any, after: int, changes: Changes) -> str:
    """The first message with rows."""
    changes.tell("logs")
    tail = journal._tail(request, backend, asked, after)
    try:
        async for text in tail:
            if "data-row" in text:
                return str(text)
    finally:
        await tail.aclose()
    raise AssertionError("the stream ended")


@pytest.mark.parametrize(
    "query",
    [
        "&".join(f"field=a{number}=b" for number in range(4_000)),
        "&".join(f"severity=error&columns=c{number}&line=Line+{number}" for number in range(1_500)),
        "text=" + "x" * 50_000,
        "machine=" + "x" * 50_000 + "&field=" + "y" * 10_000,
    ],
)
@pytest.mark.parametrize("path", ["/journal", "/journal/older", "/journal/counts", "/journal/places"])
def test_a_long_address_makes_no_large_page(client: TestClient, path: str, query: str) -> None:
    """Every link of the page holds all filters: many or long ones are told, not repeated in each of them."""
    answer = client.get(f"{path}?{query}")
    assert answer.status_code in (200, 400, 404)
    assert len(answer.text) < 10 * len(query) + 60_000
    assert answer.text.count("y" * 201) == 0
