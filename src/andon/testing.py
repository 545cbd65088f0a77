"""Public test doubles: a bus without a server and a model that follows a script."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from andon.bus.memory import MemoryBus
from andon.core.errors import ModelError
from andon.core.models import Explanation, Question, Rung
from andon.explain.interfaces import AskAgain

__all__ = ["MemoryBus", "ScriptedAnalyst", "scripted_answer"]

Answer = Explanation | ModelError | Callable[[Question], Explanation]


def scripted_answer(question: Question) -> Explanation:
    """What :class:`ScriptedAnalyst` answers where its script is at its end."""
    return Explanation(
        rung=Rung.MODEL,
        text=f"Scripted explanation of: {question.template}",
        provider="SCRIPTED",
        model="scripted",
        prompt_version="test",
        input_tokens=10,
        output_tokens=5,
        latency=0.0,
    )


class ScriptedAnalyst:
    """See :class:`andon.explain.interfaces.Analyst`. Answers are taken from ``script``, then :func:`scripted_answer`.

    ``questions`` are those asked so far, ``chosen`` those of them that might end with a choice; ``outage`` is what
    ``check`` raises; ``digest`` its identity; ``hold`` (when set) is waited for in each call, so that a test decides
    when an answer comes.
    """

    provider = "SCRIPTED"
    model = "scripted"
    prompt_version = "test"

    def __init__(self, *script: Answer) -> None:
        self.script = deque(script)
        self.questions: list[Question] = []
        self.chosen: list[Question] = []
        self.digest = ""
        self.outage: ModelError | None = None
        self.hold: asyncio.Event | None = None
        self.checks = 0
        self.closed = False

    async def identity(self) -> str:
        return self.digest

    async def explain(self, question: Question, again: AskAgain | None = None, *, choose: bool = False) -> Explanation:
        self.questions.append(question)
        if choose:
            self.chosen.append(question)
        if self.hold is not None:
            await self.hold.wait()
        answer: Answer = self.script.popleft() if self.script else scripted_answer
        if isinstance(answer, ModelError):
            raise answer
        return answer if isinstance(answer, Explanation) else answer(question)

    async def warm_up(self) -> None:
        return

    async def check(self) -> None:
        self.checks += 1
        if self.outage is not None:
            raise self.outage

    async def close(self) -> None:
        self.closed = True
