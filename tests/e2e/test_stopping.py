"""Stopping while the model is asked: what is under way is answered, so that no question is asked twice."""

from __future__ import annotations

from pathlib import Path

from support.patience import PATIENCE
from support.service import log, ollama, running, until


def test_an_orderly_restart_repeats_no_question(tmp_path: Path) -> None:
    """SIGTERM in the middle of a call: it is answered before the end, and the next start asks for the others only."""
    with (
        ollama(tmp_path) as model,
        running(tmp_path, start=False, PROVIDER="OLLAMA", OLLAMA_HOST=model.url) as andon,
    ):
        andon.constants |= {"andon.app.service.ANSWERED_WITHIN": PATIENCE, "andon.app.lifetime.STOP_WITHIN": PATIENCE}
        andon.start()
        model.hold()
        andon.publish(log("Spindle drive over temperature"), log("No vacuum at the gripper of robot 7"))
        until(lambda: model.calls == 1, "the first call")
        assert andon.process is not None
        andon.process.terminate()
        until(lambda: "waiting for answers in progress" in andon.log(), "the wait for the answer")
        model.release()
        assert andon.process.wait(PATIENCE) == 0
        answered = andon.sql("SELECT status, rung FROM analyses WHERE finished_at IS NOT NULL")
        assert answered == [("done", "model")]
        andon.start()
        until(lambda: andon.count(where="analysis IS NOT NULL") == 2, "both answers")
        assert model.calls == 2
