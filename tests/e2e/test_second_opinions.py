"""``andon run`` before a model that has proved nothing: rules answer at once, and a killed process forgets no question."""

from __future__ import annotations

import json
from pathlib import Path

from support.service import log, ollama, running

KNOWN = "Drive fault F30005 on axis 2"
OPEN = "SELECT count(*) FROM analyses WHERE reason = 'second' AND status = 'leased'"


def test_a_rule_answers_and_the_second_opinion_survives_kill_9(tmp_path: Path) -> None:
    """The caller has the final answer while the model still thinks; after the kill it is asked again, and heard."""
    asked = {"PROVIDER": "OLLAMA", "ANDON_MODEL_TRUST": "advisory"}
    with ollama(tmp_path, "--behaviour", "sound") as model, running(tmp_path, OLLAMA_HOST=model.url, **asked) as andon:
        model.hold()
        sent = andon.cli("send", "--service", "drive", "--host", "press-01", "--wait", "--json", KNOWN)
        assert sent.returncode == 0, sent.stderr
        reply = json.loads(sent.stdout.splitlines()[0])
        assert (reply["rung"], reply["provisional"]) == ("playbook", False)
        andon.until(lambda: andon.sql(OPEN) == [(1,)], "the question to the model")
        andon.kill()
        model.release()
        andon.start()
        pattern = reply["pattern_id"]

        def below() -> dict[str, str] | None:
            return json.loads(andon.get(f"/api/patterns/{pattern}")[1])["second_opinion"]  # type: ignore[no-any-return]

        opinion = andon.until(below, "the second opinion")
        assert "which has not passed its test (yet)" in opinion["text"]
        assert opinion["standing"] == "advisory"
        assert andon.sql("SELECT analysis FROM agent_logs") == [(reply["analysis"],)]
        assert andon.cli("verdict", str(pattern), "wrong", "--second").returncode == 0
        again = andon.cli("reanalyze", str(pattern), "--json")
        assert again.returncode == 0, again.stderr
        rows = "SELECT reason, rung FROM analyses WHERE finished_at IS NOT NULL ORDER BY id"
        wanted = [("new", "playbook"), ("second", "model"), ("asked", "playbook"), ("second", "model")]
        andon.until(lambda: andon.sql(rows) == wanted, "another second opinion")
        andon.publish(log("Something odd in block 7", service="agent"))
        shown = (
            "SELECT analysis FROM agent_logs WHERE message LIKE 'Something%' AND analysis LIKE 'No rule answers this.%'"
        )
        andon.until(lambda: andon.sql(shown), "the labelled answer")
