"""Asks a GGUF file one case after another over a revision's source; ``models.py`` runs one for each side.

It imports nothing of this package, and what it measures at a revision's own places. A line with a number on standard
input asks that case; a line of JSON on standard output says what it took.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import structlog

from andon.app.evals.bundled import bundled_cases
from andon.core.errors import ModelError
from andon.core.settings.settings import load_settings
from andon.explain.model.fallback import build_analyst
from andon.explain.playbook.playbook import Playbook
from andon.explain.providers.llama_cpp import embedded
from andon.explain.trials.cases import select
from andon.explain.trials.questions import Questions


class Counted(httpx2.AsyncByteStream):
    """The engine's stream, which passes by: its figures stand in each piece of it."""

    def __init__(self, inner: Any, figures: dict[str, int]) -> None:
        self._inner = inner
        self._figures = figures
        self._rest = b""

    async def __aiter__(self) -> Any:
        async for piece in self._inner:
            *lines, self._rest = (self._rest + piece).split(b"\n")
            for line in lines:
                if line.startswith(b"data: {"):
                    timings = json.loads(line[6:]).get("timings") or {}
                    self._figures |= {"read": timings.get("prompt_n", 0), "written": timings.get("predicted_n", 0)}
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()


def counting(figures: dict[str, int]) -> None:
    """Let every question be counted in ``figures`` from now on, also one that is broken off."""
    make = embedded.engine_transport

    def transport(*given: Any) -> Any:
        made = make(*given)
        handle = made.handle_async_request

        async def handle_counted(request: httpx2.Request) -> httpx2.Response:
            if request.method != "POST":
                return await handle(request)
            body = json.dumps({**json.loads(await request.aread()), "timings_per_token": True}).encode()
            headers = [(k, v) for k, v in request.headers.multi_items() if k.lower() != "content-length"]
            asked = httpx2.Request("POST", request.url, headers=headers, content=body, extensions=request.extensions)
            response = await handle(asked)
            response.stream = Counted(response.stream, figures)
            return response

        made.handle_async_request = handle_counted
        return made

    embedded.engine_transport = transport


async def main(gguf: str, cases: int) -> None:
    """Answer standard input until it ends."""
    figures: dict[str, int] = {}
    counting(figures)
    analyst = build_analyst(load_settings(provider="EMBEDDED", gguf=Path(gguf)))
    assert analyst is not None
    await analyst.warm_up()
    playbook, make = Playbook.load(), Questions()
    questions = [make(case) for case in select(bundled_cases(), limit=cases)]
    if offer := getattr(playbook, "candidates", None):  # older revisions offer no rules
        for question in questions:
            question.rules = offer(question)
    engine = (await analyst._backend.engine.running()).pid  # type: ignore[attr-defined]
    loop = asyncio.get_running_loop()
    try:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            figures.clear()
            before, started = processor_seconds(engine), time.perf_counter()
            try:
                answered = (await analyst.explain(questions[int(line)])).finding is not None
            except ModelError:
                answered = False
            took = {"seconds": time.perf_counter() - started, "processor": processor_seconds(engine) - before}
            print(json.dumps({**took, "written": 0, "read": 0, **figures, "answered": answered}), flush=True)
    finally:
        await analyst.close()


def processor_seconds(pid: int) -> float:
    """What the engine and this process have used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + time.process_time()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
