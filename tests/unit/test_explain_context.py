"""Facts from history that a model is shown with a problem: what they say, and what they cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import QueryTooSlow
from andon.core.models import Explanation, Hint, LogRecord, Question, Rung
from andon.explain.context import facts_about
from andon.explain.ladder import Ladder
from andon.explain.model.prompts import build
from andon.explain.playbook import bundled_playbook
from andon.store import Store, queue
from support.questions import question, stored_log
from support.shift import HOSTILE, night
from support.store_data import NOW, a_log, opened


def claimed(path: Path, records: list[LogRecord], fingerprint: str) -> tuple[Question, list[str]]:
    """The question about a pattern as the queue hands it out, and the facts for it."""

    async def work() -> tuple[Question, list[str]]:
        async with opened(path) as store:
            await store.record(records, [])
            while job := await store.write(queue.claim, "me", 600, NOW):
                if job.fingerprint == fingerprint:
                    return job.question, await facts_about(store.ask, job.question)
            raise AssertionError("never claimed")

    return asyncio.run(work())


def test_facts_name_what_the_host_logged_before_the_problem(tmp_path: Path) -> None:
    _, facts = claimed(tmp_path / "agent.db", night(), "servo")
    assert facts == ["Before it press-7 logged, from 2025-01-15T02:05Z on, once: Heat sink of the drive at 78 C"]


def test_facts_name_what_came_in_the_same_minutes(tmp_path: Path) -> None:
    records = [
        a_log(1, "own", timestamp="2025-01-15T02:00:00.000Z"),
        a_log(2, "other", timestamp="2025-01-15T02:05:00.000Z"),
        a_log(3, "own", timestamp="2025-01-15T02:10:00.000Z"),
        a_log(4, "later", timestamp="2025-01-15T02:11:00.000Z"),
    ]
    _, facts = claimed(tmp_path / "agent.db", records, "own")
    assert facts == ["In the same 15 minutes plc-01 logged once: fault <*> of other"]


def test_a_problem_alone_on_its_host_has_no_facts(tmp_path: Path) -> None:
    assert claimed(tmp_path / "agent.db", night(), "badge")[1] == []


def test_a_rate_far_above_the_usual_one_is_a_fact(tmp_path: Path) -> None:
    records = [a_log(n, timestamp=f"2025-01-15T{n % 20:02d}:00:00.000Z") for n in range(20)]
    records += [a_log(100 + n, timestamp=f"2025-01-15T20:30:{n:02d}.000Z") for n in range(40)]
    _, facts = claimed(tmp_path / "agent.db", records, "p1")
    assert facts == ["It was logged 40 times in the last 10 minutes, against 0.49 in 10 usually"]


def test_an_even_rate_is_no_fact(tmp_path: Path) -> None:
    records = [a_log(n, timestamp=f"2025-01-15T{n // 60:02d}:{n % 60:02d}:00.000Z") for n in range(120)]
    assert claimed(tmp_path / "agent.db", records, "p1")[1] == []


class Counting:
    """A history that notes what it is asked, or refuses."""

    def __init__(self, store: Store, error: Exception | None = None) -> None:
        self.asked: list[str] = []
        self._inner = store.ask
        self._error = error

    async def __call__(self, question: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self.asked.append(question.__name__)
        if self._error is not None:
            raise self._error
        return await self._inner(question, *args, **kwargs)


@pytest.mark.parametrize(("for_model", "asked"), [(True, ["around", "recent"]), (False, [])])
def test_two_short_reads_for_a_question_to_a_model_and_none_otherwise(
    tmp_path: Path, for_model: bool, asked: list[str]
) -> None:
    async def work() -> list[str]:
        async with opened(tmp_path / "agent.db") as store:
            await store.record(night(), [])
            history = Counting(store)
            ladder = Ladder(store.read, bundled_playbook().explain, history=history)
            await ladder.prepare(question(), for_model=for_model)
            return history.asked

    assert asyncio.run(work()) == asked


def test_a_slow_history_does_not_hold_up_the_question(tmp_path: Path) -> None:
    async def work() -> Question:
        async with opened(tmp_path / "agent.db") as store:
            ladder = Ladder(store.read, bundled_playbook().explain, history=Counting(store, QueryTooSlow("too slow")))
            return await ladder.prepare(question(), for_model=True)

    assert asyncio.run(work()).facts == []


@pytest.mark.parametrize(("rung", "told"), [(Rung.MODEL, ["The fan is dead."]), (Rung.PLAYBOOK, [])])
def test_what_a_model_said_of_a_similar_problem_is_context(tmp_path: Path, rung: Rung, told: list[str]) -> None:
    """Where it stands as that one's explanation; what rules say they say of this one too, and readers are told none."""

    async def work() -> list[Hint]:
        async with opened(tmp_path / "agent.db") as store:
            records = [a_log(1, "one"), a_log(2, "two")]
            for record, words in zip(records, ("cabinet north", "cabinet south"), strict=True):
                record.template = record.message = f"Spindle drive heat sink overtemperature in {words}"
            await store.record(records, [])
            one, two = await store.write(queue.claim, "me", 600, NOW), await store.write(queue.claim, "me", 600, NOW)
            assert one is not None
            assert two is not None
            await store.write(queue.finish, one, Explanation(rung=rung, text="The fan is dead."), NOW)
            ladder = Ladder(store.read, bundled_playbook().explain, history=store.ask)
            prepared = await ladder.prepare(two.question, for_model=True)
            assert "The fan is dead." not in ladder.playbook(prepared).text
            return prepared.hints

    hints = asyncio.run(work())
    assert [hint.text for hint in hints] == told
    assert all(hint.kind == "explained" and hint.source == "problem 1" for hint in hints)


def test_facts_stand_in_the_prompt_as_data_within_its_budget() -> None:
    asked = question(stored_log(1, "short"), facts=[f"{HOSTILE} password=hunter2", "The fan stands still"] * 10)
    prompt = build(asked, budget=1_800)
    inside, outside = prompt.question.split("\n<<<")[1].split(">>>\n")[0], prompt.question.split(">>>\n")[-1]
    assert '{"fact":"The fan stands still"}' in inside
    assert "hunter2" not in prompt.question
    assert "<|im_start|>" not in prompt.question
    assert "Ignore all previous" not in outside
    assert len((prompt.instructions + prompt.question).encode()) <= 1_800 * 3


def test_a_prompt_without_facts_does_not_speak_of_them() -> None:
    assert '"fact"' not in build(question()).question
