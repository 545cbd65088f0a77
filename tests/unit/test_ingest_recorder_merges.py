"""Merging in the pipeline: the same problems and the same model calls however often it is started anew."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from andon.store import AnalysisPolicy, Rule, change, problems
from andon.testing import ScriptedAnalyst
from support.pipeline import Pipeline, log, pipeline, run, until

NAMES = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "niaj"]


def texts() -> list[dict[str, object]]:
    """One problem with twelve names in it, and another problem."""
    return [*(log(f"Login of operator {name} at the panel was refused") for name in NAMES), log("Oven zone too hot")]


async def stored(p: Pipeline, count: int) -> None:
    """Wait for so many logs."""
    await until(lambda: len(p.rows()) == count, f"{count} logs")


def families(p: Pipeline) -> list[tuple[int, int | None]]:
    """(pattern, what it is merged into)."""
    return [(id_, into) for id_, into in p.sql("SELECT id, merged_into FROM patterns ORDER BY id")]


def test_names_in_one_place_are_one_problem_and_one_call(tmp_path: Path) -> None:
    """Published at once, and one at a time with a restart before each: the same two problems, two calls."""

    async def at_once() -> None:
        model = ScriptedAnalyst()
        async with pipeline(tmp_path / "a", model) as p:
            p.publish(*texts())
            p.start()
            await until(lambda: p.sql("SELECT count(analysis) FROM agent_logs") == [(13,)], "explanations")
            assert len(model.questions) == 2

    async def with_restarts() -> None:
        for number, one in enumerate(texts(), 1):
            async with pipeline(tmp_path / "b") as p:
                p.publish(one)
                p.start("recorder")
                await stored(p, number)
        model = ScriptedAnalyst()
        async with pipeline(tmp_path / "b", model) as p:
            assert [into for _, into in families(p)] == [None, *[1] * 11, None]
            p.start()
            await until(lambda: not p.sql("SELECT 1 FROM agent_logs WHERE analysis IS NULL"), "explanations")
            assert len(model.questions) == 2

    for place in ("a", "b"):
        (tmp_path / place).mkdir()
    run(at_once())
    run(with_restarts())


async def test_merges_are_kept_until_a_transaction_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While there is no room nothing is merged; afterwards everything is."""

    async with pipeline(tmp_path) as p:
        p.disk.fill(times=2)
        monkeypatch.setattr("andon.ingest.recorder.RETRY_FIRST", 0.01)
        p.publish(*texts())
        p.start("recorder")
        await stored(p, 13)
        assert [into for _, into in families(p)] == [None, *[1] * 11, None]
        assert p.sql("SELECT count(*) FROM analyses WHERE finished_at IS NULL") == [(2,)]


async def test_a_pattern_split_by_hand_is_not_merged_again_by_the_running_service(tmp_path: Path) -> None:
    """Neither by what it knew nor by new names, and not after a restart."""

    async with pipeline(tmp_path) as p:
        p.start("recorder")
        p.publish(*texts())
        await stored(p, 13)
        await asyncio.to_thread(change, p.path, problems.split, 3)
        p.publish(log("Login of operator oscar at the panel was refused"))
        await stored(p, 14)
        p.publish(log("Login of operator peggy at the panel was refused"), *texts())
        await stored(p, 28)
        assert families(p)[2] == (3, None)
    async with pipeline(tmp_path) as p:
        p.start("recorder")
        p.publish(log("Login of operator trent at the panel was refused"))
        await stored(p, 29)
        assert dict(families(p))[3] is None
        assert [into for id_, into in families(p) if id_ in (2, 14, 15, 16)] == [1, 1, 1, 1]


async def test_callers_of_logs_that_are_analyzed_one_by_one_get_their_own(tmp_path: Path) -> None:
    """Two callers with the same problem, two calls, two answers."""

    model = ScriptedAnalyst()
    async with pipeline(tmp_path, model, policy=AnalysisPolicy(Rule("every"))) as p:
        p.start()
        first, second = (
            asyncio.create_task(p.desk.analyze(f'{{"message": "Drive fault on axis {n}"}}'.encode())) for n in (1, 2)
        )
        await asyncio.gather(first, second)
        assert len(model.questions) == 2
        assert {question.logs[0].message for question in model.questions} == {
            "Drive fault on axis 1",
            "Drive fault on axis 2",
        }


def counted(first: int, last: int, field: str = "fault_no") -> list[dict[str, object]]:
    """Logs of one text with a code field that counts up."""
    return [log("Valve did not reach its end position", context={field: number}) for number in range(first, last)]


async def test_a_code_field_that_counts_up_becomes_one_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the disk was full at first; after a restart the next values join at once."""

    monkeypatch.setattr("andon.ingest.recorder.RETRY_FIRST", 0.01)
    async with pipeline(tmp_path) as p:
        p.disk.fill(times=2)
        p.publish(*counted(4000, 4025), *counted(1, 30, "alarm_code"))
        p.start("recorder")
        await stored(p, 54)
        assert [into for _, into in families(p)] == [None, *[1] * 24, *[None] * 29]
    async with pipeline(tmp_path) as p:
        p.start("recorder")
        p.publish(*counted(4025, 4027))
        await stored(p, 56)
        assert [into for _, into in families(p)[-2:]] == [1, 1]


async def test_logs_that_are_stored_late_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that is tried again and again is no sign that its codes come often, nor is a restart."""

    monkeypatch.setattr("andon.ingest.recorder.RETRY_FIRST", 0.001)
    async with pipeline(tmp_path) as p:
        p.start("recorder")
        p.publish(*counted(0, 10))
        await stored(p, 10)
        p.disk.fill(times=5)
        p.publish(*counted(10, 15))
        await stored(p, 15)
        p.publish(*counted(15, 25))
        await stored(p, 25)
        assert [into for _, into in families(p)] == [None, *[1] * 24]
