"""ServiceNow over HTTP: markup that must not live, logins by token, events, and looking tickets up."""

from __future__ import annotations

import asyncio
import json
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from andon.core.errors import ActionRefused
from andon.core.models.actions import Section
from support.orders import KEY, closing, comment, event, order, sent, ticket
from support.servicenow import Instance, running_instance, servicenow

OTHER = "0" * 32


@pytest.fixture
def instance() -> Any:
    with running_instance() as running:
        yield running


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append(tag)


def elements(page: str) -> list[str]:
    parser = _Elements()
    parser.feed(page)
    return parser.found


HOSTILE = (
    '[code]<a href="https://phish.example/x">log in</a>[/code]',
    "[CODE ]<b>bold</b>[ / code]",
    "[co[code]de]<i>x</i>[/code]",
    "<img src=x onerror=y> <ScRiPt>z()</ScRiPt> </td> <!-- q --> <?php ?>",
    "${jelly} {{7*7}} #{x} @[Fred Luddy]",
    "see https://phish.example/y, www.phish.example or javascript:z()",
)


async def test_no_markup_lives_in_notes_mails_or_fields(instance: Instance) -> None:
    body = (Section("[code]<u>", HOSTILE, listed=True), Section("", HOSTILE))
    async with servicenow(instance) as connector:
        made = await sent(connector, order(ticket(title=" ".join(HOSTILE[:3]), body=body)))
        await sent(connector, order(comment(made.ref, *HOSTILE)))
        await sent(connector, order(closing(made.ref, cause=HOSTILE[0])))
        assert instance.made()[0]["close_notes"].count("(code)") >= 1
        assert elements(instance.journal_page(made.ref)) == []
        assert set(elements(instance.mail(made.ref))) == {"br"}
        stored = json.dumps(instance.made()[0])
    for sign in ("://phish", "www.phish", "javascript:", "${", "{{", "@[", "<img"):
        assert sign not in stored


async def test_stand_in_shows_markup_that_is_alive(instance: Instance) -> None:
    """The two pages above tell the difference."""
    async with servicenow(instance) as connector:
        made = await sent(connector, order(ticket()))
    instance.made()[0]["journal"].append(("work_notes", HOSTILE[0]))
    instance.made()[0]["description"] = HOSTILE[3]
    assert elements(instance.journal_page(made.ref)) == ["a"]
    assert {"img", "script"} <= set(elements(instance.mail(made.ref)))


async def test_oauth_token_is_fetched_once_and_renewed_when_it_is_forgotten(instance: Instance) -> None:
    async with servicenow(instance, client_id="client-1", client_secret="client-secret-1") as connector:
        await asyncio.gather(*(connector.find(order(ticket(), key)) for key in (KEY, OTHER, "1" * 32)))
        assert len([one for one in instance.seen if "oauth" in one.path]) == 1
        instance.tokens.clear()
        await sent(connector, order(ticket()))
        assert len([one for one in instance.seen if "oauth" in one.path]) == 2
    assert len(instance.made()) == 1
    assert parse_qs(instance.seen[0].body)["grant_type"] == ["client_credentials"]


async def test_login_is_not_told_where_the_instance_repeats_it(instance: Instance) -> None:
    instance.mood = "echo"
    for login in ({}, {"client_id": "client-1", "client_secret": "client-secret-1"}):
        async with servicenow(instance, **login) as connector:
            with pytest.raises(ActionRefused, match=r"Not understood: \[redacted\]") as caught:
                await sent(connector, order(ticket()))
        held = instance.seen[-1].headers["authorization"].split()[1]
        assert held not in str(caught.value)


async def test_oauth_token_is_renewed_before_it_ends(instance: Instance) -> None:
    instance.token_life = 0  # not said: it is held to live ten minutes
    async with servicenow(instance, client_id="client-1", client_secret="client-secret-1") as connector:
        await connector.find(order(ticket()))
        connector.instance._login._until = 0.0
        await connector.find(order(ticket()))
    assert len([one for one in instance.seen if "oauth" in one.path]) == 2


async def test_oauth_that_the_instance_does_not_grant(instance: Instance) -> None:
    instance.grants_clients = False
    async with servicenow(instance, client_id="client-1", client_secret="client-secret-1") as connector:
        with pytest.raises(ActionRefused, match=r"401: server_error: access_denied.*grant_type\.enabled") as caught:
            await sent(connector, order(ticket()))
    assert "client-secret-1" not in str(caught.value)


async def test_events_of_one_subject_are_one_alert_that_ends(instance: Instance) -> None:
    async with servicenow(instance, events=True, source="Andon Graz") as connector:
        receipt = await sent(connector, order(event()))
        await sent(connector, order(event(severity="CRITICAL", phase="acknowledged")))
        [alert] = instance.alerts.values()
        assert (alert["count"], alert["state"]) == (2, "Open")
        await sent(connector, order(event(phase="ended")))
    assert receipt.words == "1 events were inserted"
    [(key, alert)] = instance.alerts.items()
    assert key == "Andon Graz/problem-12"
    last = alert["last"]
    assert (alert["state"], last["severity"], last["node"], last["resource"]) == ("Closed", "0", "press-4", "drive")
    assert last["time_of_event"] == "2026-11-30 14:00:00"
    assert json.loads(last["additional_info"]) == {"severity": "ERROR", "phase": "ended", "about": "problem-12"}


async def test_event_without_a_state_asks_nobody_to_act(instance: Instance) -> None:
    async with servicenow(instance, events=True) as connector:
        await sent(connector, order(event(phase="told", severity="CRITICAL")))
    [alert] = instance.alerts.values()
    assert alert["last"]["severity"] == "5"
    assert json.loads(alert["last"]["additional_info"])["severity"] == "CRITICAL"


async def test_events_that_are_not_taken(instance: Instance) -> None:
    async with servicenow(instance, events=True) as connector:
        instance.events_taken = 0
        with pytest.raises(ActionRefused, match="accepted no event: 0 events were inserted"):
            await sent(connector, order(event()))
        instance.has_events = False
        with pytest.raises(ActionRefused, match=r"does not represent any resource.*set events = false"):
            await sent(connector, order(event()))
        instance.has_events, instance.users["andon"] = True, ("spindle-7", {"itil"})
        with pytest.raises(ActionRefused, match=r"Failed API level ACL Validation.*role evt_mgmt_integration"):
            await sent(connector, order(event()))


async def test_what_is_not_switched_on_is_not_done(instance: Instance) -> None:
    async with servicenow(instance) as connector:
        with pytest.raises(
            ActionRefused, match=r"takes no events: add events = true.*; it opens tickets \(--do ticket\), comments"
        ):
            connector.render(order(event()))
    async with servicenow(instance, read_only=True, events=True) as connector:
        assert connector.abilities == {}
        with pytest.raises(ActionRefused, match="; it is only read"):
            connector.render(order(ticket()))


async def test_look_up_by_number_and_by_words(instance: Instance) -> None:
    group = next(iter(instance.tables.groups))
    async with servicenow(instance, fields={"assignment_group": group}) as connector:
        made = await sent(connector, order(ticket()))
        await sent(connector, order(comment(made.ref)))
        await sent(connector, order(ticket(title="Conveyor stands still", body=()), OTHER))
        whole, search = connector.readers()
        assert [whole.name, search.name] == ["servicenow_ticket", "servicenow_search"]
        told = await whole.look(made.ref)
        assert f"number: {made.ref}\nshort_description: CRITICAL: spindle drive overheats\nstate: New" in told
        assert "assignment_group: Line maintenance" in told
        assert "12 more logs since 14:00" in told
        assert await whole.look("INC0099999") == "There is no INC0099999 in incident, or it may not be read."
        found = await search.look("SPINDLE")
        assert found == f"{made.ref}: CRITICAL: spindle drive overheats (New, Line maintenance)"
        assert (await search.look("welding")).startswith("No ticket has 'welding'")
    assert all(one.method == "GET" for one in instance.seen[6:])


async def test_look_up_takes_no_conditions_and_no_scripts(instance: Instance) -> None:
    async with servicenow(instance) as connector:
        await sent(connector, order(ticket()))
        _, search = connector.readers()
        for words in ("zz^ORactive=true", "zz^NQactive=true", "javascript:gs.getProperty('x')", "zz^ORDERBYnumber"):
            assert (await search.look(words)).startswith("No ticket has")
    assert instance.ran == []
    for one in instance.seen[1:]:
        [query] = parse_qs(urlsplit(one.path).query)["sysparm_query"]
        assert query.count("^") == 2  # our own: OR, and the order


async def test_look_up_drops_what_was_not_asked_for(instance: Instance) -> None:
    instance.unreadable |= {"incident.description"}
    async with servicenow(instance) as connector:
        await sent(connector, order(ticket(title="Conveyor stands still")))
        _, search = connector.readers()
        instance.unreadable |= {"incident.short_description"}
        assert (await search.look("welding")).startswith("No ticket has")
        instance.unreadable |= {"incident.number"}
        assert (await connector.readers()[0].look("INC0099999")).startswith("There is no INC0099999")
