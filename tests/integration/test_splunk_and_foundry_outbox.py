"""Splunk and Foundry behind the outbox: whatever breaks on the way, each action ends as it must, and nothing is left open."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from andon.act import target_lane as act_lane
from andon.act.connectors.connected import build_connectors
from andon.core.models.actions import ActionStatus, Apply, Arguments, Event, Publish, SaveAlert, Upload
from support.foundry import ACTION, DATASET, ONTOLOGY, STREAM, TOKEN, Foundry
from support.outbox import added, all_done, come_to, new_action, working
from support.settings import settings_of
from support.splunk import HEC_TOKEN, Splunk
from support.splunk import TOKEN as SPLUNK_TOKEN
from support.store_data import opened

#: Cuts of the way to each service.
CUTS = 40


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are short here."""
    monkeypatch.setattr(act_lane, "PAUSE_FIRST", 0.01)
    monkeypatch.setattr(act_lane, "PAUSE_LAST", 0.02)


def settings(foundry: str, splunk: str, timeout: float = 15.0) -> dict[str, list[dict[str, object]]]:
    return {
        "foundry": [
            {
                "url": foundry,
                "token": TOKEN,
                "timeout": timeout,
                "datasets": [DATASET],
                "streams": [STREAM],
                "ontology": ONTOLOGY,
                "actions": [{"name": ACTION}],
            }
        ],
        "splunk": [{"url": splunk, "token": SPLUNK_TOKEN, "hec_url": splunk, "hec_token": HEC_TOKEN, "alerts": True}],
    }


async def test_cut_at_random_moments_all_is_done_and_nothing_is_left(tmp_path: Path) -> None:
    """Files and alerts are there once, rows and events at least once, and no transaction stays open."""
    moods = random.Random(7)
    files: list[Arguments] = [Upload(path=f"report-{n}.html", text=f"<p>{n}</p>") for n in range(12)]
    rows: list[Arguments] = [Publish(rows=({"problem_id": n, "title": "x"},)) for n in range(6)]
    alerts: list[Arguments] = [SaveAlert(name=f"alert {n}", search="index=main x") for n in range(6)]
    events: list[Arguments] = [
        Event(title=f"e{n}", body=(), severity="ERROR", about="p", host="h", service="s", at=1.0 + n) for n in range(6)
    ]
    with Foundry() as foundry, Splunk() as splunk:
        connectors = build_connectors(settings_of(**settings(foundry.url, splunk.url)))
        for _ in range(CUTS):
            where = moods.choice(["/transactions", "/upload", "/commit", "/abort", "publishRecords", "/branches"])
            foundry.fail(where, moods.choice(["lost", "unanswered"]))
            splunk.fail(moods.choice(["saved/searches", "collector/event"]), moods.choice(["lost", "unanswered"]))
        began = time.monotonic()
        async with opened(tmp_path / "agent.db") as store, working(store, *connectors.values()) as box:
            wanted = [("foundry", one) for one in [*files, *rows]] + [("splunk", one) for one in [*alerts, *events]]
            ids = await store.write(added, [new_action(connectors[name], one, None) for name, one in wanted])
            box.wake()
            await all_done(store, ids)
        print(f"{len(ids)} actions in {time.monotonic() - began:.1f} s")
        view = foundry.datasets[DATASET].view
        states = [one["status"] for one in foundry.datasets[DATASET].transactions.values()]
    cut = sum(fault.times == 0 for fault in (*foundry.faults, *splunk.faults))
    assert cut >= CUTS
    assert view == {f"andon/report-{n}.html": f"<p>{n}</p>" for n in range(12)}
    assert "OPEN" not in states
    assert {row["problem_id"] for row in foundry.records} == set(range(6))
    assert sorted(splunk.saved) == [f"alert {n}" for n in range(6)]
    assert {one["event"]["title"] for one in splunk.events} == {f"e{n}" for n in range(6)}


async def test_an_action_of_the_ontology_that_was_not_answered_waits_for_a_person(tmp_path: Path) -> None:
    with Foundry() as foundry, Splunk() as splunk:
        # what was not answered is left alone for as long as an answer may take
        connectors = build_connectors(settings_of(**settings(foundry.url, splunk.url, timeout=2.0)))
        apply = Apply(action=ACTION, parameters={"title": "x", "severity": "ERROR"})
        wrong = Apply(action=ACTION, parameters={"title": "x"})
        async with opened(tmp_path / "agent.db") as store, working(store, *connectors.values()) as box:
            first, second, third = await store.write(
                added, [new_action(connectors["foundry"], one, None) for one in (wrong, apply, files_of())]
            )
            foundry.silent = True
            box.wake()
            failed = await come_to(store, first, ActionStatus.FAILED)
            unsure = await come_to(store, second, ActionStatus.UNSURE)
            await come_to(store, third, ActionStatus.DONE)
    assert failed.last_error is not None
    assert "severity is required" in failed.last_error
    assert unsure.last_error is not None
    assert not foundry.applied


def files_of() -> Arguments:
    """A file behind them, which none of them holds up."""
    return Upload(path="after.csv", text="x")
