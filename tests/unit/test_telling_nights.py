"""Nights on a site whose clock the test moves: what people are told, when, and what they are spared."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from andon.app.telling import herald
from andon.core.models.actions import ActionStatus
from andon.core.settings.database_url import Database
from andon.store import Store
from support.alarm_logs import Event, cleared, raised
from support.told import Night, night

pytest_plugins = ["support.databases"]

H, MIN = 3600.0, 60.0
CHAT = {"name": "shop floor", "to": ["chat"]}
PRESS = {"machine": "Press 7", "line": "Line 3", "area": "Hall 1"}


def hot(at: float, severity: str = "CRITICAL", code: str = "HOT", **more: object) -> Event:
    return raised(at, code, severity=severity, message=f"Motor too hot, {code}", pattern=code, place=PRESS, **more)


def cool(at: float, code: str = "HOT", **more: object) -> Event:
    return cleared(at, code, message="Motor cooled down", pattern=f"{code}-over", place=PRESS, **more)


async def test_a_new_critical_is_told_once_and_so_is_its_end(database: Database) -> None:
    """At once, however often it is logged; what is less bad is not told; the end comes when it is one."""
    async with night(database, H, CHAT) as site:
        await site.log(hot(2 * H), *(hot(2 * H + n) for n in range(1, 30)))
        await site.log(hot(2.1 * H, "ERROR", "WARM"))
        await site.until(3 * H)
        await site.log(cool(3 * H))
        await site.until(5 * H)
        assert await site.told() == [
            ("02:00", "raised", "CRITICAL: Motor too hot, HOT"),
            ("03:10", "ended", "Over: Motor too hot, HOT"),
        ]
        raised_, ended = (one.order.arguments for one in await site.stored())
        assert raised_.about == ended.about == "problem-1"
        assert "Press 7" in raised_.body[1].lines[0]
        assert ended.body[0].lines == ("From 02:00 to 03:00 (1 h), Press 7, Line 3",)


async def test_an_alarm_that_chatters_is_told_once(tmp_path: Path) -> None:
    """Coming and going a hundred times is one beginning, and one end when it has really ended."""
    async with night(tmp_path / "a.db", H, CHAT) as site:
        for n in range(100):
            await site.log(hot(2 * H + 40 * n), cool(2 * H + 40 * n + 15))
        await site.until(12 * H)
        told = await site.told()
        assert [phase for _, phase, _ in told] == ["raised", "ended"], told
        assert told[0][0] == "02:00"


async def test_it_comes_again_every_half_hour_all_night(tmp_path: Path) -> None:
    """Sixteen times in a night: the more often it came, the longer nobody believes that it is over."""
    async with night(tmp_path / "a.db", H, CHAT) as site:
        for n in range(16):
            await site.log(hot(2 * H + 1800 * n), cool(2 * H + 1800 * n + 60))
        await site.until(15 * H)
        told = await site.told()
        assert len(told) <= 8, told


async def test_quiet_hours_keep_what_is_not_critical(tmp_path: Path) -> None:
    """It is told together when they end, also what is over by then; what is CRITICAL is told at once."""
    route = {**CHAT, "severity": "WARNING", "quiet": "22:00-06:00"}
    async with night(tmp_path / "a.db", 20 * H, route) as site:
        await site.log(hot(21 * H, "ERROR", "EARLY"))
        await site.log(hot(23 * H, "ERROR", "FAN"), hot(23.5 * H, "WARNING", "OIL"), cool(24 * H, "OIL"))
        await site.log(hot(26 * H, "CRITICAL", "FIRE"))
        await site.until(31 * H)
        told = await site.told()
        assert told == [
            ("21:00", "raised", "ERROR: Motor too hot, EARLY"),
            ("02:00", "raised", "CRITICAL: Motor too hot, FIRE"),
            ("06:00", "raised", "2 problems in the quiet hours 22:00-06:00, 1 still there"),
        ]
        digest = (await site.stored())[-1].order.arguments
        assert digest.body[0].lines == (
            "ERROR, Press 7, Line 3: Motor too hot, FAN (since 23:00)",
            "WARNING: Motor too hot, OIL (from 23:30 to 00:00, over)",
        )


ESCALATED = {**CHAT, "escalate_after": "15m", "escalate_to": ["phone"]}


async def test_what_nobody_acknowledges_is_told_others(tmp_path: Path) -> None:
    """Once, after the time that the route names; they are told who has it then, and that it is over."""
    async with night(tmp_path / "a.db", H, ESCALATED) as site:
        await site.log(hot(2 * H))
        await site.until(2.5 * H)
        assert await site.told("phone") == [
            ("02:15", "raised", "Not acknowledged for 15 min: CRITICAL: Motor too hot, HOT")
        ]
        await site.acknowledge("Kim", "on my way")
        await site.log(cool(3 * H))
        await site.until(4 * H)
        assert await site.told("phone") == [
            ("02:15", "raised", "Not acknowledged for 15 min: CRITICAL: Motor too hot, HOT"),
            ("02:30", "acknowledged", "Acknowledged by Kim: Motor too hot, HOT"),
            ("03:10", "ended", "Over: Motor too hot, HOT"),
        ]
        assert [phase for _, phase, _ in await site.told()] == ["raised", "ended"]


async def test_an_acknowledgement_ends_the_escalation(tmp_path: Path) -> None:
    """Whoever has it needs no help from a pager; it comes again an hour later: somebody has to see to that."""
    async with night(tmp_path / "a.db", H, ESCALATED) as site:
        await site.log(hot(2 * H))
        await site.until(2.2 * H)
        await site.acknowledge()
        await site.log(cool(2.5 * H))
        await site.until(3.4 * H)
        assert await site.told("phone") == []
        await site.log(hot(3.5 * H))
        await site.until(4 * H)
        assert [at for at, _, _ in await site.told("phone")] == ["03:45"]
        assert [(at, phase) for at, phase, _ in await site.told()] == [
            ("02:00", "raised"), ("02:40", "ended"), ("03:30", "raised"),
        ]  # fmt: skip


async def test_what_comes_within_minutes_is_told_together(tmp_path: Path) -> None:
    """The first at once, the others in one message; what was over by then is in it. All of it ends as one."""
    async with night(tmp_path / "a.db", H, CHAT) as site:
        await site.log(hot(2 * H, code="A"))
        await site.log(*(hot(2 * H + 20 + n, code=code) for n, code in enumerate("BCD")), cool(2 * H + 60, "D"))
        await site.until(3 * H)
        assert await site.told() == [
            ("02:00", "raised", "CRITICAL: Motor too hot, A"),
            ("02:02", "raised", "3 CRITICAL problems began, 2 still there"),
        ]
        await site.log(cool(3 * H, "B"), cool(3 * H, "A"))
        await site.log(cool(4 * H, "C"))
        await site.until(5 * H)
        assert (await site.told())[2:] == [
            ("03:10", "ended", "Over: Motor too hot, A"),
            ("04:10", "ended", "Over: 2 problems that began by 02:02"),
        ]


async def test_services_that_share_a_database_tell_it_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a herald; whoever comes second sees that it was told."""
    monkeypatch.setattr(herald, "LEAST", 0.01)
    async with night(database, H, {**CHAT, "severity": "ERROR"}) as site:
        stores = [await Store.open(database, clock=lambda: site.now) for _ in range(3)]
        others = [Night(store, site.settings, site.now) for store in stores]
        await site.until(H + 1)
        for number in range(6):
            await site.store_quietly([hot(2 * H + 300 * number, "ERROR", f"E{number}")])
            site.now += H if not number else 300.0
            for one in others:
                one.now = site.now
            await asyncio.gather(*(one.herald.look() for one in (site, *others)))
        for store in stores:
            await store.close()
        told = await site.told()
        assert [title for _, _, title in told] == [f"ERROR: Motor too hot, E{number}" for number in range(6)]


async def test_a_system_that_was_away_is_not_told_of_what_is_over_twice(tmp_path: Path) -> None:
    """What waits for it is taken back when it ends: one message says all of it. What may have gone out stays."""
    async with night(tmp_path / "a.db", H, CHAT) as site:
        await site.log(hot(2 * H, code="B"))
        await site.until(3 * H)
        site.away = True
        await site.log(hot(3 * H, code="A"))
        await site.log(cool(4 * H, "A"), cool(4 * H, "B"))
        await site.until(5 * H)
        assert [(one.status, one.title, one.order.arguments.phase) for one in await site.stored()] == [
            (ActionStatus.DONE, "CRITICAL: Motor too hot, B", "raised"),
            (ActionStatus.DECLINED, "CRITICAL: Motor too hot, A", "raised"),
            (ActionStatus.APPROVED, "Over: Motor too hot, B", "ended"),
            (ActionStatus.APPROVED, "Over: Motor too hot, A", "told"),
        ]
