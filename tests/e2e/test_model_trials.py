"""A service that measures its model in the background, with a stand-in Ollama whose model knows the labels."""

from __future__ import annotations

import json
from pathlib import Path

from support.ollama import Ollama
from support.patience import WHOLE_TEST
from support.service import running
from support.trial_models import oracle, written

ANSWERED = "SELECT case_id FROM trials WHERE case_id <> '' ORDER BY id"
QUALIFIED = 'andon_model_standing{model="deepseek-r1:1.5b",provider="OLLAMA",standing="qualified"} 1.0'


def test_progress_survives_a_kill_and_the_foreground_ends_it(tmp_path: Path) -> None:
    """No case is answered twice, whoever asks, and the service hears what the command found out."""
    with Ollama() as ollama:
        ollama.findings = written(oracle)
        settings = {"PROVIDER": "OLLAMA", "OLLAMA_HOST": ollama.url, "ANDON_MODEL_TRUST": "measured"}
        with running(tmp_path, **settings) as andon:
            andon.until(
                lambda: andon.sql(ANSWERED), "an answer to a labelled case"
            )  # then it rests, nine times as long
            assert QUALIFIED not in andon.get("/metrics")[1]
            andon.kill()
            before = andon.sql(ANSWERED)
            andon.start()
            andon.until(lambda: len(andon.sql(ANSWERED)) > len(before), "another answer")
            measured = andon.cli("models", "qualify", "--json", seconds=WHOLE_TEST)
            assert measured.returncode == 0, measured.stderr
            (model,) = json.loads(measured.stdout)
            assert (model["standing"], model["asked"]) == ("qualified", 24)
            andon.until(lambda: QUALIFIED in andon.get("/metrics")[1], "the service knows")
            rows = andon.sql(ANSWERED)
            assert rows[: len(before)] == before
            assert len(rows) == len(set(rows)) == 24
            assert andon.sql("SELECT DISTINCT identity FROM trials") == [(ollama.digest,)]
            assert andon.stop() == 0
