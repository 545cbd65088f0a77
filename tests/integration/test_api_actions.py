"""What leaves the house through the API: proposing, looking to the letter, deciding by hash and by role, the audit."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.core.models.actions import ActionStatus
from andon.core.settings.database_url import Database
from andon.core.settings.settings import load_settings
from andon.store import Connection, actions, change
from support import postgres
from support.api import Client, served
from support.desk import install_desk
from support.site import Role, site
from support.store_data import a_log, opened

BOTH = pytest.mark.parametrize("api", ["sqlite", "postgresql"], indirect=True)
TABLE: list[dict[str, Any]] = [{"kind": "desk", "options": {"url": "http://127.0.0.1:9"}}]


@pytest.fixture(scope="module", autouse=True)
def _package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    place = tmp_path_factory.mktemp("packages")
    install_desk(place)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(place))
        yield


def _fill(path: Database) -> None:
    """Two problems."""

    async def work() -> None:
        async with opened(path) as store:
            await store.record([a_log(1, "p1"), a_log(2, "p2")], [])

    asyncio.run(work())


@pytest.fixture
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    """Two problems and a desk that is connected, though nobody is there."""
    settings = load_settings(connectors=TABLE, time_zone="Europe/Berlin")
    path: Database = tmp_path / "agent.db"
    if getattr(request, "param", "sqlite") == "postgresql":
        server = postgres.cluster()
        if server is None:
            pytest.skip(postgres.MISSING)
        path = server.prepared()
    _fill(path)
    with served(path, settings=settings) as port:
        client = Client(port)
        yield client
        client.close()


def proposed(api: Client, **more: Any) -> dict[str, Any]:
    """A proposal."""
    answer = api.post("/api/actions", {"problem": 1, "target": "desk", "by": "Meier", **more})
    assert answer.status == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


@BOTH
def test_a_proposal_is_looked_at_and_approved_by_its_hash(api: Client) -> None:
    """The hash is that of the requests as they are answered; another one approves nothing, and the audit has it all."""
    made = proposed(api, why="second time")
    shown = api(f"/api/actions/{made['id']}").json
    assert shown == made
    assert shown["status"] == "proposed"
    assert json.loads(shown["requests"][0]["body"])["key"] == shown["key"]
    assert (shown["order"]["operation"], shown["proposed_by"], shown["reason"]) == (
        "ticket.open",
        "Meier",
        "second time",
    )
    exact = json.dumps(shown["requests"], separators=(",", ":"), ensure_ascii=False).encode()
    assert hashlib.sha256(exact).hexdigest() == shown["digest"]
    path = f"/api/actions/{made['id']}/approve"
    wrong = api.post(path, {"digest": "0" * 64})
    assert (wrong.status, "has changed since it was shown" in wrong.json["detail"]) == (400, True)
    assert api.post(path, {}).status == 400
    done = api.post(path, {"digest": shown["digest"], "by": "Weber"}).json
    assert (done["status"], done["decided_by"], done["expires"]) == ("approved", "Weber", None)
    again = api.post(path, {"digest": shown["digest"]})
    assert (again.status, "there is nothing to approve" in again.json["detail"]) == (400, True)
    deeds = [(one["actor"], one["action"]) for one in api("/api/audit", action="action.").json["items"]]
    assert deeds == [("Weber", "action.approve"), ("Meier", "action.propose")]


@BOTH
def test_lists_filter_and_go_on(api: Client) -> None:
    """By status, system and problem; page by page, with nothing twice and nothing left out."""
    ids = [proposed(api, problem=1 + n % 2, do=("ticket", "message")[n // 2])["id"] for n in range(4)]
    api.post(f"/api/actions/{ids[0]}/decline", {"note": "known", "by": "Weber"})
    found, after = [], None
    for _ in range(4):
        page = api("/api/actions", limit=2, **({"next": after} if after else {})).json
        found += [one["id"] for one in page["items"]]
        if (after := page["next"]) is None:
            break
    assert found == ids[::-1]
    assert [one["id"] for one in api("/api/actions", status=["declined", "done"]).json["items"]] == ids[:1]
    assert [one["id"] for one in api("/api/actions", problem=2).json["items"]] == [ids[3], ids[1]]
    assert api("/api/actions", target="other").json["items"] == []
    assert "requests" not in api("/api/actions").json["items"][0]
    (target,) = api("/api/targets").json["items"]
    assert (target["name"], target["kind"], target["waiting"], target["places"]) == (
        "desk",
        "desk",
        3,
        ["OPS", "LINE3"],
    )
    assert target["does"] == ["ticket.open", "ticket.comment", "message"]


def test_an_unsure_action_is_settled_sent_again_or_given_up(api: Client, tmp_path: Path) -> None:
    """Each is one person's word, and only for what nobody is sure of."""
    made = [proposed(api, problem=1 + n // 2, do=("ticket", "message")[n % 2])["id"] for n in range(3)]

    def forget(connection: Connection) -> None:
        for one in made:
            actions.action_rows.change(connection, one, status=ActionStatus.UNSURE, sent_at=time.time())

    assert api.post(f"/api/actions/{made[0]}/settle", {"ref": "OPS-7"}).status == 400
    change(tmp_path / "agent.db", forget)
    settled = api.post(f"/api/actions/{made[0]}/settle", {"ref": "OPS-7", "by": "Weber"}).json
    assert (settled["status"], settled["receipt"]["ref"]) == ("done", "OPS-7")
    again = api.post(f"/api/actions/{made[1]}/retry", {"by": "Weber"}).json
    assert (again["status"], again["decided_by"]) == ("approved", "Weber")
    gone = api.post(f"/api/actions/{made[2]}/decline", {}).json
    assert (gone["status"], gone["decided_by"]) == ("declined", "unknown")
    refused = api.post("/api/actions", {"problem": 1, "target": "desk"})
    assert (refused.status, "has an open ticket at desk: OPS-7" in refused.json["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"problem": 1, "target": "jira"}, "no connected system is called 'jira'; there are: desk"),
        ({"problem": 1, "target": "desk", "where": "HR"}, "desk may not write to 'HR'; the settings allow: OPS, LINE3"),
        ({"problem": 1, "target": "desk", "do": "event"}, "desk takes no events"),
        ({"problem": 1, "target": "desk", "do": "delete"}, "do: write 'ticket', 'event' or 'message'"),
        ({"problem": 1, "target": "desk", "body": "mine"}, "there is no parameter 'body' here"),
    ],
)
def test_what_is_wrong_is_one_sentence(api: Client, body: dict[str, Any], said: str) -> None:
    """Nothing is stored of it."""
    answer = api.post("/api/actions", body)
    assert (answer.status, said in answer.json["detail"]) == (400, True), answer.json
    assert api("/api/actions").json["items"] == []


def test_what_is_not_there_is_404(api: Client) -> None:
    """Of actions and of problems."""
    assert "no action 7" in api("/api/actions/7").json["detail"]
    assert api("/api/actions/7").status == 404
    assert api.post("/api/actions", {"problem": 77, "target": "desk"}).status == 404
    assert api.post("/api/actions/7/approve", {"digest": "0" * 64}).status == 404


@pytest.mark.parametrize(("approve_role", "operator"), [("admin", 403), ("operator", 200)])
def test_roles_say_who_approves(tmp_path: Path, approve_role: str, operator: int) -> None:
    """An operator proposes; who approves is a setting; a viewer looks."""
    users = {"Vi": Role.VIEWER, "Op": Role.OPERATOR, "Ad": Role.ADMIN}
    with site(tmp_path, users, connectors=TABLE, approve_role=approve_role) as found:
        _fill(found.database)
        callers = {name: found.visitor(name) for name in users}

        def post(who: str, path: str, body: dict[str, Any]) -> Any:
            return callers[who](
                "POST", path, json.dumps(body), Content_Type="application/json", X_CSRF_Token=callers[who].csrf
            )

        wanted = {"problem": 1, "target": "desk", "by": "nobody"}
        assert post("Vi", "/api/actions", wanted).status == 403
        made = json.loads(post("Op", "/api/actions", wanted).text)
        assert made["proposed_by"] == "Op"
        assert callers["Vi"].get(f"/api/actions/{made['id']}").status == 200
        for path in ("approve", "decline", "retry", "settle"):
            body = {"digest": made["digest"]} if path == "approve" else {}
            assert post("Vi", f"/api/actions/{made['id']}/{path}", body).status == 403
        answer = post("Op", f"/api/actions/{made['id']}/approve", {"digest": made["digest"]})
        assert answer.status == operator
        assert operator == 200 or "needs the role admin, yours is operator" in answer.text
        assert post("Ad", f"/api/actions/{made['id']}/decline", {}).status == 200


def test_every_route_is_described(api: Client) -> None:
    """With bodies, answers, and examples that are taken."""
    described = api("/openapi.json").json
    paths = {path for path in described["paths"] if re.match("/api/(actions|targets)", path)}
    assert len(paths) == 8
    fields = described["components"]["schemas"]["ActionShown"]["properties"]
    assert fields["created"]["type"] == "string"
    example = described["components"]["schemas"]["Proposing"]["examples"][0]
    answer = api.post("/api/actions", {**example, "problem": 1})
    assert "no connected system is called 'jira'" in answer.json["detail"]
