"""The HTTP API over real HTTP: typed answers, pages, files, and one sentence for everything that makes no sense."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.core.settings.database_url import Database
from andon.store import queue, search
from support import postgres
from support.api import Client, served
from support.patience import PATIENCE
from support.store_data import Clock, a_log, an_answer, opened

MESSAGES = 150
DAY = {"since": "2025-01-15", "until": "2025-01-16"}


def _fill(path: Database) -> None:
    rows = [
        a_log(
            n,
            f"p{n % 3}",
            message="=cmd|' /C calc'!A0" if n == 1 else f"fault {n} of p{n % 3}",
            severity=("WARNING", "ERROR", "CRITICAL")[n % 3],
            hostname=f"plc-{n % 4}",
            line=f"L{n % 2}",
            context=json.dumps({"firmware": "2.1.4" if n % 3 == 0 else "2.0.9", "lot": n % 7}),
        )
        for n in range(1, MESSAGES + 1)
    ]

    async def work() -> None:
        clock = Clock()
        async with opened(path, clock=clock) as store:
            await store.record(rows, [])
            clock.now += 60
            while (await store.index(500))[1]:
                pass
            job = await store.write(queue.claim, "me", 60, clock.now)
            assert job is not None
            await store.write(queue.finish, job, an_answer("cable"), clock.now)

    asyncio.run(work())


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def get(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of the API over a filled database of either kind."""
    path: Database = tmp_path_factory.mktemp("api") / "agent.db"
    if request.param == "postgresql":
        server = postgres.cluster()
        if server is None:
            pytest.skip(postgres.MISSING)
        path = server.prepared()
    _fill(path)
    with served(path) as port:
        client = Client(port)
        yield client
        client.close()


def test_logs_come_page_by_page(get: Client) -> None:
    """Every log once, in order, whichever the direction and the size of the page."""
    for oldest in ("false", "true"):
        ids, following = [], {}
        while True:
            page = get("/api/logs", limit=40, oldest=oldest, **following).json
            ids += [log["id"] for log in page["items"]]
            if page["next"] is None:
                break
            following = {"next": page["next"]}
        assert sorted(ids) == list(range(1, MESSAGES + 1))
        assert ids == sorted(ids, reverse=oldest == "false")


def test_a_log_has_its_context_and_explanation(get: Client) -> None:
    """Values, not text."""
    log = get("/api/logs/3").json
    assert log["context"] == {"firmware": "2.1.4", "lot": 3}
    assert {get(f"/api/logs/{n}").json["analysis"] for n in (1, 2, 3)} == {"cable", None}


def test_logs_can_be_filtered(get: Client) -> None:
    """By everything at once; a repeated field must hold each time."""

    def found(**asked: object) -> list[int]:
        return [log["id"] for log in get("/api/logs", limit=1000, oldest="true", **asked).json["items"]]

    assert get("/api/logs", host="plc-[2]").status == 404  # brackets are no pattern
    assert found(severity="critical", host="plc-?", line="L1", text="fault p2")[:3] == [5, 11, 17]
    assert found(field=["firmware=2.1.4", "lot=0"]) == [21, 42, 63, 84, 105, 126, 147]
    assert found(text='"fault 15 of"') == [15]
    assert found(since="2025-01-15T03:15:00", until="2025-01-15T03:15:02+01:00") == [60, 61]  # Berlin's clock


def test_problems(get: Client) -> None:
    """A list, one of them, and what more is known about it."""
    rows = get("/api/problems", sort="count").json["items"]
    assert [row["count"] for row in rows] == [50, 50, 50]
    one = rows[0]["id"]
    shown = get(f"/api/problems/{one}").json
    assert shown["pattern"] == rows[0]
    assert len(shown["hosts"]) == 4
    assert get(f"/api/problems/{one}/history").json["items"][0]["pattern_id"] == one
    parts = get(f"/api/problems/{one}/breakdown", **DAY).json
    assert parts["logs"] == 50
    assert [part["value"] for part in parts["hostname"]] == ["plc-0", "plc-1", "plc-2", "plc-3"] or len(
        parts["hostname"]
    ) == 4
    assert parts["shifts"][-1]["name"] == "night"
    assert isinstance(get(f"/api/problems/{one}/similar").json["items"], list)


def test_a_verdict_is_kept_and_shown(tmp_path: Path) -> None:
    """The last word of a person counts; what makes no sense is one sentence; another site's page gives none."""
    _fill(tmp_path / "agent.db")
    with served(tmp_path / "agent.db") as port:
        client = Client(port)
        explained = next(one["id"] for one in client("/api/problems").json["items"] if one["rung"] == "model")
        path = f"/api/problems/{explained}/verdict"
        assert client.post(path, {"verdict": "wrong", "author": "ann"}).status == 200
        made = client.post(path, {"verdict": "helpful", "author": "ann", "note": "yes"}).json
        assert (made["verdict"], made["model"], made["second"]) == ("helpful", "m", False)
        shown = client(f"/api/problems/{explained}").json
        assert [(one["verdict"], one["note"]) for one in shown["verdicts"]] == [("helpful", "yes")]
        assert shown["second_opinion"] is None
        assert client.post(path, {"verdict": "so-so"}).status == 400
        assert client.post(path, {"verdict": "wrong", "why": "x"}).json["detail"].startswith("there is no parameter")
        assert client.post(path, {"verdict": "wrong", "second": True}).status == 404
        assert client.post("/api/problems/999/verdict", {"verdict": "wrong"}).status == 404
        assert client.post(path, {"verdict": "wrong"}, Origin="http://evil.example").status == 403
        assert client.post(path, {"verdict": "wrong", "note": "x" * 70_000}).status == 413
        client.close()


def test_trends_and_figures(get: Client) -> None:
    """Each question is answered with its type."""
    top = get("/api/trends/top", **DAY).json
    assert (top["kind"], top["logs"], len(top["items"])) == ("top", MESSAGES, 3)
    assert len(get("/api/trends/new", **DAY).json["items"]) == 3
    assert get("/api/trends/rising", **DAY).json["note"]
    assert get("/api/trends/quiet", **DAY).json["items"] == []
    assert get("/api/trends/top", line="L1", **DAY).json["logs"] == MESSAGES / 2
    (flood,) = get("/api/trends/first-out", **DAY).json["items"]
    assert flood["alarms"] > 100
    assert get("/api/trends/together", **DAY).json["items"] == []
    hours = get("/api/timeline", **DAY, step="hour").json
    assert (hours["total"], len(hours["points"]), hours["zone"]) == (MESSAGES, 24, "Europe/Berlin")
    diff = get("/api/diff", pattern=get("/api/logs/3").json["pattern_id"], **DAY).json
    assert (diff["inside"], diff["outside"], diff["differences"]) == (50, 100, [])
    assert "too few events" in diff["note"]  # all within minutes: a few bursts, whatever they have in common
    assert get("/api/alarms", list="all").status == 200
    assert get("/api/alarms/figures", **DAY).json["figures"]["alarms"] == MESSAGES
    assert get("/api/retention").json["rules"] == []
    assert get("/api/report", at="2025-01-15T03:30").json["shift"] == "night"


def test_files(get: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """CSV and JSON lines of all logs over several pages; no cell is a formula."""
    monkeypatch.setattr("andon.app.web.api.files.PAGE", 40)
    answer = get("/api/export", format="csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [int(row["id"]) for row in rows] == list(range(1, MESSAGES + 1))
    assert rows[0]["message"].startswith("'=cmd")
    assert "attachment" in answer.headers["content-disposition"]
    lines = get("/api/export", limit=85, host="plc-*").body.splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(1, 86))
    assert get("/api/export", since="2031-01-01").body == b""


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("/api/logs?nonsense=1", "no parameter 'nonsense' here: /openapi.json lists those there are"),
        ("/api/logs?sevrity=error", "no parameter 'sevrity' here: did you mean 'severity'?"),
        ("/api/problems?sorted=count", "no parameter 'sorted' here: did you mean 'sort'?"),
        ("/api/logs?problem=1&pattern=2", "pattern: it is the former name of problem"),
        ("/api/alarms/loud", "write a whole number"),
        ("/api/logs?since=8", "'8' may be a clock time or an age: write 08:00"),
        ("/api/logs/1?x=1", "no parameter 'x'"),
        ("/api/logs?limit=1001", "limit: write 1000 or less"),
        ("/api/logs?limit=x", "limit"),
        ("/api/logs?severity=shrill", "severity: 'shrill' is not a severity: use DEBUG"),
        ("/api/logs?since=whenever", "is not a time"),
        ("/api/logs?since=2025-03-30T02:30", "does not exist in Europe/Berlin"),
        ("/api/logs?since=2025-02-01&until=2025-01-01", "must be earlier than the end"),
        ("/api/logs?next=abc", "not a position in a listing"),
        ("/api/logs?next=" + "A" * 500, "at most 400"),
        ("/api/logs?field=firmware", "write name=value"),
        ("/api/logs?host=%00", "NUL"),
        ("/api/logs?pattern=99999999999999999999", "pattern: write a smaller number"),
        ("/api/logs/0", "write 1 or more"),
        ("/api/logs/one", "write a whole number"),
        ("/api/problems?sort=best", "sort"),
        ("/api/timeline?step=minute&since=30d", "longer step"),
        ("/api/timeline?zone=Mars/Base", "not a time zone"),
        ("/api/timeline?zone=../../etc/passwd", "not a time zone"),
        ("/api/trends/top?line=L1&host=h", "name one of them"),
        ("/api/trends/top?baseline=1h&since=2h", "baseline"),
        ("/api/problems/1/breakdown?since=0001-01-02", "too many"),
        ("/api/diff?baseline=1h&since=2h", "baseline"),
        ("/api/export?format=parquet", "format"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(get: Client, target: str, sentence: str) -> None:
    """Refused with 400 and the reason."""
    answer = get.raw(target)
    assert answer.status == 400
    assert sentence in answer.json["detail"]
    assert "\n" not in answer.json["detail"]


def test_a_cursor_is_of_its_listing(get: Client) -> None:
    """With other filters it would skip logs unseen."""
    following = get("/api/logs", limit=5, severity="ERROR").json["next"]
    assert get("/api/logs", limit=7, severity="ERROR", next=following).status == 200
    assert "another listing" in get("/api/logs", limit=5, next=following).json["detail"]
    assert "another listing" in get("/api/logs", oldest="true", severity="ERROR", next=following).json["detail"]


@pytest.mark.parametrize(
    "target",
    [
        "/api/logs/999",
        "/api/problems/999",
        "/api/problems/999/breakdown",
        "/api/diff?pattern=999",
        "/api/trends/top?machine=none",
    ],
)
def test_what_is_not_there_is_404(get: Client, target: str) -> None:
    """With a sentence."""
    answer = get.raw(target)
    assert answer.status == 404
    assert answer.json["detail"]


def test_a_question_that_takes_too_long_is_503(get: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """With advice, and when to try again."""
    from andon.core.errors import QueryTooSlow

    def slow(*_: Any) -> Any:
        raise QueryTooSlow("the database did not answer this within 5 s: ask about a shorter time")

    monkeypatch.setattr("andon.store.search.find", slow)
    answer = get("/api/logs")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "shorter time" in answer.json["detail"]


def test_the_description_names_every_answer(get: Client) -> None:
    """Every reference is resolved, every route has its typed answer, and nothing remote is named."""
    described = get("/openapi.json").json
    text = json.dumps(described)
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert names <= set(described["components"]["schemas"])
    assert {"/api/logs", "/api/logs/{log_id}", "/api/trends/first-out", "/api/export"} <= set(described["paths"])
    assert "422" not in text
    for path, operations in described["paths"].items():
        if path.startswith("/api/") and path != "/api/export":
            assert "$ref" in json.dumps(next(iter(operations.values()))["responses"]["200"]), path
    assert get("/docs").status == 404


def test_the_token_guards_everything(tmp_path: Path) -> None:
    """The API and its description."""
    _fill(tmp_path / "agent.db")
    with served(tmp_path / "agent.db", token="hush") as port:
        stranger, friend = Client(port), Client(port, "hush")
        for path in ("/api/logs", "/api/trends/top", "/openapi.json", "/api/export"):
            assert stranger(path).status == 401
            assert friend(path).status == 200
        stranger.close()
        friend.close()


def test_slow_questions_do_not_hold_up_the_loop(get: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searching happens in threads: liveness answers meanwhile."""
    import threading

    begun, end = threading.Event(), threading.Event()
    real = search.find

    def waiting(*arguments: Any) -> Any:
        begun.set()
        assert end.wait(PATIENCE)
        return real(*arguments)

    monkeypatch.setattr("andon.store.search.find", waiting)
    statuses: list[int] = []
    other = Client(get._connection.port)
    thread = threading.Thread(target=lambda: statuses.append(other("/api/logs").status))
    thread.start()
    assert begun.wait(PATIENCE)
    assert get("/healthz").status == 200
    end.set()
    thread.join(PATIENCE)
    other.close()
    assert statuses == [200]


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("/api/patterns?sort=count", "/api/problems?sort=count"),
        ("/api/patterns/1", "/api/problems/1"),
        ("/api/patterns/1/history", "/api/problems/1/history"),
        ("/api/logs?pattern=1", "/api/logs?problem=1"),
        ("/api/export?pattern=1", "/api/export?problem=1"),
        (
            "/api/timeline?pattern=1&since=2025-01-01&until=2025-01-03",
            "/api/timeline?problem=1&since=2025-01-01&until=2025-01-03",
        ),
        ("/api/diff?pattern=1&since=2025-01-01", "/api/diff?problem=1&since=2025-01-01"),
        ("/api/alarms?list=all", "/api/alarms/all"),
        ("/api/alarms", "/api/alarms/active"),
        ("/api/queue?failed=true", "/api/queue/failed"),
        ("/api/logs?severity=warn", "/api/logs?severity=WARNING"),
        ("/api/logs?severity=3", "/api/logs?severity=ERROR"),
    ],
)
def test_former_names_answer_the_same(get: Client, former: str, now: str) -> None:
    """Everything that worked goes on working; the description lists the present names alone."""
    old, new = get.raw(former), get.raw(now)
    assert (old.status, new.status) == (200, 200)
    if "severity" in former:  # the place of the next page holds it as it was written
        assert old.json["items"] == new.json["items"]
    elif "diff" not in former:  # which ends now
        assert old.body == new.body
    described = get("/openapi.json").json["paths"]
    assert not any(path.startswith("/api/patterns") for path in described)
    marked = {one["name"] for one in described["/api/logs"]["get"]["parameters"] if one["schema"].get("deprecated")}
    assert marked == {"pattern"}


def test_a_place_in_a_listing_holds_whichever_name_the_problem_has(get: Client) -> None:
    after = get("/api/logs", pattern=1, limit=1).json["next"]
    assert get("/api/logs", problem=1, limit=1, next=after).status == 200


_PATHS = [
    "/api/logs", "/api/logs/1", "/api/problems", "/api/problems/1", "/api/problems/1/history",
    "/api/problems/1/breakdown", "/api/problems/1/similar", "/api/trends/top", "/api/trends/new",
    "/api/trends/rising", "/api/trends/quiet", "/api/trends/first-out", "/api/trends/together", "/api/timeline",
    "/api/diff", "/api/export", "/api/alarms", "/api/alarms/figures", "/api/alarms/overview", "/api/report", "/api/retention",
]  # fmt: skip
_NAMES = [
    "since", "until", "baseline", "severity", "service", "host", "text", "problem", "pattern", "site", "area", "line", "machine",
    "field", "limit", "oldest", "next", "format", "sort", "new", "step", "zone", "list", "at", "other",
]  # fmt: skip
_TIMES = ["2025-01-15T02:14", "8h", "0s", "9999-12-31", "0001-01-01", "1969-12-31T23:59Z", "2025-W03-3", "99999w"]
_VALUES = st.one_of(
    st.sampled_from(
        [*_TIMES, "ERROR", "1", "0", "-1", "true", "day", "minute", "UTC", "*", "firmware=2.1.4", "'", '"', "a OR b"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.integers(-(10**25), 10**25).map(str),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(_PATHS), st.lists(st.tuples(st.sampled_from(_NAMES), _VALUES), max_size=3))
def test_no_request_makes_the_server_fail(get: Client, path: str, parameters: list[tuple[str, str]]) -> None:
    """Whatever is asked is answered, or refused with a sentence."""
    from urllib.parse import urlencode

    answer = get.raw(f"{path}?{urlencode(parameters)}")
    assert answer.status in (200, 400, 404), (path, parameters, answer.body)
    if answer.status != 200:
        assert answer.json["detail"]
