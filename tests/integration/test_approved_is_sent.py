"""Between approval and sending the settings may change: what was approved goes out, or nothing does."""

from __future__ import annotations

from typing import Any

import pytest

from andon.core.errors import ActionError, ActionRefused
from andon.core.models.actions import (
    Apply,
    CloseTicket,
    Comment,
    OpenTicket,
    Publish,
    Section,
    Upload,
)
from support.foundry import ACTION, DATASET, ONTOLOGY, OTHER, STREAM, Foundry
from support.foundry import TOKEN as FOUNDRY_TOKEN
from support.jira import TOKEN, USER, Jira
from support.orders import comment, connected, event, order, ticket
from support.servicenow import running_instance
from support.splunk import HEC_TOKEN, Splunk

pytestmark = pytest.mark.anyio

BODY = (Section("", ("Fixed.",)),)


async def late(kind: str, wanted: Any, before: dict[str, Any], after: dict[str, Any]) -> ActionError | None:
    """What comes of ``wanted`` where it was rendered by one table and is sent by another; None where it goes out."""
    async with connected(kind, **before) as one:
        rendered = one.render(order(wanted))
    async with connected(kind, **after) as other:
        try:
            await other.send(order(wanted), rendered)
        except ActionError as error:
            return error
    return None


def jira_table(jira: Jira, **more: Any) -> dict[str, Any]:
    return {"url": jira.url, "edition": "cloud", "user": USER, "token": TOKEN, "projects": ["OPS"], **more}


async def test_a_close_takes_the_transition_that_was_approved() -> None:
    """Never another that the settings name by now; the remedy is one that a person can follow."""
    with Jira() as jira:
        issue = jira.add("drive")
        jira.workflow["To Do"].append(("51", "Resolve", "Done"))
        wanted = CloseTicket(ticket=issue.key, body=BODY)
        approved = jira_table(jira, close_transition="Close as fixed")
        error = await late("jira", wanted, approved, jira_table(jira, close_transition="Resolve"))
        assert type(error) is ActionRefused
        assert str(error) == (
            "jira: the transition Close as fixed was approved for OPS-1, but close_transition is now Resolve: set it to "
            "Close as fixed again, then retry, or move OPS-1 in Jira by hand"
        )
        assert (issue.status, issue.comments) == ("To Do", [])
        assert "move OPS-1 in Jira by hand" in str(await late("jira", wanted, approved, approved))
        jira.workflow["To Do"].append(("61", "Close as fixed", "Done"))
        assert await late("jira", wanted, approved, approved) is None
        assert issue.status == "Done"


@pytest.mark.parametrize("name", ["Done", 'Erledigt "ok"', "Prüfung \\ fertig"])
async def test_placeholders_in_a_text_stay_as_they_were_approved(name: str) -> None:
    """Only the template's own is filled, whatever the workflow calls its steps."""
    odd = f"{{id of the transition {name}}}"
    with Jira() as jira:
        jira.needs_resolution = True
        jira.workflow["To Do"] = [("77", name, "Done")]
        issue = jira.add("drive")
        table = jira_table(jira, close_transition=name, close_fields={"resolution": {"name": odd}})
        wanted = CloseTicket(ticket=issue.key, body=(Section("", (odd, "{sys_id}")),))
        async with connected("jira", **table) as made:
            rendered = made.render(order(wanted))
            await made.send(order(wanted), rendered)
        end = next(body for method, path, body in jira.requests if method == "POST" and path.endswith("/transitions"))
        assert end == {"transition": {"id": "77"}, "fields": {"resolution": {"name": odd}}}
        said = str(issue.comments[0]["body"])
        assert "{sys_id}" in said
        assert repr(odd)[1:-1] in said


async def test_a_note_that_looks_like_a_placeholder_stays_at_servicenow() -> None:
    with running_instance() as instance:
        table = {"url": instance.url, "user": "andon", "password": "spindle-7"}
        async with connected("servicenow", **table) as made:
            receipt = await made.send(order(ticket()), made.render(order(ticket())))
            note = comment(receipt.ref, "the log says {sys_id}")
            rendered = made.render(order(note))
            await made.send(order(note), rendered)
        assert instance.seen[-1].body == rendered.requests[-1].body
        assert "{sys_id}" in instance.seen[-1].body


async def test_what_the_settings_no_longer_allow_is_not_sent_to_jira() -> None:
    """Also where the order named no project and got the first."""
    with Jira() as jira:
        wanted = OpenTicket(title="t", body=BODY, severity="ERROR")
        error = await late("jira", wanted, jira_table(jira), jira_table(jira, projects=["MES"]))
        assert "may not write to 'OPS' any longer: decline it" in str(error)
        issue = jira.add("drive")
        error = await late(
            "jira", Comment(ticket=issue.key, body=BODY), jira_table(jira), jira_table(jira, projects=["MES"])
        )
        assert type(error) is ActionRefused
        assert issue.comments == []
        assert len(jira.issues) == 1


async def test_what_the_settings_no_longer_allow_is_not_sent_to_servicenow() -> None:
    """And a state that is sent is judged by what was approved."""
    with running_instance() as instance:
        table = {"url": instance.url, "user": "andon", "password": "spindle-7"}
        error = await late("servicenow", ticket(), {**table, "tables": ["incident"]}, {**table, "tables": ["problem"]})
        assert "may not write to 'incident' any longer" in str(error)
        assert instance.made() == []
        async with connected("servicenow", **table) as made:
            receipt = await made.send(order(ticket()), made.render(order(ticket())))
        wanted = CloseTicket(ticket=receipt.ref, body=BODY)
        assert await late("servicenow", wanted, table, {**table, "close_state": "7"}) is None
        [row] = instance.made()
        assert row["state"] == "6"


async def test_what_the_settings_no_longer_allow_is_not_sent_to_splunk() -> None:
    with Splunk() as splunk:
        table = {"hec_url": splunk.url, "hec_token": HEC_TOKEN}
        error = await late("splunk", event(), {**table, "indexes": ["press"]}, {**table, "indexes": ["main"]})
        assert "may not write to 'press' any longer" in str(error)
        assert splunk.seen == []


@pytest.mark.parametrize(
    ("wanted", "now"),
    [
        (Upload(path="a.html", text="x"), {"datasets": [OTHER]}),
        (Publish(rows=({"problem_id": 1},)), {"streams": [OTHER]}),
        (Apply(action=ACTION, parameters={"title": "t"}), {"actions": []}),
    ],
)
async def test_what_the_settings_no_longer_allow_is_not_sent_to_foundry(wanted: Any, now: dict[str, Any]) -> None:
    """The first of a list may be another by then."""
    with Foundry() as foundry:
        table = {
            "url": foundry.url,
            "token": FOUNDRY_TOKEN,
            "datasets": [DATASET, OTHER],
            "streams": [STREAM],
            "ontology": ONTOLOGY,
            "actions": [{"name": ACTION, "parameters": {"title": "{title}"}}],
        }
        error = await late("foundry", wanted, table, {**table, **now})
        assert type(error) is ActionRefused
        assert foundry.seen == []


async def test_an_upload_goes_where_it_was_approved_for() -> None:
    """Whatever stands first in the settings by then, and whatever their folder is."""
    with Foundry() as foundry:
        table = {"url": foundry.url, "token": FOUNDRY_TOKEN, "datasets": [DATASET, OTHER]}
        turned = {**table, "datasets": [OTHER, DATASET], "folder": "elsewhere"}
        assert await late("foundry", Upload(path="a.html", text="x"), table, turned) is None
        assert [*foundry.datasets[DATASET].held.values()] == [{"andon/a.html": "x"}]
        assert not foundry.datasets[OTHER].transactions
