"""The service with providers in the cloud: stand-ins over real sockets, secrets looked for in everything it leaves."""

from __future__ import annotations

import json
from pathlib import Path

from support.patience import PATIENCE
from support.providers.openai_api import AzureApi, CompatibleApi
from support.providers.server import Answer
from support.service import Andon, log, running, until

KEY = "sk-azure-9f8e7d6c5b4a39281706"


def contents(path: Path) -> bytes:
    """What a file holds; nothing where it is a directory or gone since it was listed."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return b""


def test_a_refused_key_is_bridged_by_the_fallback_and_shown_nowhere(tmp_path: Path) -> None:
    """The next provider explains the problem; the key is in no log line, no file of the service and no check of doctor."""
    with AzureApi(model="prod", key=KEY) as azure, CompatibleApi(model="qwen", key="") as other:
        azure.script(Answer(status=401, error=f"Incorrect API key provided: {KEY}", code="401"))
        settings = {
            "PROVIDER": "azure_openai",
            "MODEL": "prod",
            "API_KEY": KEY,
            "ANDON_AZURE_ENDPOINT": azure.url,
            "ANDON_FALLBACK": "vllm:qwen,PLAYBOOK",
            "ANDON_BASE_URL": f"{other.url}/v1",
            "ANDON_LOG_LEVEL": "debug",
        }
        with running(tmp_path, **settings) as andon:
            andon.publish(log("Spindle drive over temperature"))
            explained = until(
                lambda: andon.sql("SELECT provider, model, status FROM analyses WHERE status = 'done'"), "explanation"
            )
            assert explained == [("OPENAI_COMPATIBLE", "qwen", "done")]
            checks = doctor(andon)
        assert (len(azure.requests), len(other.requests)) == (1, 1)
        left = [path for path in tmp_path.rglob("*") if KEY.encode() in contents(path)]
    assert left == []
    assert KEY not in checks
    assert [check["name"] for check in json.loads(checks)].count("fallback") == 2


def test_without_what_a_provider_needs_the_service_does_not_start(tmp_path: Path) -> None:
    """One sentence on standard error names the setting."""
    andon = Andon(tmp_path, PROVIDER="claude", API_KEY="")
    andon.environment.pop("ANTHROPIC_API_KEY", None)
    andon.start(ready=False)
    assert andon.process is not None
    assert andon.process.wait(PATIENCE) == 1
    assert andon.log().strip() == "andon: PROVIDER=CLAUDE needs API_KEY: set it and start Andon again."


def doctor(andon: Andon) -> str:
    """What ``andon doctor --json`` prints."""
    done = andon.cli("doctor", "--json")
    assert b"Traceback" not in done.stderr
    return done.stdout.decode()
