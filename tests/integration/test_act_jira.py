"""The connector for Jira against a stand-in with Jira's rules and traps, Cloud and Data Center."""

from __future__ import annotations

import contextlib
import json
import re
import tomllib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.act.connectors.connected import build_connectors
from andon.act.connectors.connector import Again, Connector
from andon.act.connectors.jira_rest import words
from andon.act.connectors.jira_texts import plain_of
from andon.app.doctor.connector_checks import connected
from andon.core.errors import ActionError, ActionRefused, ConfigError, OutcomeUnknown, TargetAway
from andon.core.models.actions import (
    Arguments,
    CloseTicket,
    Comment,
    Message,
    OpenTicket,
    Operation,
    Order,
    Receipt,
    Section,
)
from support.jira import TOKEN, USER, Jira, Refused, screen
from support.patience import PATIENCE
from support.settings import settings_of

pytestmark = pytest.mark.anyio

KEY, OTHER = "0123456789abcdef" * 2, "f" * 32
BODY = (Section("What happened", ("The drive of OPS tripped [~admin] at https://evil.example.",)),)
TICKET = OpenTicket(title="CRITICAL: drive tripped", body=BODY, severity="CRITICAL")


@pytest.fixture(params=[True, False], ids=["cloud", "data center"])
def jira(request: pytest.FixtureRequest) -> Iterator[Jira]:
    """A running one of each edition."""
    with Jira(cloud=request.param, path="" if request.param else "/jira") as server:
        yield server


@contextlib.asynccontextmanager
async def connector(jira: Jira, **more: Any) -> AsyncIterator[Connector]:
    """The connector as the settings make it."""
    (made,) = build_connectors(settings_of(jira=[table(jira, **more)], public_url="https://andon.plant.local")).values()
    try:
        yield made
    finally:
        await made.close()


def table(jira: Jira, **more: Any) -> dict[str, Any]:
    """A table of the settings for a stand-in."""
    login = {"user": USER, "token": TOKEN} if jira.cloud else {"token": TOKEN}
    edition = "cloud" if jira.cloud else "data_center"
    return {"url": jira.url, "edition": edition, "projects": ["OPS"], "timeout": PATIENCE, **login, **more}


async def done(made: Connector, arguments: Arguments, key: str = KEY) -> Receipt:
    """Rendered and sent."""
    order = Order(key, arguments)
    return await made.send(order, made.render(order))


async def failing(made: Connector, arguments: Arguments, key: str = KEY) -> ActionError:
    """What sending raises."""
    with pytest.raises(ActionError) as caught:
        await done(made, arguments, key)
    assert TOKEN not in str(caught.value)
    return caught.value


async def test_an_issue_is_made_and_found_again(jira: Jira) -> None:
    """With everything that the settings say of it, and a label that tells it from others."""
    jira.projects["OPS"].types["Bug"] = screen(customfield_10010={"name": "Line", "required": True})
    options = {
        "issue_type": "Bug",
        "priorities": {"CRITICAL": "Highest"},
        "fields": {"customfield_10010": {"value": "3"}},
        "labels": ["andon", "line-3"],
    }
    async with connector(jira, **options) as made:
        assert await made.find(Order(KEY, TICKET)) is None
        rendered = made.render(Order(KEY, TICKET))
        assert rendered.digest == made.render(Order(KEY, TICKET)).digest
        assert TOKEN not in repr(rendered)
        receipt = await made.send(Order(KEY, TICKET), rendered)
        assert receipt == Receipt("OPS-1", f"{jira.url}/browse/OPS-1")
        assert await made.find(Order(KEY, TICKET)) == receipt
        assert await made.find(Order(OTHER, TICKET)) is None
    fields = jira.issues["OPS-1"].fields
    assert fields["summary"] == "CRITICAL: drive tripped"
    assert fields["labels"] == ["andon", "line-3", f"andon-{KEY}"]
    assert fields["priority"] == {"name": "Highest"}
    assert fields["customfield_10010"] == {"value": "3"}
    assert isinstance(fields["description"], dict if jira.cloud else str)
    assert "https:" not in json.dumps(fields)
    assert "[~admin]" not in fields["description"]
    sent = next(body for method, path, body in jira.requests if path.endswith("/issue"))
    assert sent == json.loads(rendered.requests[0].body)


@pytest.mark.parametrize("answer", [None, [], {"id": "1"}, {"key": "OPS-1/../../x"}, {"key": 7}])
async def test_an_answer_that_names_no_issue_leaves_open_what_was_done(jira: Jira, answer: Any) -> None:
    """Whatever stands there in place of Jira."""
    odd = Refused(201)
    odd.body = answer
    jira.faults.append(odd)
    async with connector(jira) as made:
        assert type(await failing(made, TICKET)) is OutcomeUnknown


async def test_data_center_may_show_texts_as_they_are() -> None:
    """Where an administrator chose so, nothing is written otherwise."""
    with Jira(cloud=False) as jira:
        async with connector(jira, markup="plain") as made:
            await done(made, TICKET)
        text = "What happened\nThe drive of OPS tripped [~admin] at https[:]//evil.example."
        assert jira.issues["OPS-1"].fields["description"] == text


async def test_a_new_issue_is_missing_from_the_search_for_a_while(jira: Jira) -> None:
    """The connector says for how long nothing that it finds, or does not find, can be trusted."""
    moment = [0.0]
    jira.clock, jira.lag = lambda: moment[0], 60.0
    async with connector(jira, search_lag=75) as made:
        assert made.abilities[Operation.OPEN_TICKET] == (Again.LOOK, 75.0)
        jira.faults.append("cut after")
        assert type(await failing(made, TICKET)) is OutcomeUnknown
        assert len(jira.issues) == 1
        assert await made.find(Order(KEY, TICKET)) is None
        moment[0] = 75.0
        assert (await made.find(Order(KEY, TICKET))) == Receipt("OPS-1", f"{jira.url}/browse/OPS-1")
        jira.issues["OPS-1"].status = "Done"
        found = await made.find(Order(KEY, TICKET))
        assert found is not None
        assert found.closed


async def test_of_two_issues_the_open_one_is_found(jira: Jira) -> None:
    """And the older one of two that are open."""
    async with connector(jira) as made:
        for _ in range(3):
            await done(made, TICKET)
        jira.issues["OPS-1"].status = "Done"
        found = await made.find(Order(KEY, TICKET))
        assert found is not None
        assert (found.ref, found.closed) == ("OPS-2", False)


@pytest.mark.parametrize("fault", ["cut before", "cut after"])
async def test_a_comment_is_made_once(jira: Jira, fault: str) -> None:
    """However often it is sent: an earlier one is looked for first."""
    ticket = jira.add("drive").key
    wanted = Comment(ticket=ticket, body=BODY)
    async with connector(jira) as made:
        assert made.abilities[Operation.COMMENT].again is Again.SAFE
        jira.faults.append(fault)
        assert type(await failing(made, wanted)) is OutcomeUnknown
        found = await made.find(Order(KEY, wanted))
        assert (found is not None) == (fault == "cut after")
        assert await done(made, wanted) == Receipt(ticket, f"{jira.url}/browse/{ticket}")
        assert len(jira.issues[ticket].comments) == 1
        await done(made, wanted, OTHER)
        assert len(jira.issues[ticket].comments) == 2


async def test_a_comment_may_be_for_the_team_alone(jira: Jira) -> None:
    """In Jira Service Management, where whoever raised a request reads the others."""
    issue = jira.add("drive")
    async with connector(jira, internal_comments=True) as made:
        await done(made, Comment(ticket=issue.key, body=BODY))
        await done(made, Comment(ticket=issue.key, body=BODY))
    (comment,) = issue.comments
    assert {"key": "sd.public.comment", "value": {"internal": True}} in comment["properties"]


@pytest.mark.parametrize("cuts", [[], ["cut after"], ["cut before"], ["ok", "cut after"], ["ok", "cut before"]])
async def test_an_issue_is_closed_once(jira: Jira, cuts: list[str]) -> None:
    """With a comment and by a transition of its name in any case, wherever the connection breaks."""
    ticket = jira.add("drive").key
    wanted = CloseTicket(ticket=ticket, body=BODY, cause="The fan was blocked.")
    async with connector(jira, close_transition="done") as made:
        assert made.abilities[Operation.CLOSE_TICKET].again is Again.SAFE
        rendered = made.render(Order(KEY, wanted))
        assert json.loads(rendered.requests[1].body) == {"transition": {"id": "{id of the transition done}"}}
        jira.faults.extend(cuts)
        if cuts:
            assert type(await failing(made, wanted)) is OutcomeUnknown
            jira.faults.clear()
        assert (await done(made, wanted)).closed
        assert (await done(made, wanted)).closed
        found = await made.find(Order(KEY, wanted))
        assert found is not None
        assert found.closed
    issue = jira.issues[ticket]
    assert issue.status == "Done"
    assert len(issue.comments) == 1
    assert "The fan was blocked." in plain_of(issue.comments[0]["body"])


async def test_closing_gives_the_fields_that_the_workflow_demands(jira: Jira) -> None:
    """A resolution, as most of Data Center's workflows want one; without it Jira's own words say so."""
    jira.needs_resolution = True
    jira.workflow["To Do"] = [("5", "Resolve Issue", "Done")]
    ticket = jira.add("drive").key
    wanted = CloseTicket(ticket=ticket, body=BODY)
    async with connector(jira) as made:
        error = await failing(made, wanted)
        assert type(error) is ActionRefused
        assert "answered 400: resolution: Resolution is required; for later tickets, set resolution" in str(error)
    async with connector(jira, close_fields={"resolution": {"name": "Fixed"}}) as made:
        assert (await done(made, wanted)).closed
    assert jira.issues[ticket].fields["resolution"] == {"name": "Fixed"}


async def test_a_transition_that_does_not_exist_is_told_with_those_that_do(jira: Jira) -> None:
    """And nothing was said on the issue."""
    ticket = jira.add("drive").key
    async with connector(jira, close_transition="Erledigt") as made:
        error = await failing(made, CloseTicket(ticket=ticket, body=BODY))
    assert type(error) is ActionRefused
    assert "no transition Erledigt now; it has: Start progress (to In Progress), Done (to Done)" in str(error)
    assert jira.issues[ticket].comments == []


async def test_an_issue_that_a_person_closed_is_commented_and_stays(jira: Jira) -> None:
    """Its workflow has no such step any more, which is no failure."""
    issue = jira.add("drive")
    issue.status = "Done"
    async with connector(jira) as made:
        assert (await done(made, CloseTicket(ticket=issue.key, body=BODY))).closed
    assert len(issue.comments) == 1


async def test_sites_may_close_by_hand(jira: Jira) -> None:
    """Without a transition in the settings the connector closes nothing."""
    async with connector(jira, close_transition="") as made:
        assert Operation.CLOSE_TICKET not in made.abilities
        with pytest.raises(ActionRefused, match=r"closes no tickets: add close_transition to its table"):
            made.render(Order(KEY, CloseTicket(ticket="OPS-1", body=BODY)))


@pytest.mark.parametrize(
    "wanted",
    [
        OpenTicket(title="t", body=BODY, severity="ERROR", where="HR"),
        Comment(ticket="HR-1", body=BODY),
        Comment(ticket="OPS-1/../../../admin", body=BODY),
        CloseTicket(ticket="10001", body=BODY),
        Message(title="t", body=BODY, severity="ERROR", about="x"),
    ],
)
async def test_only_the_projects_of_the_settings_are_written_to(jira: Jira, wanted: Arguments) -> None:
    """Whatever a model or a rule names; messages are not Jira's."""
    async with connector(jira) as made:
        with pytest.raises(ActionRefused):
            made.render(Order(KEY, wanted))
    assert jira.requests == []


async def test_what_jira_refuses_is_told_in_its_words(jira: Jira) -> None:
    """With what to do."""
    jira.projects["OPS"].types["Task"] = screen(customfield_10010={"name": "Production line", "required": True})
    async with connector(jira) as made:
        assert str(await failing(made, TICKET)) == (
            "jira answered 400: customfield_10010: Production line is required; set customfield_10010 to an accepted "
            "value in fields of this [[jira]] table, then propose it again"
        )
    jira.projects["OPS"].types["Task"] = screen()
    del jira.projects["OPS"].types["Task"]["labels"]
    async with connector(jira) as made:
        assert "add labels to the screen" in str(await failing(made, TICKET))
    async with connector(jira, issue_type="Störung") as made:
        assert "issuetype: Specify a valid issue type" in str(await failing(made, TICKET))
    async with connector(jira, projects=["NONE"]) as made:
        assert "project: valid project is required" in str(await failing(made, TICKET))
    async with connector(jira) as made:
        error = await failing(made, Comment(ticket="OPS-99", body=BODY))
        assert type(error) is ActionRefused
        assert "answered 404: Issue does not exist or you do not have permission to see it; it does not exist" in str(
            error
        )


async def test_too_many_requests_wait_as_long_as_jira_says(jira: Jira) -> None:
    """With the limit that was met; an issue that somebody else changes at the moment is tried again too."""
    async with connector(jira) as made:
        limit = Refused(429, headers={"Retry-After": "17", "RateLimit-Reason": "jira-per-issue-on-write"})
        limit.body = {"message": "Rate limit exceeded."}
        jira.faults.append(limit)
        error = await failing(made, TICKET)
        assert isinstance(error, TargetAway)
        assert error.retry_after == 17
        assert str(error) == "jira answered 429: jira-per-issue-on-write: Rate limit exceeded."
        jira.faults.append(Refused(409, "conflict"))
        assert type(await failing(made, TICKET)) is TargetAway
        jira.faults.append(Refused(503, headers={"Retry-After": "5"}))
        assert type(await failing(made, TICKET)) is TargetAway
        jira.faults.append(Refused(500, "Internal server error"))
        assert type(await failing(made, TICKET)) is OutcomeUnknown
        jira.reading.append("cut before")
        with pytest.raises(TargetAway):
            await made.find(Order(KEY, TICKET))
        assert jira.issues == {}
    async with connector(jira, timeout=1.0) as made:
        jira.faults.append("hang")
        assert "did not answer within 1 s" in str(await failing(made, TICKET))


async def test_a_wrong_login_is_never_taken_for_an_empty_search(jira: Jira) -> None:
    """Cloud answers it as one of nobody, for whom there is nothing to see."""
    ticket = jira.add("drive", labels=[f"andon-{KEY}"]).key
    async with connector(jira, token="wrong-token-1") as made:
        with pytest.raises(ActionRefused, match="it does not accept the token: replace it"):
            await made.find(Order(KEY, TICKET))
        for wanted in (TICKET, Comment(ticket=ticket, body=BODY), CloseTicket(ticket=ticket, body=BODY)):
            error = await failing(made, wanted)
            assert type(error) is ActionRefused
            assert "wrong-token-1" not in str(error)
    assert len(jira.issues) == 1


async def test_data_center_takes_no_password_from_version_11_on() -> None:
    """It is told with what to do instead."""
    with Jira(cloud=False, version="11.0.1") as jira:
        async with connector(jira, user="andon") as made:
            error = await failing(made, TICKET)
            assert "Basic Authentication has been disabled on this instance; create" in str(error)
            assert "create a personal access token in Jira" in str(error)
            (wrong,) = [one for one in await made.check() if one.ok is False]
            assert "the login is rejected (user andon)" in wrong.detail
        async with connector(jira) as made:
            await done(made, TICKET)


async def test_the_old_search_of_cloud_is_gone() -> None:
    """And nothing asks for it."""
    with Jira(cloud=True) as jira:
        async with connector(jira) as made:
            await done(made, TICKET)
            await made.find(Order(KEY, TICKET))
            await made.check()
            for reader in made.readers():
                await reader.look("OPS-1")
            with pytest.raises(ActionRefused, match=r"answered 410: The requested API has been removed"):
                await made._rest.get("search", jql="project = OPS")  # type: ignore[attr-defined]
        asked = [path for _, path, _ in jira.requests if path.partition("?")[0].endswith("/search")]
        assert len(asked) == 1


async def test_the_check_finds_nothing_wrong_where_nothing_is(jira: Jira) -> None:
    """It tells whom it logs in as, and changes nothing."""
    jira.add("drive")
    before = len(jira.issues)
    async with connector(jira, priorities={"CRITICAL": "Highest"}) as made:
        found = await made.check()
    assert [one.detail for one in found if one.ok is not True] == []
    told = " ".join(one.detail for one in found)
    assert ("Jira Cloud 1001" if jira.cloud else "Jira Data Center 10.3.2") in told
    assert "logged in as " in told
    assert "issues such as OPS-1 have the transition Done" in told
    assert len(jira.issues) == before
    assert {method for method, path, _ in jira.requests if "search" not in path} == {"GET"}


@pytest.mark.parametrize(
    ("options", "told", "remedy"),
    [
        ({"projects": ["OPS", "XYZ"]}, "No project could be found with key 'XYZ'", "correct projects"),
        ({"issue_type": "Störung"}, "no issue type Störung", 'write issue_type = "Task" in this'),
        ({"issue_type": "Line"}, "requires the field Line (customfield_10010)", '{ value = "3" }'),
        ({"issue_type": "Line", "fields": {"customfield_10010": {"value": "9"}}}, "does not know", '{ value = "3" }'),
        ({"fields": {"components": [{"name": "MES"}]}}, "has no field components on the screen", "add components"),
        (
            {"priorities": {"ERROR": "Blocker"}},
            "does not have the priority 'Blocker' that is set for ERROR",
            '{ ERROR = "Highest" }',
        ),
        ({"close_transition": "Erledigt"}, "OPS-1, which is To Do, has no transition Erledigt", "close_transition"),
        ({"token": "wrong-token-1"}, "the login is rejected", "token"),
    ],
)
async def test_the_check_finds_what_would_fail(jira: Jira, options: dict[str, Any], told: str, remedy: str) -> None:
    """Before an incident does, with what to do."""
    line = {"name": "Line", "required": True, "hasDefaultValue": False, "allowedValues": [{"value": "3"}]}
    jira.projects["OPS"].types["Line"] = screen(customfield_10010=line)
    jira.add("drive")
    async with connector(jira, **options) as made:
        wrong = [one for one in await made.check() if one.ok is False]
    assert len(wrong) == 1
    assert told in wrong[0].detail
    assert remedy in wrong[0].remedy


@pytest.mark.parametrize(
    "options",
    [
        {"issue_type": "Störung"},
        {"issue_type": "Line"},
        {"issue_type": "Line", "fields": {"customfield_10010": {"value": "9"}, "customfield_1": [{"value": 'a "b"'}]}},
        {"issue_type": "Many"},
        {"priorities": {"CRITICAL": "Blocker", "ERROR": "High"}},
        {"issue_type": "Urgent", "priorities": {"CRITICAL": "High"}},
        {"close_transition": "Erledigt"},
    ],
)
async def test_what_a_remedy_says_can_be_pasted_and_helps(jira: Jira, options: dict[str, Any]) -> None:
    """As it stands, in the place of that line in the table; what stood there beside it is kept."""
    many = {"name": "Parts", "required": True, "schema": {"type": "array"}, "allowedValues": [{"name": "MES"}]}
    types = jira.projects["OPS"].types
    more = {"customfield_1": {"name": "More", "required": False}}
    line = {"name": "Line", "required": True, "hasDefaultValue": False, "allowedValues": [{"value": "3"}]}
    types["Line"] = screen(customfield_10010=line, **more)
    types["Many"] = screen(components=many)
    types["Urgent"] = screen()
    types["Urgent"]["priority"] |= {"required": True, "hasDefaultValue": False}
    jira.add("drive")
    async with connector(jira, **options) as made:
        (wrong,) = [one for one in await made.check() if one.ok is False]
    written = re.search(r"write (\w+ = .+?)(?: in this \[\[jira\]\] table| to close none)", wrong.remedy)
    assert written is not None, wrong.remedy
    pasted = tomllib.loads(written[1])
    for name, before in options.items():
        if isinstance(before, dict) and name in pasted:
            assert set(before) <= set(pasted[name])
    async with connector(jira, **{**options, **pasted}) as made:
        assert [one.remedy for one in await made.check() if one.ok is False] == []


async def test_the_check_finds_missing_rights_and_wrong_addresses(jira: Jira) -> None:
    """And the other edition; a project without an issue tells nothing of transitions."""
    jira.projects["OPS"].rights -= {"ADD_COMMENTS", "TRANSITION_ISSUES"}
    async with connector(jira) as made:
        (wrong,) = [one for one in await made.check() if one.ok is False]
        assert wrong.detail == "in project OPS the user may not comment on them, move them through the workflow"
    jira.projects["OPS"].rights |= {"ADD_COMMENTS", "TRANSITION_ISSUES"}
    async with connector(jira) as made:
        (unsure,) = [one for one in await made.check() if one.ok is None]
        assert "is only known after the first of them" in unsure.detail
    async with connector(jira, url=f"{jira.url}/wrong") as made:
        (wrong,) = await made.check()
        assert wrong.ok is False
        assert "no Jira found" in wrong.detail
    other = Jira(cloud=not jira.cloud, path="/jira" if jira.cloud else "")
    with other:
        results = await connected(settings_of(jira=[table(jira, url=other.url)]))
    assert [one.ok for one in results] == [False]


async def test_an_issue_and_issues_are_looked_up(jira: Jira) -> None:
    """By key and by words, in plain text, in the projects of the settings alone."""
    issue = jira.add("Drive F07 trips", description=jira.text("Fan blocked"), priority={"name": "High"})
    jira.add("Oven too hot")
    issue.comments.append(
        {"author": {"displayName": "Kim"}, "created": "2026-11-30T15:00", "body": jira.text("cleaned")}
    )
    async with connector(jira) as made:
        one, several = (reader.look for reader in made.readers())
        shown = await one(key="ops-1")
        assert shown.splitlines() == [
            "OPS-1 (To Do, priority High, created 2026-11-30 14:01, updated 2026-11-30 14:01): Drive F07 trips",
            "Fan blocked",
            "Comment by Kim, 2026-11-30 15:00: cleaned",
        ]
        assert (await several(words='drive" OR project = HR AND f07')).startswith(
            "No issue of OPS holds all of: drive or"
        )
        assert (await several(words="DRIVE f07")).startswith("OPS-1 (To Do")
        for key in ("HR-1", "OPS-1?x=1", "OPS-1/comment"):
            with pytest.raises(ActionRefused, match="may be read"):
                await one(key=key)
        with pytest.raises(ActionRefused, match="no word"):
            await several(words="*~()")
        jira.reading.append(Refused(400, "Error in the JQL Query"))
        with pytest.raises(ActionRefused, match="Error in the JQL Query"):
            await several(words="x")
    assert all(method == "GET" or "search" in path for method, path, _ in jira.requests)


def test_odd_refusals_are_words_or_nothing() -> None:
    """Of a gateway, of another program, of nobody."""
    assert words({"errorMessages": ["a", 1], "errors": {"b": "c", "d": 2}}) == "a; b: c"
    assert words({"errorMessages": "a", "errors": []}) == ""
    assert words({"message": "m"}) == "m"
    assert words([]) == words(None) == words({}) == ""


def test_a_table_without_a_token_is_refused(tmp_path: Path) -> None:
    """The environment's, a file's and the table's own are taken."""
    bare = {"url": "https://plant.atlassian.net", "projects": ["OPS"]}
    with pytest.raises(ConfigError, match=r"\[\[jira\]\] jira: token is missing"):
        build_connectors(settings_of(jira=[bare]))
    assert build_connectors(settings_of(jira=[bare], jira_token=TOKEN))
    held = tmp_path / "token"
    held.write_text(f"{TOKEN}\n")
    (made,) = build_connectors(settings_of(jira=[{**bare, "token_file": held}])).values()
    assert made.address == "https://plant.atlassian.net"
    assert made.places == ("OPS",)
