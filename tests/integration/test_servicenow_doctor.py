"""What the doctor finds out about an instance of ServiceNow before an incident does. It changes nothing there."""

from __future__ import annotations

from typing import Any

import pytest

from andon.act.connectors.connector import Checked
from andon.app.doctor.connector_checks import connected as doctor
from support.orders import order, sent, ticket
from support.servicenow import Instance, running_instance, servicenow
from support.settings import settings_of


@pytest.fixture
def instance() -> Any:
    with running_instance() as running:
        yield running
        assert running.changing() == []


async def examined(instance: Instance, **table: Any) -> list[Checked]:
    async with servicenow(instance, **table) as connector:
        return [*await connector.check()]


def wrong(found: list[Checked]) -> list[str]:
    return [f"{one.detail} -> {one.remedy}" for one in found if one.ok is False]


def unseen(found: list[Checked]) -> list[str]:
    return [one.detail for one in found if one.ok is None]


async def test_an_instance_that_is_ready(instance: Instance) -> None:
    instance.tables.rows.append({"sys_class_name": "incident", "sys_id": "a" * 32, "number": "INC1"})
    found = await examined(instance, events=True)
    assert [one.ok for one in found] == [True, True, True]
    assert "login works, incident is readable" in found[0].detail
    assert found[2].detail == "Event Management is there"


async def test_by_the_doctor_itself(instance: Instance) -> None:
    table = {"url": instance.url, "user": "andon", "password": "spindle-8"}
    [result] = await doctor(settings_of(servicenow=[table]))
    assert (result.name, result.ok) == ("servicenow", False)
    assert "User Not Authenticated" in result.detail


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"password": "no"}, "401: User Not Authenticated"),
        ({"tables": ["u_fault"]}, "Invalid table u_fault; there is no such table: correct `tables`"),
        ({"url": "http://127.0.0.1:9"}, "servicenow cannot be reached"),
        ({"client_id": "nobody", "client_secret": "no"}, "grant_type.enabled"),
    ],
)
async def test_what_keeps_it_out(instance: Instance, table: dict[str, Any], words: str) -> None:
    found = await examined(instance, **table)
    assert len(found) == 1
    assert words in wrong(found)[0]


async def test_an_instance_that_sleeps(instance: Instance) -> None:
    instance.mood = "hibernating"
    assert "with something that is not JSON" in wrong(await examined(instance))[0]


async def test_search_for_the_key_that_is_left_out() -> None:
    with running_instance() as instance:
        async with servicenow(instance) as connector:
            await sent(connector, order(ticket()))
        instance.unreadable.add("incident.correlation_id")
        assert "tickets could be opened twice -> let the user read correlation_id" in wrong(await examined(instance))[0]


async def test_table_in_which_nothing_is_seen(instance: Instance) -> None:
    assert unseen(await examined(instance)) == [
        "incident shows no records: there are none yet, or the user may not read them"
    ]


async def test_fields_that_a_ticket_must_have(instance: Instance) -> None:
    instance.tables.held["incident"]["category"].policy = True
    instance.tables.held["task"]["opened_at"].policy = True  # the instance gives it itself
    instance.tables.held["incident"]["caller_id"].mandatory = True
    found = await examined(instance)
    assert wrong(found) == [
        "a data policy of incident requires category and refuses a ticket without them -> set them in fields of this table in "
        "andon.toml"
    ]
    assert "people must fill in caller_id for incident; a ticket from Andon would not have them" in unseen(found)
    found = await examined(instance, fields={"caller_id": "id of andon", "category": "hardware"})
    assert wrong(found) == []
    assert len(unseen(found)) == 1  # that nothing is in the table yet


async def test_fields_that_are_none(instance: Instance) -> None:
    [told] = wrong(await examined(instance, fields={"u_lime": "3"}))
    assert told.startswith("incident has no field u_lime: the instance leaves them out without an error message")


async def test_reference_to_nobody(instance: Instance) -> None:
    [told] = wrong(await examined(instance, fields={"assignment_group": "Line maintenance"}))
    assert told.startswith("fields.assignment_group is 'Line maintenance', but sys_user_group has no such sys_id")
    group = next(iter(instance.tables.groups))
    assert wrong(await examined(instance, fields={"assignment_group": group})) == []


async def test_how_tickets_are_resolved(instance: Instance) -> None:
    found = wrong(await examined(instance, close_code="Solved (Permanently)", close_state="9"))
    assert found[0] == (
        "incident has no state '9': tickets could not be resolved -> set close_state to one of: 1, 2, 3, 6, 7, 8"
    )
    assert found[1].startswith("incident has no close_code 'Solved (Permanently)': tickets could not be resolved")
    assert "set close_code to one of: Solution provided, Known error" in found[1]


async def test_roles_that_are_missing(instance: Instance) -> None:
    instance.users["andon"] = ("spindle-7", {"snc_read_only"})
    found = wrong(await examined(instance, events=True))
    assert found[0].startswith(
        "the user andon has none of the roles that may write tickets: admin, itil, sn_incident_write"
    )
    assert found[1].startswith("the user andon has none of the roles that may write events: admin, evt_mgmt")


async def test_roles_of_others_are_not_taken_for_its_own(instance: Instance) -> None:
    instance.users["chief"] = ("x", {"admin"})
    instance.unreadable.add("sys_user_has_role.user")
    assert "which roles the user has cannot be checked as this user" in unseen(await examined(instance))


async def test_what_the_user_may_not_see_is_said(instance: Instance) -> None:
    instance.closed_tables |= {"sys_dictionary", "sys_user_has_role", "em_event"}
    found = await examined(instance, events=True)
    assert wrong(found) == []
    assert any(one.startswith("what incident requires cannot be checked as this user (") for one in unseen(found))
    assert any(one.startswith("whether events are taken cannot be checked") for one in unseen(found))


async def test_events_without_event_management(instance: Instance) -> None:
    instance.has_events = False
    [told] = wrong(await examined(instance, events=True))
    assert told.startswith("the instance has no Event Management: events would be refused -> set events = false")


async def test_what_is_only_read_needs_no_right_to_write(instance: Instance) -> None:
    instance.users["andon"] = ("spindle-7", set())
    instance.tables.held["incident"]["caller_id"].mandatory = True
    assert wrong(await examined(instance, read_only=True)) == []
