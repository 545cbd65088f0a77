"""What a service refuses is told in its words, and ends with what to do: the usual refusals of each stand-in."""

from __future__ import annotations

from typing import Any

import pytest

from andon.core.errors import ActionRefused
from andon.core.models.actions import Apply, CloseTicket, OpenTicket, Publish, Section, Upload
from support import foundry as foundry_service
from support import jira as jira_service
from support import splunk as splunk_service
from support.jira import Jira, Refused, screen
from support.orders import connected, event, order, ticket
from support.rest_stand_in import Answer, Fault
from support.servicenow import running_instance

pytestmark = pytest.mark.anyio

BODY = (Section("", ("x",)),)
TICKET = OpenTicket(title="t", body=BODY, severity="ERROR")
#: Something that a person can do, behind the service's words.
TO_DO = ("correct", "give", "set", "have", "write", "propose", "check", "create", "move", "replace", "enable")


async def refused(kind: str, wanted: Any, **table: Any) -> str:
    """What it says."""
    async with connected(kind, **table) as made:
        with pytest.raises(ActionRefused) as caught:
            await made.send(order(wanted), made.render(order(wanted)))
    told = str(caught.value)
    advice = told.split(" answered ")[-1].partition("; ")[2] or told.partition("; ")[2]
    assert any(f" {word} " in f" {advice}" for word in TO_DO), told
    return told


def jira_table(jira: Jira, **more: Any) -> dict[str, Any]:
    login = {"user": jira_service.USER, "token": jira_service.TOKEN}
    return {"url": jira.url, "edition": "cloud", "projects": ["OPS"], **login, **more}


async def test_jira_and_a_project_that_is_not_there() -> None:
    """In both ways that Jira says so."""
    with Jira() as jira:
        assert "; correct projects in this" in await refused("jira", TICKET, **jira_table(jira, projects=["MES"]))
        jira.faults.append(Refused(400, "The value 'MES' does not exist for the field 'project'."))
        assert "field 'project'; correct projects in this" in await refused("jira", TICKET, **jira_table(jira))


async def test_jira_and_fields_rights_transitions_and_size() -> None:
    """Each with its own way out."""
    with Jira() as jira:
        jira.projects["OPS"].types["Task"] = screen(customfield_1={"name": "Line", "required": True})
        await refused("jira", TICKET, **jira_table(jira))
        await refused("jira", TICKET, **jira_table(jira, issue_type="Nothing"))
        for status in (403, 404, 405, 413, 422):
            jira.faults.append(Refused(status, "It says no."))
            await refused("jira", TICKET, **jira_table(jira))
        issue = jira.add("drive")
        close = CloseTicket(ticket=issue.key, body=BODY)
        assert "by hand" in await refused("jira", close, **jira_table(jira, close_transition="Erledigt"))
        jira.needs_resolution = True
        assert "close_fields" in await refused("jira", close, **jira_table(jira))


async def test_servicenow_and_a_table_that_is_not_there() -> None:
    with running_instance() as instance:
        login = {"url": instance.url, "user": "andon", "password": "spindle-7"}
        await refused("servicenow", ticket(), **login, tables=["u_nothing"])


@pytest.mark.parametrize("code", [(403, 4), (400, 7), (403, 1), (400, 6), (413, 27)])
async def test_splunk_and_tokens_indexes_and_size(code: tuple[int, int]) -> None:
    with splunk_service.Splunk() as splunk:
        splunk.faults.append(Fault("collector", Answer(code[0], {"text": "It says no", "code": code[1]})))
        table = {"hec_url": splunk.url, "hec_token": splunk_service.HEC_TOKEN, "indexes": ["press"]}
        await refused("splunk", event(), **table)


async def test_foundry_and_datasets_streams_and_actions_that_are_not_there() -> None:
    rid = "ri.foundry.main.dataset.00000000-0000-0000-0000-000000000000"
    with foundry_service.Foundry() as foundry:
        login = {"url": foundry.url, "token": foundry_service.TOKEN, "ontology": foundry_service.ONTOLOGY}
        await refused("foundry", Upload(path="a.html", text="x"), **login, datasets=[rid])
        await refused("foundry", Publish(rows=({"problem_id": 1},)), **login, streams=[rid])
        for name in ("no-such-action", foundry_service.ACTION):
            actions = [{"name": name, "parameters": {"note": "{title}"}}]
            await refused("foundry", Apply(action=name, parameters={"note": "t"}), **login, actions=actions)
        foundry.may_write = False
        await refused("foundry", Upload(path="a.html", text="x"), **login, datasets=[foundry_service.DATASET])
