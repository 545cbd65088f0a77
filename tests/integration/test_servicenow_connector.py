"""Tickets at an instance of ServiceNow, over HTTP, with the traps that the real one has."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import unquote

import pytest

from andon.act.connectors.connector import Connector
from andon.core.errors import ActionRefused, OutcomeUnknown, TargetAway
from andon.core.models.actions import Order, Receipt, Section
from support.orders import KEY, PAGE, closing, comment, connected, order, sent, ticket
from support.servicenow import Instance, running_instance, servicenow

OTHER = "0" * 32


@pytest.fixture
def instance() -> Any:
    with running_instance() as running:
        yield running


async def test_ticket_holds_key_text_and_urgency(instance: Instance) -> None:
    async with servicenow(instance) as connector:
        receipt = await sent(connector, order(ticket()))
    [row] = instance.made()
    assert receipt.ref == row["number"]
    assert unquote(receipt.url) == f"{instance.url}/nav_to.do?uri=incident.do?sys_id={row['sys_id']}"
    assert (receipt.words, receipt.closed) == ("", False)
    assert row["correlation_id"] == KEY
    assert (row["impact"], row["urgency"], row["state"]) == ("2", "1", "1")
    assert row["short_description"] == "CRITICAL: spindle drive overheats"
    assert row["description"] == (
        "What happened\nThe spindle drive of press 4 overheats.\n\n"
        "Check first\n- Is the filter mat clean?\n- Does the fan turn?\n\n"
        f"Facts\n- More: {PAGE}/problems/12"
    )


async def test_what_goes_out_is_what_was_rendered(instance: Instance) -> None:
    async with servicenow(instance) as connector:
        rendered = connector.render(order(ticket()))
        assert connector.render(order(ticket())).digest == rendered.digest
        await connector.send(order(ticket()), rendered)
    [arrived] = instance.seen
    [request] = rendered.requests
    assert (arrived.method, f"{instance.url}{arrived.path}", arrived.body) == (
        request.method,
        request.url,
        request.body,
    )
    assert "spindle-7" not in str(rendered)
    assert arrived.headers["authorization"].startswith("Basic ")


async def test_ticket_is_found_by_its_key(instance: Instance) -> None:
    async with servicenow(instance) as connector:
        assert await connector.find(order(ticket())) is None
        made = await sent(connector, order(ticket()))
        assert await connector.find(order(ticket())) == made
        assert await connector.find(order(ticket(), OTHER)) is None


async def test_ticket_that_is_resolved_is_found_closed(instance: Instance) -> None:
    async with servicenow(instance) as connector:
        made = await sent(connector, order(ticket()))
        await sent(connector, order(closing(made.ref)))
        found = await connector.find(order(ticket()))
    assert found is not None
    assert found.closed


async def test_search_that_is_left_out_stops_instead_of_making_a_second_ticket(instance: Instance) -> None:
    instance.unreadable.add("incident.correlation_id")
    async with servicenow(instance) as connector:
        await sent(connector, order(ticket(), OTHER))
        with pytest.raises(ActionRefused, match="ignores the search of incident for correlation_id"):
            await connector.find(order(ticket()))


async def test_ticket_whose_key_is_not_kept_says_so(instance: Instance) -> None:
    instance.unwritable.add("incident.correlation_id")
    async with servicenow(instance) as connector:
        receipt = await sent(connector, order(ticket()))
    assert "did not store correlation_id" in receipt.words


async def test_answer_that_never_comes_is_unknown_and_the_ticket_is_found(instance: Instance) -> None:
    instance.mood, instance.mood_for = "cut", ("POST",)
    async with servicenow(instance) as connector:
        with pytest.raises(OutcomeUnknown, match="the connection broke before the answer arrived"):
            await sent(connector, order(ticket()))
        found = await connector.find(order(ticket()))
    assert [row["number"] for row in instance.made()] == [found.ref]


async def test_cuts_at_any_moment_make_one_ticket_and_one_note(instance: Instance) -> None:
    """What the outbox does, with the line cut before and after the deed, and with answers that tell of a failure."""
    dice = random.Random(7)

    async def done(connector: Connector, wanted: Order) -> Receipt:
        while True:
            instance.mood = dice.choice(("cut", "refused", "500", "", "hibernating"))
            try:
                return await connector.find(wanted) or await sent(connector, wanted)
            except (OutcomeUnknown, TargetAway):
                continue

    async with servicenow(instance) as connector:
        for n in range(20):
            made = await done(connector, order(ticket(), f"{n:032x}"[::-1]))
            await done(connector, order(comment(made.ref), f"{n:032x}"[::-1]))
    assert len(instance.seen) > 80
    assert len({row["correlation_id"] for row in instance.made()}) == len(instance.made()) == 20
    assert [len(row["journal"]) for row in instance.made()] == [1] * 20


@pytest.mark.parametrize(
    ("mood", "error", "words"),
    [
        ("500", OutcomeUnknown, "answered 500: Transaction cancelled"),
        ("hibernating", OutcomeUnknown, "answered 200 with something that is not JSON"),
        ("refused", OutcomeUnknown, "the connection broke"),
        ("slow", OutcomeUnknown, "did not answer within 1 s"),
        ("login", ActionRefused, "a redirect to login.example, which is not followed"),
    ],
)
async def test_moods_of_an_instance(instance: Instance, mood: str, error: type[Exception], words: str) -> None:
    instance.mood = mood
    async with servicenow(instance, timeout=1 if mood == "slow" else 15) as connector:
        with pytest.raises(error, match=words):
            await sent(connector, order(ticket()))
        if mood != "login":
            with pytest.raises(TargetAway):  # what only reads did nothing
                await connector.find(order(ticket()))


async def test_limit_of_the_hour_names_when_to_come_again(instance: Instance) -> None:
    instance.left = 0
    async with servicenow(instance) as connector:
        with pytest.raises(TargetAway, match="Rate limit exceeded: Rate limit of 10 requests per hour") as caught:
            await sent(connector, order(ticket()))
    assert caught.value.retry_after == 17.0
    assert instance.made() == []


async def test_instance_that_is_away(instance: Instance) -> None:
    async with connected("servicenow", url="http://127.0.0.1:9", user="andon", password="x") as connector:
        with pytest.raises(TargetAway, match="servicenow cannot be reached"):
            await sent(connector, order(ticket()))


async def test_wrong_password_in_the_words_of_the_instance(instance: Instance) -> None:
    async with connected("servicenow", url=instance.url, user="andon", password="wrong-one") as connector:
        with pytest.raises(
            ActionRefused,
            match=r"401: User Not Authenticated.*does not accept the password: replace it in the settings",
        ) as caught:
            await sent(connector, order(ticket()))
    assert "wrong-one" not in str(caught.value)


async def test_field_that_a_data_policy_wants(instance: Instance) -> None:
    instance.tables.held["incident"]["category"].policy = True
    async with servicenow(instance) as connector:
        with pytest.raises(ActionRefused, match=r"fields are mandatory: Category; a data policy requires.*`fields`"):
            await sent(connector, order(ticket()))
    async with servicenow(instance, fields={"category": "hardware"}) as connector:
        await sent(connector, order(ticket()))
    assert instance.made()[0]["category"] == "hardware"


async def test_fields_that_the_instance_does_not_take_are_named(instance: Instance) -> None:
    instance.unwritable.add("incident.category")
    async with servicenow(instance, fields={"category": "hardware", "u_line": "3"}) as connector:
        receipt = await sent(connector, order(ticket()))
    assert receipt.words.startswith("the instance did not accept category, u_line")


async def test_user_without_the_role(instance: Instance) -> None:
    instance.users["andon"] = ("spindle-7", set())
    async with servicenow(instance) as connector:
        with pytest.raises(ActionRefused, match=r"403: Operation Failed: ACL Exception.*the right: have it granted"):
            await sent(connector, order(ticket()))


async def test_table_that_is_not_there(instance: Instance) -> None:
    async with servicenow(instance, tables=["u_fault"]) as connector:
        with pytest.raises(ActionRefused, match="Invalid table u_fault; there is no such table: correct `tables`"):
            await sent(connector, order(ticket()))


async def test_table_that_is_not_allowed(instance: Instance) -> None:
    async with servicenow(instance, tables=["incident", "problem"]) as connector:
        assert connector.places == ("incident", "problem")
        with pytest.raises(ActionRefused, match="may not write to 'change_request'; the settings allow: incident, pr"):
            connector.render(order(ticket(where="change_request")))
        for ref in ("change_request/CHG1", "INC1^ORactive=true", "", "../INC1", "INC1\nINC2"):
            with pytest.raises(ActionRefused, match="is not a ticket that can be written to"):
                connector.render(order(comment(ref)))
    assert instance.seen == []


async def test_tickets_of_a_second_table_carry_its_name(instance: Instance) -> None:
    async with servicenow(instance, tables=["incident", "problem"]) as connector:
        receipt = await sent(connector, order(ticket(where="problem")))
        assert receipt.ref == f"problem/{instance.made('problem')[0]['number']}"
        await sent(connector, order(comment(receipt.ref)))
        assert await connector.find(order(comment(receipt.ref))) is not None
    assert len(instance.made("problem")[0]["journal"]) == 1


async def test_note_is_added_once_and_found(instance: Instance) -> None:
    async with servicenow(instance) as connector:
        made = await sent(connector, order(ticket()))
        note = order(comment(made.ref))
        assert await connector.find(note) is None
        receipt = await sent(connector, note)
        assert (receipt.ref, receipt.words) == (made.ref, "")
        assert await connector.find(note) == receipt
        assert await connector.find(order(comment(made.ref), OTHER)) is None
    [entry] = instance.made()[0]["journal"]
    assert entry == ("work_notes", f"12 more logs since 14:00\n\nAndon note {KEY[:12]}")


async def test_braces_in_a_note_stay_as_they_are(instance: Instance) -> None:
    async with servicenow(instance) as connector:
        made = await sent(connector, order(ticket()))
        await sent(connector, order(comment(made.ref, "field {sys_id} is empty")))
    assert instance.made()[0]["journal"][0][1].startswith("field {sys_id} is empty\n")


async def test_note_that_the_user_may_not_write_is_told(instance: Instance) -> None:
    instance.unwritable.add("incident.comments")
    async with servicenow(instance, notes="comments") as connector:
        made = await sent(connector, order(ticket()))
        assert any("is notified" in one for one in connector.render(order(comment(made.ref))).notes)
        assert "does not show the note" in (await sent(connector, order(comment(made.ref)))).words


async def test_number_that_the_instance_does_not_have(instance: Instance) -> None:
    instance.unreadable.add("incident.number")  # the condition is left out, and another ticket comes back
    async with servicenow(instance) as connector:
        await sent(connector, order(ticket()))
        for change in (comment("INC0099999"), closing("INC0099999")):
            with pytest.raises(ActionRefused, match="has no INC0099999 in incident, or the user may not read it"):
                await sent(connector, order(change))
    assert instance.made()[0]["journal"] == []
    assert instance.made()[0]["state"] == "1"


async def test_closing_resolves_with_code_and_cause(instance: Instance) -> None:
    async with servicenow(instance) as connector:
        made = await sent(connector, order(ticket()))
        receipt = await sent(connector, order(closing(made.ref)))
        again = await sent(connector, order(closing(made.ref)))
    row = instance.made()[0]
    assert receipt.closed
    assert (again.closed, again.words) == (True, "it is already resolved")
    assert (row["state"], row["close_code"]) == ("6", "Solution provided")
    assert row["close_notes"] == "What fixed it\nThe filter mat was cleaned.\n\nCause: Filter mat clogged"
    assert len([one for one in instance.seen if one.method == "PATCH"]) == 1


async def test_closing_leaves_what_a_person_closed(instance: Instance) -> None:
    async with servicenow(instance) as connector:
        made = await sent(connector, order(ticket()))
        instance.made()[0] |= {"state": "7", "close_notes": "Fan replaced"}
        assert (await sent(connector, order(closing(made.ref)))).closed
    assert instance.made()[0]["close_notes"] == "Fan replaced"


async def test_closing_with_a_code_that_the_instance_lacks(instance: Instance) -> None:
    async with servicenow(instance, close_code="Solved (Permanently)") as connector:
        made = await sent(connector, order(ticket()))
        with pytest.raises(ActionRefused, match="mandatory: Resolution code, Resolution notes"):
            await sent(connector, order(closing(made.ref)))


async def test_closing_that_the_instance_leaves_undone(instance: Instance) -> None:
    instance.unwritable.add("incident.state")
    async with servicenow(instance) as connector:
        made = await sent(connector, order(ticket()))
        with pytest.raises(ActionRefused, match=r"left INC\d+ in state '1': the user may not set the state"):
            await sent(connector, order(closing(made.ref)))


async def test_note_on_a_closed_ticket_in_the_words_of_the_rule(instance: Instance) -> None:
    async with servicenow(instance) as connector:
        made = await sent(connector, order(ticket()))
        instance.made()[0]["state"] = "7"
        with pytest.raises(
            ActionRefused, match=r"aborted by Business Rule 'incident state closed.*the login is correct"
        ):
            await sent(connector, order(comment(made.ref)))


async def test_long_text_is_cut_at_a_line_and_told(instance: Instance) -> None:
    body = tuple(Section(f"Part {n}", tuple(f"line {n}.{m} " + "x" * 80 for m in range(30))) for n in range(5))
    async with servicenow(instance) as connector:
        wanted = order(ticket(title="y" * 200, body=body))
        assert connector.render(wanted).notes == (
            "The text is truncated: a field of the instance has at most 4,000 characters",
        )
        await sent(connector, wanted)
    row = instance.made()[0]
    assert row["description"].endswith("x\n… truncated: the rest is in Andon")
    assert row["short_description"] == "y" * 159 + "…"
