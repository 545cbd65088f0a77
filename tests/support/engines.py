"""The embedded engine in tests: backends that are closed, its processes, and what its slots do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from andon.core.settings.settings import Settings
from andon.explain.model.analyst import ModelAnalyst
from andon.explain.providers.backend import Access
from andon.explain.providers.llama_cpp.embedded import EmbeddedBackend
from support.patience import LOOK_EVERY, LOOKS, PATIENCE
from support.settings import settings_of

T = TypeVar("T")


def settings_for(gguf: Path, **fields: Any) -> Settings:
    """The engine with this file: a single thread and generous deadlines unless told otherwise."""
    values = {"gguf_threads": 1, "model_deadline": PATIENCE, "model_cold_deadline": PATIENCE, **fields}
    instructions = "Explain the problem."
    return settings_of(provider="EMBEDDED", gguf=gguf, agent_instructions=instructions, model_max_tokens=3000, **values)


def engine_of(settings: Settings) -> EmbeddedBackend:
    """The backend of these settings, not started."""
    return EmbeddedBackend(Access(settings, settings.configured))


@asynccontextmanager
async def embedded(gguf: Path, **settings: Any) -> AsyncIterator[EmbeddedBackend]:
    """A backend that can be asked, closed at the end; a single thread unless told otherwise."""
    backend = engine_of(settings_for(gguf, **settings))
    try:
        backend.build()
        yield backend
    finally:
        await backend.close()


def with_engine(gguf: Path, use: Callable[[EmbeddedBackend], Awaitable[T]], **settings: Any) -> T:
    """``use(backend)`` in a loop of its own."""

    async def main() -> T:
        async with embedded(gguf, **settings) as backend:
            return await use(backend)

    return asyncio.run(main())


def with_analyst(gguf: Path, use: Callable[[ModelAnalyst, EmbeddedBackend], Awaitable[T]], **settings: Any) -> T:
    """``use(analyst, backend)`` in a loop of its own, with generous deadlines."""

    async def main() -> T:
        own = settings_for(gguf, **settings)
        backend = engine_of(own)
        analyst = ModelAnalyst(backend, own)
        try:
            return await use(analyst, backend)
        finally:
            await analyst.close()
            await analyst.close()

    return asyncio.run(main())


async def slots(backend: EmbeddedBackend) -> list[dict[str, Any]]:
    """What the engine says of its slots: which are busy, and how many tokens each has written."""
    now = await backend.engine.running()
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{now.url}/slots", headers={"Authorization": f"Bearer {now.key}"})
    found: list[dict[str, Any]] = answer.json()
    return found


async def eventually(condition: Callable[[], Awaitable[T]], what: str) -> T:
    """Poll until ``condition`` gives something true, and return it."""
    for _ in range(LOOKS):
        if value := await condition():
            return value
        await asyncio.sleep(LOOK_EVERY)
    raise AssertionError(f"{what}: not within {PATIENCE} s")


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def stopped(pid: int) -> bool:
    """Whether every thread of a process stands still; SIGSTOP takes a moment to reach them all."""
    return _states(pid) == {"T"}


def _states(pid: int) -> set[str]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return {thread.joinpath("stat").read_text().rpartition(")")[2].split()[0] for thread in threads}
