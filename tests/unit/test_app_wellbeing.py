"""Andon's own light: what is told first, and in which words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from andon.app.wellbeing import Room, Signs, Wellbeing, troubles
from andon.core.models import Standing, StreamState
from andon.core.telemetry import Health
from andon.explain.trust import ModelTrust
from andon.insight.sources import Source
from support.settings import settings_of

NOW = 1_800_000_000.0


def source(host: str, silent_since: float | None = None) -> Source:
    seen = NOW if silent_since is None else silent_since
    return Source(
        host=host, site=None, area=None, line=None, machine=None,
        last_seen=seen, silent_since=silent_since, usual_gap=600.0,
    )  # fmt: skip


def stream(pending: int) -> StreamState:
    return StreamState("AGENT", 1, 10_000, 10_000, 1_000_000, 10_000 - pending, 10_000 - pending, pending, 0)


UNFIT = ModelTrust(provider="OLLAMA", model="small", standing=Standing.UNFIT, reason="it guesses", of=24, asked=24)
#: Everything that can be wrong, the worst first, and what the light says of it.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"room": Room("/data", 840_000_000, 10**11)}, "disk nearly full, 840\u00a0MB left"),
    ({"health": {"broker": "no connection to the broker at 127.0.0.1:4222"}}, "stream trouble"),
    ({"stream": stream(4210), "oldest": NOW - 180}, "4,210 records wait, the oldest"),
    ({"deaf": {"mqtt plant": "no answer from plant:1883"}}, "mqtt plant is not listening"),
    ({"sources": [source("a"), source("b", NOW - 720)]}, "1 source silent"),
    ({"models": [UNFIT]}, "model not good enough for this plant, built-in rules in use"),
    ({"away_since": NOW - 60, "unavailable": "nobody answers at localhost"}, "model away since"),
]


def signs(**seen: Any) -> Signs:
    settings = settings_of(provider="OLLAMA", model="small")
    return Signs(at=NOW, settings=settings, **{"room": Room("/data", 10**11, 10**12), **seen})


@pytest.mark.parametrize(("seen", "words"), WRONG, ids=lambda one: one if isinstance(one, str) else "")
def test_each_trouble_has_its_words(seen: dict[str, Any], words: str) -> None:
    """One thing wrong is one trouble, told in a sentence with an end."""
    found = troubles(signs(**seen))
    assert [one.words for one in found] == [words]
    assert found[0].sentence.endswith(".")


def test_the_worst_is_told_first() -> None:
    """Everything at once comes in the order of the list above; nothing wrong is nothing told."""
    everything: dict[str, Any] = {}
    for seen, _ in WRONG:
        everything |= seen
    assert [one.words for one in troubles(signs(**everything))] == [words for _, words in WRONG]
    assert troubles(signs(stream=stream(40), oldest=NOW - 2, sources=[source("a")])) == []


def test_a_full_disk_is_no_matter_of_figures() -> None:
    """A quota fills where the disk has room: the database says so itself, by a number and not by its words."""
    locked = "the database /data/room 4/agent.db is locked: check that it has disk space"
    assert troubles(signs(health={"store": locked}, full={"store"}))[0].words == "disk full, nothing is recorded"
    assert troubles(signs(health={"store": locked}))[0].words == "database trouble"
    health = Health()
    health.report("store", locked, full=True)
    health.report("broker", locked)
    assert health.full == {"store"}
    health.report("store", locked)
    assert health.full == set()


def test_a_site_without_a_model_lacks_none() -> None:
    """With PROVIDER=PLAYBOOK built-in rules are what was asked for."""
    seen = Signs(at=NOW, settings=settings_of(provider="PLAYBOOK"), models=[UNFIT], away_since=NOW)
    assert troubles(seen) == []


async def test_many_pages_look_once(tmp_path: Path) -> None:
    """Ten pages that ask at the same time are answered by one look at the database."""
    asked: list[str] = []

    async def ask(question: Callable[..., Any], *_arguments: object) -> Any:
        asked.append(question.__name__)
        await asyncio.sleep(0)
        return None if question.__name__ == "habits" else []

    wellbeing = Wellbeing(settings_of(data_dir=tmp_path), ask, None)  # type: ignore[arg-type]
    await asyncio.gather(*(wellbeing.look() for _ in range(10)))
    assert asked == ["habits", "find"]
    assert wellbeing.last is not None
