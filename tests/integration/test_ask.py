"""Questions about the history: a model that looks things up, one that is shown the facts, and none at all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.app.investigation import investigator
from andon.core.errors import StoreUnavailable
from andon.core.models import Spent
from andon.core.settings.settings import Settings
from andon.explain.model import session as session_module
from andon.insight.ask.investigator import Investigated, Investigator
from andon.insight.ask.retrieval import Inquiry
from andon.store import change, problems, queue
from support import line_three
from support.ollama import Answer, Ollama
from support.patience import PATIENCE
from support.shift import HOSTILE, MORNING, SERVO, STOP, fill

MODEL = "qwen3:8b"
QUESTION = "why did line 3 stop last night?"
GOOD = Answer(text="The cabinet fan stood still [log 1], so the servo overloaded [log 3] and the line stopped [log 9].")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stand-in can do is found out however slow this machine is."""
    monkeypatch.setattr(session_module, "PROBE_TIMEOUT", PATIENCE)


@pytest.fixture
def ollama() -> Iterator[Ollama]:
    with Ollama(model=MODEL) as server:
        server.capabilities = ["completion", "tools"]
        yield server


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return fill(tmp_path / "agent.db")


class Recording:
    """A watch that keeps what it is told."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.looks: list[tuple[str, str]] = []

    def text(self, piece: str) -> None:
        self.pieces.append(piece)

    def restart(self) -> None:
        self.pieces.clear()

    def looked(self, tool: str, asked: str) -> None:
        self.looks.append((tool, asked))


@contextlib.asynccontextmanager
async def opened(site: Path, url: str | None, **settings: Any) -> AsyncIterator[Investigator]:
    """The investigator as `andon ask` makes it."""
    values = {"provider": "PLAYBOOK"} if url is None else {"provider": "OLLAMA", "model": MODEL, "ollama_host": url}
    configured = Settings(db_path=str(site), data_dir=site.parent, runbooks=site.parent / "rb", **values, **settings)
    async with investigator(configured) as made:
        yield made


def asked(site: Path, url: str | None, question: str = QUESTION, watch: Any = None, **settings: Any) -> Investigated:
    async def work() -> Investigated:
        async with opened(site, url, **settings) as made:
            return await made.answer(Inquiry(text=question, now=MORNING), watch)

    return asyncio.run(work())


def told(request: dict[str, Any]) -> list[str]:
    """What tools answered in a request."""
    return [message["content"] for message in request["messages"] if message["role"] == "tool"]


def fenced(text: str) -> list[dict[str, Any]]:
    """The JSON lines between the marks, each of which must stand alone."""
    found = re.search(r"<<<([0-9a-f]{16})\n(.*)\n\1>>>", text, re.DOTALL)
    assert found is not None
    return [json.loads(line) for line in found[2].splitlines()]


def test_a_model_that_calls_tools_looks_things_up_and_cites_records(ollama: Ollama, site: Path) -> None:
    ollama.script(Answer(calls=(("list_problems", {"since": "2025-01-14T18:00", "place": "line-3"}),)), GOOD)
    answer = asked(site, ollama.url)
    assert (answer.mode, [one.id for one in answer.cited], answer.unknown) == ("tools", [1, 3, 9], [])
    assert answer.text == GOOD.text
    assert [tool for tool, _ in answer.looked] == ["list_problems"]
    (shown,) = told(ollama.requests[1])
    assert [line["pattern_id"] for line in fenced(shown)] == [1, 2, SERVO, STOP, 6]
    assert ollama.violations == []


def test_the_answer_is_followed_as_it_comes(ollama: Ollama, site: Path) -> None:
    ollama.script(
        Answer(text="Let me look.", calls=(("search_logs", {"severity": "CRITICAL"}),)),
        Answer(text="<think>Was it [log 5]?</think>\nThe line stopped. It was [log 9]. Look there.", chunk=3),
    )
    watch = Recording()
    answer = asked(site, ollama.url, watch=watch)
    assert "".join(watch.pieces) == answer.text == "The line stopped. It was [log 9]. Look there."
    assert len(watch.pieces) == 3
    assert watch.looks == [("search_logs", "severity CRITICAL")]


def test_nothing_of_forbidden_advice_is_seen_while_it_comes(ollama: Ollama, site: Path) -> None:
    """Also before its sentence is complete: half of one is not shown."""
    text = "The guard switch is worn. Get rid of the nuisance trips by raising the earth fault threshold of the drive."
    ollama.script(Answer(text=text, chunk=3))
    seen: list[str] = []

    class Everything(Recording):
        def text(self, piece: str) -> None:
            seen.append(piece)

    answer = asked(site, ollama.url, watch=Everything())
    assert answer.mode == "none"
    assert "forbidden advice" in str(answer.reason)
    assert "".join(seen).strip() == "The guard switch is worn."


def test_ids_that_the_model_was_not_shown_are_marked_and_told(ollama: Ollama, site: Path) -> None:
    ollama.script(Answer(text="It was the badge reader [log 12, log 999] and the line stopped [log 9]."))
    answer = asked(site, ollama.url)
    assert answer.unknown == [12, 999]
    assert answer.text == (
        "It was the badge reader [log 12: not found] [log 999: not found] and the line stopped [log 9]."
    )


def test_a_model_without_tools_is_shown_the_facts(ollama: Ollama, site: Path) -> None:
    ollama.capabilities = ["completion"]
    ollama.script(GOOD)
    answer = asked(site, ollama.url)
    assert (answer.mode, [one.id for one in answer.cited]) == ("facts", [1, 3, 9])
    (request,) = ollama.requests
    assert "tools" not in request
    prompt = request["messages"][-1]["content"]
    lines = fenced(prompt)
    assert {1, 3, 9} <= {line["id"] for line in lines if "id" in line}
    assert any("fuse F12" in line.get("explanation", "") for line in lines)
    assert "From 2025-01-14 18:00:00 UTC to 2025-01-15 06:00:00 UTC, place line-3" in prompt
    assert "Badge reader" not in prompt


def test_the_totals_of_the_whole_time_stand_first_in_the_prompt(ollama: Ollama, tmp_path: Path) -> None:
    """However few of its logs there is room for."""
    ollama.capabilities = ["completion"]
    ollama.script(GOOD)
    day = line_three.fill(tmp_path / "agent.db")

    async def work() -> Investigated:
        async with opened(day, ollama.url, model_prompt_tokens=1500) as made:
            return await made.answer(Inquiry(text="what happened on L3 since 00:00", now=line_three.ASKED_AT))

    answer = asyncio.run(work())
    first = fenced(ollama.requests[0]["messages"][-1]["content"])[0]
    assert "place L3: 837 logs of 9 problems (1 CRITICAL, 29 ERROR, 804 WARNING, 3 INFO)" in first["totals"]
    assert (answer.mode, answer.facts["totals"]["logs"]) == ("facts", 837)


def test_hostile_text_stays_inside_the_fence_and_secrets_stay_here(ollama: Ollama, site: Path) -> None:
    ollama.script(Answer(calls=(("search_logs", {"place": "line-3", "since": "2025-01-15"}),)), GOOD)
    asked(site, ollama.url)
    (shown,) = told(ollama.requests[1])
    said = {line["id"]: line["message"] for line in fenced(shown)}
    assert said[14] == HOSTILE
    everything = json.dumps(ollama.requests)
    assert "hunter2" not in everything
    assert "<|im_start|>" not in everything


def test_the_prompt_keeps_to_its_budget(ollama: Ollama, site: Path) -> None:
    ollama.capabilities = ["completion"]
    ollama.script(GOOD)
    asked(site, ollama.url, model_prompt_tokens=1200)
    assert sum(len(message["content"].encode()) for message in ollama.requests[0]["messages"]) <= 1200 * 3


def test_bad_arguments_are_told_to_the_model_in_words(ollama: Ollama, site: Path) -> None:
    ollama.script(
        Answer(calls=(("search_logs", {"since": "a while back"}),)),
        Answer(calls=(("search_logs", {"severity": "LOUD"}),)),
        Answer(calls=(("search_logs", "{not json"),)),
        Answer(calls=(("no_such_tool", {}),)),
        GOOD,
    )
    answer = asked(site, ollama.url)
    assert answer.mode == "tools"
    said = json.dumps(ollama.requests[-1]["messages"])
    assert "is not a time: write 02:00, yesterday 14:00, 2025-01-15" in said
    assert "'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL'" in said
    assert "Traceback" not in said
    assert len(ollama.requests) == 5


def test_look_ups_are_bounded_and_then_the_model_has_to_answer(ollama: Ollama, site: Path) -> None:
    ollama.script(*[Answer(calls=(("list_problems", {}),))] * 2, GOOD)
    answer = asked(site, ollama.url, tool_calls=2)
    assert (answer.mode, len(answer.looked)) == ("tools", 2)
    assert ["tools" in request for request in ollama.requests] == [True, True, False]


def test_a_model_that_never_stops_looking_is_answered_for(ollama: Ollama, site: Path) -> None:
    ollama.default = Answer(calls=(("list_problems", {}),))
    answer = asked(site, ollama.url, tool_calls=3)
    assert answer.mode == "none"
    assert answer.reason is not None
    assert "gave no usable answer" in answer.reason
    assert ollama.calls <= 5


def test_a_model_that_cannot_call_tools_is_shown_the_facts(ollama: Ollama, site: Path) -> None:
    """After a few calls that are none."""
    ollama.script(*[Answer(calls=(("search_logs", "{not json"),))] * 4, GOOD)
    answer = asked(site, ollama.url)
    assert (answer.mode, answer.calls) == ("facts", 5)
    assert "tools" not in ollama.requests[-1]


def test_a_conversation_that_outgrows_the_context_goes_on_without_tools(ollama: Ollama, site: Path) -> None:
    """What tools answer takes room that the facts alone leave."""
    too_long = Answer(status=400, error="request (8495 tokens) exceeds the available context size (8192 tokens)")
    ollama.script(Answer(calls=(("list_problems", {}),)), too_long, GOOD)
    answer = asked(site, ollama.url)
    assert (answer.mode, answer.calls) == ("facts", 3)
    assert answer.cited


def test_no_look_ups_at_all_where_the_setting_says_so(ollama: Ollama, site: Path) -> None:
    ollama.script(GOOD)
    assert asked(site, ollama.url, tool_calls=0).mode == "facts"


def test_a_server_that_refuses_tools_is_asked_without(ollama: Ollama, site: Path) -> None:
    ollama.script(Answer(status=400, error=f"registry.ollama.ai/library/{MODEL} does not support tools"), GOOD)
    answer = asked(site, ollama.url)
    assert (answer.mode, answer.calls) == ("facts", 2)


def test_a_server_that_refuses_a_temperature_is_asked_without(ollama: Ollama, site: Path) -> None:
    """As when it explains; look-ups stay offered."""
    ollama.script(Answer(status=400, error="unsupported value: 'temperature' does not support 0.2"), GOOD)
    answer = asked(site, ollama.url)
    assert (answer.mode, answer.calls) == ("tools", 2)
    assert ["temperature" in request for request in ollama.requests] == [True, False]
    assert "tools" in ollama.requests[1]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("500", "failed"),
        ("503", "is busy"),
        ("garbage", "not an answer"),
        ("only-thinking", "empty answer"),
        ("empty", "no usable answer"),
    ],
)
def test_a_model_in_trouble_leaves_the_facts_as_the_answer(
    ollama: Ollama, site: Path, behaviour: str, reason: str
) -> None:
    ollama.script(behaviour)
    answer = asked(site, ollama.url)
    assert answer.mode == "none"
    assert answer.reason is not None
    assert reason in answer.reason
    assert "[log 9]" in answer.text


def test_without_a_model_the_answer_tells_problems_explanations_and_fixes(site: Path) -> None:

    change(site, problems.resolve, SERVO, "Cleaned the filter of the cabinet", "Dust", None, time.time())
    answer = asked(site, None)
    assert (answer.mode, answer.calls) == ("none", 0)
    assert answer.reason == "no model is configured (PROVIDER=PLAYBOOK)"
    assert "The earliest was problem 1" in answer.text
    assert "fuse F12" in answer.text
    assert "Confirmed fix: Cleaned the filter of the cabinet (cause: Dust)" in answer.text
    assert "Badge" not in answer.text
    assert {1, 3, 9} <= {one.id for one in answer.cited}


def test_requests_are_counted_in_the_database_and_obey_the_budget(ollama: Ollama, site: Path) -> None:
    ollama.script(Answer(calls=(("list_problems", {}),)), GOOD, GOOD)
    first = asked(site, ollama.url, budget_calls_hour=2)
    spent = change(site, queue.spent, 0)
    assert (first.calls, spent.calls) == (2, 2)
    assert spent.tokens == first.input_tokens + first.output_tokens > 0
    second = asked(site, ollama.url, budget_calls_hour=2)
    assert second.mode == "none"
    assert second.reason is not None
    assert "ANDON_BUDGET_CALLS_HOUR" in second.reason
    assert ollama.calls == 2


def test_without_a_model_nothing_is_written(site: Path) -> None:
    asked(site, None)
    assert change(site, queue.spent, 0) == Spent(0, 0)


def test_a_fallback_is_asked_where_the_first_is_away(ollama: Ollama, site: Path) -> None:
    ollama.models.append("small:1b")
    ollama.script(Answer(status=500, error="killed"), GOOD)
    answer = asked(site, ollama.url, fallback="OLLAMA:small:1b")
    assert (answer.mode, answer.model) == ("tools", "small:1b")


def test_a_cancelled_question_leaves_the_model_alone(ollama: Ollama, site: Path) -> None:
    ollama.script(Answer(text="A word. " * 2_000, pace=0.01))

    class Began(Recording):
        def __init__(self) -> None:
            super().__init__()
            self.event = asyncio.Event()

        def text(self, piece: str) -> None:
            self.event.set()

    async def work() -> None:
        async with opened(site, ollama.url) as made:
            watch = Began()
            task = asyncio.create_task(made.answer(Inquiry(text=QUESTION, now=MORNING), watch))
            async with asyncio.timeout(PATIENCE):
                await watch.event.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(work())
    assert ollama.wait_until("disconnects")


def test_asking_without_a_database_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="start `andon run`"):
        asked(tmp_path / "agent.db", None)


def test_a_reader_who_leaves_in_the_middle_ends_it_quietly(ollama: Ollama, site: Path) -> None:
    """``andon ask … | head``: no words on standard error, and the model is left alone."""
    ollama.script(Answer(text="The fan stood still. " * 400, pace=0.02, obey_limit=False))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANDON_")},
        "PROVIDER": "OLLAMA",
        "MODEL": MODEL,
        "OLLAMA_HOST": ollama.url,
        "DB_PATH": str(site),
        "ANDON_DATA_DIR": str(site.parent),
        "ANDON_TOOL_CALLS": "0",
    }
    asking = subprocess.Popen(
        [sys.executable, "-m", "andon", "ask", QUESTION],
        env=environment,
        cwd=site.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert asking.stdout is not None
    assert asking.stderr is not None
    try:
        assert asking.stdout.read(7) == b"The fan"
        asking.stdout.close()
        assert (asking.wait(PATIENCE), asking.stderr.read()) == (0, b"")
    finally:
        asking.kill()
        asking.wait()
        asking.stderr.close()
    assert ollama.calls == 1
