"""A day without the model, by a simulated clock: each problem is explained by the model once, when it is back."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from andon.core.errors import ModelUnavailable
from andon.testing import ScriptedAnalyst
from support.pipeline import Pipeline, log, pipeline, until

HOURS = 24
#: Simulated seconds between two looks, logs in each, and how many problems are new in an hour.
STEP, LOGS, NEW = 300, 6, 3


async def a_day_without_the_model() -> dict[str, int]:
    """Logs published, stored and problems; answers of the playbook meanwhile; questions, model answers, left without."""
    with tempfile.TemporaryDirectory(prefix="andon-outage-") as place:
        model = ScriptedAnalyst()
        model.outage = ModelUnavailable("the model is away")
        async with pipeline(Path(place), model) as p:
            p.start()
            published = 0
            for step in range(HOURS * 3600 // STEP):
                model.script.extend([model.outage] * 50)  # whoever asks meets the outage
                problem = step * STEP // 3600 * NEW + step % NEW
                p.publish(*[log(f"Station fault, code E{1000 + problem}", hostname=f"m-{n}") for n in range(LOGS)])
                published += LOGS
                await until(lambda count=published: p.bus.state().ack_floor == count, "recording")  # type: ignore[misc]
                p.clock.now += STEP
                p.wall_clock.ahead += STEP
                p.analyzer.wake()
                await asyncio.sleep(0)
            told = await _settled(p)
            model.script.clear()
            model.outage = None
            asked = len(model.questions)
            for _ in range(HOURS):
                p.clock.now += 3600
                p.wall_clock.ahead += 3600
                p.analyzer.wake()
                if not p.sql("SELECT 1 FROM analyses WHERE finished_at IS NULL LIMIT 1"):
                    break
                await asyncio.sleep(0.2)
            await until(
                lambda: not p.sql("SELECT 1 FROM analyses WHERE finished_at IS NULL LIMIT 1"), "the last answer"
            )
            return {
                "published": published,
                "stored": p.sql("SELECT COUNT(*) FROM logs")[0][0],
                "problems": p.sql("SELECT COUNT(*) FROM patterns WHERE merged_into IS NULL")[0][0],
                "provisional": told,
                "asked in vain": asked,
                "answered by the model": p.sql(
                    "SELECT COUNT(DISTINCT pattern_id) FROM analyses WHERE rung = 'model' AND status = 'done'"
                )[0][0],
                "answers of the model": p.sql("SELECT COUNT(*) FROM analyses WHERE rung = 'model' AND status = 'done'")[
                    0
                ][0],
            }


async def _settled(p: Pipeline) -> int:
    """Problems that show the playbook's answer while the model is away."""

    def shown() -> int:
        return int(p.sql("SELECT COUNT(*) FROM patterns WHERE merged_into IS NULL AND analysis_id IS NOT NULL")[0][0])

    problems = p.sql("SELECT COUNT(*) FROM patterns WHERE merged_into IS NULL")[0][0]
    await until(lambda: shown() == problems, "provisional answers")
    return shown()
