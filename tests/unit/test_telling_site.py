"""What people are told of beside single problems: floods, silent sources, the model, Andon itself, the end of a shift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from andon.core.models.actions import Message
from andon.explain.admission import Breaker
from support.alarm_logs import Event, cleared, raised
from support.told import MIDNIGHT, Night, night

H, MIN = 3600.0, 60.0
CHAT = {"name": "shop floor", "to": ["chat"]}


def station(number: int, at: float, severity: str = "ERROR") -> Event:
    place = {"machine": f"Station {number}", "line": "Line 2", "area": "Hall 1"}
    return raised(at, f"IO{number}", severity=severity, message=f"Station {number} lost its link", pattern=f"io{number}",
                  host=f"io-{number}", place=place)  # fmt: skip


def well(number: int, at: float) -> Event:
    place = {"machine": f"Station {number}", "line": "Line 2", "area": "Hall 1"}
    return cleared(
        at, f"IO{number}", message="Link is back", pattern=f"io{number}-over", host=f"io-{number}", place=place
    )


async def body_of(site: Night, number: int) -> list[str]:
    """The lines of a message."""
    arguments = (await site.stored())[number].order.arguments
    assert isinstance(arguments, Message)
    return [line for section in arguments.body for line in (section.heading, *section.lines) if line]


async def test_a_flood_is_told_as_one_thing(tmp_path: Path) -> None:
    """Its beginning with what it began with, its end with what is left; its problems only where they are CRITICAL."""
    async with night(tmp_path / "a.db", H, {**CHAT, "severity": "WARNING"}) as site:
        supply = raised(
            2 * H, "U24", severity="WARNING", message="24 V supply low", pattern="u24", place={"machine": "Cabinet 2"}
        )
        await site.log(supply, *(station(n, 2 * H + 2 + n) for n in range(40)))
        await site.log(station(99, 2 * H + 90, "CRITICAL"))
        await site.until(2.1 * H)
        await site.log(*(well(n, 2.2 * H + n) for n in range(35)))
        await site.until(4 * H)
        told = await site.told()
        assert told == [
            ("02:00", "raised", "WARNING: 24 V supply low"),
            ("02:00", "raised", "ERROR: Station 0 lost its link"),
            ("02:00", "raised", "ERROR: flood of 11 alarms from 11 problems"),
            ("02:01", "raised", "CRITICAL: Station 99 lost its link"),
            ("02:20", "ended", "Over: flood of 42 alarms from 42 problems"),
            ("02:22", "ended", "Over: Station 0 lost its link"),
        ]
        assert "It seems to have begun with: 24 V supply low (Cabinet 2)" in await body_of(site, 2)
        assert (await body_of(site, 4))[:3] == [
            "From 02:00 to 02:10 (10 min 38 s)",
            "5 problems of it still wait for somebody",
            "ERROR, Station 35, Line 2: Station 35 lost its link (since 02:00)",
        ]


async def test_a_source_falls_silent_and_is_back(tmp_path: Path) -> None:
    """Judged as on the page: one that logs every few minutes is missed within the hour, and told once."""
    async with night(tmp_path / "a.db", 0, {**CHAT, "about": ["source"]}) as site:
        site.hears = True
        steady: list[Any] = [
            Event(-26 * H + 300 * n + (150 if host == "oven" else 0), None, "INFO", host, "cycle done", f"cycle-{host}")
            for n in range(26 * 12)
            for host in ("press", "oven")
        ]
        await site.store_quietly(sorted(steady, key=lambda one: one.at))
        await site.store_quietly(
            [one._replace(at=one.at + 26 * H) for one in steady if one.host == "oven" and one.at < -22 * H]
        )
        await site.until(3 * H)
        told = await site.told()
        assert [(phase, title) for _, phase, title in told] == [("raised", "press sends nothing")], told
        back = [Event(3 * H + 1 + 300 * n, None, "INFO", "press", "cycle done", "cycle-press") for n in range(12)]
        await site.log(*back)
        assert [(at, phase, title) for at, phase, title in await site.told()][1:] == [
            ("03:11", "ended", "Over: press sends nothing")
        ]


async def test_the_model_is_away_and_back(tmp_path: Path) -> None:
    """By its breaker, as the page's light says it: a blink is not told, an absence once, with its end."""
    seconds = [0.0]
    breaker = Breaker(lambda: seconds[0])

    async with night(tmp_path / "a.db", H, {**CHAT, "about": ["model"]}, provider="OLLAMA", model="small") as site:

        async def at(moment: float) -> None:
            while MIDNIGHT + moment > site.now:
                seconds[0] = site.now
                away = None if breaker.closed else site.now - breaker.open_for
                site.own = {"away_since": away, "unavailable": breaker.reason}
                await site.until(min(moment, site.now - MIDNIGHT + 30.0))

        await at(2 * H)
        breaker.trip("nobody answers at localhost:11434")
        await at(2 * H + 50)
        breaker.reset()
        await at(3 * H)
        assert await site.told() == []
        breaker.trip("nobody answers at localhost:11434")
        await at(4 * H)
        breaker.reset()
        await at(5 * H)
        assert await site.told() == [
            ("03:02", "raised", "Andon: model away"),
            ("04:11", "ended", "Over: Andon: model away"),
        ]
        assert "Nobody answers at localhost:11434." in " ".join(await body_of(site, 0))


async def test_andon_itself_is_ill(tmp_path: Path) -> None:
    """Trouble with the stream is CRITICAL while logs are not stored; a start and an update are none."""
    async with night(tmp_path / "a.db", H, {**CHAT, "quiet": "00:00-06:00"}) as site:
        site.own = {"health": {"service": "starting", "grouping": "logs are grouped anew"}}
        await site.until(2 * H)
        assert await site.told() == []
        site.own = {"health": {"broker": "no connection to the broker at 127.0.0.1:4222; connecting again"}}
        await site.until(3 * H)
        site.own = {}
        await site.until(4 * H)
        assert await site.told() == [
            ("02:03", "raised", "Andon: stream trouble"),
            ("03:11", "ended", "Over: Andon: stream trouble"),
        ]


async def test_a_shift_is_reported_once_at_its_end(tmp_path: Path) -> None:
    """With what is open and the figures; one that ended before the route was there is not, nor one without logs."""
    async with night(tmp_path / "a.db", 5 * H, {**CHAT, "about": ["shift"]}) as site:
        await site.log(station(1, 5.5 * H))
        await site.until(7 * H)
        site.restart()
        await site.until(23 * H)
        told = await site.told()
        assert [(at, phase) for at, phase, _ in told] == [("06:01", "raised"), ("14:01", "raised"), ("22:01", "raised")]
        assert told[0][2].startswith("Shift report: night, Tuesday 2025-01-14 22:00 UTC to 2025-01-15 06:00 UTC (8 h)")
        lines = await body_of(site, 0)
        assert lines[:2] == [
            "Open and not acknowledged",
            "ERROR, Station 1, Line 2: Station 1 lost its link (new kind) (once)",
        ]


async def test_a_report_that_was_missed_is_made_up_for(tmp_path: Path) -> None:
    """Andon was down at the end of the shift."""
    async with night(tmp_path / "a.db", 5 * H, {**CHAT, "about": ["shift"]}) as site:
        await site.log(station(1, 5.5 * H))
        site.now = MIDNIGHT + 9 * H
        site.restart()
        await site.until(10 * H)
        assert [at for at, _, _ in await site.told()] == ["09:00"]


async def test_a_report_waits_for_the_end_of_quiet_hours(tmp_path: Path) -> None:
    """Each by itself, with its own title: nobody reads two shifts as one."""
    async with night(tmp_path / "a.db", 5 * H, {**CHAT, "about": ["shift"], "quiet": "05:30-15:00"}) as site:
        await site.log(station(1, 5.5 * H))
        await site.until(16 * H)
        told = await site.told()
        assert [(at, title.split(",")[0]) for at, _, title in told] == [
            ("15:00", "Shift report: night"),
            ("15:00", "Shift report: early"),
        ]
