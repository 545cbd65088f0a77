"""A model that may look into the history while it explains a problem, and one that may not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.core.errors import ModelAnswerError
from andon.core.models import Explanation, PendingAnalysis, Question
from andon.explain.model import session as session_module
from andon.explain.model.fallback import build_analyst
from andon.explain.model.history_tools import HistoryTools
from andon.store import Store, queue
from support.ollama import Answer, Ollama
from support.patience import PATIENCE
from support.settings import settings_of
from support.shift import MORNING, night
from support.store_data import NOW, opened

MODEL = "qwen3:8b"
FINDING = {
    "summary": "The servo overloads because its drive is hot",
    "category": "drives",
    "probable_cause": "The cabinet fan stands still",
    "checks": ["Check fuse F12"],
    "severity_assessed": "ERROR",
    "confidence": "high",
    "evidence": [8, 1, 13],
    "enough_evidence": True,
}
LOOK = Answer(calls=(("list_problems", {"place": "line-3"}),))
HAND_IN = Answer(calls=(("finding", FINDING),))


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stand-in can do is found out however slow this machine is."""
    monkeypatch.setattr(session_module, "PROBE_TIMEOUT", PATIENCE)


@pytest.fixture
def ollama() -> Iterator[Ollama]:
    with Ollama(model=MODEL) as server:
        server.capabilities = ["completion", "tools"]
        yield server


def explained(tmp_path: Path, url: str, *, investigate: bool, granted: int = 99) -> tuple[Explanation, int]:
    """How the analyst explains the servo's problem, and how often it asked for a further request."""
    asked = 0

    async def again() -> bool:
        nonlocal asked
        asked += 1
        return asked <= granted

    async def work() -> Explanation:
        async with opened(tmp_path / "agent.db") as store:
            await store.record(night(), [])

            def look(_: Question) -> HistoryTools:
                return HistoryTools(store.ask, clock=lambda: MORNING, calls=3)

            config = settings_of(provider="OLLAMA", model=MODEL, ollama_host=url)
            analyst = build_analyst(config, look if investigate else None)
            assert analyst is not None
            try:
                job = await claimed(store)
                return await analyst.explain(job.question, again)
            finally:
                await analyst.close()

    return asyncio.run(work()), asked


async def claimed(store: Store) -> PendingAnalysis:
    while job := await store.write(queue.claim, "me", 600, NOW):
        if job.fingerprint == "servo":
            return job
    raise AssertionError("never claimed")


def test_without_the_setting_one_problem_is_one_call_without_tools(ollama: Ollama, tmp_path: Path) -> None:
    explanation, asked = explained(tmp_path, ollama.url, investigate=False)
    assert (ollama.calls, asked) == (1, 0)
    assert "tools" not in ollama.requests[0]
    assert explanation.finding is not None


def test_with_it_the_model_looks_first_and_each_further_request_is_asked_for(ollama: Ollama, tmp_path: Path) -> None:
    ollama.script(LOOK, HAND_IN)
    explanation, asked = explained(tmp_path, ollama.url, investigate=True)
    assert (ollama.calls, asked) == (2, 1)
    assert explanation.finding is not None
    assert explanation.finding["summary"] == FINDING["summary"]
    said = json.dumps(ollama.requests[1]["messages"])
    assert "Cabinet fan FAN-2 stands still" in said
    assert explanation.input_tokens


def test_records_that_a_look_up_showed_may_be_cited_and_no_others(ollama: Ollama, tmp_path: Path) -> None:
    ollama.script(LOOK, HAND_IN)
    explanation, _ = explained(tmp_path, ollama.url, investigate=True)
    assert explanation.finding is not None
    assert explanation.finding["evidence"] == [8, 1]


def test_a_model_may_hand_in_its_finding_at_once(ollama: Ollama, tmp_path: Path) -> None:
    ollama.script(HAND_IN)
    assert explained(tmp_path, ollama.url, investigate=True)[1] == 0
    assert ollama.calls == 1


def test_look_ups_end_and_the_finding_is_still_asked_for(ollama: Ollama, tmp_path: Path) -> None:
    ollama.script(LOOK, LOOK, LOOK, HAND_IN)
    explanation, asked = explained(tmp_path, ollama.url, investigate=True)
    assert explanation.finding is not None
    assert asked == 3
    offered = [{tool["function"]["name"] for tool in request["tools"]} for request in ollama.requests]
    assert offered[-1] == {"finding"}
    assert "list_problems" in offered[0]


def test_a_model_that_cannot_call_tools_is_asked_as_ever(ollama: Ollama, tmp_path: Path) -> None:
    ollama.capabilities = ["completion"]
    explained(tmp_path, ollama.url, investigate=True)
    assert ollama.calls == 1
    assert "tools" not in ollama.requests[0]
    assert ollama.violations == []


def test_a_budget_that_ends_between_look_ups_is_named(ollama: Ollama, tmp_path: Path) -> None:
    ollama.script(LOOK)
    with pytest.raises(ModelAnswerError, match="ANDON_INVESTIGATE=off") as caught:
        explained(tmp_path, ollama.url, investigate=True, granted=0)
    assert caught.value.tokens > 0
    assert ollama.calls == 1
