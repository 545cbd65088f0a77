"""What people do through the API: checked, done to all or to none, written into the audit, and told in one sentence."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from andon.app.web.people import Person, Role
from andon.core.models import Explanation, Rung
from andon.core.settings.database_url import Database
from andon.store import Store, queue
from support import postgres
from support.alarm_logs import T0, raised, record
from support.api import Client, served
from support.store_data import Clock, a_reject, opened

BOTH = pytest.mark.parametrize("api", ["sqlite", "postgresql"], indirect=True)
CHECKS = ["Check the fan", "Check the filter"]


def _fill(path: Database) -> None:
    """Three active alarms, one of a problem of its own; each problem explained; two rejects."""
    events = [
        raised(0, "F1", pattern="p1", host="press-1"),
        raised(60, "F2", pattern="p1", host="press-2"),
        raised(120, "F3", pattern="p2", host="oven-1"),
    ]

    async def work() -> None:
        clock = Clock()
        clock.now = time.time()
        async with opened(path, clock=clock) as store:
            records = [record(number, event) for number, event in enumerate(events, 1)]
            await store.record(records, [a_reject(10), a_reject(11, data=b"<b>" + b"x" * 600)])
            clock.now += 60
            while (await store.index(500))[1]:
                pass
            await _explain(store, clock)

    asyncio.run(work())


async def _explain(store: Store, clock: Clock) -> None:
    answer = Explanation(rung=Rung.PLAYBOOK, text="too hot", finding={"summary": "hot", "checks": CHECKS}, source="r1")
    while (job := await store.write(queue.claim, "me", 60, clock.now)) is not None:
        await store.write(queue.finish, job, answer, clock.now)


@pytest.fixture
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    """A client of the API over a filled database; SQLite unless told otherwise."""
    path: Database = tmp_path / "agent.db"
    if getattr(request, "param", "sqlite") == "postgresql":
        server = postgres.cluster()
        if server is None:
            pytest.skip(postgres.MISSING)
        path = server.prepared()
    _fill(path)
    with served(path) as port:
        client = Client(port)
        yield client
        client.close()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The same for all tests that change nothing."""
    path = tmp_path_factory.mktemp("quiet") / "agent.db"
    _fill(path)
    with served(path) as port:
        client = Client(port)
        yield client
        client.close()


def ids(api: Client, which: str = "active") -> dict[str, int]:
    """The alarms of a list by their codes."""
    return {one["code"]: one["id"] for one in api("/api/alarms", list=which).json["items"]}


def deeds(api: Client) -> list[tuple[str, str, str]]:
    """Who did what to what, the oldest first."""
    return [(one["actor"], one["action"], one["subject"]) for one in reversed(api("/api/audit").json["items"])]


def test_two_people_acknowledge_the_same_alarm(api: Client) -> None:
    """The first one's name and time stay; the second one's note is kept with the problem; nobody gets an error."""
    one = ids(api)["F1"]
    first = api.post(f"/api/alarms/{one}/acknowledge", {"by": "Meier", "note": "fitter called"}).json
    second = api.post(f"/api/alarms/{one}/acknowledge", {"by": "Okafor", "note": "fan is loud"})
    assert (second.status, second.json) == (200, first)
    assert (first["acked_by"], first["ack_note"]) == ("Meier", "fitter called")
    (note,) = api(f"/api/problems/{first['pattern_id']}/notes").json["items"]
    assert (note["author"], note["text"]) == ("Okafor", "fan is loud")
    assert [actor for actor, action, _ in deeds(api) if action in ("alarm.acknowledge", "problem.note")] == [
        "Meier", "Okafor",
    ]  # fmt: skip
    assert api.post(f"/api/alarms/{one}/acknowledge", {}).json["acked_by"] == "Meier"


def test_several_are_done_or_none(api: Client) -> None:
    """An id that is not there leaves the others as they were."""
    known = ids(api)
    for what, more in (("acknowledge", {}), ("shelve", {"seconds": 3600, "note": "ordered"})):
        refused = api.post(f"/api/alarms/{what}", {"ids": [known["F1"], 999], **more})
        assert (refused.status, "no alarm 999" in refused.json["detail"]) == (404, True)
    assert deeds(api) == []
    both = [known["F1"], known["F2"], known["F1"]]
    done = api.post("/api/alarms/acknowledge", {"ids": both, "by": "Meier"}).json["items"]
    assert [(one["code"], one["acked_by"]) for one in done] == [("F1", "Meier"), ("F2", "Meier")]
    assert api.post("/api/alarms/acknowledge", {"ids": []}).status == 400
    assert api.post("/api/alarms/acknowledge", {"ids": list(range(1, 1002))}).status == 400


def test_one_alarm_is_shown(quiet: Client) -> None:
    """As its list shows it."""
    first = quiet("/api/alarms").json["items"][0]
    assert quiet(f"/api/alarms/{first['id']}").json == first
    assert (quiet("/api/alarms/999").status, quiet("/api/alarms/1", x=1).status) == (404, 400)


@BOTH
def test_a_problem_comes_back_with_all_its_alarms(api: Client) -> None:
    """Those that are shelved, and only where one is."""
    problem = api("/api/alarms").json["items"][0]["pattern_id"]
    path = f"/api/problems/{problem}"
    known = sorted(one["id"] for one in api("/api/alarms").json["items"] if one["pattern_id"] == problem)
    assert api.post(f"{path}/shelve", {"seconds": 3600, "note": "ordered"}).status == 200
    back = api.post(f"{path}/unshelve", {"by": "Meier"}).json["items"]
    assert [one["id"] for one in back] == known
    assert {one["shelved_until"] for one in back} == {None}
    nothing = api.post(f"{path}/unshelve", {})
    assert (nothing.status, "nothing to put back" in nothing.json["detail"]) == (400, True)
    assert api.post("/api/problems/999/unshelve", {}).status == 404
    assert [deed[1] for deed in deeds(api)] == ["alarm.shelve"] * len(known) + ["alarm.unshelve"] * len(known)


def test_shelving_is_for_a_time(api: Client) -> None:
    """A minute at least, 31 days at most, with a reason; back at once where it is wanted."""
    one = ids(api)["F3"]
    path = f"/api/alarms/{one}/shelve"
    for seconds in (59, 31 * 86_400 + 1, "inf", None):
        assert api.post(path, {"seconds": seconds, "note": "x"}).status == 400
    assert api.post(path, {"seconds": 60}).json["detail"].startswith("note: ")
    assert "reason" in api.post(path, {"seconds": 60, "note": "  "}).json["detail"]
    done = api.post(path, {"seconds": 7200, "note": "sensor ordered", "by": "Meier"}).json
    lasts = datetime.fromisoformat(done["shelved_until"]).timestamp() - time.time()
    assert 7100 < lasts <= 7200
    assert set(ids(api)) == {"F1", "F2"}
    assert set(ids(api, "shelved")) == {"F3"}
    assert api.post(f"/api/alarms/{one}/unshelve", {}).json["shelved_until"] is None
    again = api.post("/api/alarms/unshelve", {"ids": [one]})
    assert (again.status, "is not shelved" in again.json["detail"]) == (400, True)


@BOTH
def test_a_problem_with_all_its_alarms(api: Client) -> None:
    """What may be active is acknowledged or shelved together; a note where nothing was new is kept."""
    problem = next(one for one in api("/api/alarms").json["items"] if one["code"] == "F1")["pattern_id"]
    done = api.post(f"/api/problems/{problem}/acknowledge", {"by": "Meier", "note": "seen"}).json["items"]
    assert {one["code"] for one in done} == {"F1", "F2"}
    late = api.post(f"/api/problems/{problem}/acknowledge", {"by": "Okafor", "note": "me too"})
    assert (late.status, late.json["items"]) == (200, [])
    assert [one["text"] for one in api(f"/api/problems/{problem}/notes").json["items"]] == ["me too"]
    shelf = {"seconds": 3600, "note": "ordered", "by": "Meier"}
    assert len(api.post(f"/api/problems/{problem}/shelve", shelf).json["items"]) == 2
    assert "nothing to shelve" in api.post(f"/api/problems/{problem}/shelve", shelf).json["detail"]
    assert api.post("/api/problems/999/acknowledge", {}).status == 404


@BOTH
def test_working_on_a_problem(api: Client) -> None:
    """Ticks, notes, verdicts, fixes and questions; each can be taken back where that makes sense."""
    path = "/api/problems/1"
    (tick,) = api.post(f"{path}/tick", {"step": 1, "by": "Meier"}).json["items"]
    assert (tick["step"], tick["text"], tick["author"]) == (1, CHECKS[1], "Meier")
    assert api.post(f"{path}/tick", {"step": 1, "by": "Okafor"}).json["items"] == [tick]
    assert "has no step 2" in api.post(f"{path}/tick", {"step": 2}).json["detail"]
    assert api(path).json["ticks"] == [tick]
    assert api.post(f"{path}/tick", {"step": 1, "done": False}).json["items"] == []
    assert api.post(f"{path}/notes", {"text": "fan is loud", "by": "Meier"}).json["author"] == "Meier"
    assert api.post(f"{path}/verdict", {"verdict": "wrong", "by": "Meier"}).json["author"] == "Meier"
    assert api.delete(f"{path}/verdict", by="Okafor").status == 404
    assert api.delete(f"{path}/verdict", by="Meier").json["verdict"] == "wrong"
    fix = api.post(f"{path}/resolve", {"fix": "Cleaned the fan", "cause": "Dust", "by": "Meier"}).json
    assert api(path).json["explanation"]["rung"] == "resolution"
    assert api.delete(f"{path}/resolve", fix=fix["id"] + 1).status == 404
    assert api.delete(f"{path}/resolve", by="Okafor").json == fix
    assert api(path).json["explanation"]["rung"] == "playbook"
    waits = api.post(f"{path}/ask", {"by": "Meier"}).json["analysis_id"]
    assert [one["id"] for one in api("/api/queue").json["items"]] == [waits]
    assert [(actor, action) for actor, action, _ in deeds(api)] == [
        ("Meier", "problem.tick"), ("unknown", "problem.untick"), ("Meier", "problem.note"),
        ("Meier", "problem.judge"), ("Meier", "problem.unjudge"), ("Meier", "problem.resolve"),
        ("Okafor", "problem.revoke"), ("Meier", "problem.ask"),
    ]  # fmt: skip


def test_merging_and_splitting(api: Client) -> None:
    """Two problems become one and two again; what makes no sense is told."""
    assert api.post("/api/problems/2/merge", {"into": 1, "by": "Meier"}).json == {"pattern_id": 2, "problem_id": 1}
    assert api("/api/problems/1").json["pattern"]["merged"] == [2]
    assert api.post("/api/problems/2/split", {}).json == {"pattern_id": 2, "problem_id": 1}
    assert "not merged" in api.post("/api/problems/2/split", {}).json["detail"]
    assert "itself" in api.post("/api/problems/2/merge", {"into": 2}).json["detail"]
    assert [action for _, action, _ in deeds(api)] == ["problem.merge", "problem.split"]


def test_a_shift_is_noted_and_signed_for(api: Client) -> None:
    """A note of now; the first signature freezes the report, another name joins it, and none signs twice."""
    assert api.post("/api/notes", {"text": "Press 4 at 80 %", "by": "Meier"}).json["author"] == "Meier"
    assert [one["text"] for one in api("/api/notes").json["items"]] == ["Press 4 at 80 %"]
    shift = {"shift": "night", "day": "2025-01-14"}
    assert api.post("/api/report/sign", {"name": "Meier", **shift}).json["frozen"] is True
    names = [one["name"] for one in api.post("/api/report/sign", {"name": "Okafor", **shift}).json["signatures"]]
    assert names == ["Meier", "Okafor"]
    twice = api.post("/api/report/sign", {"name": "Meier", **shift})
    assert (twice.status, twice.json["detail"]) == (400, "Meier has already signed for this shift")
    assert api("/api/report", **shift).json["frozen"] is True
    nothing = api.post("/api/report/sign", {"name": "Meier", "shift": "night", "day": "1999-01-01"})
    assert (nothing.status, "nothing is stored" in nothing.json["detail"]) == (400, True)


@BOTH
def test_rejects(api: Client) -> None:
    """Listed by their beginnings page by page, one with its bytes, deleted all or none; retried where a broker is."""
    page = api("/api/rejects", limit=1).json
    (newest,) = page["items"]
    assert (newest["size"], newest["text"][:5], newest["text"][-1], len(newest["text"])) == (603, "<b>xx", "…", 501)
    (oldest,) = api("/api/rejects", limit=1, next=page["next"]).json["items"]
    assert (oldest["text"], api(f"/api/rejects/{oldest['id']}").json["data"]) == ("\\xff{", "/3s=")
    assert api.post(f"/api/rejects/{oldest['id']}/retry", {}).status == 503  # only a service has a broker
    assert api.post("/api/rejects/retry", {"ids": [oldest["id"], 99]}).status == 503
    assert api.delete("/api/rejects", id=[newest["id"], 99]).status == 404
    assert api.delete("/api/rejects", id=[newest["id"], oldest["id"]], by="Meier").json == {"deleted": 2}
    assert api("/api/rejects").json == {"items": [], "next": None, "notes": []}
    assert deeds(api) == [("Meier", "rejects.delete", "rejects")]


def test_a_list_says_that_there_are_more(api: Client) -> None:
    """Where it cannot be continued; not where it holds all."""
    for number in range(3):
        api.post("/api/notes", {"text": f"note {number}"})
    few = api("/api/notes", limit=2).json
    assert [one["text"] for one in few["items"]] == ["note 2", "note 1"]
    assert few["notes"] == ["only the first 2 are listed: ask with a larger limit"]
    assert api("/api/notes", limit=3).json["notes"] == []


def test_the_audit_goes_on_page_by_page(api: Client) -> None:
    """Each deed once, the newest first, or those of one kind."""
    for number in range(5):
        api.post("/api/notes", {"text": f"note {number}"})
    api.post("/api/problems/1/notes", {"text": "x"})
    seen: list[int] = []
    following: dict[str, Any] = {}
    while True:
        page = api("/api/audit", limit=2, action="shift.", **following).json
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        following = {"next": page["next"]}
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/api/notes", {"text": "x", "author": "Meier"}, "there is no parameter 'author' here"),
        ("/api/notes", {"text": ""}, "text: "),
        ("/api/notes", {"text": "a\0b"}, "NUL"),
        ("/api/notes", {"text": "a\ud800b"}, "text: it holds half a character"),
        ("/api/notes", {"text": "x", "by": "\udfff"}, "by: it holds half a character"),
        ("/api/alarms/1/acknowledge", {"note": "\ud800"}, "note: it holds half a character"),
        ("/api/problems/1/resolve", {"fix": "\ud800"}, "fix: it holds half a character"),
        ("/api/problems/1/resolve", {"fix": "x", "cause": "\ud800"}, "cause: it holds half a character"),
        ("/api/actions", {"problem": 1, "target": "x", "where": "\ud800"}, "where: it holds half a character"),
        ("/api/actions", {"problem": 1, "target": "x", "why": "\ud800"}, "why: it holds half a character"),
        ("/api/actions/1/decline", {"note": "\ud800"}, "note: it holds half a character"),
        ("/api/actions/1/settle", {"ref": "\ud800"}, "ref: it holds half a character"),
        ("/api/notes", {"text": "x" * 20_001}, "at most 20000"),
        ("/api/notes", ["x"], "the body must be a JSON object, sent with the header Content-Type: application/json"),
        ("/api/alarms/1/shelve", {"for": "1h", "note": "x"}, "there is no parameter 'for' here"),
        ("/api/notes", {"text": "x", "by": "n" * 201}, "by: "),
        ("/api/problems/1/resolve", {"fix": "   "}, "needs a text"),
        ("/api/problems/1/merge", {}, "into: it is missing"),
        ("/api/problems/1/tick", {"step": -1}, "step: "),
        ("/api/report/sign", {"name": "Meier", "shift": "lunch"}, "no shift is called"),
        ("/api/ask", {"question": "x", "since": "whenever"}, "is not a time"),
    ],
)
def test_what_makes_no_sense_is_refused(quiet: Client, path: str, body: Any, sentence: str) -> None:
    """With 400 and a sentence; nothing is written."""
    answer = quiet.post(path, body)
    assert (answer.status, sentence in answer.json["detail"]) == (400, True), answer.json
    assert deeds(quiet) == []


def test_a_body_that_is_said_to_be_a_form_is_refused(quiet: Client) -> None:
    """As curl says of what it is given without a header; the sentence names the header."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = quiet.post("/api/alarms/1/acknowledge", {}, **form)
    assert (answer.status, "Content-Type: application/json" in answer.json["detail"]) == (400, True)


def test_what_is_not_there_is_told_in_a_sentence(quiet: Client) -> None:
    """Also an address or a method that the API does not know."""
    nothing = quiet.post("/api/alarms/1/ack", {})
    assert (nothing.status, "there is nothing at /api/alarms/1/ack: " in nothing.json["detail"]) == (404, True)
    wrong = quiet.delete("/api/notes")
    assert (wrong.status, wrong.json["detail"].split(":")[0]) == (405, "/api/notes takes GET, not DELETE")
    assert wrong.headers["allow"] == "GET"


def test_roles_are_asked_of_every_change(quiet: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who only looks changes nothing; what takes an administrator is refused to an operator; found by the routes."""
    role = Role.VIEWER
    monkeypatch.setattr("andon.app.web.people.person_of", lambda _request: Person("vera", role))
    refused: dict[Role, set[str]] = {}
    for role in (Role.VIEWER, Role.OPERATOR):
        for path, operations in quiet("/openapi.json").json["paths"].items():
            for method in operations.keys() & {"post", "delete"}:
                target = re.sub(r"\{\w+\}", "999", path)
                answer = quiet.post(target, {}) if method == "post" else quiet.delete(target)
                assert answer.status in (400, 403, 404, 503), (method, path, answer.body)
                if answer.status == 403:
                    refused.setdefault(role, set()).add(f"{method} {path}")
    assert deeds(quiet) == []
    assert len(refused[Role.VIEWER]) >= 24
    assert refused[Role.OPERATOR] == {
        "post /api/problems/{problem_id}/merge", "post /api/problems/{problem_id}/split",
        "post /api/rejects/retry", "post /api/rejects/{reject_id}/retry",
        "delete /api/rejects", "delete /api/rejects/{reject_id}",
        "post /api/actions/{action_id}/approve", "post /api/actions/{action_id}/decline",
        "post /api/actions/{action_id}/retry", "post /api/actions/{action_id}/settle",
    }  # fmt: skip


def test_a_login_names_who_did_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody acts under another name by writing it into the body."""
    _fill(tmp_path / "agent.db")
    monkeypatch.setattr("andon.app.web.people.person_of", lambda _request: Person("vera", Role.OPERATOR))
    with served(tmp_path / "agent.db") as port:
        client = Client(port)
        assert client.post("/api/notes", {"text": "x", "by": "Meier"}).json["author"] == "vera"
        client.close()


def test_the_old_moments_of_the_audit_are_told_alike(tmp_path: Path) -> None:
    """What earlier versions wrote down as seconds."""
    from andon.store import audit, change

    _fill(tmp_path / "agent.db")
    change(tmp_path / "agent.db", audit.note, "Meier", "alarm.shelve", "alarm 1", {"until": T0})
    with served(tmp_path / "agent.db") as port:
        client = Client(port)
        (entry,) = client("/api/audit").json["items"]
        client.close()
    assert entry["detail"] == {"until": "2025-01-15T00:00:00.000Z"}
