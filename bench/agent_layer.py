"""What the agent layer adds to a model call: processor time of the whole service for each call, end to end.

The service runs as people run it (``andon run``, ``ANDON_ANALYZE=every``) beside a stand-in for Ollama that answers at
once; logs are published from outside, and the processor time of the service's process is divided by the calls that the
stand-in saw. The yardstick is a bare HTTP client with the same question to the same stand-in, in turn with it; and, as
its largest part, ``analyst.explain`` alone in this process.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from andon.bus.connection import connect
from andon.bus.publisher import JetStreamPublisher
from andon.core.models import SUBJECT, Question, StoredLog
from andon.core.settings.settings import load_settings
from andon.explain.finding import ModelFinding
from andon.explain.model import prompts
from andon.explain.model.fallback import build_analyst
from bench.record_path import messages
from bench.rows import Row, in_turns
from bench.service_figures import cpu_seconds, resident, start_service, stop_service

STAND_IN = Path(__file__).resolve().parent.parent / "tests" / "support" / "ollama.py"
MODEL = "deepseek-r1:1.5b"
#: What the layer may add, in milliseconds of processor time; printed beside the figure, never asserted.
ALLOWED = 10.0
#: Calls before it is measured: connections, caches, libraries.
WARM = 40


async def measure(*, quick: bool) -> list[Row]:
    """Print the processor time of a call in the service, of a bare client and of the analyst alone."""
    calls, rounds = (60, 2) if quick else (300, 3)
    with tempfile.TemporaryDirectory(prefix="andon-bench-") as place:
        async with _stand_in(Path(place) / "calls") as url:
            figures = await _service(Path(place), url, calls, rounds)
        async with _stand_in(Path(place) / "more") as url:
            alone, bare = await _in_process(url, 40 if quick else 200)
    print(f"\nagent layer: {rounds} times {calls} logs, each explained by a stand-in that answers at once")
    yardstick = statistics.median(bare)
    for name, values in (
        ("the service, a call", figures),
        ("analyst.explain alone", alone),
        ("bare HTTP client", bare),
    ):
        shown = f"{statistics.median(values):>7.1f} ms of processor, {min(values):.1f} to {max(values):.1f}"
        print(f"  {name:22} {shown}")
    print(f"  {'added':22} {statistics.median(figures) - yardstick:>7.1f} ms, allowed {ALLOWED:g}")
    added = [one - yardstick for one in figures]
    return [
        Row(
            "agent: CPU per call",
            statistics.median(added),
            "ms",
            "bare HTTP client",
            yardstick,
            spread=(min(added) / yardstick, max(added) / yardstick),
            rounds=rounds,
        ),
        in_turns("agent: explaining alone", alone, bare, "ms", "bare HTTP client"),
    ]


@asynccontextmanager
async def _stand_in(counter: Path) -> AsyncIterator[str]:
    """A stand-in for Ollama whose answers pass every gate; its address."""
    command = [sys.executable, str(STAND_IN), "--model", MODEL, "--behaviour", "sound", "--counter-file", str(counter)]
    server = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(await server.stdout.readline())}"
    finally:
        server.kill()
        await server.wait()


async def _service(place: Path, url: str, calls: int, rounds: int) -> list[float]:
    """Milliseconds of processor time for a call, of each round."""
    process, ports, _ = await asyncio.to_thread(
        start_service, place / "plant", OLLAMA_HOST=url, MODEL=MODEL, ANDON_ANALYZE="every"
    )
    try:
        connection = await connect(f"nats://127.0.0.1:{ports[0]}", name="bench")
        publisher = JetStreamPublisher(connection)
        found, waiting = [], iter(messages(WARM + calls * rounds, 1))
        for number, count in enumerate([WARM, *[calls] * rounds]):
            before, asked = cpu_seconds(process.pid), _calls(place)
            batch = [(SUBJECT, next(waiting), None, None) for _ in range(count)]
            await publisher.store_many(iter(batch))
            await _explained(place / "plant" / "data" / "agent.db", WARM + calls * number, process)
            made = _calls(place) - asked
            if number:
                found.append((cpu_seconds(process.pid) - before) * 1000 / max(made, 1))
                print(f"  round {number}: {made} calls, {resident(process.pid)[0]:.0f} MiB", flush=True)
        await publisher.close()
        await connection.close()
    finally:
        await asyncio.to_thread(stop_service, process)
    return found


def _calls(place: Path) -> int:
    counter = place / "calls"
    return len(counter.read_bytes().splitlines()) if counter.exists() else 0


async def _explained(database: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until ``count`` logs are stored and nothing waits to be explained."""
    sql = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        while True:
            stored = sql.execute("SELECT count(*) FROM logs").fetchone()[0]
            waiting = sql.execute("SELECT count(*) FROM analyses WHERE finished_at IS NULL").fetchone()[0]
            if stored >= count and not waiting:
                return
            if process.poll() is not None:
                raise RuntimeError(f"andon run ended with {process.returncode}")
            await asyncio.sleep(0.2)
    finally:
        sql.close()


async def _in_process(url: str, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of processor time of ``analyst.explain`` and of a bare client, in turn, over ten calls each."""
    import httpx2

    analyst = build_analyst(load_settings(ollama_host=url, model=MODEL))
    assert analyst is not None
    question, alone, bare = _question(), list[float](), list[float]()
    body = _body(question)
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        try:
            for number in range(-1, rounds // 10):  # the first ten open connections and fill caches
                for values, call in (
                    (bare, lambda: _bare(client, url, body)),
                    (alone, lambda: analyst.explain(question)),
                ):
                    worked = time.process_time()
                    for _ in range(10):
                        await call()
                    if number >= 0:
                        values.append((time.process_time() - worked) * 100)
        finally:
            await analyst.close()
    return alone, bare


async def _bare(client: Any, url: str, body: dict[str, Any]) -> None:
    """The same question with nothing between: send, read every chunk."""
    async with client.stream("POST", f"{url}/v1/chat/completions", json=body) as response:
        async for _ in response.aiter_lines():
            pass


def _body(question: Question) -> dict[str, Any]:
    """A request for an explanation of ``question``, as the analyst makes it."""
    prompt = prompts.build(question)
    schema = ModelFinding.model_json_schema()
    return {
        "model": MODEL,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 1500,
        "messages": [
            {"role": "system", "content": prompt.instructions},
            {"role": "user", "content": prompt.question},
        ],
        "response_format": {"type": "json_schema", "json_schema": {"name": "finding", "schema": schema}},
    }


def _question() -> Question:
    """A problem of six logs with a context each, as long as the prompt's budget lets them be."""
    logs = [_log(number) for number in range(1, 7)]
    return Question(
        pattern_id=1,
        template="SV0401 servo overload on axis <*> current <*> A",
        logs=logs,
        count=120,
        hosts=["press-7", "press-8"],
        first_seen="2025-01-15T02:00:00.000Z",
        last_seen="2025-01-15T02:14:23.123Z",
        worst_severity="ERROR",
    )


def _log(number: int) -> StoredLog:
    values: dict[str, Any] = dict.fromkeys(StoredLog.__struct_fields__)
    values.update(
        id=number,
        timestamp="2025-01-15T02:14:23.123Z",
        hostname="press-7",
        severity="ERROR",
        service="drive",
        message=f"SV0401 servo overload on axis X current {40 + number}.2 A, feed hold after {number} strokes",
        context='{"axis": "X", "load": 187, "temperature": 74.5, "program": "O1234"}',
        created_at="2025-01-15T02:14:24.000Z",
        stream="AGENT_STREAM",
        sequence=number,
        stored_ns=number,
        provisional=False,
    )
    return StoredLog(**values)
