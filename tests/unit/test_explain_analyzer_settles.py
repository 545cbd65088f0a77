"""The analyzer before its end: answers that are under way are waited for, for a bounded time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from andon.testing import ScriptedAnalyst
from support.pipeline import log, pipeline, until


async def test_what_is_under_way_is_answered_and_nothing_more_is_asked(tmp_path: Path) -> None:
    """While the analyzer settles, the question with the model comes back and the one that waits stays queued."""

    model = ScriptedAnalyst()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model) as p:
        p.publish(log("Spindle drive over temperature"), log("No vacuum at the gripper of robot 7"))
        p.start()
        await until(lambda: model.questions, "the first question")
        settling = asyncio.create_task(p.analyzer.settle(60.0))
        await asyncio.sleep(0)
        model.hold.set()
        await settling
        assert sorted(p.sql("SELECT status FROM analyses")) == [("done",), ("pending",)]
        assert len(model.questions) == 1


async def test_an_answer_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    """A call that hangs holds the end up no longer than it may."""

    model = ScriptedAnalyst()
    model.hold = asyncio.Event()
    async with pipeline(tmp_path, model) as p:
        p.publish(log("Spindle drive over temperature"))
        p.start()
        await until(lambda: model.questions, "the question")
        await p.analyzer.settle(0.05)
        await p.stop()
        assert p.sql("SELECT status, attempts FROM analyses") == [("pending", 0)]
