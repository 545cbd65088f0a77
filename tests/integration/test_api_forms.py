"""One envelope for every list and one spelling of time, found by walking over all routes and all described values."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.core.settings.settings import load_settings
from andon.store import alarms, change, problems
from support.alarm_logs import cleared, raised, store_events
from support.api import Client, served
from support.desk import install_desk

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,9}Z")
LIKE_A_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
#: Names of fields that hold moments, wherever they are.
MOMENTS = re.compile(
    r"at|since|until|start|started|end|ended|made|timestamp|\w+_at|\w+_since|\w+_until|\w+_start|\w+_seen|\w+_before"
)
#: Texts in which people or machines may write times as they like.
FREE = {"text", "message", "analysis", "newest_message", "context", "raw", "note", "template", "description"}
LISTS = {
    "/api/logs", "/api/problems", "/api/problems/{problem_id}/history", "/api/problems/{problem_id}/similar",
    "/api/problems/{problem_id}/notes", "/api/trends/top", "/api/trends/new", "/api/trends/rising",
    "/api/trends/quiet", "/api/trends/first-out", "/api/trends/together", "/api/alarms", "/api/notes", "/api/rejects",
    "/api/alarms/active", "/api/alarms/waiting", "/api/alarms/stale", "/api/alarms/shelved", "/api/alarms/all",
    "/api/queue/failed",
    "/api/queue", "/api/audit", "/api/actions", "/api/targets",
}  # fmt: skip


@pytest.fixture(scope="module")
def get(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A shift now: a flood, alarms that are active, acknowledged, shelved, cleared; notes, a fix, a signature."""
    path: Path = tmp_path_factory.mktemp("forms") / "agent.db"
    from support import alarm_logs

    now = time.time()
    shift = now - alarm_logs.T0 - 4_000
    events = [raised(shift + n, f"F{n}", host=f"press-{n}", pattern=f"p{n % 4}") for n in range(20)]
    store_events(path, [*events, cleared(shift + 900, "F1", host="press-1", pattern="p1")])
    change(path, alarms.acknowledge, 3, "Meier", "seen", now=now)
    change(path, alarms.shelve, 4, 3600.0, "Meier", "ordered", now=now)
    change(path, alarms.add_note, "written", "Meier", now=now)
    change(path, problems.add_note, 1, "written", "Meier", now=now)
    change(path, problems.resolve, 1, "Cleaned", None, "Meier", now)
    install_desk(path.parent / "packages")
    settings = load_settings(
        time_zone="Europe/Berlin", connectors=[{"kind": "desk", "options": {"url": "http://127.0.0.1:9"}}]
    )
    with pytest.MonkeyPatch.context() as patched, served(path, settings=settings) as port:
        patched.syspath_prepend(str(path.parent / "packages"))
        client = Client(port)
        assert client.post("/api/actions", {"problem": 1, "target": "desk"}).status == 200
        assert client.post("/api/report/sign", {"name": "Meier"}).status == 200
        yield client
        client.close()


def _routes(get: Client) -> dict[str, Any]:
    paths = get("/openapi.json").json["paths"]
    return {path: one["get"] for path, one in paths.items() if path.startswith("/api/") and "get" in one}


def _walk(value: Any, name: str = "", place: str = "") -> Iterator[tuple[str, str, Any]]:
    """(name, place, value) of everything within."""
    yield name, place, value
    if isinstance(value, dict):
        for key, one in value.items():
            if key not in FREE:
                yield from _walk(one, key, f"{place}.{key}")
    elif isinstance(value, list):
        for one in value:
            yield from _walk(one, name, f"{place}[]")


def test_every_list_has_the_same_envelope(get: Client) -> None:
    """Items, where it goes on, and notes; as it is described."""
    lists = set()
    for path, route in _routes(get).items():
        if path == "/api/export":
            continue
        answer = get(re.sub(r"\{\w+\}", "1", path)).json
        assert isinstance(answer, dict), path
        schema = route["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        if "items" in answer or schema.endswith("Listing"):
            lists.add(path)
            assert {"items", "next", "notes"} <= set(answer), path
            assert schema.endswith("Listing"), path
            assert isinstance(answer["items"], list)
            assert answer["next"] is None or isinstance(answer["next"], str)
    assert lists >= LISTS


def test_every_moment_is_utc_text(get: Client) -> None:
    """In every answer: by the name of its field, and by what looks like a time."""
    found: set[str] = set()
    for path in _routes(get):
        if path == "/api/export":
            continue
        answer = get(re.sub(r"\{\w+\}", "1", path), **({"list": "all"} if path == "/api/alarms" else {}))
        if answer.status == 404:
            assert "reject" in path
            continue
        for name, place, value in _walk(answer.json):
            if MOMENTS.fullmatch(name) and not isinstance(value, dict | list):
                assert value is None or (isinstance(value, str) and UTC.fullmatch(value)), (path, place, value)
                found.add(f"{path}{place}")
            elif isinstance(value, str) and LIKE_A_TIME.match(value):
                assert UTC.fullmatch(value), (path, place, value)
    assert len(found) > 40
    for one in ("/api/alarms.items[].shelved_until", "/api/timeline.points[].start", "/api/report.signatures[].at"):
        assert one in found


def test_every_described_moment_is_a_text(get: Client) -> None:
    """Also what no answer here held: no number is described under a name of a moment."""
    schemas = get("/openapi.json").json["components"]["schemas"]
    moments = 0
    for kind, schema in schemas.items():
        for name, one in schema.get("properties", {}).items():
            if MOMENTS.fullmatch(name) is None:
                continue
            kinds = {part.get("type") for part in one.get("anyOf", [one])}
            assert not kinds & {"number", "integer"}, (kind, name)
            moments += "date-time" in str(one)
    assert moments > 20


def test_changes_are_described_with_examples(get: Client) -> None:
    """Every body has an example that its own route takes for one, and every change says what it may refuse."""
    described = get("/openapi.json").json
    bodies = 0
    for path, operations in described["paths"].items():
        for method in operations.keys() & {"post", "delete"}:
            route = operations[method]
            assert {"200", "400", "403", "404", "413", "503"} <= set(route["responses"]), path
            if "requestBody" in route:
                reference = str(route["requestBody"]["content"]["application/json"]["schema"])
                (name,) = set(re.findall(r"#/components/schemas/(\w+)", reference))
                assert described["components"]["schemas"][name]["examples"], name
                bodies += 1
    assert bodies >= 18


def test_words_of_programs_are_explained(get: Client) -> None:
    """Where an answer stands, what stands in for another, what was not understood; and no moment is told as a number."""
    schemas = get("/openapi.json").json["components"]["schemas"]
    fields = [(kind, name, one) for kind, it in schemas.items() for name, one in it.get("properties", {}).items()]
    explained = [(kind, name) for kind, name, one in fields if name in ("rung", "provisional") and one["description"]]
    assert len(explained) >= 10
    assert explained == [(kind, name) for kind, name, _ in fields if name in ("rung", "provisional")]
    assert "unix seconds" not in str(schemas)


def test_every_route_is_named_in_the_documentation(get: Client) -> None:
    """Whole, so that it can be searched for; with POST and DELETE where those belong to it."""
    rows = (Path(__file__).parents[2] / "docs/api.md").read_text().splitlines()
    for path, operations in get("/openapi.json").json["paths"].items():
        named = f"`{re.sub(r'{[^}]+}', '{id}', path)}"
        told = [row for row in rows if f"{named}`" in row or f"{named}?" in row]
        assert told, path
        for method in operations.keys() & {"post", "delete"}:
            assert [row for row in told if row.startswith(f"| {method.upper()}")], (method, path)


def test_exported_logs_have_the_same_times(get: Client) -> None:
    """In files too."""
    import json

    lines = get("/api/export", since="1d").body.splitlines()
    assert lines
    for name in ("timestamp", "created_at"):
        assert all(UTC.fullmatch(json.loads(line)[name]) for line in lines)


def test_the_audit_speaks_of_moments_alike(get: Client) -> None:
    """In what it tells of deeds."""
    entries = get("/api/audit", action="alarm.shelve").json["items"]
    assert [UTC.fullmatch(one["detail"]["until"]) is not None for one in entries] == [True]
