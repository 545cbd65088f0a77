"""Every filter of every route: an unknown name is a 404 with the nearest; found by looking at the routes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from support.alarm_logs import raised, store_events
from support.api import Client, served

FILTERS = {
    **dict.fromkeys(("host", "service", "site", "area", "line", "machine"), "nosuch"),
    "pattern": "999",
    "field": "nosuch=1",
}
WINDOW = {"since": "2025-01-15", "until": "2025-01-16"}


@pytest.fixture(scope="module")
def get(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Two active alarms on line L3, one on L13."""
    path = tmp_path_factory.mktemp("names") / "agent.db"
    events = [raised(n, f"F{n}", place={"line": f"L{n}"}, host=f"press-{n}") for n in (3, 13)]
    store_events(path, [*events, raised(20, "F4", place={"line": "line03"}, host="oven-1")])
    with served(path) as port:
        client = Client(port)
        yield client
        client.close()


def test_a_filter_that_no_log_fits(get: Client) -> None:
    """Names the nearest and how many there are, on all routes."""
    asked = []
    for path, operations in get("/openapi.json").json["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", []):
            if parameter["in"] == "query" and parameter["name"] in FILTERS:
                answer = get(path, **{parameter["name"]: FILTERS[parameter["name"]]})
                assert answer.status == 404, (path, parameter["name"], answer.body)
                assert any(told in answer.json["detail"] for told in ("there are ", "there is one", "no log names any"))
                asked.append(path)
    assert {"/api/logs", "/api/export", "/api/alarms", "/api/alarms/figures", "/api/trends/top"} <= set(asked)


def test_an_id_that_is_not_there(get: Client) -> None:
    """Names those next to it."""
    for path, operations in get("/openapi.json").json["paths"].items():
        if "{" in path and "get" in operations:
            answer = get(re.sub(r"\{\w+\}", "999", path))
            assert answer.status == 404
            told = answer.json["detail"]
            assert "none is stored yet" in told if "/rejects" in path or "/actions" in path else "; there " in told


def test_how_a_name_was_read_is_told(get: Client) -> None:
    """In a header everywhere, and in the page of logs."""
    note = "line 'line 3' is read as L3 and line03"
    page = get("/api/logs", line="line 3")
    assert (len(page.json["items"]), page.json["notes"], page.headers["andon-note"]) == (2, [note], note)
    active = get("/api/alarms", line="line 3")
    assert ([one["line"] for one in active.json["items"]], active.headers["andon-note"]) == (["L3", "line03"], note)
    for path in ("/api/alarms/figures", "/api/trends/top", "/api/export"):
        assert get(path, line="line 3", **WINDOW).headers["andon-note"] == note
    assert get("/api/trends/top", line="line 3", **WINDOW).json["logs"] == 2
    assert "andon-note" not in get("/api/logs", line="L3").headers


def test_a_known_name_without_a_match_is_an_empty_answer(get: Client) -> None:
    known = "known, without a match: line L13"
    assert (get("/api/alarms", line="L13", list="shelved").json, get("/api/logs", line="L13", since="1h").json) == (
        {"items": [], "next": None, "notes": [known]},
        {"items": [], "next": None, "notes": [known]},
    )
    assert get("/api/alarms", line="L13", list="shelved").headers["andon-note"] == known


def test_while_nothing_is_stored_it_is_a_hint(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("empty") / "agent.db"
    store_events(path, [])
    with served(path) as port:
        get = Client(port)
        for route in ("/api/logs", "/api/alarms", "/api/trends/top", "/api/alarms/figures"):
            answer = get(route, host="nosuch")
            assert (answer.status, "nothing is stored yet" in answer.headers["andon-note"]) == (200, True)
        get.close()
