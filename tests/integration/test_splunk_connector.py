"""Splunk's connector against a Splunk over real HTTP: events, alerts, searches, checks, and what goes wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from andon.act.connectors.connected import build_connector
from andon.act.connectors.connector import Again
from andon.act.connectors.splunk import SplunkConnector
from andon.core.errors import ActionRefused, ConfigError, OutcomeUnknown, TargetAway
from andon.core.models.actions import Comment, Event, Operation, Order, SaveAlert, Section
from support.rest_stand_in import Answer
from support.settings import settings_of
from support.splunk import HEC_TOKEN, PASSWORD, TOKEN, USER, Splunk

KEY = "00112233445566778899aabbccddeeff"
BODY = (
    Section("What happened", ("The spindle overheats.", "See https://evil.example/x")),
    Section("Facts", ("12 times",), True),
)


@pytest.fixture
def splunk() -> Iterator[Splunk]:
    with Splunk() as service:
        yield service


@asynccontextmanager
async def connected(splunk: Splunk, **table: Any) -> AsyncIterator[SplunkConnector]:
    own = {
        "url": splunk.url,
        "token": TOKEN,
        "hec_url": splunk.url,
        "hec_token": HEC_TOKEN,
        "indexes": ["press", "main"],
        "alerts": True,
        **table,
    }
    settings = settings_of(splunk=[own])
    connector = build_connector(settings, settings.targets[0])
    assert isinstance(connector, SplunkConnector)
    try:
        yield connector
    finally:
        await connector.close()


def event(**changed: Any) -> Order:
    held: dict[str, Any] = {
        "title": "Spindle overheats",
        "body": BODY,
        "severity": "CRITICAL",
        "about": "problem-7",
        "host": "press-4",
        "service": "drive",
        "at": 1_796_047_200.25,
    }
    return Order(KEY, Event(**{**held, **changed}))


def alert(**changed: Any) -> Order:
    held: dict[str, Any] = {"name": "Press 4 overheats", "search": "index=press overheats", "every_minutes": 15}
    return Order(KEY, SaveAlert(**{**held, **changed}))


async def sent(connector: SplunkConnector, order: Order) -> Any:
    return await connector.send(order, connector.render(order))


async def test_an_event_is_indexed_as_it_was_rendered(splunk: Splunk) -> None:
    async with connected(splunk) as connector:
        rendered = connector.render(event())
        receipt = await connector.send(event(), rendered)
    assert receipt.words == "Success: taken"
    (stored,) = splunk.events
    assert stored == json.loads(rendered.requests[0].body)
    assert (stored["time"], stored["host"], stored["index"]) == (1_796_047_200.25, "press-4", "press")
    assert (stored["source"], stored["sourcetype"]) == ("andon", "andon:problem")
    assert stored["event"]["andon_key"] == KEY
    assert stored["event"]["text"].startswith("What happened\nThe spindle overheats.\nSee https[:]//evil.example/x")
    assert HEC_TOKEN not in repr(rendered)


async def test_rendering_is_pure_and_needs_no_index(splunk: Splunk) -> None:
    async with connected(splunk, indexes=[]) as connector:
        first, second = connector.render(event()), connector.render(event())
        assert first.digest == second.digest
        assert "index" not in json.loads(first.requests[0].body)
        with pytest.raises(ActionRefused, match="may not write to the index 'press'"):
            connector.render(event(where="press"))


async def test_a_long_text_stays_below_what_splunk_keeps(splunk: Splunk) -> None:
    body = tuple(Section("Ä" * 100, ("Ö" * 1_000,) * 60) for _ in range(20))
    async with connected(splunk) as connector:
        rendered = connector.render(event(body=body))
    assert 6_000 < len(rendered.requests[0].body.encode()) < 10_000
    assert "truncated" in rendered.notes[0]


async def test_an_index_that_the_token_may_not_write_to(splunk: Splunk) -> None:
    splunk.token_indexes = {"main"}
    async with connected(splunk) as connector:
        with pytest.raises(ActionRefused) as refused:
            await sent(connector, event())
        await sent(connector, event(where="main"))
    assert "splunk answered 400: Incorrect index (code 7); the token may not write to this index" in str(refused.value)
    assert len(splunk.events) == 1


@pytest.mark.parametrize(
    ("token", "disabled", "words"),
    [
        ("another", False, "403: Invalid token (code 4); Splunk does not know the hec_token: replace it"),
        (HEC_TOKEN, True, "403: Token disabled (code 1); the token is disabled"),
    ],
)
async def test_a_token_that_is_not_taken(splunk: Splunk, token: str, disabled: bool, words: str) -> None:
    splunk.disabled = disabled
    async with connected(splunk, hec_token=token) as connector:
        with pytest.raises(ActionRefused) as refused:
            await sent(connector, event())
        checked = await connector.check()
    assert words in str(refused.value)
    assert any(one.ok is False and words in one.detail for one in checked)
    assert token not in str(refused.value)


async def test_no_room_is_waited_for(splunk: Splunk) -> None:
    splunk.busy = True
    async with connected(splunk) as connector:
        with pytest.raises(TargetAway, match="Server is busy"):
            await sent(connector, event())
        assert connector.abilities[Operation.EVENT].again is Again.TWICE


async def test_a_cut_answer_is_not_known_and_one_that_never_left_is(splunk: Splunk) -> None:
    async with connected(splunk) as connector:
        splunk.fail("collector/event", "unanswered")
        with pytest.raises(OutcomeUnknown):
            await sent(connector, event())
        splunk.fail("collector/event", Answer(500, {"text": "Internal server error", "code": 8}))
        with pytest.raises(OutcomeUnknown, match="Internal server error"):
            await sent(connector, event())
    assert len(splunk.events) == 1


async def test_a_200_of_something_in_between_is_no_success(splunk: Splunk) -> None:
    async with connected(splunk) as connector:
        splunk.fail("collector/event", Answer(200, "<html>Log in to the proxy</html>", {"Content-Type": "text/html"}))
        with pytest.raises(OutcomeUnknown, match="not JSON"):
            await sent(connector, event())
        splunk.fail("collector/event", Answer(200, {"text": "Queued", "code": 99}))
        with pytest.raises(OutcomeUnknown, match="Queued"):
            await sent(connector, event())


async def test_a_collector_that_acknowledges_gets_its_channel(splunk: Splunk) -> None:
    splunk.acknowledges = True
    async with connected(splunk) as connector:
        receipt = await sent(connector, event())
    assert receipt.words == "Success: accepted for indexing as 1"
    assert splunk.seen[-1].headers["x-splunk-request-channel"] == "00112233-4455-6677-8899-aabbccddeeff"


async def test_an_alert_is_saved_once_however_often_it_is_sent(splunk: Splunk) -> None:
    async with connected(splunk, app="factory") as connector:
        rendered = connector.render(alert())
        splunk.fail("saved/searches", "unanswered")
        with pytest.raises(OutcomeUnknown):
            await connector.send(alert(), rendered)
        receipt = await connector.send(alert(), rendered)
    assert (receipt.ref, receipt.words) == ("Press 4 overheats", "it was already saved")
    (saved,) = splunk.saved.values()
    assert (saved["search"], saved["cron_schedule"]) == ("search index=press overheats", "*/15 * * * *")
    assert (saved["dispatch.earliest_time"], saved["dispatch.latest_time"]) == ("-16m@m", "-1m@m")
    assert f"andon-{KEY}" in saved["description"]
    assert rendered.notes[0] == "Search: search index=press overheats"
    assert splunk.asked("saved")[0].startswith("POST /servicesNS/nobody/factory/saved/searches")


async def test_an_alert_of_somebody_else_is_not_taken_for_ours(splunk: Splunk) -> None:
    splunk.saved["Press 4 overheats"] = {"search": "search *", "description": "by hand"}
    async with connected(splunk) as connector:
        with pytest.raises(ActionRefused, match="A saved search with that name already exists"):
            await sent(connector, alert())


async def test_an_alert_cannot_write(splunk: Splunk) -> None:
    async with connected(splunk) as connector:
        for search in ("index=press | delete", "index=press | sendemail to=x", "`cleanup`"):
            with pytest.raises(ActionRefused):
                connector.render(alert(search=search))
        with pytest.raises(ActionRefused, match="every 7 minutes cannot be scheduled"):
            connector.render(alert(every_minutes=7))


async def test_the_right_to_schedule_is_missing(splunk: Splunk) -> None:
    splunk.capabilities.remove("schedule_search")
    async with connected(splunk) as connector:
        with pytest.raises(ActionRefused, match=r"403: You do not have permission .*schedule_search.*have it granted"):
            await sent(connector, alert())
        checked = await connector.check()
    assert any(one.ok is False and "andon lacks schedule_search" in one.detail for one in checked)


async def test_only_what_is_configured_is_offered(splunk: Splunk) -> None:
    async with connected(splunk, hec_url="", alerts=False, indexes=[]) as connector:
        assert not connector.abilities
        with pytest.raises(
            ActionRefused, match=r"splunk takes no events: add hec_url and hec_token .*; it is only read"
        ):
            connector.render(event())
        assert [one.name for one in connector.readers()] == ["splunk_search", "splunk_alerts"]
    async with connected(splunk, url="", alerts=False) as connector:
        assert set(connector.abilities) == {Operation.EVENT}
        assert not connector.readers()
        with pytest.raises(ActionRefused, match=r"comments on no tickets"):
            connector.render(Order(KEY, Comment(ticket="X-1", body=())))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"token": ""}, "has a url but no login: set token, token_file or ANDON_SPLUNK_TOKEN"),
        ({"hec_token": ""}, "has a hec_url but no token for it"),
        ({"user": USER, "token": ""}, "names the user andon but no password"),
    ],
)
async def test_what_is_missing_is_said(splunk: Splunk, table: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        async with connected(splunk, **table):
            pass


@pytest.mark.parametrize("way", ["oneshot", "export"])
async def test_a_search_finds_what_was_sent(splunk: Splunk, way: str) -> None:
    async with connected(splunk, searches=way) as connector:
        for host in ("press-1", "press-2", "press-3"):
            await sent(connector, event(host=host))
        look = connector.readers()[0].look
        told = await look(search="index=press overheats", earliest="-4h", most=2)
        lines = told.splitlines()
        assert lines[0] == "2 rows from -4h to now, and there are more:"
        assert [json.loads(line)["host"] for line in lines[1:]] == ["press-1", "press-2"]
        assert "_cd" not in told
        counted = await look(search="index=press | stats count by host")
        assert counted.startswith("3 rows from -24h to now:")
        assert await look(search="index=press nowhere") == "nothing was found from -24h to now"
    form = splunk.seen[-1].form()
    assert (form["earliest_time"], form["latest_time"]) == ("-24h", "now")
    assert 1 <= int(form["max_time"]) < 15


@pytest.mark.parametrize("way", ["oneshot", "export"])
async def test_searches_are_kept_to_their_indexes(splunk: Splunk, way: str) -> None:
    async with connected(splunk, searches=way, search_indexes=["main"]) as connector:
        await sent(connector, event(where="press"))
        look = connector.readers()[0].look
        assert await look(search="overheats") == "nothing was found from -24h to now"
        assert await look(search="index=* overheats") == "nothing was found from -24h to now"
        with pytest.raises(ActionRefused, match="closes a"):
            await look(search="overheats) OR (index=press overheats")
        with pytest.raises(ActionRefused, match="looks beyond main"):
            await look(search="| tstats count where index=press")
        assert connector.readers()[0].description.endswith("Only these indexes are searched: main.")


@pytest.mark.parametrize("way", ["oneshot", "export"])
async def test_no_search_writes(splunk: Splunk, way: str) -> None:
    async with connected(splunk, searches=way) as connector:
        await sent(connector, event())
        before = len(splunk.seen)
        for search in (
            "index=press | delete",
            "index=press\n|\tDELETE",
            "| rest /services/server/info",
            "x | map search=y",
        ):
            with pytest.raises(ActionRefused, match="only read"):
                await connector.readers()[0].look(search=search)
    assert len(splunk.events) == 1
    assert len(splunk.seen) == before


@pytest.mark.parametrize("way", ["oneshot", "export"])
async def test_a_200_that_failed(splunk: Splunk, way: str) -> None:
    async with connected(splunk, searches=way) as connector:
        splunk.says = [("FATAL", "Error in 'where' command: The expression is malformed.")]
        with pytest.raises(ActionRefused, match="splunk did not run the search: Error in 'where' command"):
            await connector.readers()[0].look(search="index=press")
        splunk.says = [("WARN", "The search was ended because it ran too long: the rows may not be all.")]
        assert "ran too long" in await connector.readers()[0].look(search="index=press")


async def test_an_export_that_was_cut_says_so(splunk: Splunk) -> None:
    splunk.cuts_export = True
    async with connected(splunk, searches="export") as connector:
        await sent(connector, event())
        assert "did not say that these are all" in await connector.readers()[0].look(search="index=press")
        splunk.fail("export", Answer(200, '{"preview":false,"result":{"host":"a"}}\n{"prev'))
        with pytest.raises(TargetAway, match="stopped in the middle"):
            await connector.readers()[0].look(search="index=press")


async def test_a_search_that_finds_no_room_or_no_answer_changed_nothing(splunk: Splunk) -> None:
    splunk.running = 3
    async with connected(splunk) as connector:
        with pytest.raises(TargetAway, match=r"503: Search not executed.*quota"):
            await connector.readers()[0].look(search="index=press")
        splunk.running = 0
        splunk.fail("search/v2", "unanswered")
        with pytest.raises(TargetAway, match="broke before the answer"):
            await connector.readers()[0].look(search="index=press")


async def test_a_user_logs_in_with_a_password(splunk: Splunk) -> None:
    async with connected(splunk, token="", user=USER, password=PASSWORD) as connector:
        assert "nothing" in await connector.readers()[0].look(search="index=press")
    async with connected(splunk, token="", user=USER, password="wrong") as connector:
        with pytest.raises(ActionRefused, match="call not properly authenticated; it does not accept the password"):
            await connector.readers()[0].look(search="index=press")


async def test_alerts_that_fired(splunk: Splunk) -> None:
    async with connected(splunk) as connector:
        assert await connector.readers()[1].look() == "Oven door: fired 2 times\nPress 4 & co: fired 1 times"


async def test_doctor_finds_all_in_order(splunk: Splunk) -> None:
    async with connected(splunk, search_indexes=["main"], app="factory") as connector:
        checked = await connector.check()
    assert all(one.ok for one in checked), checked
    told = "\n".join(one.detail for one in checked)
    for part in (
        "Splunk 9.4.1 answers",
        "logged in as andon",
        "the app factory",
        "the index main",
        "HEC is healthy",
        "accepts the token",
    ):
        assert part in told
    assert not splunk.events
    assert not splunk.saved


async def test_doctor_finds_what_is_wrong(splunk: Splunk) -> None:
    splunk.capabilities = []
    splunk.version = "8.2.7"
    async with connected(splunk, app="nowhere", indexes=["lost"]) as connector:
        checked = await connector.check()
    found = {one.detail: (one.ok, one.remedy) for one in checked}
    assert found["there is no app nowhere"][0] is False
    assert found["the user andon lacks search and schedule_search"][0] is False
    assert found["Splunk 8.2.7 has no search/v2"][0] is False
    (index,) = [detail for detail in found if "the index lost cannot be found" in detail]
    assert found[index][0] is None


async def test_doctor_tells_of_a_splunk_that_is_away(splunk: Splunk) -> None:
    async with connected(splunk, url="http://127.0.0.1:9", hec_url="http://127.0.0.1:9") as connector:
        checked = await connector.check()
    assert [one.ok for one in checked] == [False, False]
    assert all("cannot be reached" in one.detail for one in checked)
