"""What the agent layer adds to a model call: ``analyst.explain`` against reading the same answer over bare HTTP.

The model is the stand-in of the tests in a process of its own, which answers at once; both ways are taken in turn over
connections that are open already. Also the memory that the libraries take.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from andon.core.models import Question, StoredLog
from andon.core.settings.settings import load_settings
from andon.explain.finding import ModelFinding
from andon.explain.model import prompts
from andon.explain.model.fallback import build_analyst

STAND_IN = Path(__file__).resolve().parent.parent / "tests" / "support" / "ollama.py"
MODEL = "deepseek-r1:1.5b"
#: What the layer may add, in milliseconds; printed beside the figure, never asserted.
ALLOWED = 30.0


async def measure(*, quick: bool) -> None:
    """Print the median and the 95th percentile of both ways, of their difference, and the memory."""
    rounds = 40 if quick else 300
    server = await asyncio.create_subprocess_exec(
        sys.executable, str(STAND_IN), "--model", MODEL, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(await server.stdout.readline())}"
        await _compare(url, rounds)
    finally:
        server.kill()
        await server.wait()


async def _compare(url: str, rounds: int) -> None:
    import httpx2

    before = _memory()
    started = time.perf_counter()
    analyst = build_analyst(load_settings(ollama_host=url, model=MODEL))
    assert analyst is not None
    await analyst.warm_up()
    loading, loaded = time.perf_counter() - started, _memory()
    question = _question()
    bare: list[tuple[float, float]] = []
    whole: list[tuple[float, float]] = []
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        try:
            for number in range(-5, rounds):  # the first ones open connections and fill caches
                seconds = [await _bare(client, url, question), await _timed(analyst.explain(question))]
                if number >= 0:
                    bare.append(seconds[0])
                    whole.append(seconds[1])
        finally:
            await analyst.close()
    added = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(bare, whole, strict=True)]
    print(f"\nagent layer: {rounds} answers of a stand-in on this box, in turn")
    for name, values in (("bare HTTP client", bare), ("analyst.explain", whole), ("added", added)):
        passed, worked = ([value[kind] * 1000 for value in values] for kind in (0, 1))
        slow = statistics.quantiles(passed, n=20)[-1]
        print(
            f"  {name:18} {statistics.median(passed):>8.1f} ms median {slow:>8.1f} ms p95 "
            f"{statistics.median(worked):>8.1f} ms of processor"
        )
    print(f"  allowed            {ALLOWED:>8.1f} ms")
    print(
        f"  libraries          {loading:>8.2f} s to load, once, beside the loop; {loaded - before:.0f} MiB more memory"
    )
    print(f"  process            {_memory():>8.0f} MiB at the end")


async def _timed(call: Any) -> tuple[float, float]:
    """Seconds that passed, and those that this process worked: a busy box changes the first alone."""
    started, worked = time.perf_counter(), time.process_time()
    await call
    return time.perf_counter() - started, time.process_time() - worked


async def _bare(client: Any, url: str, question: Question) -> tuple[float, float]:
    """The same question with nothing between: send, read every chunk."""
    prompt = prompts.build(question)
    schema = ModelFinding.model_json_schema()
    body = {
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

    async def read() -> None:
        async with client.stream("POST", f"{url}/v1/chat/completions", json=body) as response:
            async for _ in response.aiter_lines():
                pass

    return await _timed(read())


def _memory() -> float:
    """Resident memory of this process in MiB, 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


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
