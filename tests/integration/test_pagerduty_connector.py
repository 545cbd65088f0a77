"""Alerts at PagerDuty's Events API v2, over HTTP: one for each subject, from raised to resolved."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import Any

import pytest

from andon.app.doctor.connector_checks import connected as doctor
from andon.core.errors import ActionRefused, ConfigError, OutcomeUnknown, TargetAway
from andon.core.models.actions import Section
from support.orders import PAGE, connected, event, message, order, sent, ticket
from support.pagerduty import KEY, Service, running_pagerduty
from support.settings import settings_of


@pytest.fixture
def service() -> Any:
    with running_pagerduty() as running:
        yield running


@asynccontextmanager
async def pagerduty(service: Service, **table: Any) -> Any:
    async with connected("pagerduty", **{"url": service.url, "routing_key": KEY, **table}) as connector:
        yield connector


async def test_alert_is_raised_acknowledged_and_resolved_by_one_key(service: Service) -> None:
    async with pagerduty(service) as connector:
        receipt = await sent(connector, order(message()))
        await sent(connector, order(message(title="CRITICAL: and again")))
        [alert] = service.alerts
        assert (receipt.ref, receipt.words, len(alert.entries)) == ("Andon/problem-12", "Event processed", 2)
        await sent(connector, order(message(phase="acknowledged")))
        assert alert.state == "acknowledged"
        await sent(connector, order(event(phase="ended")))
        assert alert.state == "resolved"
        await sent(connector, order(message()))  # after its end it begins anew
    assert [one.dedup_key for one in service.alerts] == ["Andon/problem-12"] * 2
    assert service.dropped == []


async def test_alert_says_what_and_where(service: Service) -> None:
    async with pagerduty(service) as connector:
        await sent(connector, order(message()))
        await sent(connector, order(event(about="problem-13")))
    told, happened = service.taken
    assert told["payload"] == {
        "summary": "CRITICAL: spindle drive overheats",
        "source": "press-4",
        "severity": "critical",
        "custom_details": {
            "What happened": "The spindle drive of press 4 overheats.",
            "Check first": "- Is the filter mat clean?\n- Does the fan turn?",
            "Facts": f"- More: {PAGE}/problems/12",
        },
    }
    assert told["links"] == [{"href": f"{PAGE}/problems/12", "text": "Open in Andon"}]
    assert (told["client"], told["client_url"]) == ("Andon", PAGE)
    assert happened["payload"]["component"] == "drive"
    assert happened["payload"]["timestamp"] == "2026-11-30T14:00:00.500+00:00"
    assert "links" not in happened


async def test_key_is_no_part_of_what_is_approved(service: Service) -> None:
    async with pagerduty(service) as connector:
        rendered = connector.render(order(message()))
        assert KEY not in str(rendered)
        await connector.send(order(message()), rendered)
    sent_body = json.loads(service.bodies[0])
    assert sent_body.pop("routing_key") == KEY
    assert sent_body == json.loads(rendered.requests[0].body)


async def test_two_andons_of_one_service_stay_apart(service: Service) -> None:
    for source in ("Graz", "Linz"):
        async with pagerduty(service, source=source) as connector:
            await sent(connector, order(message(host="")))
    assert [one.dedup_key for one in service.alerts] == ["Graz/problem-12", "Linz/problem-12"]
    assert [one["payload"]["source"] for one in service.taken] == ["Graz", "Linz"]


async def test_message_without_a_state_is_a_change_that_calls_nobody(service: Service) -> None:
    async with pagerduty(service) as connector:
        wanted = order(message(phase="told", about="shift-2026-11-30", link=f"{PAGE}/shift"))
        assert any("pages nobody" in one for one in connector.render(wanted).notes)
        receipt = await sent(connector, wanted)
        await sent(connector, order(event(phase="told")))
    assert (receipt.ref, receipt.words) == ("", "Change event processed")
    assert service.alerts == []
    first, second = service.changes
    assert first["payload"]["summary"] == "CRITICAL: spindle drive overheats"
    assert first["links"] == [{"href": f"{PAGE}/shift", "text": "Open in Andon"}]
    assert second["payload"]["timestamp"].startswith("2026-11-30T14:00:00")


async def test_texts_are_plain_and_links_of_others_dead(service: Service) -> None:
    line = "see https://phish.example/x and www.phish.example <img src=x> <!channel> <@U1> <#C1|x> <https://y|z>"
    async with pagerduty(service) as connector:
        wanted = message(
            title=line, body=(Section(line, (line,)),), link="https://phish.example/", host="javascript:x()"
        )
        await sent(connector, order(wanted))
    told = json.dumps(service.taken[0])
    assert "://phish" not in told
    assert "www.phish" not in told
    assert "javascript:" not in told
    assert "<" not in told
    assert "links" not in service.taken[0]


async def test_large_texts_stay_within_the_limits(service: Service) -> None:
    body = tuple(Section(f"Part {n % 3}", ("ü" * 1_000,) * 60) for n in range(20))
    async with pagerduty(service) as connector:
        await sent(connector, order(message(title="ö" * 2_000, body=body, about="x" * 400)))
    assert len(service.taken[0]["payload"]["summary"]) == 1_024
    assert len(service.taken[0]["dedup_key"]) == 255
    assert len(service.bodies[0]) < 200_000


async def test_key_that_the_service_does_not_know(service: Service) -> None:
    async with pagerduty(service, routing_key="f" * 32) as connector:
        with pytest.raises(ActionRefused, match="400: Event object is invalid; Invalid routing key; it does not know"):
            await sent(connector, order(message()))
        [found] = await connector.check()
    assert (found.ok, "copy it again" in found.detail) == (False, True)
    assert "f" * 32 not in found.detail


@pytest.mark.parametrize(
    ("mood", "error"), [("429", TargetAway), ("503", TargetAway), ("500", OutcomeUnknown), ("cut", OutcomeUnknown)]
)
async def test_service_that_is_busy_or_fails(service: Service, mood: str, error: type[Exception]) -> None:
    service.mood, service.headers = mood, {"Retry-After": "30"}
    async with pagerduty(service) as connector:
        with pytest.raises(error) as caught:
            await sent(connector, order(message()))
        if error is TargetAway:
            assert caught.value.retry_after == 30.0
        service.mood = ""
        await sent(connector, order(message()))
    assert len(service.alerts) == 1  # also where the first one was taken before the line was cut


async def test_doctor_asks_without_an_alert(service: Service) -> None:
    table = {"url": service.url, "routing_key": KEY}
    [result] = await doctor(settings_of(pagerduty=[table]))
    assert (result.name, result.ok) == ("pagerduty", True)
    assert service.alerts == []
    assert [one["event_action"] for one in service.dropped] == ["resolve"]


async def test_doctor_counts_the_signs_of_the_key(service: Service) -> None:
    async with pagerduty(service, routing_key="short") as connector:
        first, second = await connector.check()
    assert first.detail == "the integration key has 5 characters, and should have 32"
    assert (first.ok, second.ok) == (False, False)


async def test_table_without_a_key() -> None:
    with pytest.raises(
        ConfigError,
        match=r"has no routing_key: set routing_key, or routing_key_file, to the integration key.*ANDON_PAGERDUTY_ROUTING_KEY",
    ):
        async with connected("pagerduty"):
            pass
    async with connected("pagerduty", around={"pagerduty_routing_key": KEY}) as connector:
        assert connector.address == "https://events.pagerduty.com"


async def test_tickets_are_not_its_work(service: Service) -> None:
    async with pagerduty(service) as connector:
        with pytest.raises(ActionRefused, match=r"pagerduty opens no tickets; it sends messages .* takes events"):
            connector.render(order(ticket()))
