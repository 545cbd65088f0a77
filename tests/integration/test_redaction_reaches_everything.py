"""No secret reaches a model or a file: what a stand-in Ollama got over HTTP, MCP clients are told, exports hold."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from andon.app.investigation import investigator
from andon.core.models import LogRecord
from andon.core.settings.settings import Settings
from andon.explain.model import session as session_module
from andon.explain.model.fallback import build_analyst
from andon.grouping.fingerprint import Fingerprinter
from andon.insight.ask.retrieval import Inquiry
from andon.store import change, problems
from support.commands import Commands
from support.ollama import Answer, Ollama
from support.patience import PATIENCE
from support.pipeline import log, pipeline, until
from support.questions import question, stored_log
from support.secret_spellings import CONTEXTS, OTHER, PIN, PINS, TEXTS, S
from support.settings import settings_of
from support.shift import MORNING
from support.store_data import NOW, a_log, opened

MODEL = "qwen3:8b"
RUNBOOK = f"---\ntitle: Bridge, password={S}\nmatch: {{text: refused}}\nanswer: false\n---\nLog in with admin/{S}.\n"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stand-in can do is found out however slow this machine is."""
    monkeypatch.setattr(session_module, "PROBE_TIMEOUT", PATIENCE)


def sent(ollama: Ollama) -> str:
    """All that a model was sent, with JSON's own escapes undone."""
    return json.dumps([request["messages"] for request in ollama.requests], ensure_ascii=False)


def test_a_log_with_secrets_everywhere_reaches_the_model_without(tmp_path: Path) -> None:
    """Host, service, message and context, through broker, database and HTTP."""

    async def main(ollama: Ollama) -> None:
        settings = settings_of(ollama_host=ollama.url, model_deadline=PATIENCE, model_cold_deadline=PATIENCE)
        analyst = build_analyst(settings)
        assert analyst is not None
        async with pipeline(tmp_path, analyst) as p:  # type: ignore[arg-type]
            p.publish(
                log(
                    f"MQTT refused user=line4 password={S}, retry with {S}",
                    hostname=f"edge password={OTHER}",
                    service=f"bridge token={S}",
                    context={"headers": [["Authorization", f"Bearer {S}"]], "pwd": OTHER, "torque": 5.2},
                )
            )
            p.start()
            await until(lambda: p.sql("SELECT 1 FROM analyses WHERE rung = 'model'"), "the model's answer")
            await p.stop()
        await analyst.close()

    with Ollama() as ollama:
        asyncio.run(main(ollama))
        got = sent(ollama)
    assert [one for one in (S, OTHER) if one in got] == []
    assert "user=line4 password=[secret " in got
    assert "5.2" in got
    assert len({one[:2] for one in got.split("[secret ")[1:]}) == 2  # two secrets, two numbers


def test_every_spelling_is_gone_from_the_prompt_and_its_problem(tmp_path: Path) -> None:
    """As a model gets it over HTTP: the log, its context, and the problem's text with its numbers masked."""
    fingerprint = Fingerprinter()
    texts = [text.format(PIN if text in PINS else S) for text in TEXTS + PINS]

    async def main(ollama: Ollama) -> None:
        settings = settings_of(
            ollama_host=ollama.url, model_deadline=PATIENCE, model_cold_deadline=PATIENCE, model_prompt_tokens=4_000
        )
        analyst = build_analyst(settings)
        assert analyst is not None
        contexts = [json.dumps(context, ensure_ascii=False) for context in CONTEXTS]
        for start in range(0, len(texts), 6):  # a prompt shows six logs
            logs = [
                stored_log(
                    1 + at, text, context=contexts[(start + at) % len(contexts)], timestamp="2025-01-15T02:14:23Z"
                )
                for at, text in enumerate(texts[start : start + 6])
            ]
            template = " ".join(fingerprint(one.message, "drive", None).template for one in logs)
            await analyst.explain(question(*logs, template=template[:390]))
        await analyst.close()

    with Ollama() as ollama:
        asyncio.run(main(ollama))
        got = sent(ollama)
    assert len(ollama.requests) >= len(texts) // 6
    assert [one for one in (S, OTHER, PIN) if one in got] == []


def site_of(path: Path) -> Path:
    """A database with secrets in a log, its fix, its explanation and a runbook."""
    rows = [
        ("mqtt", "connect refused, the password is " + S, {"password": OTHER}),
        ("mqtt2", f"connect refused by {OTHER} -u admin:{S}", {"argv": ["mosquitto_pub", "-P", OTHER]}),
    ]

    def made(number: int, key: str, message: str, context: dict[str, Any]) -> LogRecord:
        return a_log(
            number,
            key,
            timestamp=f"2025-01-15T02:15:0{number}.000Z",
            hostname="edge-1" if number == 1 else f"edge password={S}",
            severity="ERROR",
            service="bridge",
            message=message,
            template=message,
            context=json.dumps(context),
            line="line-3",
            site="north",
        )

    async def work() -> None:
        async with opened(path) as store:
            await store.record([made(number, *row) for number, row in enumerate(rows, 1)], [])

    asyncio.run(work())
    settings = Settings(db_path=str(path), data_dir=path.parent)
    change(settings.database, problems.resolve, 1, f"set password to {S}", f"pwd={OTHER}", "me", NOW)
    (path.parent / "rb").mkdir()
    (path.parent / "rb" / "bridge.md").write_text(RUNBOOK)
    return path


def test_questions_facts_and_tools_tell_a_model_no_secret(tmp_path: Path) -> None:
    """The question itself, the first look, every tool's answer; equal secrets have one number in all of them."""
    site = site_of(tmp_path / "agent.db")
    calls = (
        ("search_logs", {"text": "refused"}),
        ("host_timeline", {"host": "edge-1", "at": "2025-01-15T02:15:00Z"}),
        ("list_problems", {"since": "2025-01-15T00:00:00Z"}),
        ("problem_statistics", {"pattern_id": 1}),
        ("similar_problems", {"text": "connect refused"}),
        ("runbooks", {"text": "connect refused"}),
        ("search_logs", {"host": "edge-9"}),  # answered with the names that are known
    )

    async def main(url: str) -> None:
        settings = Settings(
            db_path=str(site),
            data_dir=tmp_path,
            runbooks=tmp_path / "rb",
            provider="OLLAMA",
            model=MODEL,
            ollama_host=url,
        )
        async with investigator(settings) as made:
            await made.answer(Inquiry(text=f"why was it refused, with PIN {PIN} and pw {S}?", now=MORNING))

    with Ollama(model=MODEL) as ollama:
        ollama.capabilities = ["completion", "tools"]
        ollama.script(*(Answer(calls=(call,)) for call in calls), Answer(text="Wrong password [log 1]."))
        asyncio.run(main(ollama.url))
        got = sent(ollama)
    tools = [m["content"] for m in ollama.requests[-1]["messages"] if m["role"] == "tool"]
    assert len(tools) == len(calls)
    assert all("[secret " in one for one in tools)
    assert [one for one in (S, OTHER, PIN) if one in got] == []
    numbers = {piece.partition("]")[0] for piece in got.split("[secret ")[1:]}
    assert len(numbers) == 3  # S, OTHER and the PIN


@pytest.mark.parametrize("name", ["all.jsonl", "all.csv", "all.csv.gz"])
def test_an_export_without_secrets(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``--redact`` numbers the secrets of one file together; without it the record is as it was."""
    site = site_of(tmp_path / "agent.db")
    andon = Commands(tmp_path, capsys, DB_PATH=str(site))
    assert andon("export", str(tmp_path / name), "--redact").status == 0
    assert andon("export", str(tmp_path / f"raw-{name}")).status == 0
    listed = andon("logs", "--json", "--redact").out
    told, raw = ((tmp_path / one).read_bytes() for one in (name, f"raw-{name}"))
    told, raw = (gzip.decompress(one) if name.endswith(".gz") else one for one in (told, raw))
    assert [one for one in (S, OTHER) if one in told.decode() + listed] == []
    assert all(one in raw.decode() for one in (S, OTHER))
    assert {piece[:2] for piece in told.decode().split("[secret ")[1:]} == {"1]", "2]"}
