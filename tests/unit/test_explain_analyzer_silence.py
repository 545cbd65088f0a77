"""A model that says nothing for long: the playbook answers meanwhile, and the model's answer still replaces it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from andon.explain import analyzer
from andon.testing import ScriptedAnalyst
from support.pipeline import log, pipeline, until


async def test_problems_do_not_wait_for_a_silent_model_with_nothing_to_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is with the model and what waits behind it show the playbook's answer; one call each, and it counts."""
    monkeypatch.setattr(analyzer, "SILENCE", 0.2)

    model = ScriptedAnalyst()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model) as p:
        p.publish(log("Spindle drive over temperature"), log("No vacuum at the gripper of robot 7"))
        p.start()
        await until(
            lambda: p.sql("SELECT rung, provisional FROM analyses") == [("playbook", 1)] * 2, "answers meanwhile"
        )
        assert len(model.questions) == 1
        model.hold.set()
        await until(
            lambda: p.sql("SELECT rung, status, attempts FROM analyses") == [("model", "done", 1)] * 2, "answers"
        )
        assert len(model.questions) == 2


async def test_a_model_that_keeps_answering_is_waited_for(tmp_path: Path) -> None:
    """While answers come, what waits shows nothing before its turn: its first answer is the model's."""

    async with pipeline(tmp_path, ScriptedAnalyst()) as p:
        p.publish(log("Spindle drive over temperature"), log("No vacuum at the gripper of robot 7"))
        p.start()
        await until(lambda: p.sql("SELECT rung FROM analyses") == [("model",)] * 2, "answers")
        assert p.metrics.analyses.labels("playbook")._value.get() == 0
