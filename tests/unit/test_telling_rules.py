"""What rules propose by themselves, and what follows a ticket that was opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import ActionRefused
from andon.core.models.actions import (
    ActionStatus,
    CloseTicket,
    Comment,
    OpenTicket,
    Operation,
    Order,
    Origin,
    Receipt,
    Rendered,
)
from andon.core.models.actions import Event as EventOrder
from andon.store import actions, problems
from andon.store.actions import tickets
from support.alarm_logs import Event, cleared, raised
from support.told import MIDNIGHT, Night, Paper, night

H, MIN = 3600.0, 60.0
RULE = {"name": "line 3", "line": "3", "severity": "critical", "target": "desk", "approve": True}


def at(line: str, machine: str = "Press 7") -> dict[str, Any]:
    return {"machine": machine, "line": line, "area": "Hall 1"}


def hot(moment: float, line: str = "Line 3", code: str = "HOT", severity: str = "CRITICAL") -> Event:
    return raised(moment, code, severity=severity, message=f"Motor too hot, {code}", pattern=code, place=at(line))


def cool(moment: float, line: str = "Line 3", code: str = "HOT") -> Event:
    return cleared(moment, code, message="Motor cooled down", pattern=f"{code}-over", place=at(line))


async def opened(site: Night, ref: str) -> int:
    """The outbox opened the ticket that was approved last; the action."""
    one = (await site.stored())[-1]
    assert (one.status, one.operation) == (ActionStatus.APPROVED, Operation.OPEN_TICKET)
    await site.store.write(tickets.keep, one, Receipt(ref=ref), site.now)
    await site.do(actions.finish, one.id, ActionStatus.DONE, site.now, receipt=Receipt(ref=ref))
    return one.id


async def test_a_rule_proposes_what_it_means_and_nothing_else(tmp_path: Path) -> None:
    """New CRITICAL on line 3 is a ticket; what was there before the rule, less bad or elsewhere is none."""
    async with night(tmp_path / "a.db", H, action_rules=[RULE]) as site:
        await site.store_quietly([hot(0.5 * H, code="OLD")])
        await site.until(H + MIN)
        await site.log(hot(2 * H, "Line 4", "ELSEWHERE"), hot(2 * H, "LINE_03", "WARM", "ERROR"), hot(2 * H, "line-3"))
        await site.until(3 * H)
        (made,) = await site.stored()
        assert isinstance(made.order.arguments, OpenTicket)
        assert made.order.arguments.title == "CRITICAL: Motor too hot, HOT"
        assert (made.status, made.decided_by, made.origin) == (ActionStatus.APPROVED, "rule line 3", Origin.RULE)
        assert made.reason == "Rule 'line 3' matched a problem that became active."
        assert site.woken == 1
        assert made.rendered.notes == (
            "Approving this also approves: a comment on later occurrences, at most every 1 h; closing it once a person "
            "confirms what fixed the problem.",
        )


async def test_a_person_approves_where_the_rule_does_not(tmp_path: Path) -> None:
    """What was declined is proposed again when the problem comes again, and not before."""
    async with night(tmp_path / "a.db", H, action_rules=[{**RULE, "approve": False}]) as site:
        await site.until(H + MIN)
        await site.log(hot(2 * H))
        (made,) = await site.stored()
        assert made.status is ActionStatus.PROPOSED
        await site.do(actions.decline, made.id, "kim", now=site.now)
        await site.log(hot(2.5 * H))
        await site.until(4 * H)
        assert len(await site.stored()) == 1
        await site.log(cool(4 * H), hot(5 * H))
        assert [one.status for one in await site.stored()] == [ActionStatus.DECLINED, ActionStatus.PROPOSED]


async def test_a_ticket_stands_for_all_that_comes_while_it_is_open(tmp_path: Path) -> None:
    """An alarm that chatters all night is one ticket; closed, it may be another, and not within the rule's time."""
    async with night(tmp_path / "a.db", H, action_rules=[RULE], ticket_comment_every="never") as site:
        await site.until(H + MIN)
        await site.log(hot(2 * H))
        await opened(site, "T-1")
        for n in range(20):
            await site.log(cool(2 * H + 600 * n + 300), hot(2 * H + 600 * n + 400))
        assert [one.operation for one in await site.stored()] == [Operation.OPEN_TICKET]
        await site.store.write(tickets.close, "desk", "T-1", site.now)
        await site.log(cool(6 * H), hot(6 * H + 60))
        await site.until(9 * H)
        made = await site.stored()
        assert [one.operation for one in made] == [Operation.OPEN_TICKET] * 2
        assert len({one.key for one in made}) == 2


async def test_a_flood_is_no_heap_of_tickets(tmp_path: Path) -> None:
    """What followed what seems to have begun it waits for the end of the flood; and there is a limit for an hour."""
    async with night(tmp_path / "a.db", H, action_rules=[RULE]) as site:
        await site.until(H + MIN)
        await site.log(*(hot(2 * H + 2 * n, code=f"E{n}") for n in range(45)))
        await site.until(2 * H + 5 * MIN)
        during = len(await site.stored())
        assert during <= 12, during
        await site.until(2.9 * H)
        assert len(await site.stored()) == 20
        await site.until(3.9 * H)
        assert len(await site.stored()) == 40


async def test_later_occurrences_are_told_to_a_ticket_now_and_then(tmp_path: Path) -> None:
    """One comment at most in the time that is set, with how many; none where nothing came, or the last one failed."""
    async with night(tmp_path / "a.db", H, action_rules=[RULE], ticket_comment_every="30m") as site:
        await site.until(H + MIN)
        await site.log(hot(2 * H + 20))
        ticket = await opened(site, "T-1")
        await site.log(*(hot(2 * H + 30 + 10 * n) for n in range(150)))
        await site.until(3 * H)
        comment = (await site.stored())[-1]
        assert isinstance(comment.order.arguments, Comment)
        assert (comment.follows, comment.decided_by, comment.origin) == (ticket, f"action {ticket}", Origin.FOLLOW_UP)
        (line,) = comment.order.arguments.body[0].lines
        assert line.startswith("147 more logs since 2025-01-15 02:00 UTC, the last at 2025-01-15 02:25 UTC on press-1")
        await site.log(hot(4 * H))
        await site.until(5 * H)
        assert len(await site.stored()) == 2  # the first one waits still
        await site.do(actions.finish, comment.id, ActionStatus.DONE, site.now)
        assert len(await site.stored()) == 3
        await site.do(actions.finish, (await site.stored())[-1].id, ActionStatus.FAILED, site.now, error="403")
        await site.log(hot(6 * H), hot(7 * H))
        assert len(await site.stored()) == 3


async def test_a_confirmed_fix_closes_the_ticket(tmp_path: Path) -> None:
    """Once, with what fixed it; one that was confirmed before the problem came again does not."""
    async with night(tmp_path / "a.db", H, action_rules=[RULE]) as site:
        await site.log(hot(1.5 * H, code="HOT"), cool(1.6 * H))
        await site.do(problems.resolve, 1, "Reset the drive.", None, "Meier", MIDNIGHT + 1.7 * H)
        await site.log(hot(2.8 * H))
        await opened(site, "T-1")
        await site.until(3 * H)
        assert len(await site.stored()) == 1
        await site.do(problems.resolve, 1, "Change the filter mat.", "No air", "Meier", MIDNIGHT + 3 * H)
        await site.do(problems.resolve, 1, "Change the filter mat.", "No air", "Meier", MIDNIGHT + 3 * H)
        closing = (await site.stored())[-1]
        assert closing.order.arguments == CloseTicket(
            ticket="T-1",
            body=closing.order.arguments.body,  # type: ignore[union-attr]
            cause="No air",
        )
        assert closing.order.arguments.body[0].lines == (
            "Change the filter mat.",
            "Confirmed by Meier on 2025-01-15 03:00 UTC.",
        )
        await site.until(6 * H)
        assert len(await site.stored()) == 2


async def test_a_fix_confirmed_before_the_ticket_opens_closes_it(tmp_path: Path) -> None:
    """Its system was away when somebody confirmed what fixed the problem: what opens late is closed all the same."""
    async with night(tmp_path / "a.db", H, action_rules=[RULE]) as site:
        await site.log(hot(2 * H))
        await site.until(2 * H + 10 * MIN)
        await site.do(problems.resolve, 1, "Change the filter mat.", None, "Meier", MIDNIGHT + 2 * H + 10 * MIN)
        await site.until(5 * H)
        await opened(site, "T-1")
        closing = (await site.stored())[-1]
        assert isinstance(closing.order.arguments, CloseTicket)
        assert (closing.order.arguments.ticket, len(await site.stored())) == ("T-1", 2)


async def test_a_ticket_that_may_not_be_followed_any_more_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its project was taken from the settings: people read that, once, until the ticket is closed."""

    def render(_: Paper, order: Order) -> Rendered:
        raise ActionRefused(f"desk has no issue that it may {order.operation.value.partition('.')[2]}")

    async with night(tmp_path / "a.db", H, action_rules=[RULE], ticket_comment_every="30m") as site:
        await site.log(hot(2 * H))
        await opened(site, "T-1")
        assert site.remark is None
        monkeypatch.setattr(Paper, "render", render)
        await site.log(hot(3 * H))
        assert site.remark == "ticket T-1 at desk is not followed any more: desk has no issue that it may comment"
        await site.do(problems.resolve, 1, "Change the filter mat.", None, "Meier", site.now)
        before = site.looks
        await site.until(4 * H)
        assert site.remark is not None
        assert site.remark.endswith(
            "; ticket T-1 at desk is not followed any more: desk has no issue that it may close"
        )
        assert (len(await site.stored()), site.looks - before < 20) == (1, True)
        assert capsys.readouterr().out.count("nothing follows a ticket") == 2
        await site.do(tickets.close, "desk", "T-1", site.now)
        assert site.remark is None


async def test_an_event_is_followed_by_its_end(tmp_path: Path) -> None:
    """Where the rule approves: once it has been over for a while, however it chattered before."""
    async with night(tmp_path / "a.db", H, action_rules=[{**RULE, "do": "event"}]) as site:
        await site.until(H + MIN)
        await site.log(hot(2 * H), cool(2 * H + 60), hot(2 * H + 120), cool(2 * H + 300))
        await site.until(4 * H)
        events = [(site.clock(one.created), one.order.arguments) for one in await site.stored()]
        assert all(isinstance(one, EventOrder) for _, one in events)
        assert [(at, one.phase, one.about) for at, one in events if isinstance(one, EventOrder)] == [
            ("02:00", "raised", "problem-1"),
            ("02:15", "ended", "problem-1"),
        ]
