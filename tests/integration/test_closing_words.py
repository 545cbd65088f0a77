"""What a ticket is closed with, in the words of each system."""

from __future__ import annotations

import pytest

from andon.act import follow_ups
from support.jira import TOKEN, USER
from support.orders import connected, order

pytestmark = pytest.mark.anyio


async def test_the_cause_is_told_once() -> None:
    """In the closing comment of Jira, in the notes of ServiceNow, and in the comment where nothing is closed."""
    table = {"url": "https://jira.plant.example", "edition": "cloud", "user": USER, "token": TOKEN, "projects": ["OPS"]}
    made = follow_ups.close("OPS-1", "cleaned the filter", "a clogged filter", "eva", "2 May 2026")
    async with connected("jira", **table) as one:
        assert one.render(order(made)).requests[0].body.count("a clogged filter") == 1
    own = {"url": "https://plant.service-now.example", "user": "andon", "password": "spindle-7"}
    async with connected("servicenow", **own) as one:
        rendered = one.render(order(follow_ups.close("INC0010001", "cleaned", "a clogged filter", "", "today")))
    assert rendered.requests[1].body.count("a clogged filter") == 1
    told = follow_ups.fixed("OPS-1", "cleaned the filter", "a clogged filter", "", "today")
    assert str(told.body).count("a clogged filter") == 1
